//! Folds facts about links to other nodes.

use super::{Happened, Target, id, json};
use model::event::{LinkChanged, LinkMade, LinkRevoked};
use sea_orm::DbErr;

pub(super) async fn made(target: &Target<'_>, event: &Happened<'_>, fact: &LinkMade) -> Result<(), DbErr> {
    let text = r#"INSERT INTO "{p}link" ("id", "origin", "peer", "name", "kind", "key", "url", "inviter", "encrypted", "send", "receive", "confirmed", "paused", "revoked", "by_peer", "since")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, FALSE, FALSE, FALSE, $13) ON CONFLICT DO NOTHING"#;
    let values = [
        id(fact.id),
        event.origin.into(),
        id(fact.peer.id),
        fact.peer.name.as_str().into(),
        fact.peer.kind.word().into(),
        fact.key.as_str().into(),
        fact.peer.url.clone().into(),
        fact.inviter.into(),
        fact.encrypted.into(),
        json(&fact.send)?,
        json(&fact.receive)?,
        fact.confirmed.into(),
        event.at.into(),
    ];
    target.write(text, values).await
}

pub(super) async fn changed(target: &Target<'_>, event: &Happened<'_>, fact: &LinkChanged) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}link" SET "send" = coalesce($3, "send"), "receive" = coalesce($4, "receive")
        WHERE "id" = $1 AND "origin" = $2 AND "revoked" = FALSE"#;
    let send = fact.send.as_ref().map(text_of).transpose()?;
    let receive = fact.receive.as_ref().map(text_of).transpose()?;
    target
        .write(
            text,
            [event.subject.into(), event.origin.into(), send.into(), receive.into()],
        )
        .await
}

pub(super) async fn confirmed(target: &Target<'_>, event: &Happened<'_>) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}link" SET "confirmed" = TRUE, "since" = $3 WHERE "id" = $1 AND "origin" = $2 AND "revoked" = FALSE"#;
    target
        .write(text, [event.subject.into(), event.origin.into(), event.at.into()])
        .await
}

pub(super) async fn paused(target: &Target<'_>, event: &Happened<'_>, paused: bool) -> Result<(), DbErr> {
    let text =
        r#"UPDATE "{p}link" SET "paused" = $4, "since" = $3 WHERE "id" = $1 AND "origin" = $2 AND "revoked" = FALSE"#;
    target
        .write(
            text,
            [
                event.subject.into(),
                event.origin.into(),
                event.at.into(),
                paused.into(),
            ],
        )
        .await
}

/// The first end counts: nothing changes a link afterwards.
pub(super) async fn revoked(target: &Target<'_>, event: &Happened<'_>, fact: &LinkRevoked) -> Result<(), DbErr> {
    let text = r#"UPDATE "{p}link" SET "revoked" = TRUE, "since" = $3, "by_peer" = $4 WHERE "id" = $1 AND "origin" = $2 AND "revoked" = FALSE"#;
    target
        .write(
            text,
            [
                event.subject.into(),
                event.origin.into(),
                event.at.into(),
                fact.by_peer.into(),
            ],
        )
        .await
}

fn text_of(send: &model::fleet::Send) -> Result<String, DbErr> {
    serde_json::to_string(send).map_err(|error| DbErr::Json(error.to_string()))
}
