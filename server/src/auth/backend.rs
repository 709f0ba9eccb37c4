//! People as axum-login knows them: found by id, with what ends their logins when it changes.
//! Credentials are checked by `node::accounts` before; nothing here sees a password.

use axum_login::{AuthUser, AuthnBackend};
use model::{Error, id::UserId};
use node::accounts::{Account, AccountsService};

/// Somebody signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) account: Account,
    epoch: [u8; 8],
}

impl From<Account> for SignedIn {
    fn from(account: Account) -> Self {
        Self {
            epoch: account.epoch.to_le_bytes(),
            account,
        }
    }
}

impl AuthUser for SignedIn {
    type Id = UserId;

    fn id(&self) -> UserId {
        self.account.user.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.epoch
    }
}

/// Finds people for axum-login.
#[derive(Clone, Debug)]
pub(crate) struct Backend(pub(crate) AccountsService);

impl AuthnBackend for Backend {
    type User = SignedIn;
    /// Somebody whose credentials were checked: there is nothing left to compare.
    type Credentials = Account;
    type Error = Error;

    async fn authenticate(&self, account: Account) -> Result<Option<SignedIn>, Error> {
        self.get_user(&account.user.id).await
    }

    async fn get_user(&self, id: &UserId) -> Result<Option<SignedIn>, Error> {
        Ok(self.0.account(*id).await?.map(SignedIn::from))
    }
}
