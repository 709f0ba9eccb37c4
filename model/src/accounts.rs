//! Accounts: people, their roles, logins and API tokens. Secrets never appear here but for the one time a token is shown.

use crate::{
    Millis,
    caller::{Role, Scope},
    id::{TokenId, UserId},
};
use serde::{Deserialize, Serialize};

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The name they sign in with: 1 to 64 of letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their GitHub login, where they signed in with it.
    pub github: Option<String>,
    /// When they were created.
    pub created: Millis,
    /// They may not sign in, and their tokens do not work.
    #[serde(default)]
    pub disabled: bool,
}

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// Whose it is.
    pub user: UserId,
    /// What it may be used for.
    pub scope: Scope,
    /// When it was created.
    pub created: Millis,
    /// When it stops working; `None` means never.
    pub expires: Option<Millis>,
    /// When it was last used, to the minute.
    pub used: Option<Millis>,
}

/// What creating a token takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// What it is for, 1 to 100 characters.
    pub name: String,
    /// What it may be used for.
    pub scope: Scope,
    /// For how many days; 1 to 3,650, `None` means for ever.
    pub days: Option<u32>,
}

/// A token right after its creation: the only time its secret is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreated {
    /// The token.
    pub token: Token,
    /// `owz_...`: shown once.
    pub secret: String,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// A handle to end it with; not the cookie.
    pub handle: String,
    /// When it signed in.
    pub since: Millis,
    /// When it was last seen, to ten minutes.
    pub seen: Millis,
    /// The browser as it named itself, shortened.
    pub browser: Option<String>,
    /// From which address it signed in.
    pub from: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// What `GET /me` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The person; `None` for the command line.
    pub id: Option<UserId>,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The token's scope, where a token asks.
    pub scope: Option<Scope>,
}
