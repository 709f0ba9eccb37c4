//! Approvals: what agents ask of people, each decided exactly once. One commit stores the decision and the line that
//! tells the agent. Nothing here judges whether a tool is harmless.

mod expiry;

pub(crate) use expiry::deny_expired;

use crate::{
    agents::{self, Answer, driver},
    entity::{approval, project, session},
    folder::Seals,
    journal::{Stored, Tx, blob},
    rows::{Rows, may_last, offered},
    sessions::{Engine, after_decision, by_node, may, scribe::Scribe},
};
use async_trait::async_trait;
use model::{
    Action, Caller, Error, Page, PageQuery, Result, Via,
    approvals::{
        Approval, ApprovalFilter, ApprovalInput, ApprovalKind, ApprovalState, Decide, Decided, RememberScope,
        Suggestion, Verdict,
    },
    caller::{Resource, require},
    event::{ApprovalDecided, Fact, ProjectTrusted, SessionChanged},
    id::{ApprovalId, ProjectId},
    ports,
    sessions::{AgentKind, Mode},
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use std::sync::Arc;

/// The longest reason or comment, in bytes.
const REASON_MAX: usize = 10_000;

/// [`ports::Approvals`] on a journal and an engine.
#[derive(Clone)]
pub struct ApprovalsService {
    engine: Arc<Engine>,
    rows: Rows,
}

impl ApprovalsService {
    pub(crate) fn new(engine: Arc<Engine>, rows: Rows) -> Self {
        Self { engine, rows }
    }
}

/// Decides an approval and notifies the agent's runner.
pub(crate) async fn decide(engine: &Arc<Engine>, caller: &Caller, id: ApprovalId, decide: Decide) -> Result<()> {
    checked(&decide)?;
    let who = caller.clone();
    // A question never changes, so it is read before the commit, which awaits nothing but its transaction.
    let row = approval::Entity::find_by_id(engine.store.key(id))
        .one(engine.store.read())
        .await
        .stored()?;
    let row = row.ok_or_else(|| Error::NotFound("approval".into()))?;
    let asked = asked(engine, &row).await?;
    let (trusted, follows) = match decide.remember {
        Some(scope) => remembering(engine, &row, scope).await?,
        None => (false, None),
    };
    let (told, session) = (
        engine.clone(),
        row.session.parse().map_err(|_| Error::NotFound("approval".into()))?,
    );
    let tell = move |_: &Result<()>| told.look(session);
    engine
        .journal
        .commit_then(
            caller,
            move |tx| Box::pin(decide_in(tx, who, id, decide, asked, trusted, follows)),
            tell,
        )
        .await
}

/// The trust of a project that continues although its agent is about to write into its settings.
struct Follows {
    project: ProjectId,
    /// The trust before.
    before: Seals,
    /// The trust from now on.
    after: Seals,
}

/// Whether the project is trusted, and its trust after an "always" at this scope.
async fn remembering(engine: &Engine, row: &approval::Model, scope: RememberScope) -> Result<(bool, Option<Follows>)> {
    let project = match row.project.clone() {
        Some(id) => project::Entity::find_by_id(engine.store.key(id))
            .one(engine.store.read())
            .await
            .stored()?,
        None => None,
    };
    let Some(project) = project.filter(|project| project.trusted_hash.is_some()) else {
        return Ok((false, None));
    };
    let session = session::Entity::find_by_id(engine.store.key(&row.session))
        .one(engine.store.read())
        .await
        .stored()?;
    let agent = session.and_then(|session| AgentKind::parse(&session.agent));
    let suggestions: Vec<Suggestion> = serde_json::from_str(&row.suggestions).unwrap_or_default();
    let grant = agent.and_then(|agent| agents::grant(agent, &suggestions, scope));
    let (trusted, after) = engine.folders.grant(&project, grant).await?;
    let follows = Seals::of(&project).zip(after).and_then(|(before, after)| {
        Some(Follows {
            project: project.id.parse().ok()?,
            before,
            after,
        })
    });
    Ok((trusted, follows))
}

async fn decide_in<'t>(
    tx: &'t Tx<'t>,
    who: Caller,
    id: ApprovalId,
    decide: Decide,
    asked: Option<Asked>,
    trusted: bool,
    follows: Option<Follows>,
) -> Result<crate::journal::Outcome<()>> {
    let row = approval::Entity::find_by_id(tx.key(id)).one(tx.db()).await.stored()?;
    let row = row.ok_or_else(|| Error::NotFound("approval".into()))?;
    let session = row.session.parse().map_err(|_| Error::NotFound("approval".into()))?;
    let mut scribe = Scribe::load(tx, session).await?;
    may(&who, &scribe.row, Action::DecideApproval).map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound("approval".into()),
        other => other,
    })?;
    match ApprovalState::parse(&row.state) {
        Some(ApprovalState::Pending) => {}
        Some(ApprovalState::Withdrawn) => {
            return Err(Error::Conflict("the agent no longer waits for an answer".into()));
        }
        _ => {
            let before = row
                .decided
                .as_deref()
                .and_then(|json| serde_json::from_str::<Decided>(json).ok());
            return Err(before.map_or_else(
                || Error::Conflict("it was decided before".into()),
                |before| Error::AlreadyDecided(Box::new(before)),
            ));
        }
    }
    let kind = ApprovalKind::parse(&row.kind).unwrap_or(ApprovalKind::Tool);
    let suggestions: Vec<Suggestion> = serde_json::from_str(&row.suggestions).unwrap_or_default();
    let asked = asked.ok_or_else(|| Error::Conflict("what was asked is no longer stored".into()))?;
    if decide.remember.is_some_and(|scope| scope != RememberScope::Session) && !may_last(&who) {
        return Err(Error::Forbidden(
            "what is remembered beyond this session holds for everybody's sessions: that needs the role admin".into(),
        ));
    }
    let agent = scribe.agent()?;
    let answer = answer(
        &decide,
        agent,
        kind,
        &suggestions,
        offered(agent, &who, &suggestions, trusted),
        asked,
    )?;
    let decided = match who.via {
        Via::Node => Decided {
            reason: decide.reason.clone(),
            ..by_node(tx.now(), "")
        },
        _ => Decided {
            decision: decide.decision,
            at: tx.now(),
            by: who.user,
            by_name: Some(who.name.clone()),
            via: via_word(&who.via).into(),
            from: who.from.clone(),
            reason: decide.reason.clone(),
            remember: decide.remember,
        },
    };
    let mode = plan_mode(&decide, kind);
    scribe.push(
        id,
        ApprovalDecided {
            session,
            decided,
            answers: decide.answers,
            mode,
        },
    );
    if let Some(mode) = mode {
        scribe.changed(SessionChanged {
            mode: (scribe.row.mode != mode.word()).then_some(mode),
            ..SessionChanged::default()
        });
    }
    if let Some(Follows { project, before, after }) = follows
        && Seals::of(&scribe.project().await?).as_ref() == Some(&before)
    {
        scribe.push(
            project,
            ProjectTrusted {
                hash: Some(after.now),
                also: after.also,
            },
        );
    }
    let run = row
        .run
        .parse()
        .map_err(|_| Error::Conflict("its agent is gone".into()))?;
    let lines = driver(agent).answer(&row.request, &answer);
    scribe.input(run, lines).await?;
    after_decision(&mut scribe).await?;
    Ok(scribe.finish(()))
}

