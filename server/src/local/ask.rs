//! Requests of the command line, and the desk that answers them, whether a node runs or the command line holds the data
//! itself. It must not print or parse flags.

use model::{
    Caller, Result,
    accounts::{NewToken, Token, User},
    caller::Role,
    fleet::{Invite, Link, NewInvite, NewLink},
    id::{LinkId, TokenId},
    ports::Fleet,
};
use node::{
    accounts::{AccountsService, NewUser},
    journal::{Report, doctor},
    store::{Store, Stored},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A request of the command line.
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
    /// Lists everybody.
    Users,
    /// Sets a password; every login of that person ends.
    SetPassword {
        /// Whose.
        name: String,
        /// The password.
        password: String,
        /// Whether to revoke their API tokens too.
        #[serde(default)]
        revoke: bool,
    },
    /// Sets a role; every login of that person ends.
    SetRole {
        /// Whose.
        name: String,
        /// The new role.
        role: Role,
    },
    /// Disables or enables a person.
    SetDisabled {
        /// The name of the user.
        name: String,
        /// Whether they may no longer sign in.
        disabled: bool,
    },
    /// Removes a person.
    RemoveUser {
        /// The name of the user.
        name: String,
    },
    /// Creates an API token.
    CreateToken {
        /// Whose.
        user: String,
        /// Its name, scope and lifetime.
        token: NewToken,
    },
    /// Lists all API tokens.
    Tokens,
    /// Ends an API token.
    RevokeToken {
        /// The token.
        id: TokenId,
    },
    /// Checks the journal and the tables.
    Doctor,
    /// Makes an invite for another node.
    Invite {
        /// What it is made with.
        new: NewInvite,
    },
    /// Joins the node of an invite.
    Join {
        /// The invite, and what is sent.
        new: NewLink,
    },
    /// Lists the links.
    Links,
    /// Confirms, pauses or resumes a link.
    Link {
        /// Which.
        id: LinkId,
        /// What.
        act: LinkAct,
    },
    /// Ends a link.
    Revoke {
        /// Which.
        id: LinkId,
        /// Whether what the peer sent is removed.
        forget: bool,
    },
}

/// What can be done to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkAct {
    /// Confirms it, on the inviting side.
    Confirm,
    /// Pauses it.
    Pause,
    /// Resumes it.
    Resume,
}

/// An answer of the desk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", content = "with", rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done,
    /// The person.
    User(User),
    /// Everybody.
    Users(Vec<User>),
    /// The token's secret.
    Secret(String),
    /// All tokens with their owners' names.
    Tokens(Vec<NamedToken>),
    /// The report.
    Doctor(Report),
    /// The invite.
    Invite(Invite),
    /// A link.
    Link(Box<Link>),
    /// All links.
    Links(Vec<Link>),
}

/// A token with its owner's name.
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
    fleet: Arc<dyn Fleet>,
}

impl Desk {
    /// A desk over an open store.
    pub fn new(accounts: AccountsService, store: Store, fleet: Arc<dyn Fleet>) -> Self {
        Self { accounts, store, fleet }
    }

    /// Answers a request, as the caller `cli`.
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
            Ask::Invite { new } => Answer::Invite(self.fleet.invite(&caller, new).await?),
            Ask::Join { new } => Answer::Link(Box::new(self.fleet.join(&caller, new).await?)),
            Ask::Links => Answer::Links(self.fleet.links(&caller).await?),
            Ask::Link { id, act } => Answer::Link(Box::new(match act {
                LinkAct::Confirm => self.fleet.confirm(&caller, id).await?,
                LinkAct::Pause => self.fleet.pause(&caller, id).await?,
                LinkAct::Resume => self.fleet.resume(&caller, id).await?,
            })),
            Ask::Revoke { id, forget } => {
                self.fleet.revoke(&caller, id, forget).await?;
                Answer::Done
            }
            Ask::Doctor => Answer::Doctor(doctor(&self.store).await.stored()?),
        })
    }
}
