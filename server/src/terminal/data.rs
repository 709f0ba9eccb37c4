//! A command's access to a node's data: through the running node, or by holding the data while none runs. No other part
//! of the command line opens a store.

use super::{Failure, Where, output};
use crate::{
    config::Config,
    identity,
    local::{self, Answer, Ask, Desk},
};
use node::{
    accounts::AccountsService,
    clock::Deps,
    journal::{self, Journal, Report},
    store::{Store, StoreConfig, StoreError},
};
use serde::Serialize;
use std::{process::ExitCode, sync::Arc};

/// The store of these settings, with its journal.
pub(crate) async fn open(config: &Config, deps: &Deps) -> Result<(Store, Journal), Failure> {
    let place = StoreConfig {
        url: config.database_url.as_ref().map(|url| url.expose().to_owned()),
        data_dir: config.data_dir.clone(),
    };
    let store = Store::open::<migration::Migrator>(&place, deps)
        .await
        .map_err(|error| match error {
            StoreError::Held(_) => Failure::running(error),
            error => Failure::new(error),
        })?;
    let journal = Journal::open(store.clone(), deps.clone()).await.map_err(Failure::new)?;
    Ok((store, journal))
}

/// Asks the node, running or not.
pub(crate) async fn ask(place: &Where, ask: Ask) -> Result<Answer, Failure> {
    let config = place.config(Vec::new())?;
    if local::is_running(&config.socket()).await {
        return local::ask(&config.socket(), &ask).await.map_err(Failure::new);
    }
    let deps = Deps::system();
    let (store, journal) = open(&config, &deps).await?;
    let accounts = AccountsService::new(store.clone(), journal.clone(), deps.clone());
    let answer = match identity::fleet(&config, &store, &journal, &deps) {
        Ok(fleet) => Desk::new(accounts, store.clone(), Arc::new(fleet)).answer(ask).await,
        Err(error) => {
            journal.close().await;
            store.close().await;
            return Err(Failure::new(error));
        }
    };
    journal.close().await;
    store.close().await;
    Ok(answer?)
}

/// Only a node of another version answers like this.
pub(crate) fn unexpected() -> Failure {
    Failure::new("the running node answered something else: use the same `orchwiz` as it does")
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<ExitCode, Failure> {
    output::line(serde_json::to_string_pretty(value).map_err(Failure::new)?);
    Ok(ExitCode::SUCCESS)
}

/// Opens the data and holds its lease; refused while a node runs.
async fn hold(place: &Where) -> Result<(Store, Journal), Failure> {
    let config = place.config(Vec::new())?;
    if local::is_running(&config.socket()).await {
        return Err(Failure::running(format!(
            "a node is running on {}: stop it first",
            config.data_dir.display()
        )));
    }
    open(&config, &Deps::system()).await
}

pub(crate) async fn rebuild(place: Where) -> Result<ExitCode, Failure> {
    let (store, journal) = hold(&place).await?;
    journal.close().await;
    let rebuilt = journal::rebuild(&store).await;
    store.close().await;
    let rebuilt = rebuilt.map_err(Failure::new)?;
    let rows: Vec<_> = rebuilt
        .tables
        .iter()
        .map(|table| vec![table.table.clone(), table.rows.to_string()])
        .collect();
    output::table(&["TABLE", "ROWS"], &rows);
    output::line(format!(
        "every projected table was built anew from {} events",
        rebuilt.events
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn migrate(place: Where) -> Result<ExitCode, Failure> {
    // Opening migrates, after a backup.
    let (store, journal) = hold(&place).await?;
    output::line(format!("{} has this version's schema", store.backend_name()));
    journal.close().await;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn doctor(place: Where, as_json: bool) -> Result<ExitCode, Failure> {
    let Answer::Doctor(report) = ask(&place, Ask::Doctor).await? else {
        return Err(unexpected());
    };
    if as_json {
        json(&report)?;
    } else {
        say(&report);
    }
    Ok(if report.healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::FAILED)
    })
}

/// Prints the report for people: what was checked, then what is wrong.
fn say(report: &Report) {
    let head = report.head.as_ref().map_or_else(
        || "no log".to_owned(),
        |head| {
            format!(
                "position {}, number {} of its own log, hash {}",
                head.pos, head.seq, head.hash
            )
        },
    );
    output::line(format!(
        "database   {}, integrity: {}",
        report.database, report.integrity
    ));
    output::line(format!("head       {head}"));
    match &report.chain.first_bad {
        None => output::line(format!("chain      {} events, all good", report.chain.verified)),
        Some(bad) => output::line(format!(
            "chain      DAMAGED at position {}: {} ({} events before it are good)",
            bad.pos, bad.why, report.chain.verified
        )),
    }
    output::line(format!(
        "blobs      {}, {} bad",
        report.blobs.count,
        report.blobs.bad.len()
    ));
    for bad in &report.blobs.bad {
        output::line(format!("           {bad}"));
    }
    let rows: Vec<_> = report
        .tables
        .iter()
        .map(|table| {
            let verdict = if table.rebuilds {
                "rebuilds".to_owned()
            } else {
                format!("DIFFERS at {}", table.differs.as_deref().unwrap_or("an unknown row"))
            };
            vec![table.table.clone(), table.rows.to_string(), table.hash.clone(), verdict]
        })
        .collect();
    output::table(&["TABLE", "ROWS", "HASH", "VERDICT"], &rows);
    output::line(if report.healthy {
        "healthy"
    } else {
        "DAMAGED: restore a backup, or keep this directory and ask for help"
    });
}
