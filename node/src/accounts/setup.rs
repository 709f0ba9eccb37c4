//! The one-time set-up link, by which the first owner proves that they started the node. Its secret is stored hashed.
//! It works once, within its time, and only before there is any person.

use super::{
    AccountsService, rules,
    users::{self, Account, Person},
};
use crate::{
    entity::setup_link,
    journal::{Outcome, Stored},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Caller, Error, Millis, Result, Role, event::NodeSetUp};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

/// The lifetime of a link.
const LINK_MS: Millis = 24 * 3_600_000;

/// The secret of a new link, shown only to the person who started the node.
pub struct SetupLink {
    /// The token for `/setup?token=`.
    pub token: String,
    /// When it expires.
    pub expires: Millis,
}

impl AccountsService {
    /// A new set-up link, which replaces earlier ones; `None` once there is any person.
    pub async fn ensure_setup_link(&self) -> Result<Option<SetupLink>> {
        let token = URL_SAFE_NO_PAD.encode(self.deps.bytes::<32>());
        self.journal.mask(&token);
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    setup_link::Entity::delete_many().exec(tx.db()).await.stored()?;
                    if users::has_users(tx.db()).await? {
                        return Ok(Outcome::new(None));
                    }
                    let expires = tx.now() + LINK_MS;
                    let row = setup_link::ActiveModel {
                        hash: Set(hash_of(&token)),
                        created: Set(tx.now()),
                        expires: Set(expires),
                        used: Set(None),
                    };
                    setup_link::Entity::insert(row)
                        .exec_without_returning(tx.db())
                        .await
                        .stored()?;
                    Ok(Outcome::new(Some(SetupLink { token, expires })))
                })
            })
            .await
    }

    /// Whether the link would work now.
    pub async fn setup_link_works(&self, token: &str) -> Result<bool> {
        Ok(!self.has_users().await? && find(self.store.read(), token, self.deps.now()).await?.is_some())
    }

    /// Creates the first owner and consumes the link, atomically. `Forbidden` when the link does not work; `Invalid`
    /// for a bad name or password, and then the link still works.
    pub async fn set_up(&self, token: &str, name: &str, password: String) -> Result<Account> {
        // Checked first, so that only holders of a link can make the node hash.
        if !self.setup_link_works(token).await? {
            return Err(spent());
        }
        rules::check_name(name)?;
        rules::check_password("password", &password)?;
        let hash = self.passwords.hash(password).await?;
        let (token, name, node) = (token.to_owned(), name.to_owned(), self.node_id());
        let user = self
            .journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    if users::has_users(tx.db()).await? {
                        return Err(spent());
                    }
                    let link = find(tx.db(), &token, tx.now()).await?.ok_or_else(spent)?;
                    let mut link = link.into_active_model();
                    link.used = Set(Some(tx.now()));
                    link.update(tx.db()).await.stored()?;
                    let owner = Person {
                        name,
                        role: Role::Owner,
                        hash: Some(hash),
                        github: None,
                        github_id: None,
                    };
                    let created = users::create(tx, owner).await?;
                    let owner = created.value.id;
                    Ok(created.with(node, NodeSetUp { owner }))
                })
            })
            .await?;
        Ok(Account { user, epoch: 1 })
    }
}

async fn find(db: &impl sea_orm::ConnectionTrait, token: &str, now: Millis) -> Result<Option<setup_link::Model>> {
    let unused = setup_link::Entity::find_by_id(hash_of(token)).filter(setup_link::Column::Used.is_null());
    unused
        .filter(setup_link::Column::Expires.gt(now))
        .one(db)
        .await
        .stored()
}

/// The secret has 256 random bits: a fast hash is enough, and a lookup by the hash tells an attacker nothing.
fn hash_of(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

fn spent() -> Error {
    Error::Forbidden(
        "this set-up link was used, has expired or was replaced: start the node again for a new one".into(),
    )
}
