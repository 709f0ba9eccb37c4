//! Logins: the private rows behind browsers' cookies, keyed by the SHA-256 of the cookie's value. A stolen table must
//! contain no usable cookie, and a deleted row must not come back.

use super::{AccountsService, Change, networks, tokens, users};
use crate::{
    entity::{credential, login},
    journal::{Outcome, Stored, Tx},
};
use model::{
    Action, Caller, Error, Millis, Result, Via,
    accounts::Login,
    caller::{Resource, require},
    event::{SignInWay, UserSignedIn},
    id::UserId,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

/// The lifetime of a login without requests.
pub const IDLE_MS: Millis = 12 * 3_600_000;
/// The lifetime of a login at most.
pub const ABSOLUTE_MS: Millis = 14 * 24 * 3_600_000;
/// The lifetime of a sign-in under way elsewhere (GitHub).
pub const PENDING_MS: Millis = 10 * 60_000;
/// The least time between two updates of `seen`.
pub const TOUCH_MS: Millis = 10 * 60_000;

/// A stored login, or a sign-in under way without a user.
#[derive(Clone)]
pub struct LoginRecord {
    /// SHA-256 of the cookie's value in hex; also the login's handle.
    pub id_hash: String,
    /// The signed-in person; `None` while a sign-in is under way.
    pub user: Option<UserId>,
    /// The epoch of the [`Account`](super::Account) whose password or GitHub account was checked; `None` while a
    /// sign-in is under way.
    pub epoch: Option<i64>,
    /// How they signed in. Only for storing; `None` when read.
    pub way: Option<SignInWay>,
    /// The server's own data.
    pub data: Vec<u8>,
    /// The browser's name for itself, shortened.
    pub browser: Option<String>,
    /// The address it came from.
    pub address: Option<String>,
    /// When it was last used, to ten minutes. Ignored when storing.
    pub seen: Millis,
    /// When it ends if it is not used. Ignored when storing.
    pub expires: Millis,
}

impl AccountsService {
    /// Stores a new login; `false` when its hash exists. `Unauthenticated` when the check behind it no longer holds:
    /// the password has changed meanwhile, or all logins of the person were ended.
    pub async fn create_login(&self, new: LoginRecord) -> Result<bool> {
        let who = Caller {
            user: new.user,
            ..Caller::node()
        };
        self.journal
            .commit(&who, move |tx| {
                Box::pin(async move {
                    if login::Entity::find_by_id(&new.id_hash)
                        .one(tx.db())
                        .await
                        .stored()?
                        .is_some()
                    {
                        return Ok(Outcome::new(false));
                    }
                    let now = tx.now();
                    let mut outcome = Outcome::new(true);
                    if let Some(user) = new.user {
                        may_begin(tx, user, new.epoch).await?;
                        networks::note(tx, user, new.address.as_deref()).await?;
                        outcome = outcome.with(
                            user,
                            UserSignedIn {
                                way: new.way,
                                from: new.address.clone(),
                                browser: new.browser.clone(),
                            },
                        );
                    }
                    let row = login::ActiveModel {
                        id_hash: Set(new.id_hash),
                        user: Set(new.user.map(|user| user.to_string())),
                        data: Set(new.data),
                        created: Set(now),
                        seen: Set(now),
                        expires: Set(expiry(new.user, now, now)),
                        browser: Set(new.browser),
                        address: Set(new.address),
                        epoch: Set(new.epoch),
                    };
                    login::Entity::insert(row)
                        .exec_without_returning(tx.db())
                        .await
                        .stored()?;
                    Ok(outcome)
                })
            })
            .await
    }

    /// Updates a login and extends its expiry. A login that ended meanwhile stays ended.
    pub async fn update_login(&self, record: LoginRecord) -> Result<()> {
        let this = self.clone();
        let tell = move |_: &Result<()>| this.known.logins.forget();
        self.journal
            .commit_then(
                &Caller::node(),
                move |tx| {
                    Box::pin(async move {
                        let Some(row) = login::Entity::find_by_id(&record.id_hash).one(tx.db()).await.stored()? else {
                            return Ok(Outcome::new(()));
                        };
                        let now = tx.now();
                        if row.expires <= now {
                            return Ok(Outcome::new(()));
                        }
                        // The same person keeps the row's epoch: a simultaneous change of the password has raised it.
                        let user = record.user.map(|user| user.to_string());
                        let epoch = if row.user == user { row.epoch } else { record.epoch };
                        if let Some(begun) = record.user.filter(|_| row.user != user) {
                            may_begin(tx, begun, epoch).await?;
                        }
                        // Updating a sign-in under way does not extend it.
                        let expires = if record.user.is_none() {
                            row.expires
                        } else {
                            expiry(record.user, row.created, now)
                        };
                        let changed = login::ActiveModel {
                            id_hash: Set(row.id_hash),
                            user: Set(user),
                            data: Set(record.data),
                            seen: Set(now),
                            expires: Set(expires),
                            browser: Set(record.browser),
                            address: Set(record.address),
                            epoch: Set(epoch),
                            ..Default::default()
                        };
                        login::Entity::update(changed).exec(tx.db()).await.stored()?;
                        Ok(Outcome::new(()))
                    })
                },
                tell,
            )
            .await
    }

    /// The login with this hash, unless it has ended.
    pub async fn find_login(&self, id_hash: &str) -> Result<Option<LoginRecord>> {
        let now = self.deps.now();
        let asked = match self.known.logins.find(&id_hash.to_owned(), now) {
            Ok(known) => return Ok(Some(known).filter(|known| known.expires > now)),
            Err(asked) => asked,
        };
        let row = login::Entity::find_by_id(id_hash)
            .one(self.store.read())
            .await
            .stored()?;
        let Some(row) = row.filter(|row| row.expires > now) else {
            return Ok(None);
        };
        let user = row.user.as_deref().map(str::parse).transpose().stored()?;
        let found = LoginRecord {
            id_hash: row.id_hash,
            user,
            epoch: row.epoch,
            way: None,
            data: row.data,
            browser: row.browser,
            address: row.address,
            seen: row.seen,
            expires: row.expires,
        };
        // Sign-ins under way are not cached: they are read only twice, and anybody may begin them.
        if found.user.is_some() {
            self.known.logins.keep(asked, id_hash.to_owned(), now, found.clone());
        }
        Ok(Some(found))
    }

    /// Ends a login and closes its sockets.
    pub async fn delete_login(&self, id_hash: &str) -> Result<()> {
        let (id, ended) = (id_hash.to_owned(), id_hash.to_owned());
        self.commit_told(
            &Caller::node(),
            move |tx| {
                Box::pin(async move {
                    let gone = login::Entity::delete_by_id(id).exec(tx.db()).await.stored()?;
                    Ok(Outcome::new(gone.rows_affected > 0))
                })
            },
            move |gone| gone.then_some(Change::Login(ended)),
        )
        .await
        .map(drop)
    }

    /// Removes expired logins and sign-ins and closes their sockets; returns their number.
    pub async fn delete_expired_logins(&self) -> Result<u64> {
        let over = login::Entity::find().select_only().column(login::Column::IdHash);
        let over = over
            .filter(login::Column::Expires.lte(self.deps.now()))
            .into_tuple::<String>()
            .all(self.store.read())
            .await;
        let mut ended = 0;
        for id_hash in over.stored()? {
            self.delete_login(&id_hash).await?;
            ended += 1;
        }
        Ok(ended)
    }

    /// The caller's logins, last used first.
    pub(super) async fn own_logins(&self, caller: &Caller) -> Result<Vec<Login>> {
        require(caller, Action::EditSelf, Resource::Node, "login")?;
        let Some(user) = caller.user else { return Ok(Vec::new()) };
        let mine = login::Entity::find()
            .filter(login::Column::User.eq(user.to_string()))
            .filter(login::Column::Expires.gt(self.deps.now()));
        let rows = mine
            .order_by_desc(login::Column::Seen)
            .limit(200)
            .all(self.store.read())
            .await;
        let current = match &caller.via {
            Via::Cookie { login } => Some(login.as_str()),
            _ => None,
        };
        let login = |row: login::Model| Login {
            current: current == Some(row.id_hash.as_str()),
            handle: row.id_hash,
            since: row.created,
            seen: row.seen,
            browser: row.browser,
            from: row.address,
        };
        Ok(rows.stored()?.into_iter().map(login).collect())
    }

    /// Ends every login of the caller, and with `revoke` their API tokens too.
    pub(super) async fn end_own_logins(&self, caller: &Caller, revoke: bool) -> Result<()> {
        require(caller, Action::EditSelf, Resource::Node, "login")?;
        let user = caller.user.ok_or_else(users::no_person)?;
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    end_all(tx, user).await?;
                    let mut outcome = Outcome::new(());
                    if revoke {
                        outcome.events = tokens::revoke_all(tx, user).await?;
                    }
                    Ok(outcome)
                })
            },
            move |()| Some(Change::User(user)),
        )
        .await
    }

    /// The caller as they are now; `None` when their login ended or their token no longer works. For code that keeps a
    /// caller for longer than a request.
    pub async fn refresh(&self, caller: &Caller) -> Result<Option<Caller>> {
        match &caller.via {
            Via::Node | Via::Cli => Ok(Some(caller.clone())),
            Via::Token { id, .. } => self.refresh_token(caller, *id).await,
            Via::Cookie { login } => {
                let Some(id) = caller.user else { return Ok(None) };
                if self.find_login(login).await?.is_none_or(|found| found.user != Some(id)) {
                    return Ok(None);
                }
                let account = self.account(id).await?;
                Ok(account.map(|account| account.caller(login.clone(), caller.from.clone())))
            }
        }
    }
}

