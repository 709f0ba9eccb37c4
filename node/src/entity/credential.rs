//! The private table `credential`. Never journaled, never part of a rebuild.

use sea_orm::entity::prelude::*;

/// What a person signs in with; never journaled.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credential")]
pub struct Model {
    /// The person's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user: String,
    /// Argon2id, PHC text.
    pub password_hash: Option<String>,
    /// GitHub's numeric id.
    pub github_id: Option<i64>,
    /// Raised to end every login of this person.
    pub auth_epoch: i64,
}

impl ActiveModelBehavior for ActiveModel {}
