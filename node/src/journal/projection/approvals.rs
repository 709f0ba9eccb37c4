//! Folds approvals: asked, decided, withdrawn; keeps the session's count of pending ones. Only the first answer counts,
//! and the operation that records one has checked that it is the first.

use super::{Happened, Target, id, json};
use model::{
    approvals::{ApprovalState, Verdict},
    event::{ApprovalAsked, ApprovalDecided, ApprovalWithdrawn},
};
use sea_orm::{DbErr, Value};

pub(super) async fn asked(target: &Target<'_>, event: &Happened<'_>, fact: &ApprovalAsked) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "{p}approval" ("id", "origin", "project", "session", "run", "request", "kind", "tool", "class", "label", "call", "target", "reason",
        "subagent", "suggestions", "questions", "state", "created", "expires", "pos")
        VALUES ($1, $2, (SELECT "project" FROM "{p}session" WHERE "id" = $3 AND "origin" = $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
            $14, $15, 'pending', $16, $17, $18) ON CONFLICT DO NOTHING"#;
    let values = [
        id(fact.id),
        event.origin.into(),
        id(fact.session),
        id(fact.run),
        fact.request.as_str().into(),
        fact.kind.word().into(),
        fact.tool.as_str().into(),
        fact.shape.class.word().into(),
        fact.shape.label.clone().into(),
        fact.call.clone().into(),
        fact.target.as_str().into(),
        fact.reason.clone().into(),
        fact.subagent.clone().into(),
        json(&fact.suggestions)?,
        json(&fact.questions)?,
        event.at.into(),
        fact.expires.into(),
        event.pos.into(),
    ];
    if target.run(text, values).await? == 0 {
        return Ok(());
    }
    waits(target, event, fact.session, 1).await?;
    if let Some(call) = &fact.call {
        let text = r#"UPDATE "{p}entry" SET "approval" = $4 WHERE "session" = $1 AND "call" = $2 AND "origin" = $3"#;
        target
            .write(
                text,
                [id(fact.session), call.as_str().into(), event.origin.into(), id(fact.id)],
            )
            .await?;
    }
    Ok(())
}

pub(super) async fn decided(target: &Target<'_>, event: &Happened<'_>, fact: &ApprovalDecided) -> Result<(), DbErr> {
    let state = match fact.decided.decision {
        Verdict::Allow => ApprovalState::Allowed,
        Verdict::Deny => ApprovalState::Denied,
    };
    settle(target, event, fact.session, state, json(&fact.decided)?).await
}

pub(super) async fn withdrawn(
    target: &Target<'_>,
    event: &Happened<'_>,
    fact: &ApprovalWithdrawn,
) -> Result<(), DbErr> {
    settle(
        target,
        event,
        fact.session,
        ApprovalState::Withdrawn,
        None::<String>.into(),
    )
    .await
}

async fn settle(
    target: &Target<'_>,
    event: &Happened<'_>,
    session: impl ToString,
    state: ApprovalState,
    decided: Value,
) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}approval" SET "state" = $3, "decided" = $4 WHERE "id" = $1 AND "origin" = $2 AND "state" = 'pending'"#;
    if target
        .run(
            text,
            [event.subject.into(), event.origin.into(), state.word().into(), decided],
        )
        .await?
        == 0
    {
        return Ok(());
    }
    waits(target, event, session, -1).await
}

/// Changes the session's count of pending approvals.
async fn waits(target: &Target<'_>, event: &Happened<'_>, session: impl ToString, by: i64) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}session" SET "pending" = "pending" + $3, "pos" = CASE WHEN "pos" > $5 THEN "pos" ELSE $5 END, "updated" = CASE WHEN "updated" > $4 THEN "updated" ELSE $4 END WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [
                id(session),
                event.origin.into(),
                by.into(),
                event.at.into(),
                event.pos.into(),
            ],
        )
        .await
}
