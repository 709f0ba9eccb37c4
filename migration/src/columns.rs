//! Helpers for columns, tables and indexes, the same on both databases. They must not change once a migration that uses
//! them has shipped, because migrations are immutable.

use sea_orm_migration::prelude::*;

/// A text of any length.
pub(crate) fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string().not_null().take()
}

/// A 64-bit integer.
pub(crate) fn int(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// A 32-bit integer.
pub(crate) fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

/// A boolean.
pub(crate) fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

/// Raw bytes.
pub(crate) fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new_with_type(name, ColumnType::VarBinary(StringLen::None))
        .not_null()
        .take()
}

/// The same column, nullable.
pub(crate) fn null(mut column: ColumnDef) -> ColumnDef {
    column.null().take()
}

/// A table with its columns and its primary key.
pub(crate) fn table(
    name: &'static str,
    key: &[&'static str],
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create().table(name).to_owned();
    let mut columns: Vec<ColumnDef> = columns.into_iter().collect();
    if let [only] = key {
        // Declared on the column, so that SQLite uses an integer key as the row id and needs no second B-tree.
        for column in &mut columns {
            if column.get_column_name() == *only {
                column.primary_key();
            }
        }
    } else {
        let mut index = Index::create();
        for column in key {
            index.col(*column);
        }
        table.primary_key(&mut index);
    }
    for mut column in columns {
        table.col(&mut column);
    }
    table
}

/// A named index.
pub(crate) fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).to_owned();
    for column in columns {
        index.col(*column);
    }
    index
}

/// A named unique index.
pub(crate) fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, table, columns).unique().to_owned()
}
