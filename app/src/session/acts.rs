//! What can be done to a session, said once: the menu of its row, of its page and the palette offer the same acts, in
//! the same words and order, and perform them by the same function. It must not know where it is shown.

use super::{
    Offer,
    api::{Drive, delete_session, drive_agent, send_again, update_session},
    offer,
};
use crate::{error::AppError, ui::Icon, view};
use leptos::prelude::*;
use model::{
    id::SessionId,
    sessions::{AgentKind, Mode, Prompt, Session, SessionPatch},
};

/// An action on a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAct {
    /// Interrupts the turn.
    Interrupt,
    /// Sends the last prompt again.
    SendAgain,
    /// Starts its agent again.
    Resume,
    /// Edits the title.
    Rename,
    /// Ends its agent.
    Stop,
    /// Starts another session on the same conversation.
    Fork,
    /// Archives or unarchives it.
    Archive(bool),
    /// Deletes it; can be undone.
    Delete,
    /// Changes how much its agent may do unasked.
    Mode(Mode),
    /// Change the model; `None` is the agent's default.
    Model(Option<String>),
}

/// The models offered by name.
pub const MODELS: [&str; 3] = ["opus", "sonnet", "haiku"];

impl SessionAct {
    /// Its name.
    pub fn word(&self) -> String {
        match self {
            Self::Interrupt => "Interrupt".into(),
            Self::SendAgain => "Send again".into(),
            Self::Resume => "Resume".into(),
            Self::Rename => "Rename".into(),
            Self::Stop => "Stop the agent".into(),
            Self::Fork => "Fork".into(),
            Self::Archive(true) => "Archive".into(),
            Self::Archive(false) => "Take out of the archive".into(),
            Self::Delete => "Delete".into(),
            Self::Mode(mode) => format!("Mode: {}", mode_word(*mode)),
            Self::Model(Some(model)) => format!("Model: {model}"),
            Self::Model(None) => "Model: the agent's default".into(),
        }
    }

    /// Its icon.
    pub const fn icon(&self) -> &'static str {
        match self {
            Self::Interrupt | Self::Stop => "square",
            Self::SendAgain | Self::Resume => "play",
            Self::Rename => "pencil",
            Self::Fork => "git-pull-request",
            Self::Archive(_) => "inbox",
            Self::Delete => "trash-2",
            Self::Mode(_) => "shield-check",
            Self::Model(_) => "bot",
        }
    }

    /// What a session is once it was done: `“Fix it” was not ...`.
    pub const fn participle(&self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::SendAgain => "sent again",
            Self::Resume => "resumed",
            Self::Rename => "renamed",
            Self::Stop => "stopped",
            Self::Fork => "forked",
            Self::Archive(archived) => archive_word(*archived),
            Self::Delete => "deleted",
            Self::Mode(_) | Self::Model(_) => "changed",
        }
    }
}

/// What came of an act.
#[derive(Clone, Debug)]
pub enum Done {
    /// The session as it is now.
    Changed(Box<Session>),
    /// Another session continues its conversation.
    Forked(SessionId),
    /// The agent was given this.
    Sent(Prompt),
    /// It is gone, until somebody restores it.
    Deleted,
    /// Nothing yet: a person has to say more.
    Asked,
}

/// Performs an act by its server function.
pub async fn perform(id: SessionId, act: SessionAct) -> Result<Done, AppError> {
    let what = match act {
        SessionAct::Interrupt => Drive::Interrupt,
        SessionAct::Resume => Drive::Resume,
        SessionAct::Stop => Drive::Stop,
        SessionAct::Fork => return Ok(Done::Forked(drive_agent(id, Drive::Fork).await?.id)),
        SessionAct::Mode(mode) => Drive::Mode(mode),
        SessionAct::Model(model) => Drive::Model(model),
        SessionAct::SendAgain => return Ok(Done::Sent(send_again(id).await?)),
        SessionAct::Archive(archived) => return Ok(Done::Changed(Box::new(set_archived(id, archived).await?))),
        SessionAct::Delete => return delete_session(id).await.map(|()| Done::Deleted),
        SessionAct::Rename => return Ok(Done::Asked),
    };
    Ok(Done::Changed(Box::new(drive_agent(id, what).await?)))
}

