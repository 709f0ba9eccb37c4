//! People: create, find, list, change roles and passwords. How people prove their identity is the matter of
//! `passwords`, `logins`, `tokens` and `github`.

use super::{AccountsService, Change, logins, networks, passwords::Verdict, rules, tokens};
use crate::store::Store;
use crate::{
    entity::{credential, user},
    journal::{Outcome, Stored, Tx},
};
use model::{
    Action, Caller, Error, Result, Role, Via,
    accounts::User,
    caller::{Resource, require},
    event::{Fact, PasswordSet, UserChanged, UserCreated, UserRemoved},
    id::UserId,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait, Func},
};

/// The data of a new person.
#[derive(Clone)]
pub struct NewUser {
    /// The sign-in name: 1 to 64 letters, digits, `.`, `_`, `-`; unique regardless of case.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// The password, 10 characters to 1,000 bytes; a person without one signs in with GitHub.
    pub password: Option<String>,
    /// The GitHub login that becomes theirs at its first sign-in.
    pub github: Option<String>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A person and their login epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The person.
    pub user: User,
    /// Raised whenever all their logins end.
    pub epoch: i64,
}

impl Account {
    /// The person as a caller with this login handle, from that address.
    pub fn caller(&self, login: String, from: Option<String>) -> Caller {
        Caller {
            user: Some(self.user.id),
            name: self.user.name.clone(),
            role: self.user.role,
            via: Via::Cookie { login },
            from,
        }
    }
}

impl AccountsService {
    /// Checks name and password; `None` when they do not match. An unknown name takes as long.
    pub async fn sign_in(&self, name: &str, password: String) -> Result<Option<Account>> {
        let found = find_by_name(&self.store, self.store.read(), name).await?;
        let credential = match &found {
            Some(found) => credential::Entity::find_by_id(&found.id)
                .one(self.store.read())
                .await
                .stored()?,
            None => None,
        };
        let hash = credential
            .as_ref()
            .and_then(|credential| credential.password_hash.clone());
        // An overlong password is always wrong. An empty one is hashed in its place, so that the answer takes as long.
        let password = if password.len() > 1_000 {
            String::new()
        } else {
            password
        };
        let verdict = self.passwords.verify(password.clone(), hash.clone()).await?;
        let (Some(found), Some(credential)) = (found, credential) else {
            return Ok(None);
        };
        match verdict {
            _ if found.disabled => return Ok(None),
            Verdict::Wrong => return Ok(None),
            Verdict::Right => {}
            Verdict::RightButOld => self.renew(&found.id, password, hash).await?,
        }
        Ok(Some(Account {
            user: user_of(found)?,
            epoch: credential.auth_epoch,
        }))
    }

