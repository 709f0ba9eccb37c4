//! Folds the transcript: prompts and entries, and the session's counters that follow from them. Bodies stay in the
//! events; a row holds what a line of the timeline needs.

use super::{Happened, Target, id, some_id};
use model::{
    entries::{CallStatus, EntryKind},
    event::{EntryAdded, EntryEnded, PromptQueued, PromptSettled},
    sessions::PromptState,
};
use sea_orm::DbErr;

pub(super) async fn prompt_queued(target: &Target<'_>, event: &Happened<'_>, fact: &PromptQueued) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "{p}prompt" ("id", "origin", "session", "text", "by_name", "at", "state", "pos") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"#;
    let values = [
        id(fact.id),
        event.origin.into(),
        id(fact.session),
        fact.text.as_str().into(),
        fact.by_name.as_str().into(),
        event.at.into(),
        PromptState::Queued.word().into(),
        event.pos.into(),
    ];
    target.write(text, values).await?;
    touch(target, event, fact.session).await
}

pub(super) async fn prompt_settled(
    target: &Target<'_>,
    event: &Happened<'_>,
    fact: &PromptSettled,
) -> Result<(), DbErr> {
    let state = if fact.sent {
        PromptState::Sent
    } else {
        PromptState::Withdrawn
    };
    let text = r#"UPDATE "{p}prompt" SET "state" = $3 WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(text, [id(fact.id), event.origin.into(), state.word().into()])
        .await?;
    touch(target, event, fact.session).await
}

pub(super) async fn added(target: &Target<'_>, event: &Happened<'_>, fact: &EntryAdded) -> Result<(), DbErr> {
    let is_call = matches!(fact.kind, EntryKind::Tool | EntryKind::Task);
    let status = is_call.then(|| CallStatus::Running.word().to_owned());
    // The approval may have been asked before its entry was recorded.
    let text = r#"INSERT INTO "{p}entry" ("session", "seq", "origin", "turn", "kind", "at", "parent", "by_name", "preview", "more", "call", "tool",
        "class", "label", "target", "status", "pos", "approval")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
            (SELECT "id" FROM "{p}approval" WHERE "session" = $1 AND "call" = $11 AND "origin" = $3 ORDER BY "pos" DESC LIMIT 1))
        ON CONFLICT DO NOTHING"#;
    let values = [
        id(fact.session),
        fact.seq.into(),
        event.origin.into(),
        fact.turn.into(),
        fact.kind.word().into(),
        event.at.into(),
        fact.parent.clone().into(),
        fact.by_name.clone().into(),
        fact.preview.as_str().into(),
        fact.body.is_some().into(),
        fact.call.clone().into(),
        fact.tool.clone().into(),
        fact.shape.as_ref().map(|shape| shape.class.word().to_owned()).into(),
        fact.shape.as_ref().and_then(|shape| shape.label.clone()).into(),
        fact.target.clone().into(),
        status.into(),
        event.pos.into(),
    ];
    if target.run(text, values).await? == 0 {
        return Ok(());
    }
    let last = fact
        .target
        .as_deref()
        .filter(|target| is_call && !target.is_empty())
        .unwrap_or(&fact.preview);
    let text = r#"UPDATE "{p}session" SET "next_seq" = CASE WHEN "next_seq" > $3 THEN "next_seq" ELSE $3 END,
        "turns" = CASE WHEN "turns" > $4 THEN "turns" ELSE $4 END, "calls" = "calls" + $5, "last" = $6, "pos" = CASE WHEN "pos" > $8 THEN "pos" ELSE $8 END,
        "updated" = CASE WHEN "updated" > $7 THEN "updated" ELSE $7 END WHERE "id" = $1 AND "origin" = $2"#;
    let values = [
        id(fact.session),
        event.origin.into(),
        fact.seq.saturating_add(1).into(),
        fact.turn.into(),
        i64::from(fact.kind == EntryKind::Tool).into(),
        last.into(),
        event.at.into(),
        event.pos.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn ended(target: &Target<'_>, event: &Happened<'_>, fact: &EntryEnded) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}entry" SET "status" = $4, "result" = $5, "added" = $6, "removed" = $7, "ended" = $8, "end_pos" = $9, "more" = "more" OR $10
        WHERE "session" = $1 AND "seq" = $2 AND "origin" = $3"#;
    let values = [
        id(fact.session),
        fact.seq.into(),
        event.origin.into(),
        fact.status.word().into(),
        fact.result.clone().into(),
        fact.added.into(),
        fact.removed.into(),
        event.at.into(),
        event.pos.into(),
        fact.body.is_some().into(),
    ];
    target.write(text, values).await?;
    touch(target, event, fact.session).await
}

/// Notes activity in the session.
pub(super) async fn touch(target: &Target<'_>, event: &Happened<'_>, session: impl ToString) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}session" SET "updated" = CASE WHEN "updated" > $3 THEN "updated" ELSE $3 END, "pos" = CASE WHEN "pos" > $4 THEN "pos" ELSE $4 END WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [
                some_id(Some(session)),
                event.origin.into(),
                event.at.into(),
                event.pos.into(),
            ],
        )
        .await
}
