//! Accounts: people, their roles, logins and API tokens. Of all types here, only [`TokenCreated`] carries a secret.

use crate::{
    Millis,
    caller::{Role, Scope},
    id::{TokenId, UserId},
    sessions::words,
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
    /// Their role.
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
    /// Its purpose, in its owner's words.
    pub name: String,
    /// Its owner.
    pub user: UserId,
    /// Its scope.
    pub scope: Scope,
    /// When it was created.
    pub created: Millis,
    /// When it stops working; `None` means never.
    pub expires: Option<Millis>,
    /// When it was last used, to the minute.
    pub used: Option<Millis>,
}

/// The arguments of a new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Its purpose, 1 to 100 characters.
    pub name: String,
    /// Its scope.
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

/// The answer of `GET /me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The person; `None` for the command line.
    pub id: Option<UserId>,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// The token's scope, where a token asks.
    pub scope: Option<Scope>,
}

/// A person may sign in from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// The user.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Their GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
}

/// A person's role or GitHub login changed, or whether they may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChanged {
    /// The user.
    pub id: UserId,
    /// A new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// A new GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    /// They may not sign in any more, or may again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A person was removed. Their logins, tokens and credentials are gone; what they did stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRemoved {}

words! {
    /// The way a person signed in.
    SignInWay {
        /// By their password.
        Password = "password",
        /// By GitHub.
        Github = "github",
        /// By the set-up link.
        SetUp = "set_up",
    }
}

/// A person signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSignedIn {
    /// The way they signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<SignInWay>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The browser as it named itself, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
}

/// A sign-in was refused; only some refusals are recorded. The subject is the person, or the node for an unknown name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRefused {
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How many other refusals, of any name and address, went unrecorded since the last such event.
    #[serde(default)]
    pub more: i64,
}

/// A person has another password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordSet {}

/// An API token works from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// Whose.
    pub user: UserId,
    /// Its purpose.
    pub name: String,
    /// Its scope.
    pub scope: Scope,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

/// An API token no longer works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// Its owner.
    pub user: UserId,
}
