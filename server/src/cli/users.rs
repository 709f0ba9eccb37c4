//! `orchwiz user ...` and `orchwiz token ...`. They ask the node's desk and print its answers; `node::accounts` checks
//! names and passwords.

use crate::local::{Answer, Ask};
use crate::terminal::{Failure, Where, data, output};
use clap::{Subcommand, ValueEnum};
use model::{
    accounts::NewToken,
    caller::{Role, Scope},
    id::TokenId,
};
use std::{io::BufRead, process::ExitCode};

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Create a person who may sign in
    Add {
        /// 1 to 64 of letters, digits, `.`, `_`, `-`
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleWord,
        /// Read the password from the first line of standard input
        #[arg(long, required_unless_present = "github")]
        password_stdin: bool,
        /// The GitHub login they sign in with, where GitHub is configured
        #[arg(long, value_name = "LOGIN")]
        github: Option<String>,
        #[command(flatten)]
        place: Where,
    },
    /// List everybody
    List {
        /// Say it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Set a new password; every login and API token of that person ends
    Passwd {
        /// Whose
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Let their API tokens go on working
        #[arg(long)]
        keep_tokens: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Change what a person may do; their logins end, their API tokens go on with the new role
    Role {
        /// Whose
        name: String,
        /// What they may do
        #[arg(value_enum)]
        role: RoleWord,
        #[command(flatten)]
        place: Where,
    },
    /// Keep a person from signing in; their logins end, and their API tokens do not work until they are enabled
    Disable {
        /// Who
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Let a disabled person sign in again
    Enable {
        /// Who
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Remove a person for good: logins, API tokens and credentials; what they did stays, their private sessions are
    /// seen by nobody
    Remove {
        /// Who
        name: String,
        #[command(flatten)]
        place: Where,
    },
}

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Create an API token and print it, and nothing else
    Create {
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "command line")]
        name: String,
        /// What it may be used for
        #[arg(long, value_enum, default_value = "write")]
        scope: ScopeWord,
        /// When it stops working: a number of days (90, 90d), weeks (12w) or years (1y); never when absent
        #[arg(long, value_name = "D", value_parser = days)]
        expires: Option<u32>,
        #[command(flatten)]
        place: Where,
    },
    /// List all API tokens, without their secrets
    List {
        /// Say it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
    /// End an API token at once
    Revoke {
        /// `tok_...`, as `token list` shows it
        id: TokenId,
        #[command(flatten)]
        place: Where,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RoleWord {
    /// Sees what is shared, changes nothing
    Viewer,
    /// Runs agents and answers approvals
    Operator,
    /// Adds and trusts projects too
    Admin,
    /// Everything, users included
    Owner,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Operator => Self::Operator,
            RoleWord::Admin => Self::Admin,
            RoleWord::Owner => Self::Owner,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ScopeWord {
    /// Reads everything its owner may read
    Read,
    /// Reads and writes everything its owner may
    Write,
    /// Only /metrics
    Metrics,
}

impl From<ScopeWord> for Scope {
    fn from(word: ScopeWord) -> Self {
        match word {
            ScopeWord::Read => Self::Read,
            ScopeWord::Write => Self::Write,
            ScopeWord::Metrics => Self::Metrics,
        }
    }
}

/// `90`, `90d`, `12w`, `1y` as days.
fn days(text: &str) -> Result<u32, String> {
    let (number, factor) = match text.char_indices().next_back() {
        Some((end, 'd')) => (&text[..end], 1),
        Some((end, 'w')) => (&text[..end], 7),
        Some((end, 'y')) => (&text[..end], 365),
        _ => (text, 1),
    };
    let days = number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|days| (1..=3650).contains(days));
    days.ok_or_else(|| "1 to 3650 days, such as 90, 90d, 12w or 1y".to_owned())
}

/// The first line of standard input, without its end.
fn password() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("standard input: {error}")))?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        Err(Failure::usage("no password on standard input"))
    } else {
        Ok(password.to_owned())
    }
}

