//! Questions: what a session waits for, whether its agent is free meanwhile, and how the session goes on after the last
//! answer. People decide, never this file.

use super::scribe::{MOVED, Scribe, moved_to};
use crate::{
    entity::{approval, event},
    journal::Stored,
};
use model::{
    Result,
    approvals::{ApprovalKind, ApprovalState},
    event::{ApprovalAsked, Fact, SessionMoved},
    sessions::SessionState,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// The most moves of a session that are searched for its state before its questions.
const LOOK_BACK: u64 = 100;

impl Scribe<'_> {
    /// Whether it waits between turns, for a question of a subagent in the background.
    pub(crate) fn rests_behind_questions(&self) -> bool {
        self.state == SessionState::Waiting && self.rests()
    }

    /// [`model::standing::Standing::rests`], as of the events written so far.
    pub(crate) fn rests(&self) -> bool {
        self.standing().rests()
    }

    /// Moves it to waiting; with `background` between turns, where only a subagent in the background asks.
    pub(crate) fn waits_for(&mut self, what: String, background: bool) {
        let detail = if background {
            format!("In the background: {what}")
        } else {
            what
        };
        self.led_to_as(SessionState::Waiting, Some(detail), background);
    }

    /// The state and cause in which it rested before it waited for questions in the background.
    pub(crate) async fn rested_as(&self) -> Result<(SessionState, Option<String>)> {
        let rows = event::Entity::find()
            .filter(event::Column::Subject.eq(self.id.to_string()))
            .filter(event::Column::Origin.eq(self.tx.origin()))
            .filter(event::Column::Kind.eq(MOVED))
            .order_by_desc(event::Column::Pos)
            .limit(LOOK_BACK)
            .all(self.tx.db())
            .await
            .stored()?;
        let stored = rows.iter().filter_map(moved_to);
        let fresh = self.events.iter().rev().filter_map(|event| match &event.fact {
            Fact::SessionMoved(moved) => Some(moved.clone()),
            _ => None,
        });
        let before = fresh.chain(stored).find(|moved| moved.state != SessionState::Waiting);
        Ok(match before {
            Some(SessionMoved {
                state: state @ (SessionState::Interrupted | SessionState::Failed),
                detail,
                ..
            }) => (state, detail),
            _ => (SessionState::Idle, None),
        })
    }

    /// Whether the events written so far settle this approval.
    pub(crate) fn settles(&self, approval: &str) -> bool {
        self.events.iter().any(|event| {
            event.subject == approval && matches!(event.fact, Fact::ApprovalDecided(_) | Fact::ApprovalWithdrawn(_))
        })
    }

    /// Approvals that this commit asks and does not settle; the table does not have them yet.
    pub(crate) fn fresh_asks(&self) -> impl Iterator<Item = &ApprovalAsked> {
        let asked = self.events.iter().filter_map(|event| match &event.fact {
            Fact::ApprovalAsked(asked) => Some(asked),
            _ => None,
        });
        asked.filter(|asked| !self.settles(&asked.id.to_string()))
    }

    /// The pending approvals as of the events written so far, oldest first: the id, and its text in the session's
    /// state.
    pub(crate) async fn pending(&self) -> Result<Vec<(String, String)>> {
        let rows = self
            .tx
            .own::<approval::Entity>()
            .filter(approval::Column::Session.eq(self.id.to_string()))
            .filter(approval::Column::State.eq(ApprovalState::Pending.word()))
            .order_by_asc(approval::Column::Id)
            .all(self.tx.db())
            .await
            .stored()?;
        let stored = rows.into_iter().filter(|row| !self.settles(&row.id)).map(|row| {
            (
                row.id,
                ApprovalKind::parse(&row.kind),
                row.label.unwrap_or(row.tool),
                row.target,
            )
        });
        let fresh = self.fresh_asks().map(|asked| {
            (
                asked.id.to_string(),
                Some(asked.kind),
                asked.shape.name(&asked.tool).to_owned(),
                asked.target.clone(),
            )
        });
        Ok(stored
            .chain(fresh)
            .map(|(id, kind, tool, target)| (id, asks_for(kind.unwrap_or(ApprovalKind::Tool), &tool, &target)))
            .collect())
    }

    /// Marks a turn under way: it is at work, or waits for a question that is already asked.
    pub(crate) async fn turn_begins(&mut self) -> Result<()> {
        match self.pending().await?.into_iter().next() {
            Some((_, what)) => self.waits_for(what, false),
            None => self.led_to(SessionState::Working, None),
        }
        Ok(())
    }
}

/// Moves the session on after this commit settled one of its approvals: it waits for the next, or goes on as without
/// questions.
pub(crate) async fn after_decision(scribe: &mut Scribe<'_>) -> Result<()> {
    if scribe.state() != SessionState::Waiting {
        return Ok(());
    }
    let between = scribe.rests_behind_questions();
    match scribe.pending().await?.into_iter().next() {
        Some((_, what)) => scribe.waits_for(what, between),
        None if between => {
            let (state, detail) = scribe.rested_as().await?;
            scribe.led_to(state, detail);
        }
        None => scribe.led_to(SessionState::Working, None),
    }
    Ok(())
}

/// What a session waits for, as its state says it. The text begins with the node's own words or a tool's name, whatever
/// the agent asks.
pub(crate) fn asks_for(kind: ApprovalKind, tool: &str, target: &str) -> String {
    match kind {
        ApprovalKind::Tool => format!("{tool}: {target}"),
        ApprovalKind::Plan => "Plan to approve".into(),
        ApprovalKind::Question => format!("Question: {target}"),
    }
}
