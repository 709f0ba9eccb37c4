//! Folds usage: an agent reports running totals of its process, so the newest replaces and the difference is added up.
//! A total older than the one known changes nothing.

use super::{Happened, Target, id};
use crate::store::sql;
use model::{event::UsageRecorded, sessions::Tokens};
use sea_orm::DbErr;

pub(super) async fn recorded(target: &Target<'_>, event: &Happened<'_>, fact: &UsageRecorded) -> Result<(), DbErr> {
    let text = r#"SELECT "tok_input", "tok_output", "tok_cache_read", "tok_cache_write", "cost_micros", "pos" FROM "{p}usage_total"
        WHERE "run" = $1 AND "model" = $2 AND "origin" = $3"#;
    let key = [id(fact.run), fact.model.as_str().into(), event.origin.into()];
    let known = sql::one(target.db, text.replace("{p}", target.prefix), key).await?;
    let (before, cost_before) = match known {
        None => (Tokens::default(), None),
        Some(row) if row.try_get::<i64>("", "pos")? >= event.pos => return Ok(()),
        Some(row) => (
            Tokens {
                input: row.try_get("", "tok_input")?,
                output: row.try_get("", "tok_output")?,
                cache_read: row.try_get("", "tok_cache_read")?,
                cache_write: row.try_get("", "tok_cache_write")?,
            },
            row.try_get::<Option<i64>>("", "cost_micros")?,
        ),
    };
    // A report without a cost says nothing about it: the one known stays.
    let cost = fact.cost_micros.or(cost_before);
    let text = r#"INSERT INTO "{p}usage_total" ("run", "model", "origin", "session", "project", "tok_input", "tok_output", "tok_cache_read",
        "tok_cache_write", "cost_micros", "pos") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT ("run", "model") DO UPDATE SET "tok_input" = excluded."tok_input", "tok_output" = excluded."tok_output",
        "tok_cache_read" = excluded."tok_cache_read", "tok_cache_write" = excluded."tok_cache_write", "cost_micros" = excluded."cost_micros",
        "pos" = excluded."pos""#;
    let values = [
        id(fact.run),
        fact.model.as_str().into(),
        event.origin.into(),
        id(fact.session),
        id(fact.project),
        fact.tokens.input.into(),
        fact.tokens.output.into(),
        fact.tokens.cache_read.into(),
        fact.tokens.cache_write.into(),
        cost.into(),
        event.pos.into(),
    ];
    target.run(text, values).await?;

    let more = Tokens {
        input: fact.tokens.input - before.input,
        output: fact.tokens.output - before.output,
        cache_read: fact.tokens.cache_read - before.cache_read,
        cache_write: fact.tokens.cache_write - before.cache_write,
    };
    let cost_more = cost.map(|cost| cost - cost_before.unwrap_or(0));
    let text = r#"INSERT INTO "{p}usage_day" ("day", "project", "model", "session", "origin", "tok_input", "tok_output", "tok_cache_read",
        "tok_cache_write", "cost_micros") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT ("day", "project", "model", "session") DO UPDATE SET
        "tok_input" = "{p}usage_day"."tok_input" + excluded."tok_input", "tok_output" = "{p}usage_day"."tok_output" + excluded."tok_output",
        "tok_cache_read" = "{p}usage_day"."tok_cache_read" + excluded."tok_cache_read",
        "tok_cache_write" = "{p}usage_day"."tok_cache_write" + excluded."tok_cache_write",
        "cost_micros" = CASE WHEN excluded."cost_micros" IS NULL THEN "{p}usage_day"."cost_micros"
            ELSE coalesce("{p}usage_day"."cost_micros", 0) + excluded."cost_micros" END"#;
    let values = [
        fact.day.into(),
        id(fact.project),
        fact.model.as_str().into(),
        id(fact.session),
        event.origin.into(),
        more.input.into(),
        more.output.into(),
        more.cache_read.into(),
        more.cache_write.into(),
        cost_more.into(),
    ];
    target.run(text, values).await?;

    let text = r#"UPDATE "{p}session" SET "tok_input" = "tok_input" + $3, "tok_output" = "tok_output" + $4, "tok_cache_read" = "tok_cache_read" + $5,
        "tok_cache_write" = "tok_cache_write" + $6, "pos" = CASE WHEN "pos" > $9 THEN "pos" ELSE $9 END,
        "cost_micros" = CASE WHEN $7 THEN coalesce("cost_micros", 0) + $8 ELSE "cost_micros" END WHERE "id" = $1 AND "origin" = $2"#;
    let values = [
        id(fact.session),
        event.origin.into(),
        more.input.into(),
        more.output.into(),
        more.cache_read.into(),
        more.cache_write.into(),
        cost_more.is_some().into(),
        cost_more.unwrap_or(0).into(),
        event.pos.into(),
    ];
    target.run(text, values).await.map(drop)
}
