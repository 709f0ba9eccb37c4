//! Folds facts about sessions and their runs.
//!
//! Every change of a session's row also writes the event's position into it: a row read at a position never changes
//! (`rows`). The facts that change a session's counters keep them (`entries`, `approvals`, `usage`). This file keeps
//! `project.sessions`: always the number of the project's sessions that are not deleted, in whatever order facts
//! arrive.

use super::{Happened, Table, Target, id, json, projected, some_id};
use model::{
    event::{RunEnded, RunStarted, SessionChanged, SessionCreated, SessionDeleted, SessionMoved},
    sessions::USAGE_MOST,
};
use sea_orm::DbErr;

pub(super) async fn created(target: &Target<'_>, event: &Happened<'_>, fact: &SessionCreated) -> Result<(), DbErr> {
    let insert = r#"INSERT INTO "{p}session" ("id", "origin", "project", "agent", "mode", "model", "title", "title_folded", "owner", "visibility",
        "branch", "forked_from", "tags", "state", "state_since", "started", "updated", "turns", "calls", "pending", "next_seq",
        "tok_input", "tok_output", "tok_cache_read", "tok_cache_write", "resumable", "background", "unattended", "pos")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '[]', 'queued', $13, $13, $13, 0, 0, 0, 1, 0, 0, 0, 0, FALSE, FALSE, $14, $15)
        ON CONFLICT DO NOTHING"#;
    let values = [
        event.subject.into(),
        event.origin.into(),
        id(fact.project),
        fact.agent.word().into(),
        fact.mode.word().into(),
        fact.model.clone().into(),
        fact.title.as_str().into(),
        fact.title.to_lowercase().into(),
        some_id(fact.owner),
        fact.visibility.word().into(),
        fact.branch.clone().into(),
        some_id(fact.forked_from),
        event.at.into(),
        fact.unattended.into(),
        event.pos.into(),
    ];
    // Only a session that is not in the table yet is counted.
    let text = r#"UPDATE "{p}project" SET "sessions" = "sessions" + 1 WHERE "id" = $1 AND "origin" = $2
        AND NOT EXISTS (SELECT 1 FROM "{p}session" WHERE "id" = $3 AND "origin" = $2)"#;
    target
        .write(text, [id(fact.project), event.origin.into(), event.subject.into()])
        .await?;
    target.write(insert, values).await
}

/// Adjusts the project's count by one, unless the session is in that state already.
async fn counted(target: &Target<'_>, event: &Happened<'_>, alive: bool) -> Result<(), DbErr> {
    let (change, was) = if alive { ("+ 1", "NOT NULL") } else { ("- 1", "NULL") };
    let text = format!(
        r#"UPDATE "{{p}}project" SET "sessions" = "sessions" {change} WHERE "origin" = $2
           AND "id" = (SELECT "project" FROM "{{p}}session" WHERE "id" = $1 AND "origin" = $2 AND "deleted" IS {was})"#
    );
    target.write(&text, [event.subject.into(), event.origin.into()]).await
}

