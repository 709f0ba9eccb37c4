//! Folds usage. An agent reports running totals of its process: the newest total replaces the last, and the sums grow
//! by the difference. An older total changes nothing, and every sum saturates.

use super::{Happened, Target, id};
use crate::store::Amount;
use model::{
    event::UsageRecorded,
    sessions::{Tokens, USAGE_MOST},
};
use sea_orm::DbErr;
use std::sync::LazyLock;

/// Days since 1970 that have a date: the years 1 to 9999.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// SQL for a saturating sum, bounded by [`USAGE_MOST`]. Without the bound, SQLite overflows into REAL and PostgreSQL
/// fails. The cast turns a stored REAL back into an integer.
fn plus(sum: &str, more: &str) -> String {
    format!(
        "CAST(CASE WHEN {sum} > {USAGE_MOST} - {more} THEN {USAGE_MOST} WHEN {sum} < -{USAGE_MOST} - {more} THEN -{USAGE_MOST} ELSE {sum} + {more} END AS bigint)"
    )
}

/// Adds to the session's usage of one day.
static DAY: LazyLock<String> = LazyLock::new(|| {
    let own = |column: &str| {
        plus(
            &format!(r#""{{p}}usage_day"."{column}""#),
            &format!(r#"excluded."{column}""#),
        )
    };
    let cost = plus(
        r#"coalesce("{p}usage_day"."cost_micros", 0)"#,
        r#"excluded."cost_micros""#,
    );
    format!(
        r#"INSERT INTO "{{p}}usage_day" ("day", "project", "model", "session", "origin", "tok_input", "tok_output", "tok_cache_read",
        "tok_cache_write", "cost_micros") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT ("day", "project", "model", "session", "origin") DO UPDATE SET
        "tok_input" = {}, "tok_output" = {}, "tok_cache_read" = {}, "tok_cache_write" = {},
        "cost_micros" = CASE WHEN excluded."cost_micros" IS NULL THEN "{{p}}usage_day"."cost_micros" ELSE {cost} END"#,
        own("tok_input"),
        own("tok_output"),
        own("tok_cache_read"),
        own("tok_cache_write"),
    )
});

/// Adds to the session's usage in all.
static SESSION: LazyLock<String> = LazyLock::new(|| {
    let own = |column: &str, more: &str| plus(&format!(r#""{column}""#), more);
    format!(
        r#"UPDATE "{{p}}session" SET "tok_input" = {}, "tok_output" = {}, "tok_cache_read" = {}, "tok_cache_write" = {},
        "pos" = CASE WHEN "pos" > $9 THEN "pos" ELSE $9 END,
        "cost_micros" = CASE WHEN $7 THEN {} ELSE "cost_micros" END WHERE "id" = $1 AND "origin" = $2"#,
        own("tok_input", "$3"),
        own("tok_output", "$4"),
        own("tok_cache_read", "$5"),
        own("tok_cache_write", "$6"),
        plus(r#"coalesce("cost_micros", 0)"#, "$8"),
    )
});

pub(super) async fn recorded(target: &Target<'_>, event: &Happened<'_>, fact: &UsageRecorded) -> Result<(), DbErr> {
    let (tokens, cost) = (
        fact.tokens.bounded(),
        fact.cost_micros.map(|cost| cost.clamp(0, USAGE_MOST)),
    );
    let text = r#"SELECT "tok_input", "tok_output", "tok_cache_read", "tok_cache_write", "cost_micros", "pos" FROM "{p}usage_total"
        WHERE "run" = $1 AND "model" = $2 AND "origin" = $3"#;
    let key = [id(fact.run), fact.model.as_str().into(), event.origin.into()];
    let known = target.one(text, key).await?;
    let (before, cost_before) = match known {
        None => (Tokens::default(), None),
        Some(row) if row.try_get::<i64>("", "pos")? >= event.pos => return Ok(()),
        Some(row) => (
            Tokens {
                input: row.try_get::<Amount>("", "tok_input")?.0,
                output: row.try_get::<Amount>("", "tok_output")?.0,
                cache_read: row.try_get::<Amount>("", "tok_cache_read")?.0,
                cache_write: row.try_get::<Amount>("", "tok_cache_write")?.0,
            }
            .bounded(),
            row.try_get::<Option<Amount>>("", "cost_micros")?
                .map(|cost| cost.0.clamp(0, USAGE_MOST)),
        ),
    };
    // A report without a cost keeps the known cost.
    let cost = cost.or(cost_before);
    let text = r#"INSERT INTO "{p}usage_total" ("run", "model", "origin", "session", "project", "tok_input", "tok_output", "tok_cache_read",
        "tok_cache_write", "cost_micros", "pos") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT ("run", "model", "origin") DO UPDATE SET "tok_input" = excluded."tok_input", "tok_output" = excluded."tok_output",
        "tok_cache_read" = excluded."tok_cache_read", "tok_cache_write" = excluded."tok_cache_write", "cost_micros" = excluded."cost_micros",
        "pos" = excluded."pos""#;
    let values = [
        id(fact.run),
        fact.model.as_str().into(),
        event.origin.into(),
        id(fact.session),
        id(fact.project),
        tokens.input.into(),
        tokens.output.into(),
        tokens.cache_read.into(),
        tokens.cache_write.into(),
        cost.into(),
        event.pos.into(),
    ];
    target.write(text, values).await?;

    let more = Tokens {
        input: tokens.input - before.input,
        output: tokens.output - before.output,
        cache_read: tokens.cache_read - before.cache_read,
        cache_write: tokens.cache_write - before.cache_write,
    };
    let cost_more = cost.map(|cost| cost - cost_before.unwrap_or(0));
    let values = [
        fact.day.clamp(*DAYS.start(), *DAYS.end()).into(),
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
    target.write(&DAY, values).await?;

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
    target.write(&SESSION, values).await
}
