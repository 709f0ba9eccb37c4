//! What the agent's process is, can do and costs.

use super::Hears;
use crate::{
    agents::{AgentEvent, Session, Wish},
    sessions::scribe::{NewEntry, Scribe},
};
use model::{
    Result,
    entries::EntryKind,
    event::{SessionChanged, UsageRecorded},
    id::RunId,
    sessions::{Mode, SessionState},
};

const DAY_MS: i64 = 86_400_000;

pub(super) async fn hear(scribe: &mut Scribe<'_>, hears: &mut Hears, said: Session) -> Result<()> {
    let run = hears.run;
    match said {
        Session::Ready { version, model, mode } => ready(scribe, hears, version, model, mode),
        Session::Mode(mode)
        | Session::Control {
            wish: Wish::Mode(mode),
            ok: true,
            ..
        } => mode_is(scribe, hears, mode).await?,
        Session::Control {
            wish: Wish::Initialize,
            ok,
            error,
        } => initialized(scribe, run, ok, error).await?,
        // Answers to other wishes show in the events that follow them.
        Session::Control { .. } => {}
        Session::Usage {
            model,
            tokens,
            cost_micros,
        } => {
            let Ok(project) = scribe.row.project.parse() else {
                return Ok(());
            };
            let session = scribe.id;
            let day = scribe.tx.now().div_euclid(DAY_MS);
            scribe.push(
                run,
                UsageRecorded {
                    session,
                    run,
                    project,
                    model,
                    day,
                    tokens,
                    cost_micros,
                },
            );
        }
        Session::Context { used, size } => {
            let news = SessionChanged {
                context_used: (scribe.row.context_used != Some(used)).then_some(used),
                context_size: size.filter(|size| scribe.row.context_size != Some(*size)),
                ..SessionChanged::default()
            };
            scribe.changed(news);
        }
        Session::Resumable => {
            if !scribe.row.resumable {
                scribe.changed(SessionChanged {
                    resumable: Some(true),
                    ..SessionChanged::default()
                });
            }
        }
        Session::NothingToResume => {
            // The process ends by itself. Its end queues the session again, which starts it anew.
            scribe.changed(SessionChanged {
                resumable: Some(false),
                ..SessionChanged::default()
            });
        }
        Session::Reply { line } => scribe.input(run, vec![line]).await?,
    }
    Ok(())
}

/// The same without the agent's words.
pub(super) fn bare(said: Session, why: &str) -> Option<AgentEvent> {
    let bare = match said {
        Session::Ready { .. } | Session::Usage { .. } => return None,
        Session::Control { wish, ok, error } => Session::Control {
            wish,
            ok,
            error: error.map(|_| why.into()),
        },
        other @ (Session::Context { .. }
        | Session::Mode(_)
        | Session::Reply { .. }
        | Session::Resumable
        | Session::NothingToResume) => other,
    };
    Some(AgentEvent::Session(bare))
}

fn ready(
    scribe: &mut Scribe<'_>,
    hears: &mut Hears,
    version: Option<String>,
    model: Option<String>,
    mode: Option<Mode>,
) {
    let news = SessionChanged {
        agent_version: version.filter(|version| hears.version.as_ref() != Some(version)),
        model: model.filter(|model| hears.model.as_ref() != Some(model)),
        mode: mode.filter(|mode| hears.mode != *mode),
        ..SessionChanged::default()
    };
    hears.version = news.agent_version.clone().or(hears.version.take());
    hears.model = news.model.clone().or(hears.model.take());
    hears.mode = news.mode.unwrap_or(hears.mode);
    scribe.changed(news);
}

async fn mode_is(scribe: &mut Scribe<'_>, hears: &mut Hears, mode: Mode) -> Result<()> {
    if hears.mode != mode {
        hears.mode = mode;
        scribe.changed(SessionChanged {
            mode: Some(mode),
            ..SessionChanged::default()
        });
        scribe
            .entry(EntryKind::Status, NewEntry::text(format!("Mode: {}", mode.word())))
            .await?;
    }
    Ok(())
}

async fn initialized(scribe: &mut Scribe<'_>, run: RunId, ok: bool, error: Option<String>) -> Result<()> {
    if !ok {
        let why = error.unwrap_or_else(|| "the agent refused to start".into());
        scribe.entry(EntryKind::Error, NewEntry::text(why.clone())).await?;
        scribe.led_to(SessionState::Failed, Some(why));
        return Ok(());
    }
    if scribe.state() != SessionState::Starting {
        return Ok(());
    }
    if !scribe.row.resumable && scribe.turn() > 0 && scribe.resend_unread_prompt(run).await? {
        return Ok(());
    }
    if !scribe.send_next_prompt(run).await? {
        scribe.led_to(SessionState::Idle, None);
    }
    Ok(())
}
