//! API tokens: create, list, revoke, and find the caller of a presented one. Only a secret's hash is stored, and a
//! token must not be able to create another.

use super::{AccountsService, Change, rules, users};
use crate::{
    entity::{login, token, user},
    journal::{NewEvent, Outcome, Stored, Tx},
};
use model::{
    Action, Caller, Error, Millis, Result, Via,
    accounts::{NewToken, Token, TokenCreated},
    caller::{Resource, Scope, require},
    event::{TokenMade, TokenRevoked},
    id::{TokenId, UserId},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// A token and its owner.
pub(super) type Pair = (token::Model, user::Model);

/// The prefix of every token, by which secret scanners recognise a leaked one.
pub const TOKEN_PREFIX: &str = "owz_";
/// The most tokens of a person.
pub const MAX_TOKENS: u64 = 200;
const DAY_MS: Millis = 86_400_000;
const MINUTE_MS: Millis = 60_000;
/// How long a request waits for the record of its use.
pub const NOTED_WITHIN: Duration = Duration::from_millis(500);

impl AccountsService {
    /// The caller's tokens, newest first.
    pub(super) async fn own_tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        require(caller, Action::EditTokens, Resource::Node, "token")?;
        let Some(user) = caller.user else { return Ok(Vec::new()) };
        let mine = token::Entity::find().filter(token::Column::User.eq(user.to_string()));
        let rows = mine
            .order_by_desc(token::Column::Created)
            .order_by_desc(token::Column::Id)
            .all(self.store.read())
            .await;
        rows.stored()?.into_iter().map(token_of).collect()
    }

    /// Everybody's tokens, newest first; for owners and the command line.
    pub async fn list_tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        require(caller, Action::EditUsers, Resource::Node, "token")?;
        let rows = token::Entity::find()
            .order_by_desc(token::Column::Created)
            .order_by_desc(token::Column::Id)
            .all(self.store.read())
            .await;
        rows.stored()?.into_iter().map(token_of).collect()
    }

    /// Creates a token for the caller, whose password proves that they themselves sit at the browser.
    pub(super) async fn create_own_token(
        &self,
        caller: &Caller,
        new: NewToken,
        password: String,
    ) -> Result<TokenCreated> {
        require(caller, Action::EditTokens, Resource::Node, "token")?;
        let owner = caller.user.ok_or_else(users::no_person)?;
        check(&new)?;
        let hash = self.check_own_password(owner, "password", password).await?;
        let login = match &caller.via {
            Via::Cookie { login } => Some(login.clone()),
            _ => None,
        };
        self.insert_token(caller, owner, new, Some(Proof { hash, login })).await
    }

    /// Creates a token for the person of that name; for owners and the command line.
    pub async fn create_token_for(&self, caller: &Caller, name: &str, new: NewToken) -> Result<TokenCreated> {
        let owner = self.find_user(caller, name).await?;
        check(&new)?;
        self.insert_token(caller, owner.id, new, None).await
    }

    async fn insert_token(
        &self,
        caller: &Caller,
        owner: UserId,
        new: NewToken,
        proof: Option<Proof>,
    ) -> Result<TokenCreated> {
        let id = TokenId::from_uuid(self.deps.uuid_v7());
        let secret = secret_of(id, &self.deps.bytes());
        let hash = hash_of(&secret);
        let token = self
            .journal
            .commit(caller, move |tx| {
                Box::pin(async move {
                    match proof {
                        Some(proof) => proof.holds(tx, owner).await?,
                        None if users::account(tx.db(), tx.key(owner)).await?.is_none() => {
                            return Err(Error::Conflict("this person is disabled: enable them first".into()));
                        }
                        None => {}
                    }
                    let theirs = token::Entity::find().filter(token::Column::User.eq(owner.to_string()));
                    if theirs.count(tx.db()).await.stored()? >= MAX_TOKENS {
                        return Err(Error::Conflict(format!(
                            "at most {MAX_TOKENS} tokens at once: revoke one first"
                        )));
                    }
                    let token = Token {
                        id,
                        name: new.name.trim().to_owned(),
                        user: owner,
                        scope: new.scope,
                        created: tx.now(),
                        expires: new.days.map(|days| tx.now() + Millis::from(days) * DAY_MS),
                        used: None,
                    };
                    token::Entity::insert(row_of(&token, hash))
                        .exec_without_returning(tx.db())
                        .await
                        .stored()?;
                    let made = TokenMade {
                        user: owner,
                        name: token.name.clone(),
                        scope: token.scope,
                        expires: token.expires,
                    };
                    Ok(Outcome::new(token).with(id, made))
                })
            })
            .await?;
        Ok(TokenCreated { token, secret })
    }

    pub(super) async fn revoke_own_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        require(caller, Action::EditTokens, Resource::Node, "token")?;
        let owner = caller.user.ok_or_else(users::no_person)?;
        self.delete_token(caller, id, Some(owner)).await
    }

    /// Revokes anybody's token; for owners and the command line.
    pub async fn revoke_any_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        require(caller, Action::EditUsers, Resource::Node, "token")?;
        self.delete_token(caller, id, None).await
    }

    async fn delete_token(&self, caller: &Caller, id: TokenId, owner: Option<UserId>) -> Result<()> {
        self.commit_told(
            caller,
            move |tx| {
                Box::pin(async move {
                    let found = token::Entity::find_by_id(id.to_string())
                        .one(tx.db())
                        .await
                        .stored()?
                        .map(token_of)
                        .transpose()?;
                    let found = found.filter(|token| owner.is_none_or(|owner| owner == token.user));
                    let found = found.ok_or_else(|| Error::NotFound("token".into()))?;
                    token::Entity::delete_by_id(id.to_string())
                        .exec(tx.db())
                        .await
                        .stored()?;
                    Ok(Outcome::new(()).with(id, TokenRevoked { user: found.user }))
                })
            },
            move |()| Some(Change::Token(id)),
        )
        .await
    }

    /// Broadcasts the tokens that expired after `since`, so that code that keeps their callers refreshes. The rows stay
    /// and are listed as ended.
    pub async fn announce_expired_tokens(&self, since: Millis) -> Result<()> {
        let ended = token::Entity::find()
            .filter(token::Column::Expires.gt(since))
            .filter(token::Column::Expires.lte(self.deps.now()));
        for row in ended.all(self.store.read()).await.stored()? {
            self.tell(Change::Token(row.id.parse().stored()?));
        }
        Ok(())
    }

    /// The caller of a presented token; `None` when it is unknown, wrong, expired or revoked. Records its use, to the
    /// minute.
    pub async fn caller_for_token(&self, presented: &str, from: Option<String>) -> Result<Option<Caller>> {
        let Some(id) = id_in(presented) else { return Ok(None) };
        let Some((row, owner)) = self.find_token(id).await? else {
            return Ok(None);
        };
        let matches: bool = hash_of(presented).as_bytes().ct_eq(row.hash.as_bytes()).into();
        let now = self.deps.now();
        if !matches || row.expires.is_some_and(|expires| expires <= now) {
            return Ok(None);
        }
        if row.used.is_none_or(|used| now - used >= MINUTE_MS) {
            let this = self.clone();
            let noting = tokio::spawn(async move {
                if let Err(error) = this.note_use(id, now).await {
                    // A full disk must not lock out the person who comes to free it.
                    tracing::warn!(token.id = %id, %error, "the use of a token could not be noted");
                }
            });
            // The task goes on by itself: a database that refuses writes must not hold up a caller who only reads.
            let _ = tokio::time::timeout(NOTED_WITHIN, noting).await;
        }
        let Some(scope) = Scope::parse(&row.scope) else {
            return Ok(None);
        };
        let owner = users::user_of(owner)?;
        Ok(Some(Caller {
            user: Some(owner.id),
            name: owner.name,
            role: owner.role,
            via: Via::Token { id, scope },
            from,
        }))
    }

    /// The caller of a token as they are now; `None` when the token no longer works.
    pub(super) async fn refresh_token(&self, caller: &Caller, id: TokenId) -> Result<Option<Caller>> {
        let Some((row, owner)) = self.find_token(id).await? else {
            return Ok(None);
        };
        if row.expires.is_some_and(|expires| expires <= self.deps.now()) {
            return Ok(None);
        }
        Ok(Some(Caller {
            role: users::user_of(owner)?.role,
            ..caller.clone()
        }))
    }

    async fn find_token(&self, id: TokenId) -> Result<Option<Pair>> {
        let now = self.deps.now();
        let asked = match self.known.tokens.find(&id, now) {
            Ok(known) => return Ok(Some(known)),
            Err(asked) => asked,
        };
        let Some(row) = token::Entity::find_by_id(id.to_string())
            .one(self.store.read())
            .await
            .stored()?
        else {
            return Ok(None);
        };
        let Some(owner) = user::Entity::find_by_id(self.store.key(&row.user))
            .one(self.store.read())
            .await
            .stored()?
        else {
            return Ok(None);
        };
        if !users::may_enter(&owner) {
            return Ok(None);
        }
        self.known.tokens.keep(asked, id, now, (row.clone(), owner.clone()));
        Ok(Some((row, owner)))
    }

    async fn note_use(&self, id: TokenId, now: Millis) -> Result<()> {
        let minute = now - now.rem_euclid(MINUTE_MS);
        self.journal
            .commit(&Caller::node(), move |tx| {
                Box::pin(async move {
                    let note = token::Entity::update_many().col_expr(token::Column::Used, Expr::value(minute));
                    note.filter(token::Column::Id.eq(id.to_string()))
                        .exec(tx.db())
                        .await
                        .stored()?;
                    Ok(Outcome::new(()))
                })
            })
            .await?;
        self.known.tokens.change(&id, |(token, _)| token.used = Some(minute));
        Ok(())
    }
}