    /// Rehashes a password with today's parameters, unless it was changed meanwhile.
    async fn renew(&self, user: &str, password: String, old: Option<String>) -> Result<()> {
        let user = user.to_owned();
        let hash = self.passwords.hash(password).await?;
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let stored = credential_of(tx, &user).await?;
                    if stored.password_hash == old {
                        let mut stored = stored.into_active_model();
                        stored.password_hash = Set(Some(hash));
                        stored.update(tx.db()).await.stored()?;
                    }
                    Ok(Outcome::new(()))
                })
            })
            .await
    }

    /// A person with their epoch; `None` when there is no such person.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>> {
        let now = self.deps.now();
        let asked = match self.known.people.find(&id, now) {
            Ok(known) => return Ok(Some(known)),
            Err(asked) => asked,
        };
        let found = account(self.store.read(), self.store.key(id)).await?;
        if let Some(found) = &found {
            self.known.people.keep(asked, id, now, found.clone());
        }
        Ok(found)
    }

    /// Whether there is anybody who could sign in.
    pub async fn has_users(&self) -> Result<bool> {
        has_users(self.store.read()).await
    }

    /// All people by name; for owners and the command line.
    pub async fn list_users(&self, caller: &Caller) -> Result<Vec<User>> {
        require(caller, Action::EditUsers, Resource::Node, "user")?;
        let rows = self
            .store
            .own::<user::Entity>()
            .filter(user::Column::Removed.is_null())
            .order_by_asc(user::Column::Name)
            .all(self.store.read())
            .await
            .stored()?;
        rows.into_iter().map(user_of).collect()
    }

    /// Finds a person by their sign-in name; for owners and the command line.
    pub async fn find_user(&self, caller: &Caller, name: &str) -> Result<User> {
        require(caller, Action::EditUsers, Resource::Node, "user")?;
        find_by_name(&self.store, self.store.read(), name)
            .await?
            .map_or_else(|| Err(no_user()), user_of)
    }

    /// Creates a person; for owners and the command line.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<User> {
        require(caller, Action::EditUsers, Resource::Node, "user")?;
        rules::check_name(&new.name)?;
        if let Some(password) = &new.password {
            rules::check_password("password", password)?;
        }
        let hash = match new.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let person = Person {
            name: new.name,
            role: new.role,
            hash,
            github: new.github,
            github_id: None,
        };
        self.journal
            .commit(caller, move |tx| Box::pin(async move { create(tx, person).await }))
            .await
    }

    /// Sets a person's password without the old one and ends their logins, with `revoke` also their API tokens. For
    /// owners and the command line.
    pub async fn set_password(&self, caller: &Caller, name: &str, password: String, revoke: bool) -> Result<()> {
        let user = self.find_user(caller, name).await?;
        rules::check_password("password", &password)?;
        let hash = self.passwords.hash(password).await?;
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    let mut stored = credential_of(tx, &user.id.to_string()).await?.into_active_model();
                    stored.password_hash = Set(Some(hash));
                    stored.update(tx.db()).await.stored()?;
                    logins::end_all(tx, user.id).await?;
                    let mut outcome = Outcome::new(()).with(user.id, PasswordSet {});
                    if revoke {
                        outcome.events.extend(tokens::revoke_all(tx, user.id).await?);
                    }
                    Ok(outcome)
                })
            },
            move |()| Some(Change::User(user.id)),
        )
        .await
    }

    /// Changes a person's role and ends their logins; the last owner keeps the role. For owners and the command line.
    pub async fn set_role(&self, caller: &Caller, name: &str, role: Role) -> Result<User> {
        let user = self.find_user(caller, name).await?;
        let id = user.id;
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    let mut user = present(tx, id).await?;
                    if user.role == role {
                        return Ok(Outcome::new(user));
                    }
                    if role != Role::Owner {
                        not_the_last_owner(tx, &user).await?;
                    }
                    user.role = role;
                    logins::end_all(tx, id).await?;
                    Ok(Outcome::new(user).with(
                        id,
                        UserChanged {
                            role: Some(role),
                            ..changed(id)
                        },
                    ))
                })
            },
            move |_| Some(Change::User(id)),
        )
        .await
    }

    /// Disables or enables a person. Disabling ends their logins and suspends their API tokens; the last owner cannot
    /// be disabled. For owners and the command line.
    pub async fn set_disabled(&self, caller: &Caller, name: &str, disabled: bool) -> Result<User> {
        let id = self.find_user(caller, name).await?.id;
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    let mut user = present(tx, id).await?;
                    if user.disabled == disabled {
                        return Ok(Outcome::new(user));
                    }
                    if disabled {
                        not_the_last_owner(tx, &user).await?;
                        logins::end_all(tx, id).await?;
                    }
                    user.disabled = disabled;
                    Ok(Outcome::new(user).with(
                        id,
                        UserChanged {
                            disabled: Some(disabled),
                            ..changed(id)
                        },
                    ))
                })
            },
            move |_| Some(Change::User(id)),
        )
        .await
    }

    /// Removes a person. Their logins, API tokens and credentials go at once and their name is free. What they did
    /// stays under the name, and nobody sees their private sessions any more. The last owner cannot be removed. For
    /// owners and the command line.
    pub async fn remove_user(&self, caller: &Caller, name: &str) -> Result<()> {
        let id = self.find_user(caller, name).await?.id;
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    let user = present(tx, id).await?;
                    not_the_last_owner(tx, &user).await?;
                    logins::end_all(tx, id).await?;
                    let mut outcome = Outcome::new(());
                    outcome.events = tokens::revoke_all(tx, id).await?;
                    networks::forget(tx, id).await?;
                    credential::Entity::delete_by_id(id.to_string())
                        .exec(tx.db())
                        .await
                        .stored()?;
                    Ok(outcome.with(id, UserRemoved {}))
                })
            },
            move |()| Some(Change::User(id)),
        )
        .await
    }

    /// Checks the password of a signed-in person and returns its hash; `None` for a person without one, who uses
    /// GitHub. `Invalid` at `field` for a wrong password, `RateLimited` after too many: a stolen cookie must not serve
    /// to guess passwords.
    pub(super) async fn check_own_password(&self, id: UserId, field: &str, password: String) -> Result<Option<String>> {
        let stored = credential::Entity::find_by_id(id.to_string())
            .one(self.store.read())
            .await
            .stored()?
            .ok_or_else(no_user)?;
        let Some(hash) = stored.password_hash else {
            return Ok(None);
        };
        let counted = id.to_string();
        self.tries.check(&counted)?;
        if self.passwords.verify(password, Some(hash.clone())).await? == Verdict::Wrong {
            return Err(Error::invalid(field, "this is not your present password"));
        }
        self.tries.forgive(&counted);
        Ok(Some(hash))
    }

    /// Whether the caller has a password.
    pub(super) async fn has_own_password(&self, caller: &Caller) -> Result<bool> {
        require(caller, Action::EditSelf, Resource::Node, "user")?;
        let Some(id) = caller.user else { return Ok(false) };
        let stored = credential::Entity::find_by_id(id.to_string())
            .one(self.store.read())
            .await
            .stored()?;
        Ok(stored.is_some_and(|stored| stored.password_hash.is_some()))
    }

    /// Changes the caller's own password and ends all their other logins, with `revoke` also their API tokens.
    pub(super) async fn change_own_password(
        &self,
        caller: &Caller,
        current: String,
        new: String,
        revoke: bool,
    ) -> Result<()> {
        require(caller, Action::EditSelf, Resource::Node, "user")?;
        let id = caller.user.ok_or_else(no_person)?;
        let before = self.check_own_password(id, "current", current).await?;
        rules::check_password("new", &new)?;
        let hash = self.passwords.hash(new).await?;
        let keep = match &caller.via {
            Via::Cookie { login } => Some(login.clone()),
            _ => None,
        };
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    let stored = credential_of(tx, &id.to_string()).await?;
                    if stored.password_hash != before {
                        return Err(Error::Conflict(
                            "the password was changed elsewhere at the same moment: sign in again".into(),
                        ));
                    }
                    let mut stored = stored.into_active_model();
                    stored.password_hash = Set(Some(hash));
                    stored.update(tx.db()).await.stored()?;
                    logins::end_others(tx, id, keep).await?;
                    let mut outcome = Outcome::new(()).with(id, PasswordSet {});
                    if revoke {
                        outcome.events.extend(tokens::revoke_all(tx, id).await?);
                    }
                    Ok(outcome)
                })
            },
            move |()| Some(Change::User(id)),
        )
        .await
    }
}

