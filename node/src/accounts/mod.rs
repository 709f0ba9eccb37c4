//! Accounts: people, passwords, logins and API tokens, and whom a cookie or token stands for. It stores only hashes of
//! secrets, and keeps secrets out of the journal. It must not serve HTTP.

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

/// A change of somebody's rights. Code that keeps a caller for longer than a request calls [`AccountsService::refresh`]
/// after a change that concerns the caller, and after lagging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A person's role, password or logins changed.
    User(UserId),
    /// The login with this handle of [`model::Via::Cookie`] ended.
    Login(String),
    /// This token was revoked.
    Token(TokenId),
    /// The database cannot say what changed: everybody refreshes.
    Everybody,
}

impl Change {
    /// Whether the change may concern `caller`.
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

/// The accounts of a node; cheap to clone.
#[derive(Clone)]
pub struct AccountsService {
    store: Store,
    journal: Journal,
    deps: Deps,
    passwords: Arc<Passwords>,
    /// Limits wrong passwords of signed-in people, 5 a minute for each.
    tries: Arc<Limiter>,
    refusals: Arc<refusals::Refusals>,
    changes: broadcast::Sender<Change>,
    /// Read-through caches.
    known: Arc<Remembered>,
}

/// What every request reads.
#[derive(Default)]
struct Remembered {
    tokens: Known<TokenId, Pair>,
    /// Keyed by their hash.
    logins: Known<String, LoginRecord>,
    people: Known<UserId, Account>,
}

impl std::fmt::Debug for AccountsService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountsService")
    }
}

impl AccountsService {
    /// The accounts in `store`; changes go through `journal`.
    pub fn new(store: Store, journal: Journal, deps: Deps) -> Self {
        let passwords = Arc::new(Passwords::new(deps.clone()));
        // Enough for a burst. A receiver that lags refreshes its caller, so nothing is lost.
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

    /// Broadcasts each change after its commit; a receiver that lags must [`refresh`](Self::refresh).
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Commits a change of an account and broadcasts it, in a task of its own: a caller who hangs up must not prevent
    /// the broadcast.
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

    /// Invalidates all caches.
    fn forget(&self) {
        self.known.tokens.forget();
        self.known.logins.forget();
        self.known.people.forget();
    }

    fn tell(&self, change: Change) {
        self.forget();
        // An error only means that no socket is open.
        let _ = self.changes.send(change);
    }
}
