//! `orchwiz peer ...`: pairing with other nodes. It asks the node's desk and prints its answers; `node::fleet` holds the
//! rules.

use crate::local::{Answer, Ask, LinkAct};
use crate::terminal::{Failure, Where, data, output};
use clap::{Args, Subcommand};
use model::{
    fleet::{self, Detail, Link, NewInvite, NewLink, SentProjects},
    id::{LinkId, ProjectId},
};
use std::process::ExitCode;

#[derive(Subcommand)]
pub(super) enum PeerCommand {
    /// Make an invite for another node and print it, and nothing else on standard output; it works once, for ten minutes
    Invite {
        /// Confirm by itself whoever uses it; for scripts
        #[arg(long)]
        auto: bool,
        #[command(flatten)]
        send: SendArgs,
        #[command(flatten)]
        place: Where,
    },
    /// Join the node that made an invite
    Join {
        /// `ow1_...`
        invite: String,
        /// Join also where what is sent could be read on the way
        #[arg(long)]
        unencrypted: bool,
        #[command(flatten)]
        send: SendArgs,
        #[command(flatten)]
        place: Where,
    },
    /// Confirm a link, on the side that made the invite, after comparing the fingerprints
    Confirm {
        /// `lnk_...`, as `peer list` shows it
        id: LinkId,
        #[command(flatten)]
        place: Where,
    },
    /// List the links, ended ones too
    List {
        /// Say it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Let nothing flow on a link until it is resumed
    Pause {
        /// `lnk_...`
        id: LinkId,
        #[command(flatten)]
        place: Where,
    },
    /// Let a paused link go on
    Resume {
        /// `lnk_...`
        id: LinkId,
        #[command(flatten)]
        place: Where,
    },
    /// End a link for good, on both sides
    Revoke {
        /// `lnk_...`
        id: LinkId,
        /// Remove what the other node sent, too
        #[arg(long)]
        forget: bool,
        #[command(flatten)]
        place: Where,
    },
}

#[derive(Args)]
pub(super) struct SendArgs {
    /// Which projects this node sends: all, none, or ids separated by commas
    #[arg(long, value_name = "WHICH", default_value = "all", value_parser = projects)]
    send: SentProjects,
    /// Send private sessions too
    #[arg(long)]
    private: bool,
    /// Also pass on what this node holds of others
    #[arg(long)]
    relay: bool,
}

impl From<SendArgs> for fleet::Send {
    fn from(args: SendArgs) -> Self {
        Self {
            projects: args.send,
            detail: Detail::Full,
            private: args.private,
            relay: args.relay,
        }
    }
}

fn projects(text: &str) -> Result<SentProjects, String> {
    match text {
        "all" => Ok(SentProjects::All),
        "none" => Ok(SentProjects::None),
        ids => ids
            .split(',')
            .map(|id| id.trim().parse::<ProjectId>().map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()
            .map(SentProjects::Some)
            .map_err(|error| format!("all, none, or ids of projects separated by commas: {error}")),
    }
}

pub(super) async fn peer(command: PeerCommand) -> Result<ExitCode, Failure> {
    match command {
        PeerCommand::Invite { auto, send, place } => {
            let new = NewInvite {
                auto,
                send: send.into(),
            };
            let Answer::Invite(invite) = data::ask(&place, Ask::Invite { new }).await? else {
                return Err(data::unexpected());
            };
            output::line(invite.invite);
            output::note(format!(
                "It works once, until {} UTC. This node's fingerprint, which the other side shows: {}",
                output::moment(invite.expires),
                invite.fingerprint
            ));
        }
        PeerCommand::Join {
            invite,
            unencrypted,
            send,
            place,
        } => {
            let new = NewLink {
                invite,
                send: send.into(),
                unencrypted,
            };
            say(data::ask(&place, Ask::Join { new }).await?)?;
        }
        PeerCommand::Confirm { id, place } => act(&place, id, LinkAct::Confirm).await?,
        PeerCommand::Pause { id, place } => act(&place, id, LinkAct::Pause).await?,
        PeerCommand::Resume { id, place } => act(&place, id, LinkAct::Resume).await?,
        PeerCommand::List { json, place } => {
            let Answer::Links(links) = data::ask(&place, Ask::Links).await? else {
                return Err(data::unexpected());
            };
            if json {
                return data::json(&links);
            }
            let rows: Vec<_> = links.into_iter().map(row).collect();
            output::table(&["ID", "PEER", "KIND", "STATE", "FINGERPRINT", "WHY"], &rows);
        }
        PeerCommand::Revoke { id, forget, place } => {
            data::ask(&place, Ask::Revoke { id, forget }).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(link: Link) -> Vec<String> {
    vec![
        link.id.to_string(),
        link.peer.name,
        link.peer.kind.word().to_owned(),
        link.state.word().to_owned(),
        link.peer.fingerprint,
        link.state_detail.unwrap_or_else(|| "-".into()),
    ]
}

async fn act(place: &Where, id: LinkId, act: LinkAct) -> Result<(), Failure> {
    say(data::ask(place, Ask::Link { id, act }).await?)
}

/// Prints how a link stands.
fn say(answer: Answer) -> Result<(), Failure> {
    let Answer::Link(link) = answer else {
        return Err(data::unexpected());
    };
    let encrypted = if link.encrypted { "" } else { " (not encrypted)" };
    output::line(format!(
        "{} {} {}{encrypted}",
        link.id,
        link.peer.name,
        link.state.word()
    ));
    output::note(format!("Fingerprint of {}: {}", link.peer.name, link.peer.fingerprint));
    if let Some(detail) = link.state_detail {
        output::note(detail);
    }
    Ok(())
}
