//! Usage: sums of the tokens and costs that agents reported, by UTC day. It never estimates what no agent reported.

use crate::origin::origin_of;
use crate::{
    clock::Deps,
    entity::{project, usage_day},
    journal::Stored,
    rows::Rows,
    store::Store,
};
use async_trait::async_trait;
use model::{
    Action, Caller, Error, Result,
    caller::{Resource, require},
    id::SessionId,
    ports,
    sessions::Tokens,
    usage::{UsageBy, UsageQuery, UsageRow},
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Semaphore;

const DAY_MS: i64 = 86_400_000;

/// [`ports::UsageSums`] on the tables.
#[derive(Clone)]
pub struct UsageService {
    store: Store,
    deps: Deps,
    rows: Rows,
    turns: Arc<Semaphore>,
}

/// The summed columns.
const SUMMED: [&str; 5] = [
    "tok_input",
    "tok_output",
    "tok_cache_read",
    "tok_cache_write",
    "cost_micros",
];
/// Sums are taken of the two halves of each number, so that no number of rows overflows the database's integer.
const HALF: i64 = 1 << 32;
/// The most concurrent sums: a year of a busy node is a million rows, and other lists need readers too.
const AT_ONCE: usize = 2;

/// The sum of one half; `None` when no row has a value.
type Half = Option<i64>;

/// The sums of one key.
#[derive(FromQueryResult)]
struct Found {
    key: String,
    tok_input_high: Half,
    tok_input_low: Half,
    tok_output_high: Half,
    tok_output_low: Half,
    tok_cache_read_high: Half,
    tok_cache_read_low: Half,
    tok_cache_write_high: Half,
    tok_cache_write_low: Half,
    cost_micros_high: Half,
    cost_micros_low: Half,
    sessions: i64,
}

/// A sum from its two halves, saturating.
fn whole(high: Half, low: Half) -> Option<i64> {
    let sum = i128::from(high?) * i128::from(HALF) + i128::from(low?);
    Some(i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX }))
}

fn row(sums: Found) -> UsageRow {
    let tokens = |high, low| whole(high, low).unwrap_or(0);
    UsageRow {
        name: sums.key.clone(),
        key: sums.key,
        tokens: Tokens {
            input: tokens(sums.tok_input_high, sums.tok_input_low),
            output: tokens(sums.tok_output_high, sums.tok_output_low),
            cache_read: tokens(sums.tok_cache_read_high, sums.tok_cache_read_low),
            cache_write: tokens(sums.tok_cache_write_high, sums.tok_cache_write_low),
        },
        // Unknown is not zero: a sum is known as soon as one of its parts is.
        cost_micros: whole(sums.cost_micros_high, sums.cost_micros_low),
        sessions: sums.sessions,
    }
}

