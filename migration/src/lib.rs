//! Immutable schema steps of an OrchWiz node, the same on SQLite and PostgreSQL. A step never imports entities: those
//! describe the newest schema, and a step describes its own.

use sea_orm_migration::prelude::*;

mod columns;
mod m20261122_000001_first;

/// All steps, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261122_000001_first::Migration)]
    }
}
