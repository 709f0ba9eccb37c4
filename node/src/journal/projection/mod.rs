//! The projection: folds facts into the projected tables, for new events, a rebuild's shadows and a peer's events
//! alike. It is deterministic and idempotent, decides nothing, and reads only rows of the same origin.

mod accounts;
mod approvals;
mod entries;
mod links;
mod sessions;
mod tables;
mod usage;

pub(crate) use tables::{Holds, Table, projected};

use crate::store::sql::{self, Together};
use model::{
    Millis, Pos,
    event::{Fact, is_about_people},
};
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};

/// Where to write: the live tables (no prefix) or a rebuild's shadows.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) db: &'a DatabaseTransaction,
    /// The prefix of every table's name.
    pub(crate) prefix: &'static str,
    /// The buffer of writes whose row counts nobody needs. Its owner runs what is left at the end.
    pub(crate) together: &'a Together,
}

impl Target<'_> {
    /// Runs one statement and returns the number of changed rows. `{p}` in the text stands for the prefix.
    async fn run<const N: usize>(&self, text: &str, values: [Value; N]) -> Result<u64, DbErr> {
        self.together.run(self.db).await?;
        sql::run(self.db, text.replace("{p}", self.prefix), values).await
    }

    /// Buffers one statement. It runs before the next read, perhaps in a batch with others.
    async fn write<const N: usize>(&self, text: &str, values: [Value; N]) -> Result<(), DbErr> {
        self.together
            .add(self.db, &text.replace("{p}", self.prefix), values)
            .await
    }

    /// Reads at most one row.
    async fn one<const N: usize>(&self, text: &str, values: [Value; N]) -> Result<Option<QueryResult>, DbErr> {
        self.together.run(self.db).await?;
        sql::one(self.db, text.replace("{p}", self.prefix), values).await
    }
}

/// A fact with the fields of its envelope that rows are made of.
#[derive(Clone, Copy)]
pub(crate) struct Happened<'a> {
    pub(crate) pos: Pos,
    pub(crate) origin: &'a str,
    /// The event's clock in unix ms, the only time that rows show.
    pub(crate) at: Millis,
    pub(crate) subject: &'a str,
    pub(crate) fact: &'a Fact,
    /// Whether another node made it.
    pub(crate) foreign: bool,
}

/// Folds one fact. Facts of another node about its people fold to nothing: nobody of another node is anybody here.
pub(crate) async fn apply(target: &Target<'_>, event: &Happened<'_>) -> Result<(), DbErr> {
    if event.foreign && is_about_people(event.fact.kind()) {
        return Ok(());
    }
    match event.fact {
        Fact::UserCreated(fact) => accounts::user_created(target, event, fact).await,
        Fact::UserChanged(fact) => accounts::user_changed(target, event, fact).await,
        Fact::UserRemoved(_) => accounts::user_removed(target, event).await,
        // Facts for the record only: what they change is private or local.
        Fact::UserSignedIn(_)
        | Fact::SignInRefused(_)
        | Fact::PasswordSet(_)
        | Fact::TokenMade(_)
        | Fact::TokenRevoked(_)
        | Fact::NodeSetUp(_)
        | Fact::NodeRenamed(_) => Ok(()),
        Fact::LinkMade(fact) => links::made(target, event, fact).await,
        Fact::LinkConfirmed(_) => links::confirmed(target, event).await,
        Fact::LinkChanged(fact) => links::changed(target, event, fact).await,
        Fact::LinkPaused(_) => links::paused(target, event, true).await,
        Fact::LinkResumed(_) => links::paused(target, event, false).await,
        Fact::LinkRevoked(fact) => links::revoked(target, event, fact).await,
        Fact::ProjectAdded(fact) => accounts::project_added(target, event, fact).await,
        Fact::ProjectChanged(fact) => accounts::project_changed(target, event, fact).await,
        Fact::ProjectTrusted(fact) => accounts::project_trusted(target, event, fact).await,
        Fact::ProjectRemoved(_) => accounts::project_removed(target, event).await,
        Fact::SessionCreated(fact) => sessions::created(target, event, fact).await,
        Fact::SessionMoved(fact) => sessions::moved(target, event, fact).await,
        Fact::SessionChanged(fact) => sessions::changed(target, event, fact).await,
        Fact::SessionDeleted(fact) => sessions::deleted(target, event, fact).await,
        Fact::SessionPurged(_) => sessions::purged(target, event).await,
        Fact::RunStarted(fact) => sessions::run_started(target, event, fact).await,
        Fact::RunEnded(fact) => sessions::run_ended(target, event, fact).await,
        Fact::PromptQueued(fact) => entries::prompt_queued(target, event, fact).await,
        Fact::PromptSettled(fact) => entries::prompt_settled(target, event, fact).await,
        Fact::EntryAdded(fact) => entries::added(target, event, fact).await,
        Fact::EntryEnded(fact) => entries::ended(target, event, fact).await,
        Fact::ApprovalAsked(fact) => approvals::asked(target, event, fact).await,
        Fact::ApprovalDecided(fact) => approvals::decided(target, event, fact).await,
        Fact::ApprovalWithdrawn(fact) => approvals::withdrawn(target, event, fact).await,
        Fact::UsageRecorded(fact) => usage::recorded(target, event, fact).await,
    }
}

/// An id as its column's value.
fn id(id: impl ToString) -> Value {
    id.to_string().into()
}

/// An optional id as its column's value.
fn some_id(id: Option<impl ToString>) -> Value {
    id.map(|id| id.to_string()).into()
}

/// A value as JSON text for its column.
fn json(value: &impl serde::Serialize) -> Result<Value, DbErr> {
    serde_json::to_string(value)
        .map(Value::from)
        .map_err(|error| DbErr::Json(error.to_string()))
}