fn via_word(via: &Via) -> &'static str {
    match via {
        Via::Cookie { .. } => "browser",
        Via::Token { .. } => "token",
        Via::Cli => "cli",
        Via::Node => "node",
    }
}

fn checked(decide: &Decide) -> Result<()> {
    let too_long = decide.reason.as_ref().is_some_and(|reason| reason.len() > REASON_MAX);
    if too_long {
        return Err(Error::invalid(
            "reason",
            format!("a reason may have at most {REASON_MAX} bytes"),
        ));
    }
    if decide.remember.is_some() && decide.decision == Verdict::Deny {
        return Err(Error::invalid("remember", "only an allow can be remembered"));
    }
    let answers = decide
        .answers
        .iter()
        .flatten()
        .map(|(question, answer)| question.len() + answer.len())
        .sum::<usize>();
    if answers > 10 * REASON_MAX {
        return Err(Error::invalid("answers", "the answers are too long"));
    }
    Ok(())
}

fn plan_mode(decide: &Decide, kind: ApprovalKind) -> Option<Mode> {
    (kind == ApprovalKind::Plan && decide.decision == Verdict::Allow)
        .then(|| decide.mode.filter(|mode| *mode != Mode::Plan).unwrap_or(Mode::Ask))
}

fn answer(
    decide: &Decide,
    agent: AgentKind,
    kind: ApprovalKind,
    suggestions: &[Suggestion],
    holding: &[RememberScope],
    asked: Asked,
) -> Result<Answer> {
    let reason = decide
        .reason
        .as_deref()
        .map(str::trim)
        .filter(|reason| !reason.is_empty());
    if decide.decision == Verdict::Deny {
        let message = match (kind, reason) {
            (ApprovalKind::Plan, Some(comments)) => {
                format!("The plan was not approved. Comments: {comments}\nRevise the plan and propose it again.")
            }
            (ApprovalKind::Plan, None) => "The plan was not approved. Revise it and propose it again.".into(),
            (_, Some(reason)) => format!("The user denied this: {reason}"),
            (_, None) => "The user denied this.".into(),
        };
        return Ok(Answer::Deny {
            message,
            interrupt: false,
        });
    }
    let remember = match decide.remember {
        None => Vec::new(),
        Some(scope) if holding.contains(&scope) => agents::remember(agent, suggestions, scope),
        Some(_) if !agents::can_last(agent, suggestions) => {
            return Err(Error::invalid(
                "remember",
                "a change of mode holds for this session only; choose session",
            ));
        }
        Some(_) => {
            let offered = holding
                .iter()
                .map(|scope| scope.word())
                .collect::<Vec<_>>()
                .join(" or ");
            let why = "the project is not trusted: its agents do not read rules kept in it";
            return Err(Error::invalid(
                "remember",
                format!("{why}; choose {offered}, or trust the project"),
            ));
        }
    };
    if decide.remember.is_some() && remember.is_empty() {
        return Err(Error::invalid("remember", "the agent offered no rule to remember"));
    }
    let answers = match kind {
        ApprovalKind::Question => Some(
            decide
                .answers
                .clone()
                .filter(|answers| !answers.is_empty())
                .ok_or_else(|| Error::invalid("answers", "answer the question"))?,
        ),
        _ => None,
    };
    // An input stored with masked secrets is not the real input, so the agent uses its own.
    let input = (answers.is_some() || !asked.masked).then_some(asked.input);
    Ok(Answer::Allow {
        input,
        remember,
        mode: plan_mode(decide, kind),
        answers,
    })
}