/// A person who may be signed in here, with their epoch; `key` is their row's.
pub(super) async fn account(db: &impl ConnectionTrait, key: (String, String)) -> Result<Option<Account>> {
    let found = user::Entity::find_by_id(key).one(db).await.stored()?;
    let Some(found) = found else { return Ok(None) };
    let credential = credential::Entity::find_by_id(&found.id).one(db).await.stored()?;
    // People of other nodes have no credential here.
    let Some(credential) = credential.filter(|_| may_enter(&found)) else {
        return Ok(None);
    };
    Ok(Some(Account {
        user: user_of(found)?,
        epoch: credential.auth_epoch,
    }))
}

/// Whether this person's logins and tokens work.
pub(super) fn may_enter(user: &user::Model) -> bool {
    !user.disabled && user.removed.is_none()
}

/// A person who was not removed.
async fn present(tx: &Tx<'_>, id: UserId) -> Result<User> {
    let row = user::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
    row.filter(|row| row.removed.is_none())
        .map_or_else(|| Err(no_user()), user_of)
}

/// An empty change.
pub(super) fn changed(id: UserId) -> UserChanged {
    UserChanged {
        id,
        role: None,
        github: None,
        disabled: None,
    }
}

/// Refuses to take the role from the last owner, because nobody could give it back.
async fn not_the_last_owner(tx: &Tx<'_>, user: &User) -> Result<()> {
    if user.role == Role::Owner && !user.disabled && owners(tx).await? <= 1 {
        return Err(Error::Conflict(format!(
            "{} is the only owner: make somebody else an owner first",
            user.name
        )));
    }
    Ok(())
}

