//! Server functions of the Usage page. Each asks a port for its caller and returns the answer.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{error::AppResult, wire::Rpc};
use leptos::server;
use model::usage::UsageRow;
use serde::{Deserialize, Serialize};

/// The sums of a span, in three groupings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageView {
    /// By day, oldest first, empty days included.
    pub days: Vec<UsageRow>,
    /// By project, costliest first.
    pub projects: Vec<UsageRow>,
    /// By model, costliest first.
    pub models: Vec<UsageRow>,
}

/// The sums of the last `days` UTC days.
#[server(prefix = "/api/rpc", endpoint = "usage/sums", protocol = Rpc)]
pub async fn usage_sums(days: u32) -> AppResult<UsageView> {
    use model::usage::{UsageBy, UsageQuery};
    let (usage, caller) = (services()?.usage, caller()?);
    Ok(UsageView {
        days: usage.sums(&caller, UsageQuery { by: UsageBy::Day, days }).await?,
        projects: usage
            .sums(
                &caller,
                UsageQuery {
                    by: UsageBy::Project,
                    days,
                },
            )
            .await?,
        models: usage
            .sums(
                &caller,
                UsageQuery {
                    by: UsageBy::Model,
                    days,
                },
            )
            .await?,
    })
}