/// What an agent asked, as it was stored.
struct Asked {
    input: Value,
    /// Whether a secret in it was masked.
    masked: bool,
}

async fn asked(engine: &Engine, row: &approval::Model) -> Result<Option<Asked>> {
    match engine.journal.event(row.pos).await?.and_then(|event| event.fact()) {
        Some(Fact::ApprovalAsked(fact)) => Ok(Some(Asked {
            input: blob::get(&engine.store, &fact.input).await?,
            masked: fact.masked,
        })),
        _ => Ok(None),
    }
}

#[async_trait]
impl ports::Approvals for ApprovalsService {
    async fn list(&self, caller: &Caller, filter: ApprovalFilter, page: PageQuery) -> Result<Page<Approval>> {
        require(caller, Action::ReadNode, Resource::Node, "approval")?;
        let limit = page.limit()?;
        let mut query = approval::Entity::find().filter(self.rows.of_visible(
            caller,
            approval::Column::Session,
            approval::Column::Origin,
        ));
        if let Some(state) = filter.state {
            query = query.filter(approval::Column::State.eq(state.word()));
        }
        if let Some(session) = filter.session {
            query = query.filter(approval::Column::Session.eq(session.to_string()));
        }
        // Ids sort by the time of asking. Pending approvals come oldest first, history newest first.
        let oldest_first = filter.state == Some(ApprovalState::Pending);
        if let Some(after) = &page.after {
            let id: ApprovalId = after
                .parse()
                .map_err(|_| Error::invalid("after", "this is not a cursor of this list"))?;
            let key = approval::Column::Id;
            query = query.filter(Condition::all().add(if oldest_first {
                key.gt(id.to_string())
            } else {
                key.lt(id.to_string())
            }));
        }
        query = if oldest_first {
            query.order_by_asc(approval::Column::Id)
        } else {
            query.order_by_desc(approval::Column::Id)
        };
        let mut found = query
            .limit(u64::from(limit) + 1)
            .all(self.engine.store.read())
            .await
            .stored()?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|row| row.id.clone());
        Ok(Page {
            items: self.rows.approvals(caller, found).await?,
            next,
        })
    }

    async fn find(&self, caller: &Caller, id: ApprovalId) -> Result<Approval> {
        require(caller, Action::ReadNode, Resource::Node, "approval")?;
        self.rows
            .approval(caller, id)
            .await?
            .ok_or_else(|| Error::NotFound("approval".into()))
    }

    async fn input(&self, caller: &Caller, id: ApprovalId) -> Result<ApprovalInput> {
        require(caller, Action::ReadNode, Resource::Node, "approval")?;
        self.rows
            .whole_approval(caller, id)
            .await?
            .ok_or_else(|| Error::NotFound("approval".into()))
    }

    async fn decide(&self, caller: &Caller, id: ApprovalId, decision: Decide) -> Result<Approval> {
        decide(&self.engine, caller, id, decision).await?;
        self.find(caller, id).await
    }

    async fn pending(&self, caller: &Caller) -> Result<i64> {
        require(caller, Action::ReadNode, Resource::Node, "approval")?;
        self.rows.pending(caller).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Asked {
        Asked {
            input: Value::Null,
            masked: false,
        }
    }
    use model::{approvals::RememberScope, sessions::Mode};

    #[test]
    fn an_approved_plan_never_goes_on_planning() {
        for mode in [None, Some(Mode::Plan), Some(Mode::Ask)] {
            let decide = Decide {
                mode,
                ..Decide::allow()
            };
            assert_eq!(plan_mode(&decide, ApprovalKind::Plan), Some(Mode::Ask));
        }
        assert_eq!(plan_mode(&Decide::deny("no"), ApprovalKind::Plan), None);
        assert_eq!(
            plan_mode(
                &Decide {
                    mode: Some(Mode::AutoAccept),
                    ..Decide::allow()
                },
                ApprovalKind::Tool
            ),
            None
        );
    }

    #[test]
    fn always_needs_something_to_remember() {
        let decide = Decide {
            remember: Some(RememberScope::Local),
            ..Decide::allow()
        };
        assert!(
            matches!(answer(&decide, AgentKind::Claude, ApprovalKind::Tool, &[], RememberScope::offered(true, true), nothing()), Err(Error::Invalid { field, .. }) if field == "remember")
        );
        let deny = Decide {
            remember: Some(RememberScope::Local),
            ..Decide::deny("no")
        };
        assert!(checked(&deny).is_err());
    }

    #[test]
    fn what_an_untrusted_project_would_not_read_cannot_be_remembered() {
        let suggestions = [Suggestion {
            text: "allow Bash(make)".into(),
            scope: RememberScope::Local,
            raw: Value::Null,
        }];
        for (scope, holds) in [
            (RememberScope::Session, true),
            (RememberScope::Local, false),
            (RememberScope::Project, false),
            (RememberScope::User, true),
        ] {
            let decide = Decide {
                remember: Some(scope),
                ..Decide::allow()
            };
            let untrusted = answer(
                &decide,
                AgentKind::Claude,
                ApprovalKind::Tool,
                &suggestions,
                RememberScope::offered(false, true),
                nothing(),
            );
            assert_eq!(untrusted.is_ok(), holds, "{scope:?}");
            let why = |error: &Error| matches!(error, Error::Invalid { field, message } if field == "remember" && message.contains("not trusted"));
            assert!(untrusted.is_ok() || untrusted.as_ref().is_err_and(why), "{untrusted:?}");
            assert!(
                answer(
                    &decide,
                    AgentKind::Claude,
                    ApprovalKind::Tool,
                    &suggestions,
                    RememberScope::offered(true, true),
                    nothing()
                )
                .is_ok(),
                "{scope:?}"
            );
        }
    }

    #[test]
    fn only_who_may_change_projects_is_offered_what_outlasts_the_session() {
        let rule = Suggestion {
            text: "allow Bash(make)".into(),
            scope: RememberScope::Local,
            raw: serde_json::json!({"type": "addRules"}),
        };
        let mode = Suggestion {
            text: "auto-accept".into(),
            scope: RememberScope::Session,
            raw: serde_json::json!({"type": "setMode", "mode": "acceptEdits"}),
        };
        for role in model::Role::ALL {
            let caller = Caller { role, ..Caller::cli() };
            let lasts = role >= model::Role::Admin;
            assert_eq!(
                offered(AgentKind::Claude, &caller, std::slice::from_ref(&rule), true),
                if lasts {
                    RememberScope::ALL
                } else {
                    &[RememberScope::Session]
                },
                "{role:?}"
            );
            assert_eq!(
                offered(AgentKind::Claude, &caller, std::slice::from_ref(&mode), true),
                [RememberScope::Session],
                "a mode is the session's"
            );
        }
        let decide = Decide {
            remember: Some(RememberScope::User),
            ..Decide::allow()
        };
        let refused = answer(
            &decide,
            AgentKind::Claude,
            ApprovalKind::Tool,
            std::slice::from_ref(&mode),
            &[RememberScope::Session],
            nothing(),
        );
        assert!(
            matches!(&refused, Err(Error::Invalid { field, message }) if field == "remember" && message.contains("mode")),
            "{refused:?}"
        );
    }

    #[test]
    fn a_question_needs_an_answer() {
        assert!(
            answer(
                &Decide::allow(),
                AgentKind::Claude,
                ApprovalKind::Question,
                &[],
                &[],
                nothing()
            )
            .is_err()
        );
    }
}
