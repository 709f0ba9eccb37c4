//! Who this node is: its description and its key, from the settings and the data directory, for a node that serves and
//! for the command line without one. It must not open a store.

use crate::{config::Config, fwd::HttpWire};
use node::{
    clock::Deps,
    fleet::{FleetConfig, FleetService, KeyError, NodeKey},
    journal::Journal,
    overview::Identity,
    store::Store,
};
use std::sync::Arc;

/// The node's description of itself.
pub(crate) fn identity(config: &Config, journal: &Journal) -> Result<Identity, KeyError> {
    let name = config
        .node_name
        .clone()
        .or_else(host_name)
        .unwrap_or_else(|| "this node".to_owned());
    let data_dir = std::path::absolute(&config.data_dir).map_err(|cause| KeyError::File {
        path: config.data_dir.clone(),
        cause,
    })?;
    Ok(Identity {
        id: journal.node_id(),
        name,
        kind: config.node_kind,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data_dir,
    })
}

/// The node's key, made at its first start, its addresses and its way to other nodes.
pub(crate) fn fleet_config(config: &Config, deps: &Deps) -> Result<FleetConfig, KeyError> {
    Ok(FleetConfig {
        key: NodeKey::open(&config.data_dir, deps)?,
        urls: config.fleet_urls(),
        public: !config.public_urls.is_empty(),
        wire: Arc::new(HttpWire::default()),
    })
}

/// The fleet of a node that is not running, for the command line.
pub(crate) fn fleet(config: &Config, store: &Store, journal: &Journal, deps: &Deps) -> Result<FleetService, KeyError> {
    Ok(FleetService::new(
        identity(config, journal)?,
        fleet_config(config, deps)?,
        store.clone(),
        journal.clone(),
        deps.clone(),
    ))
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