impl UsageService {
    pub(crate) fn new(store: Store, deps: Deps, rows: Rows) -> Self {
        Self {
            store,
            deps,
            rows,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The sums of the rows in `which`, grouped by `by`.
    async fn summed(&self, by: UsageBy, which: Condition) -> Result<Vec<UsageRow>> {
        let column = match by {
            UsageBy::Day => usage_day::Column::Day,
            UsageBy::Project => usage_day::Column::Project,
            UsageBy::Model => usage_day::Column::Model,
        };
        let mut query = usage_day::Entity::find()
            .select_only()
            .expr_as(Expr::col(column).cast_as("text"), "key");
        for name in SUMMED {
            for (half, of) in [("high", "/"), ("low", "%")] {
                query = query.expr_as(
                    Expr::cust(format!("CAST(SUM(\"{name}\" {of} {HALF}) AS BIGINT)")),
                    format!("{name}_{half}"),
                );
            }
        }
        let query = query
            .expr_as(Expr::cust("COUNT(DISTINCT \"session\")"), "sessions")
            .filter(which)
            .group_by(column);
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let found: Vec<Found> = query.into_model().all(self.store.read()).await.stored()?;
        Ok(found.into_iter().map(row).collect())
    }
}

fn costliest_first(items: &mut [UsageRow]) {
    // The key is the last criterion, because the database returns rows in no order.
    items.sort_by(|a, b| {
        let tokens = |Tokens {
                          input,
                          output,
                          cache_read,
                          cache_write,
                      }| {
            [input, output, cache_read, cache_write]
                .map(i128::from)
                .iter()
                .sum::<i128>()
        };
        let weight = |row: &UsageRow| (row.cost_micros.unwrap_or(0), tokens(row.tokens));
        weight(b).cmp(&weight(a)).then_with(|| a.key.cmp(&b.key))
    });
}

/// The row of a day without usage.
fn nothing() -> UsageRow {
    UsageRow {
        key: String::new(),
        name: String::new(),
        tokens: Tokens::default(),
        cost_micros: None,
        sessions: 0,
    }
}

/// The row under another key, which is also its name.
fn named(row: UsageRow, key: String) -> UsageRow {
    UsageRow {
        name: key.clone(),
        key,
        ..row
    }
}

/// `2026-11-22` for a number of days since 1970-01-01.
pub(crate) fn day_text(day: i64) -> String {
    // Howard Hinnant's `civil_from_days` for the proleptic Gregorian calendar.
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[async_trait]
impl ports::UsageSums for UsageService {
    async fn sums(&self, caller: &Caller, query: UsageQuery) -> Result<Vec<UsageRow>> {
        require(caller, Action::ReadNode, Resource::Node, "usage")?;
        if !(1..=366).contains(&query.days) {
            return Err(Error::invalid("days", "days must be 1 to 366"));
        }
        let first = self.deps.now().div_euclid(DAY_MS) - i64::from(query.days) + 1;
        let which = Condition::all()
            .add(usage_day::Column::Day.gte(first))
            .add(
                self.rows
                    .of_visible(caller, usage_day::Column::Session, usage_day::Column::Origin),
            );
        let mut items = self.summed(query.by, which).await?;
        match query.by {
            UsageBy::Day => {
                // Every day has a row, in order.
                let mut found: HashMap<String, UsageRow> =
                    items.into_iter().map(|row| (row.key.clone(), row)).collect();
                let days = first..first + i64::from(query.days);
                return Ok(days
                    .map(|day| named(found.remove(&day.to_string()).unwrap_or_else(nothing), day_text(day)))
                    .collect());
            }
            UsageBy::Project => {
                let keys = items.iter().map(|row| row.key.clone());
                let projects = project::Entity::find()
                    .filter(project::Column::Id.is_in(keys))
                    .all(self.store.read())
                    .await
                    .stored()?;
                // Where another node uses the id of one of this node's projects, this node's name counts.
                let (own, others): (Vec<_>, Vec<_>) =
                    projects.into_iter().partition(|row| row.origin == self.store.origin());
                let names: HashMap<String, String> =
                    others.into_iter().chain(own).map(|row| (row.id, row.name)).collect();
                for row in &mut items {
                    if let Some(name) = names.get(&row.key) {
                        row.name.clone_from(name);
                    }
                }
            }
            UsageBy::Model => {}
        }
        costliest_first(&mut items);
        Ok(items)
    }

    async fn of_session(&self, caller: &Caller, id: SessionId) -> Result<Vec<UsageRow>> {
        require(caller, Action::ReadNode, Resource::Node, "session")?;
        let session = self.rows.session(caller, id).await?;
        let session = session.ok_or_else(|| Error::NotFound("session".into()))?;
        let which = Condition::all()
            .add(usage_day::Column::Session.eq(id.to_string()))
            .add(usage_day::Column::Origin.eq(origin_of(session.node.id)));
        let mut items = self.summed(UsageBy::Model, which).await?;
        costliest_first(&mut items);
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::day_text;

    #[test]
    fn days_are_named_by_the_calendar() {
        for (day, text) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_779, "2026-11-22"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(day_text(day), text);
        }
    }
}