/// What a person proved before they created a token.
struct Proof {
    /// The hash of the password they entered; `None` for a person without one.
    hash: Option<String>,
    /// The login of their browser.
    login: Option<String>,
}

impl Proof {
    /// Checks the proof again inside the commit: the person may have been signed out or got another password meanwhile.
    async fn holds(self, tx: &Tx<'_>, owner: UserId) -> Result<()> {
        let stored = users::credential_of(tx, &owner.to_string()).await?;
        let signed_in = match self.login {
            Some(login) => login::Entity::find_by_id(login)
                .one(tx.db())
                .await
                .stored()?
                .is_some_and(|row| row.user == Some(owner.to_string())),
            None => true,
        };
        if signed_in && stored.password_hash == self.hash {
            Ok(())
        } else {
            Err(Error::Unauthenticated)
        }
    }
}

/// Refuses an invalid new token.
fn check(new: &NewToken) -> Result<()> {
    rules::check_token_name(&new.name)?;
    if new.days.is_some_and(|days| !(1..=3_650).contains(&days)) {
        return Err(Error::invalid(
            "days",
            "a token lasts 1 to 3,650 days, or for ever without a number",
        ));
    }
    Ok(())
}

/// Revokes every token of a person, inside a commit; returns the events.
pub(super) async fn revoke_all(tx: &Tx<'_>, user: UserId) -> Result<Vec<NewEvent>> {
    let theirs = token::Column::User.eq(user.to_string());
    let tokens = token::Entity::find()
        .filter(theirs.clone())
        .order_by_asc(token::Column::Id)
        .all(tx.db())
        .await
        .stored()?;
    token::Entity::delete_many()
        .filter(theirs)
        .exec(tx.db())
        .await
        .stored()?;
    Ok(tokens
        .into_iter()
        .map(|token| NewEvent {
            subject: token.id,
            fact: TokenRevoked { user }.into(),
        })
        .collect())
}