pub(super) async fn user(command: UserCommand) -> Result<ExitCode, Failure> {
    match command {
        UserCommand::Add {
            name,
            role,
            password_stdin,
            github,
            place,
        } => {
            let password = password_stdin.then(password).transpose()?;
            let answer = data::ask(
                &place,
                Ask::AddUser {
                    name,
                    role: role.into(),
                    password,
                    github,
                },
            )
            .await?;
            let Answer::User(user) = answer else {
                return Err(data::unexpected());
            };
            output::line(format!("{} {} {}", user.id, user.name, user.role.word()));
        }
        UserCommand::List { json, place } => {
            let Answer::Users(users) = data::ask(&place, Ask::Users).await? else {
                return Err(data::unexpected());
            };
            if json {
                return data::json(&users);
            }
            let rows: Vec<_> = users
                .into_iter()
                .map(|user| {
                    let access = if user.disabled { "disabled" } else { "yes" }.to_owned();
                    let github = user.github.unwrap_or_else(|| "-".into());
                    vec![
                        user.id.to_string(),
                        user.name,
                        user.role.word().to_owned(),
                        access,
                        github,
                        output::moment(user.created),
                    ]
                })
                .collect();
            output::table(&["ID", "NAME", "ROLE", "ACCESS", "GITHUB", "CREATED (UTC)"], &rows);
        }
        UserCommand::Passwd {
            name,
            password_stdin: _,
            keep_tokens,
            place,
        } => {
            let password = password()?;
            data::ask(
                &place,
                Ask::SetPassword {
                    name,
                    password,
                    revoke: !keep_tokens,
                },
            )
            .await?;
        }
        UserCommand::Role { name, role, place } => say(data::ask(
            &place,
            Ask::SetRole {
                name,
                role: role.into(),
            },
        )
        .await?)?,
        UserCommand::Disable { name, place } => {
            say(data::ask(&place, Ask::SetDisabled { name, disabled: true }).await?)?;
        }
        UserCommand::Enable { name, place } => {
            say(data::ask(&place, Ask::SetDisabled { name, disabled: false }).await?)?;
        }
        UserCommand::Remove { name, place } => {
            data::ask(&place, Ask::RemoveUser { name }).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a person's present data.
fn say(answer: Answer) -> Result<(), Failure> {
    let Answer::User(user) = answer else {
        return Err(data::unexpected());
    };
    output::line(format!(
        "{} {} {}{}",
        user.id,
        user.name,
        user.role.word(),
        if user.disabled { " disabled" } else { "" }
    ));
    Ok(())
}

pub(super) async fn token(command: TokenCommand) -> Result<ExitCode, Failure> {
    match command {
        TokenCommand::Create {
            user,
            name,
            scope,
            expires,
            place,
        } => {
            let token = NewToken {
                name,
                scope: scope.into(),
                days: expires,
            };
            let Answer::Secret(secret) = data::ask(&place, Ask::CreateToken { user, token }).await? else {
                return Err(data::unexpected());
            };
            output::line(secret);
        }
        TokenCommand::List { json, place } => {
            let Answer::Tokens(tokens) = data::ask(&place, Ask::Tokens).await? else {
                return Err(data::unexpected());
            };
            if json {
                return data::json(&tokens);
            }
            let when = |at: Option<i64>, none: &str| at.map_or_else(|| none.to_owned(), output::moment);
            let rows: Vec<_> = tokens
                .into_iter()
                .map(|named| {
                    let token = named.token;
                    vec![
                        token.id.to_string(),
                        named.owner,
                        token.scope.word().to_owned(),
                        when(token.expires, "never"),
                        when(token.used, "never"),
                        token.name,
                    ]
                })
                .collect();
            output::table(&["ID", "USER", "SCOPE", "EXPIRES (UTC)", "USED (UTC)", "NAME"], &rows);
        }
        TokenCommand::Revoke { id, place } => {
            data::ask(&place, Ask::RevokeToken { id }).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_days_weeks_or_years() {
        assert_eq!(
            (days("90"), days("90d"), days("2w"), days("1y")),
            (Ok(90), Ok(90), Ok(14), Ok(365))
        );
        for bad in ["", "d", "0", "-1", "11y", "3h", "99999999w"] {
            assert!(days(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
