//! Immutable schema steps of an OrchWiz node, the same on SQLite and PostgreSQL.
//! A step never imports entities: those describe the newest schema, a step describes its own.

use sea_orm_migration::prelude::*;

mod columns;
mod m20261122_000001_first;
mod m20261125_000002_unattended;
mod m20261125_000003_project_sessions;
mod m20261125_000004_session_pos;
mod m20261125_000005_session_newest;
mod m20261129_000006_logins;
mod m20261129_000007_people;
mod m20261129_000008_event_session;
mod m20261129_000009_run_trusted;
mod m20261129_000010_queued;

/// All steps, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_first::Migration),
            Box::new(m20261125_000002_unattended::Migration),
            Box::new(m20261125_000003_project_sessions::Migration),
            Box::new(m20261125_000004_session_pos::Migration),
            Box::new(m20261125_000005_session_newest::Migration),
            Box::new(m20261129_000006_logins::Migration),
            Box::new(m20261129_000007_people::Migration),
            Box::new(m20261129_000008_event_session::Migration),
            Box::new(m20261129_000009_run_trusted::Migration),
            Box::new(m20261129_000010_queued::Migration),
        ]
    }
}