pub(super) async fn moved(target: &Target<'_>, event: &Happened<'_>, fact: &SessionMoved) -> Result<(), DbErr> {
    // A new reason for the same state keeps the time at which the state began.
    let text = r#"UPDATE "{p}session" SET "state_since" = CASE WHEN "state" = $3 THEN "state_since" ELSE $5 END,
        "state" = $3, "state_detail" = $4, "background" = $7, "pos" = CASE WHEN "pos" > $6 THEN "pos" ELSE $6 END,
        "updated" = CASE WHEN "updated" > $5 THEN "updated" ELSE $5 END WHERE "id" = $1 AND "origin" = $2"#;
    let values = [
        event.subject.into(),
        event.origin.into(),
        fact.state.word().into(),
        fact.detail.clone().into(),
        event.at.into(),
        event.pos.into(),
        fact.background.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn changed(target: &Target<'_>, event: &Happened<'_>, fact: &SessionChanged) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}session" SET "title" = coalesce($3, "title"), "title_folded" = coalesce($4, "title_folded"),
        "tags" = coalesce($5, "tags"), "visibility" = coalesce($6, "visibility"), "mode" = coalesce($7, "mode"), "model" = coalesce($8, "model"),
        "agent_version" = coalesce($9, "agent_version"), "context_used" = coalesce($10, "context_used"),
        "context_size" = coalesce($11, "context_size"), "resumable" = coalesce($12, "resumable"),
        "archived" = CASE WHEN $13 THEN $14 ELSE "archived" END, "pos" = CASE WHEN "pos" > $15 THEN "pos" ELSE $15 END WHERE "id" = $1 AND "origin" = $2"#;
    let tags = fact
        .tags
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| DbErr::Json(error.to_string()))?;
    let archived = fact.archived.and_then(|away| away.then_some(event.at));
    let values = [
        event.subject.into(),
        event.origin.into(),
        fact.title.clone().into(),
        fact.title.as_ref().map(|title| title.to_lowercase()).into(),
        tags.into(),
        fact.visibility.map(|visibility| visibility.word().to_owned()).into(),
        fact.mode.map(|mode| mode.word().to_owned()).into(),
        fact.model.clone().into(),
        fact.agent_version.clone().into(),
        fact.context_used.map(|tokens| tokens.clamp(0, USAGE_MOST)).into(),
        fact.context_size.map(|tokens| tokens.clamp(0, USAGE_MOST)).into(),
        fact.resumable.into(),
        fact.archived.is_some().into(),
        archived.into(),
        event.pos.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn deleted(target: &Target<'_>, event: &Happened<'_>, fact: &SessionDeleted) -> Result<(), DbErr> {
    counted(target, event, !fact.deleted).await?;
    let text = r#"UPDATE "{p}session" SET "deleted" = $3, "pos" = CASE WHEN "pos" > $4 THEN "pos" ELSE $4 END WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [
                event.subject.into(),
                event.origin.into(),
                fact.deleted.then_some(event.at).into(),
                event.pos.into(),
            ],
        )
        .await
}

/// Removes every row folded from the session's events. `journal::purge` nulls the events' payloads.
pub(super) async fn purged(target: &Target<'_>, event: &Happened<'_>) -> Result<(), DbErr> {
    for Table { name: table, .. } in projected().into_iter().filter(Table::is_of_sessions) {
        let text = format!(r#"DELETE FROM "{{p}}{table}" WHERE "session" = $1 AND "origin" = $2"#);
        target.write(&text, [event.subject.into(), event.origin.into()]).await?;
    }
    counted(target, event, false).await?;
    let text = r#"DELETE FROM "{p}session" WHERE "id" = $1 AND "origin" = $2"#;
    target.write(text, [event.subject.into(), event.origin.into()]).await
}

pub(super) async fn run_started(target: &Target<'_>, event: &Happened<'_>, fact: &RunStarted) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "{p}run" ("id", "origin", "session", "argv", "started", "trusted") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"#;
    target
        .write(
            text,
            [
                id(fact.run),
                event.origin.into(),
                id(fact.session),
                json(&fact.argv)?,
                event.at.into(),
                fact.trusted.into(),
            ],
        )
        .await?;
    let text = r#"UPDATE "{p}session" SET "run" = $3, "pos" = CASE WHEN "pos" > $5 THEN "pos" ELSE $5 END,
        "updated" = CASE WHEN "updated" > $4 THEN "updated" ELSE $4 END WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [
                id(fact.session),
                event.origin.into(),
                id(fact.run),
                event.at.into(),
                event.pos.into(),
            ],
        )
        .await
}

pub(super) async fn run_ended(target: &Target<'_>, event: &Happened<'_>, fact: &RunEnded) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}run" SET "ended" = $3, "exit" = $4 WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [id(fact.run), event.origin.into(), event.at.into(), json(&fact.exit)?],
        )
        .await?;
    // A resumed session already has a newer run, which stays.
    let text = r#"UPDATE "{p}session" SET "run" = CASE WHEN "run" = $3 THEN NULL ELSE "run" END, "pos" = CASE WHEN "pos" > $5 THEN "pos" ELSE $5 END,
        "updated" = CASE WHEN "updated" > $4 THEN "updated" ELSE $4 END WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [
                id(fact.session),
                event.origin.into(),
                id(fact.run),
                event.at.into(),
                event.pos.into(),
            ],
        )
        .await
}
