//! Rate limits of sign-in and set-up. This module names the limits; `node::limits` counts.

use model::Result;
use node::{
    clock::Deps,
    limits::{Limiter, network_key},
};
use std::{net::IpAddr, sync::Arc};

/// The limits of a node.
#[derive(Clone)]
pub struct Limits {
    /// Sign-ins: 5 a minute for an account from one network.
    account: Arc<Limiter>,
    /// Sign-ins: 30 an hour for an account, over all networks that its owner has not used lately.
    strangers: Arc<Limiter>,
    /// Sign-ins: 20 a minute from an address.
    pub address: Arc<Limiter>,
    /// Set-ups: 5 a minute from an address.
    pub setup: Arc<Limiter>,
}

impl Limits {
    /// All limits, with nothing counted yet.
    pub fn new(deps: &Deps) -> Self {
        Self {
            account: Arc::new(Limiter::per_minute(5, deps)),
            strangers: Arc::new(Limiter::per_hour(30, deps)),
            address: Arc::new(Limiter::per_minute(20, deps)),
            setup: Arc::new(Limiter::per_minute(5, deps)),
        }
    }

    /// Counts a sign-in as `account`. A `known` network, from which the owner signed in lately, counts by itself, so
    /// that attempts from many places cannot lock the owner out.
    pub fn sign_in(&self, account: &str, address: Option<IpAddr>, known: bool) -> Result<SignIn> {
        let network = network_key(address);
        // The address first: an attempt that fails here must not use up the account's tries.
        self.address.check(&network)?;
        let from_there = format!("{account} {network}");
        self.account.check(&from_there)?;
        if !known {
            self.strangers.check(account)?;
        }
        Ok(SignIn {
            limits: self.clone(),
            network,
            from_there,
            account: (!known).then(|| account.to_owned()),
        })
    }
}

/// A sign-in that was counted.
pub struct SignIn {
    limits: Limits,
    network: String,
    from_there: String,
    /// The account, if it was counted among strangers.
    account: Option<String>,
}

impl SignIn {
    /// The sign-in succeeded, so it does not count.
    pub fn forgive(self) {
        self.limits.address.forgive(&self.network);
        self.limits.account.forgive(&self.from_there);
        if let Some(account) = &self.account {
            self.limits.strangers.forgive(account);
        }
    }
}
