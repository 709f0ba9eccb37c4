//! The projected tables and their columns, read from the entities so that no list can become stale. `rebuild` and
//! `doctor` treat all tables alike.

use crate::entity;
use sea_orm::{ColumnTrait, ColumnType, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};

/// What reading and comparing a column needs.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
}

/// The type of a projected column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    Number,
    Flag,
}

/// A projected table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<&'static str>,
}

impl Table {
    /// Whether its rows belong to sessions and are removed with them.
    pub(crate) fn is_of_sessions(&self) -> bool {
        self.columns.iter().any(|column| column.name == "session")
    }
}

/// All projected tables, in a fixed order.
pub(crate) fn projected() -> Vec<Table> {
    vec![
        table::<entity::user::Entity>(),
        table::<entity::project::Entity>(),
        table::<entity::session::Entity>(),
        table::<entity::run::Entity>(),
        table::<entity::prompt::Entity>(),
        table::<entity::entry::Entity>(),
        table::<entity::approval::Entity>(),
        table::<entity::usage_total::Entity>(),
        table::<entity::usage_day::Entity>(),
        table::<entity::link::Entity>(),
    ]
}

fn table<E: EntityTrait>() -> Table {
    let columns = E::Column::iter().map(|column| Column {
        name: column.as_str(),
        holds: match column.def().get_column_type() {
            ColumnType::Boolean => Holds::Flag,
            ColumnType::BigInteger | ColumnType::Integer => Holds::Number,
            _ => Holds::Text,
        },
    });
    Table {
        name: E::default().table_name(),
        columns: columns.collect(),
        key: E::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect(),
    }
}
