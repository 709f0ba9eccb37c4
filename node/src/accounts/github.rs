//! People who sign in with GitHub: found by their numeric id, linked or created at the first sign-in. It must not talk
//! to GitHub, nor use a login name as an identity, because names change hands.

use super::{
    AccountsService, Change, logins, rules, tokens,
    users::{self, Account, Person},
};
use crate::{
    entity::{credential, login, token, user},
    journal::{Outcome, Stored, Tx},
};
use model::{Caller, Error, Result, Role, accounts::User, event::UserChanged, id::UserId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, ExprTrait, Func},
};

/// A person as GitHub identified them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubIdentity {
    /// The numeric id, which never changes.
    pub id: i64,
    /// The present login name.
    pub login: String,
}

impl AccountsService {
    /// The person of a GitHub identity that the caller has checked against the allow-list. In this order: the person
    /// with this id, the person whom an owner created with this login, or a new person with `role`. `Forbidden` before
    /// the node is set up; `Unauthenticated` for a disabled person.
    pub async fn sign_in_with_github(&self, identity: GithubIdentity, role: Role) -> Result<Account> {
        let this = self.clone();
        // The login name may have changed, so the cache is invalidated.
        let tell = move |_: &Result<Account>| this.forget();
        self.journal
            .commit_then(
                &Caller::node(),
                move |tx| Box::pin(async move { sign_in(tx, identity, role).await }),
                tell,
            )
            .await
    }

    /// Ends the logins and API tokens of people without a password whose GitHub account (numeric id, last known login)
    /// is no longer `listed`. Returns the number of people.
    pub async fn shut_out_of_github(&self, listed: impl Fn(i64, &str) -> bool + Send) -> Result<usize> {
        let read = self.store.read();
        let by_github = credential::Entity::find()
            .filter(credential::Column::GithubId.is_not_null())
            .filter(credential::Column::PasswordHash.is_null());
        let mut shut_out = 0;
        for stored in by_github.all(read).await.stored()? {
            let Some(person) = user::Entity::find_by_id(self.store.key(&stored.user))
                .one(read)
                .await
                .stored()?
            else {
                continue;
            };
            if stored
                .github_id
                .is_none_or(|id| listed(id, person.github.as_deref().unwrap_or_default()))
            {
                continue;
            }
            let in_a_browser = login::Entity::find()
                .filter(login::Column::User.eq(&stored.user))
                .one(read)
                .await
                .stored()?
                .is_some();
            let by_token = token::Entity::find()
                .filter(token::Column::User.eq(&stored.user))
                .one(read)
                .await
                .stored()?
                .is_some();
            if in_a_browser || by_token {
                self.end_access(users::user_of(person)?.id).await?;
                shut_out += 1;
            }
        }
        Ok(shut_out)
    }

    /// Ends every login and API token of a person.
    async fn end_access(&self, id: UserId) -> Result<()> {
        self.commit_told(
            &Caller::node(),
            move |tx| {
                Box::pin(async move {
                    logins::end_all(tx, id).await?;
                    let mut outcome = Outcome::new(());
                    outcome.events = tokens::revoke_all(tx, id).await?;
                    Ok(outcome)
                })
            },
            move |()| Some(Change::User(id)),
        )
        .await
    }
}

async fn sign_in(tx: &Tx<'_>, identity: GithubIdentity, role: Role) -> Result<Outcome<Account>> {
    if !users::has_users(tx.db()).await? {
        return Err(Error::Forbidden(
            "set this node up first, with the link it printed at its start".into(),
        ));
    }
    let known = credential::Entity::find()
        .filter(credential::Column::GithubId.eq(identity.id))
        .one(tx.db())
        .await
        .stored()?;
    if let Some(known) = known {
        let found = user::Entity::find_by_id(tx.key(&known.user))
            .one(tx.db())
            .await
            .stored()?
            .ok_or_else(users::no_user)?;
        if !users::may_enter(&found) {
            return Err(Error::Unauthenticated);
        }
        return Ok(renamed(users::user_of(found)?, known.auth_epoch, identity.login));
    }
    if let Some((user, stored)) = promised(tx, &identity.login).await? {
        if user.disabled {
            return Err(Error::Unauthenticated);
        }
        let epoch = stored.auth_epoch;
        let mut stored = stored.into_active_model();
        stored.github_id = Set(Some(identity.id));
        stored.update(tx.db()).await.stored()?;
        return Ok(renamed(user, epoch, identity.login));
    }
    let name = free_name(tx, &identity.login).await?;
    let person = Person {
        name,
        role,
        hash: None,
        github: Some(identity.login),
        github_id: Some(identity.id),
    };
    let created = users::create(tx, person).await?;
    Ok(Outcome {
        value: Account {
            user: created.value,
            epoch: 1,
        },
        events: created.events,
    })
}

/// The person whom an owner created with this GitHub login, before their first sign-in.
async fn promised(tx: &Tx<'_>, login: &str) -> Result<Option<(User, credential::Model)>> {
    let folded = Expr::expr(Func::lower(Expr::col(user::Column::Github))).eq(login.to_ascii_lowercase());
    for found in tx
        .own::<user::Entity>()
        .filter(folded)
        .filter(user::Column::Removed.is_null())
        .all(tx.db())
        .await
        .stored()?
    {
        let stored = credential::Entity::find_by_id(&found.id).one(tx.db()).await.stored()?;
        if let Some(stored) = stored.filter(|stored| stored.github_id.is_none()) {
            return Ok(Some((users::user_of(found)?, stored)));
        }
    }
    Ok(None)
}

/// Records a new login name of a GitHub account.
fn renamed(mut user: User, epoch: i64, login: String) -> Outcome<Account> {
    let id = user.id;
    if user.github.as_deref() == Some(login.as_str()) {
        return Outcome::new(Account { user, epoch });
    }
    user.github = Some(login.clone());
    Outcome::new(Account { user, epoch }).with(
        id,
        UserChanged {
            github: Some(login),
            ..users::changed(id)
        },
    )
}

/// A free name: the login, or the login with the first free number.
async fn free_name(tx: &Tx<'_>, login: &str) -> Result<String> {
    let wanted = rules::name_like(login);
    if users::find_by_name(tx.store(), tx.db(), &wanted).await?.is_none() {
        return Ok(wanted);
    }
    for number in 2..1_000 {
        let numbered = format!("{}-{number}", wanted.chars().take(58).collect::<String>());
        if users::find_by_name(tx.store(), tx.db(), &numbered).await?.is_none() {
            return Ok(numbered);
        }
    }
    Err(Error::Conflict(format!(
        "every name like {wanted} is taken: ask an owner to create your account"
    )))
}