/// `owz_<id>_<secret>`: 32 hex digits to find it, 64 to prove it.
fn secret_of(id: TokenId, secret: &[u8; 32]) -> String {
    format!(
        "{TOKEN_PREFIX}{}_{}",
        id.uuid().as_simple(),
        blake3::Hash::from_bytes(*secret).to_hex()
    )
}

fn id_in(presented: &str) -> Option<TokenId> {
    let (id, secret) = presented.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
    let shaped = secret.len() == 64 && secret.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if shaped {
        format!("{}_{id}", TokenId::PREFIX).parse().ok()
    } else {
        None
    }
}

/// The secret has 256 random bits, so a fast hash is enough.
fn hash_of(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

fn row_of(token: &Token, hash: String) -> token::ActiveModel {
    token::ActiveModel {
        id: Set(token.id.to_string()),
        user: Set(token.user.to_string()),
        name: Set(token.name.clone()),
        hash: Set(hash),
        scope: Set(token.scope.word().to_owned()),
        created: Set(token.created),
        expires: Set(token.expires),
        used: Set(token.used),
    }
}

/// A token with an unknown scope gives no access, and is listed with the narrowest scope.
fn token_of(row: token::Model) -> Result<Token> {
    Ok(Token {
        id: row.id.parse().stored()?,
        name: row.name,
        user: row.user.parse().stored()?,
        scope: Scope::parse(&row.scope).unwrap_or(Scope::Metrics),
        created: row.created,
        expires: row.expires,
        used: row.used,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_which_it_is_and_nothing_else_passes_for_one() {
        let id = TokenId::from_uuid(uuid::Uuid::from_u128(5));
        let secret = secret_of(id, &[0xab; 32]);
        assert_eq!(id_in(&secret), Some(id));
        for bad in [
            "",
            "owz_",
            "owz__",
            &secret[..secret.len() - 1],
            &secret.to_uppercase(),
            &format!("{secret}0"),
            &secret[4..],
        ] {
            assert_eq!(id_in(bad), None, "{bad:?} passed");
        }
    }
}
