//! Accounts: people, passwords, logins and API tokens, and who a cookie or a token stands for.
//! It stores secrets only hashed, never journals one, and must not serve HTTP.

mod github;
mod logins;
mod networks;
mod passwords;
mod port;
mod refusals;
mod rules;
mod setup;
mod tokens;
mod users;

pub use github::GithubIdentity;
pub use logins::{ABSOLUTE_MS, IDLE_MS, LoginRecord, PENDING_MS, TOUCH_MS};
pub use setup::SetupLink;
pub use tokens::{MAX_TOKENS, NOTED_WITHIN, TOKEN_PREFIX};
pub use users::{Account, NewUser};

use crate::{
    clock::Deps,
    journal::{Journal, Outcome, Tx},
    known::Known,
    limits::Limiter,
    store::Store,
};
use futures::future::BoxFuture;
use model::{
    Caller, Error, Result,
    id::{NodeId, TokenId, UserId},
};
use passwords::Passwords;
use std::sync::Arc;
use tokens::Pair;
use tokio::sync::broadcast;

/// What changed about who may do what. Whoever keeps a caller for longer than a request asks
/// [`AccountsService::refresh`] again when it hears one that concerns the caller, or when it lagged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A person's role, password or logins changed.
    User(UserId),
    /// That login ended: the handle of [`model::Via::Cookie`].
    Login(String),
    /// That token was revoked.
    Token(TokenId),
    /// Something changed, and the database cannot say what: everybody looks again.
    Everybody,
}

impl Change {
    /// Whether it may concern `caller`.
    pub fn concerns(&self, caller: &Caller) -> bool {
        match (self, &caller.via) {
            (Self::User(user), _) => caller.user == Some(*user),
            (Self::Login(ended), model::Via::Cookie { login }) => ended == login,
            (Self::Everybody, _) => true,
            (Self::Token(revoked), model::Via::Token { id, .. }) => revoked == id,
            _ => false,
        }
    }
}

/// The accounts of a node. Cheap to clone.
#[derive(Clone)]
pub struct AccountsService {
    store: Store,
    journal: Journal,
    deps: Deps,
    passwords: Arc<Passwords>,
    /// Wrong passwords of people who are signed in, 5 a minute for each.
    tries: Arc<Limiter>,
    refusals: Arc<refusals::Refusals>,
    changes: broadcast::Sender<Change>,
    /// As they were read last.
    known: Arc<Remembered>,
}

/// What every request asks for.
#[derive(Default)]
struct Remembered {
    tokens: Known<TokenId, Pair>,
    /// By their hash.
    logins: Known<String, LoginRecord>,
    people: Known<UserId, Account>,
}

impl std::fmt::Debug for AccountsService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountsService")
    }
}

impl AccountsService {
    /// The accounts in `store`, changed through `journal`.
    pub fn new(store: Store, journal: Journal, deps: Deps) -> Self {
        let passwords = Arc::new(Passwords::new(deps.clone()));
        // Enough for a burst; a receiver that lags looks at its caller anew, so nothing is lost.
        let (changes, _) = broadcast::channel(256);
        let tries = Arc::new(Limiter::per_minute(5, &deps));
        let refusals = Arc::new(refusals::Refusals::new(&deps));
        Self {
            store,
            journal,
            deps,
            passwords,
            tries,
            refusals,
            changes,
            known: Arc::default(),
        }
    }

    /// The node whose accounts these are.
    pub fn node_id(&self) -> NodeId {
        self.journal.node_id()
    }

    /// Told after the commit of each change; a receiver that lags must [`refresh`](Self::refresh).
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Commits what changes an account and tells of it. A task of its own, so that nobody who hangs up in between
    /// leaves it untold.
    async fn commit_told<T: Send + 'static>(
        &self,
        caller: &Caller,
        operation: impl for<'t> FnOnce(&'t Tx<'t>) -> BoxFuture<'t, Result<Outcome<T>>> + Send + 'static,
        told: impl FnOnce(&T) -> Option<Change> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        let tell = move |outcome: &Result<T>| {
            let change = match outcome {
                Ok(value) => told(value),
                Err(Error::InDoubt) => Some(Change::Everybody),
                Err(_) => None,
            };
            if let Some(change) = change {
                this.tell(change);
            }
        };
        self.journal.commit_then(caller, operation, tell).await
    }

    /// What was read may have changed.
    fn forget(&self) {
        self.known.tokens.forget();
        self.known.logins.forget();
        self.known.people.forget();
    }

    fn tell(&self, change: Change) {
        self.forget();
        // Nobody listening is fine: no socket is open then.
        let _ = self.changes.send(change);
    }
}
