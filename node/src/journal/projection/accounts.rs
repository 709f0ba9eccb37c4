//! Folds facts about users and projects. Credentials and tokens are private and never journaled.

use super::{Happened, Target, id};
use model::event::{ProjectAdded, ProjectChanged, ProjectTrusted, UserChanged, UserCreated};
use sea_orm::DbErr;

pub(super) async fn user_created(target: &Target<'_>, event: &Happened<'_>, fact: &UserCreated) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "{p}user" ("id", "origin", "name", "role", "github", "created", "disabled") VALUES ($1, $2, $3, $4, $5, $6, FALSE) ON CONFLICT DO NOTHING"#;
    let values = [
        id(fact.id),
        event.origin.into(),
        fact.name.as_str().into(),
        fact.role.word().into(),
        fact.github.clone().into(),
        event.at.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn user_changed(target: &Target<'_>, event: &Happened<'_>, fact: &UserChanged) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}user" SET "role" = coalesce($3, "role"), "github" = coalesce($4, "github"), "disabled" = coalesce($5, "disabled")
        WHERE "id" = $1 AND "origin" = $2"#;
    let role = fact.role.map(|role| role.word().to_owned());
    target
        .write(
            text,
            [
                id(fact.id),
                event.origin.into(),
                role.into(),
                fact.github.clone().into(),
                fact.disabled.into(),
            ],
        )
        .await
}

pub(super) async fn user_removed(target: &Target<'_>, event: &Happened<'_>) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}user" SET "removed" = $3 WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(text, [event.subject.into(), event.origin.into(), event.at.into()])
        .await
}

pub(super) async fn project_added(target: &Target<'_>, event: &Happened<'_>, fact: &ProjectAdded) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "{p}project" ("id", "origin", "name", "path", "demo", "added", "updated", "sessions") VALUES ($1, $2, $3, $4, $5, $6, $6,
            (SELECT count(*) FROM "{p}session" WHERE "project" = $1 AND "origin" = $2 AND "deleted" IS NULL))
        ON CONFLICT ("id", "origin") DO UPDATE SET "name" = excluded."name", "removed" = NULL, "trusted_hash" = NULL, "trusted_also" = NULL, "updated" = excluded."updated"
        WHERE "{p}project"."origin" = excluded."origin""#;
    // A folder that is removed and added again is the same project, but its trust is asked anew.
    let values = [
        id(fact.id),
        event.origin.into(),
        fact.name.as_str().into(),
        fact.path.as_str().into(),
        fact.demo.into(),
        event.at.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn project_changed(
    target: &Target<'_>,
    event: &Happened<'_>,
    fact: &ProjectChanged,
) -> Result<(), DbErr> {
    // 0 seconds means that approvals never expire; the row says that with null.
    let text = r#"UPDATE "{p}project" SET "name" = coalesce($3, "name"),
        "approval_timeout_s" = CASE WHEN $4 THEN $5 ELSE "approval_timeout_s" END, "updated" = $6 WHERE "id" = $1 AND "origin" = $2"#;
    let seconds = fact.approval_timeout_s.filter(|seconds| *seconds != 0);
    let values = [
        event.subject.into(),
        event.origin.into(),
        fact.name.clone().into(),
        fact.approval_timeout_s.is_some().into(),
        seconds.into(),
        event.at.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn project_trusted(
    target: &Target<'_>,
    event: &Happened<'_>,
    fact: &ProjectTrusted,
) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}project" SET "trusted_hash" = $3, "trusted_also" = $5, "updated" = $4 WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(
            text,
            [
                event.subject.into(),
                event.origin.into(),
                fact.hash.clone().into(),
                event.at.into(),
                fact.also.clone().into(),
            ],
        )
        .await
}

pub(super) async fn project_removed(target: &Target<'_>, event: &Happened<'_>) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}project" SET "removed" = $3, "updated" = $3 WHERE "id" = $1 AND "origin" = $2"#;
    target
        .write(text, [event.subject.into(), event.origin.into(), event.at.into()])
        .await
}