/// Refuses a login whose check no longer holds.
async fn may_begin(tx: &Tx<'_>, user: UserId, checked: Option<i64>) -> Result<()> {
    let now = users::account(tx.db(), tx.key(user))
        .await?
        .map(|account| account.epoch);
    if now.is_some() && now == checked {
        Ok(())
    } else {
        Err(Error::Unauthenticated)
    }
}

/// Ends every login of a person, inside a commit. The rows go, and the new epoch invalidates every copy, even of a
/// login that is just beginning.
pub(super) async fn end_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    end_others(tx, user, None).await
}

/// Ends all but one login of a person; that one continues in the new epoch.
pub(super) async fn end_others(tx: &Tx<'_>, user: UserId, keep: Option<String>) -> Result<()> {
    let mut others = login::Entity::delete_many().filter(login::Column::User.eq(user.to_string()));
    if let Some(keep) = &keep {
        others = others.filter(login::Column::IdHash.ne(keep));
    }
    others.exec(tx.db()).await.stored()?;
    let epoch = users::credential_of(tx, &user.to_string()).await?.auth_epoch + 1;
    let raise = credential::Entity::update_many().col_expr(credential::Column::AuthEpoch, Expr::value(epoch));
    raise
        .filter(credential::Column::User.eq(user.to_string()))
        .exec(tx.db())
        .await
        .stored()?;
    if let Some(keep) = keep {
        let kept = login::Entity::update_many().col_expr(login::Column::Epoch, Expr::value(epoch));
        let kept = kept
            .filter(login::Column::IdHash.eq(keep))
            .filter(login::Column::User.eq(user.to_string()));
        kept.exec(tx.db()).await.stored()?;
    }
    Ok(())
}

fn expiry(user: Option<UserId>, created: Millis, now: Millis) -> Millis {
    match user {
        Some(_) => Ord::min(now + IDLE_MS, created + ABSOLUTE_MS),
        None => now + PENDING_MS,
    }
}