/// Puts a session into the archive or takes it out.
pub(crate) async fn set_archived(id: SessionId, archived: bool) -> Result<Session, AppError> {
    let patch = SessionPatch {
        archived: Some(archived),
        ..SessionPatch::default()
    };
    update_session(id, patch).await
}

/// What was done to the archive, in a word.
pub(crate) const fn archive_word(archived: bool) -> &'static str {
    if archived {
        "archived"
    } else {
        "taken out of the archive"
    }
}

/// The name of a mode on buttons.
pub const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "Plan",
        Mode::Ask => "Ask",
        Mode::AutoAccept => "Auto-accept",
    }
}

/// The actions on the agent and its turn that can succeed now.
pub fn agent_acts(session: &Session) -> Vec<SessionAct> {
    let mut acts = match offer(session) {
        Offer::Interrupt => vec![SessionAct::Interrupt],
        Offer::SendAgain => vec![SessionAct::SendAgain],
        Offer::Resume => vec![SessionAct::Resume],
        Offer::Nothing => Vec::new(),
    };
    if session.standing().can_be_stopped() {
        acts.push(SessionAct::Stop);
    }
    acts.push(SessionAct::Fork);
    acts
}

/// The actions on the session itself.
pub fn own_acts(session: &Session) -> Vec<SessionAct> {
    vec![
        SessionAct::Rename,
        SessionAct::Archive(session.archived.is_none()),
        SessionAct::Delete,
    ]
}

/// The other modes and models.
pub fn settings_acts(session: &Session) -> Vec<SessionAct> {
    let mut acts: Vec<_> = [Mode::Plan, Mode::Ask, Mode::AutoAccept]
        .into_iter()
        .filter(|mode| *mode != session.mode)
        .map(SessionAct::Mode)
        .collect();
    if session.agent != AgentKind::Demo {
        acts.push(SessionAct::Model(None));
        acts.extend(MODELS.map(|model| SessionAct::Model(Some(model.into()))));
    }
    acts
}

/// The menu of a session: actions on its agent, then on itself.
#[component]
pub(crate) fn SessionActs(
    /// The session.
    #[prop(into)]
    session: Signal<Session>,
    /// Runs an action.
    act: Callback<SessionAct>,
) -> impl IntoView {
    let acts = Memo::new(move |_| session.with(|session| (agent_acts(session), own_acts(session))));
    let item = move |one: SessionAct| {
        let (word, icon, bad) = (one.word(), one.icon(), one == SessionAct::Delete);
        view! { <button type="button" class=bad.then_some("bad") on:click=move |_| act.run(one.clone())><Icon name=icon /> {word}</button> }
    };
    move || {
        let (agent, own) = acts.get();
        view! {
            {agent.into_iter().map(item).collect_view()}
            <hr />
            {own.into_iter().map(item).collect_view()}
        }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::testing::session;
    use model::sessions::SessionState;

    fn of(state: SessionState) -> Vec<SessionAct> {
        agent_acts(&session(1, |s| s.state = state))
    }

    #[test]
    fn only_what_can_be_done_is_offered() {
        assert_eq!(
            of(SessionState::Working),
            [SessionAct::Interrupt, SessionAct::Stop, SessionAct::Fork]
        );
        assert_eq!(of(SessionState::Failed), [SessionAct::SendAgain, SessionAct::Fork]);
        assert_eq!(of(SessionState::Done), [SessionAct::Resume, SessionAct::Fork]);
        assert!(own_acts(&session(1, |s| s.archived = Some(1))).contains(&SessionAct::Archive(false)));
    }

    #[test]
    fn the_mode_it_has_is_not_offered_and_a_script_has_no_model() {
        let acts = settings_acts(&session(1, |s| s.mode = Mode::Ask));
        assert!(
            !acts.contains(&SessionAct::Mode(Mode::Ask))
                && acts.contains(&SessionAct::Mode(Mode::Plan))
                && acts.contains(&SessionAct::Model(Some("opus".into())))
        );
        let demo = settings_acts(&session(1, |s| s.agent = AgentKind::Demo));
        assert!(demo.iter().all(|act| matches!(act, SessionAct::Mode(_))));
    }
}
