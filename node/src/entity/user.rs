//! The projected table `user`. Only `journal::projection` writes it.

use sea_orm::entity::prelude::*;

/// A person who may sign in.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// `usr_...`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The node whose events made this row, 32 hex digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: String,
    /// The name they sign in with.
    pub name: String,
    /// The `word()` of a `Role`.
    pub role: String,
    /// Their GitHub login.
    pub github: Option<String>,
    /// When they were created, unix ms.
    pub created: i64,
    /// Whether they are kept from signing in and their tokens do not work.
    pub disabled: bool,
    /// When they were removed, unix ms; the row keeps the name.
    pub removed: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
