//! What the command line asks of a node, and the desk that answers: the same whether a node runs or the command line
//! holds the data itself. It must not print or parse flags.

use model::{
    Caller, Result,
    accounts::{NewToken, Token, User},
    caller::Role,
    id::TokenId,
};
use node::{
    accounts::{AccountsService, NewUser},
    journal::{Report, doctor},
    store::{Store, Stored},
};
use serde::{Deserialize, Serialize};

/// What the command line asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// A new person.
    AddUser {
        /// Their name.
        name: String,
        /// What they may do.
        role: Role,
        /// Their password.
        password: Option<String>,
        /// Their GitHub login.
        github: Option<String>,
    },
    /// Everybody.
    Users,
    /// A new password; every login of that person ends.
    SetPassword {
        /// Whose.
        name: String,
        /// The password.
        password: String,
        /// Their API tokens end, too.
        #[serde(default)]
        revoke: bool,
    },
    /// Another role; every login of that person ends.
    SetRole {
        /// Whose.
        name: String,
        /// What they may do from now on.
        role: Role,
    },
    /// Whether somebody may sign in.
    SetDisabled {
        /// The name of the user.
        name: String,
        /// They may not.
        disabled: bool,
    },
    /// Removes a person.
    RemoveUser {
        /// The name of the user.
        name: String,
    },
    /// A new API token.
    CreateToken {
        /// Whose.
        user: String,
        /// What it is.
        token: NewToken,
    },
    /// All API tokens.
    Tokens,
    /// Ends an API token.
    RevokeToken {
        /// The token.
        id: TokenId,
    },
    /// Checks journal and tables.
    Doctor,
}

/// What the desk answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", content = "with", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// That person.
    User(User),
    /// Everybody.
    Users(Vec<User>),
    /// The token's secret.
    Secret(String),
    /// All tokens with their owners' names.
    Tokens(Vec<NamedToken>),
    /// What was found.
    Doctor(Report),
}

/// A token and whose it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct NamedToken {
    /// The token.
    pub token: Token,
    /// Its owner's name.
    pub owner: String,
}

/// Answers the command line. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    accounts: AccountsService,
    store: Store,
}

impl Desk {
    /// A desk over an open store.
    pub fn new(accounts: AccountsService, store: Store) -> Self {
        Self { accounts, store }
    }

    /// Does what is asked, as the command line.
    pub async fn answer(&self, ask: Ask) -> Result<Answer> {
        let caller = Caller::cli();
        Ok(match ask {
            Ask::AddUser {
                name,
                role,
                password,
                github,
            } => Answer::User(
                self.accounts
                    .create_user(
                        &caller,
                        NewUser {
                            name,
                            role,
                            password,
                            github,
                        },
                    )
                    .await?,
            ),
            Ask::Users => Answer::Users(self.accounts.list_users(&caller).await?),
            Ask::SetPassword { name, password, revoke } => {
                self.accounts.set_password(&caller, &name, password, revoke).await?;
                Answer::Done
            }
            Ask::SetRole { name, role } => Answer::User(self.accounts.set_role(&caller, &name, role).await?),
            Ask::SetDisabled { name, disabled } => {
                Answer::User(self.accounts.set_disabled(&caller, &name, disabled).await?)
            }
            Ask::RemoveUser { name } => {
                self.accounts.remove_user(&caller, &name).await?;
                Answer::Done
            }
            Ask::CreateToken { user, token } => {
                Answer::Secret(self.accounts.create_token_for(&caller, &user, token).await?.secret)
            }
            Ask::Tokens => {
                let users = self.accounts.list_users(&caller).await?;
                let named = |token: Token| {
                    let owner = users
                        .iter()
                        .find(|user| user.id == token.user)
                        .map(|user| user.name.clone());
                    NamedToken {
                        owner: owner.unwrap_or_else(|| token.user.to_string()),
                        token,
                    }
                };
                Answer::Tokens(
                    self.accounts
                        .list_tokens(&caller)
                        .await?
                        .into_iter()
                        .map(named)
                        .collect(),
                )
            }
            Ask::RevokeToken { id } => {
                self.accounts.revoke_any_token(&caller, id).await?;
                Answer::Done
            }
            Ask::Doctor => Answer::Doctor(doctor(&self.store).await.stored()?),
        })
    }
}
