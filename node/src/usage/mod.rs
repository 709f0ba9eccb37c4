//! Usage: tokens and cost, summed from what agents reported of themselves.
//! It sums increments by UTC day; it must not estimate what no agent said.

use crate::{
    clock::Deps,
    entity::{project, session, usage_day},
    journal::internal,
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
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use std::collections::{BTreeMap, HashSet};

const DAY_MS: i64 = 86_400_000;

/// [`ports::UsageSums`] on the tables.
#[derive(Clone)]
pub struct UsageService {
    store: Store,
    deps: Deps,
}

#[derive(Default)]
struct Sum {
    tokens: Tokens,
    cost: Option<i64>,
    sessions: HashSet<String>,
}

impl Sum {
    fn add(&mut self, row: &usage_day::Model) {
        let tokens = Tokens { input: row.tok_input.0, output: row.tok_output.0, cache_read: row.tok_cache_read.0, cache_write: row.tok_cache_write.0 };
        self.tokens = self.tokens.plus(tokens);
        // Unknown and zero are different things: a sum is known as soon as one part of it is.
        self.cost = match (self.cost, row.cost_micros) {
            (Some(sum), Some(cost)) => Some(sum.saturating_add(cost.0)),
            (sum, cost) => sum.or(cost.map(|cost| cost.0)),
        };
        self.sessions.insert(row.session.clone());
    }

    fn row(self, key: String, name: String) -> UsageRow {
        UsageRow { key, name, tokens: self.tokens, cost_micros: self.cost, sessions: i64::try_from(self.sessions.len()).unwrap_or(i64::MAX) }
    }
}

impl UsageService {
    pub(crate) fn new(store: Store, deps: Deps) -> Self {
        Self { store, deps }
    }

    /// The rows of the last `days` UTC days of sessions the caller may see, and the first of those days.
    async fn rows(&self, caller: &Caller, days: u32) -> Result<(i64, Vec<usage_day::Model>)> {
        require(caller, Action::ReadNode, Resource::Node, "usage")?;
        if !(1..=366).contains(&days) {
            return Err(Error::invalid("days", "days must be 1 to 366"));
        }
        let today = self.deps.now().div_euclid(DAY_MS);
        let first = today - i64::from(days) + 1;
        let mut visible = session::Entity::find().filter(Rows::scope(caller)).select_only().column(session::Column::Id);
        let rows = usage_day::Entity::find()
            .filter(usage_day::Column::Day.gte(first))
            .filter(Expr::col(usage_day::Column::Session).in_subquery(QuerySelect::query(&mut visible).to_owned()))
            .all(self.store.read())
            .await
            .map_err(internal)?;
        Ok((first, rows))
    }
}

fn costliest_first(items: &mut [UsageRow]) {
    items.sort_by_key(|row| std::cmp::Reverse((row.cost_micros.unwrap_or(0), row.tokens.total())));
}

/// `2026-11-22` for a day counted from 1970-01-01.
pub(crate) fn day_text(day: i64) -> String {
    // Civil from days, Howard Hinnant's algorithm for the proleptic Gregorian calendar.
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[async_trait]
impl ports::UsageSums for UsageService {
    async fn sums(&self, caller: &Caller, query: UsageQuery) -> Result<Vec<UsageRow>> {
        let (first, rows) = self.rows(caller, query.days).await?;
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        if query.by == UsageBy::Day {
            for day in first..first + i64::from(query.days) {
                sums.insert(day_text(day), Sum::default());
            }
        }
        for row in &rows {
            let key = match query.by {
                UsageBy::Day => day_text(row.day),
                UsageBy::Project => row.project.clone(),
                UsageBy::Model => row.model.clone(),
            };
            sums.entry(key).or_default().add(row);
        }
        let mut names = BTreeMap::new();
        if query.by == UsageBy::Project {
            let projects = project::Entity::find().filter(project::Column::Id.is_in(sums.keys().cloned())).all(self.store.read()).await.map_err(internal)?;
            names.extend(projects.into_iter().map(|row| (row.id, row.name)));
        }
        let mut items: Vec<UsageRow> = sums
            .into_iter()
            .map(|(key, sum)| {
                let name = names.get(&key).cloned().unwrap_or_else(|| key.clone());
                sum.row(key, name)
            })
            .collect();
        if query.by != UsageBy::Day {
            costliest_first(&mut items);
        }
        Ok(items)
    }

    async fn of_session(&self, caller: &Caller, id: SessionId) -> Result<Vec<UsageRow>> {
        require(caller, Action::ReadNode, Resource::Node, "session")?;
        let id = id.to_string();
        let seen = session::Entity::find_by_id(&id).filter(Rows::scope(caller)).count(self.store.read()).await.map_err(internal)?;
        if seen == 0 {
            return Err(Error::NotFound("session".into()));
        }
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for row in usage_day::Entity::find().filter(usage_day::Column::Session.eq(id)).all(self.store.read()).await.map_err(internal)? {
            sums.entry(row.model.clone()).or_default().add(&row);
        }
        let mut items: Vec<UsageRow> = sums.into_iter().map(|(model, sum)| sum.row(model.clone(), model)).collect();
        costliest_first(&mut items);
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::day_text;

    #[test]
    fn days_are_named_by_the_calendar() {
        for (day, text) in [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_779, "2026-11-22"), (-1, "1969-12-31")] {
            assert_eq!(day_text(day), text);
        }
    }
}