/// The data of a person to create.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) hash: Option<String>,
    pub(super) github: Option<String>,
    pub(super) github_id: Option<i64>,
}

/// Creates a person with a credential, inside a commit.
pub(super) async fn create(tx: &Tx<'_>, person: Person) -> Result<Outcome<User>> {
    if find_by_name(tx.store(), tx.db(), &person.name).await?.is_some() {
        return Err(Error::Conflict(format!(
            "there is already a user called {}",
            person.name
        )));
    }
    let id = UserId::from_uuid(tx.deps().uuid_v7());
    let row = credential::ActiveModel {
        user: Set(id.to_string()),
        password_hash: Set(person.hash),
        github_id: Set(person.github_id),
        auth_epoch: Set(1),
    };
    credential::Entity::insert(row)
        .exec_without_returning(tx.db())
        .await
        .stored()?;
    let user = User {
        id,
        name: person.name.clone(),
        role: person.role,
        github: person.github.clone(),
        created: tx.now(),
        disabled: false,
    };
    let fact = Fact::from(UserCreated {
        id,
        name: person.name,
        role: person.role,
        github: person.github,
    });
    Ok(Outcome::new(user).with(id.to_string(), fact))
}

pub(super) async fn has_users(db: &impl ConnectionTrait) -> Result<bool> {
    Ok(credential::Entity::find().one(db).await.stored()?.is_some())
}

async fn owners(tx: &Tx<'_>) -> Result<u64> {
    let owners = tx
        .own::<user::Entity>()
        .filter(user::Column::Role.eq(Role::Owner.word()));
    owners
        .filter(user::Column::Disabled.eq(false))
        .filter(user::Column::Removed.is_null())
        .count(tx.db())
        .await
        .stored()
}

pub(super) async fn find_by_name(store: &Store, db: &impl ConnectionTrait, name: &str) -> Result<Option<user::Model>> {
    if rules::check_name(name).is_err() {
        return Ok(None);
    }
    let folded = Expr::expr(Func::lower(Expr::col(user::Column::Name))).eq(rules::fold(name));
    store
        .own::<user::Entity>()
        .filter(folded)
        .filter(user::Column::Removed.is_null())
        .one(db)
        .await
        .stored()
}

pub(super) async fn credential_of(tx: &Tx<'_>, user: &str) -> Result<credential::Model> {
    credential::Entity::find_by_id(user)
        .one(tx.db())
        .await
        .stored()?
        .ok_or_else(no_user)
}

/// An unknown role counts as the weakest.
pub(super) fn user_of(row: user::Model) -> Result<User> {
    Ok(User {
        id: row.id.parse().stored()?,
        name: row.name,
        role: Role::parse(&row.role).unwrap_or(Role::Viewer),
        github: row.github,
        created: row.created,
        disabled: row.disabled,
    })
}

pub(super) fn no_user() -> Error {
    Error::NotFound("user".into())
}

pub(super) fn no_person() -> Error {
    Error::Forbidden("this belongs to a person: the command line has no account of its own".into())
}
