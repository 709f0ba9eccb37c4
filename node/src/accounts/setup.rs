//! The one-time set-up link: how the first owner proves to be the one who started the node.
//! Its secret is stored hashed; it must not work twice, nor after its time, nor once there is anybody.

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

/// How long a link works.
const LINK_MS: Millis = 24 * 3_600_000;

/// A fresh link's secret. Shown to whoever started the node, and to nobody else.
pub struct SetupLink {
    /// What goes into `/setup?token=`.
    pub token: String,
    /// When it stops working.
    pub expires: Millis,
}

impl AccountsService {
    /// A new set-up link, which replaces those before it; `None` once there is anybody.
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

    /// Whether that link would work now.
    pub async fn setup_link_works(&self, token: &str) -> Result<bool> {
        Ok(!self.has_users().await? && find(self.store.read(), token, self.deps.now()).await?.is_some())
    }

    /// Creates the first owner and consumes the link, both or neither. `Forbidden` when the link does not work,
    /// `Invalid` when the name or password is not acceptable (the link still works then).
    pub async fn set_up(&self, token: &str, name: &str, password: String) -> Result<Account> {
        // Asked first so that only holders of a link can make the node hash.
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

/// The secret has 256 random bits, so a plain hash is enough, and finding by it tells an attacker nothing.
fn hash_of(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

fn spent() -> Error {
    Error::Forbidden(
        "this set-up link was used, has expired or was replaced: start the node again for a new one".into(),
    )
}
