//! The user backend of axum-login: finds people by id, with the value whose change ends their logins. `node::accounts`
//! checks credentials before; no password gets here.

use axum_login::{AuthUser, AuthnBackend};
use model::{Error, id::UserId};
use node::accounts::{Account, AccountsService};

/// A signed-in person.
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

/// axum-login's backend over the node's accounts.
#[derive(Clone, Debug)]
pub(crate) struct Backend(pub(crate) AccountsService);

impl AuthnBackend for Backend {
    type User = SignedIn;
    /// An account whose credentials were already checked.
    type Credentials = Account;
    type Error = Error;

    async fn authenticate(&self, account: Account) -> Result<Option<SignedIn>, Error> {
        self.get_user(&account.user.id).await
    }

    async fn get_user(&self, id: &UserId) -> Result<Option<SignedIn>, Error> {
        Ok(self.0.account(*id).await?.map(SignedIn::from))
    }
}
