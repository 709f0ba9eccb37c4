//! How often somebody who is not signed in may try, and from where.
//! It names the limits; `node::limits` counts.

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
    /// Sign-ins: 30 an hour for an account, from all networks together that its owner has not used lately.
    strangers: Arc<Limiter>,
    /// Sign-ins: 20 a minute from an address.
    pub address: Arc<Limiter>,
    /// Set-ups: 5 a minute from an address.
    pub setup: Arc<Limiter>,
}

impl Limits {
    /// All of them, untouched.
    pub fn new(deps: &Deps) -> Self {
        Self {
            account: Arc::new(Limiter::per_minute(5, deps)),
            strangers: Arc::new(Limiter::per_hour(30, deps)),
            address: Arc::new(Limiter::per_minute(20, deps)),
            setup: Arc::new(Limiter::per_minute(5, deps)),
        }
    }

    /// Counts a sign-in as `account`. Whoever tries one account from many places must not lock its owner out, so a
    /// network that is `known`, from which the owner signed in lately, is counted by itself alone.
    pub fn sign_in(&self, account: &str, address: Option<IpAddr>, known: bool) -> Result<SignIn> {
        let network = network_key(address);
        // The address first: whoever is stopped there must not use up the tries of the account.
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
    /// Where it was counted among those of strangers.
    account: Option<String>,
}

impl SignIn {
    /// It was right: it does not count.
    pub fn forgive(self) {
        self.limits.address.forgive(&self.network);
        self.limits.account.forgive(&self.from_there);
        if let Some(account) = &self.account {
            self.limits.strangers.forgive(account);
        }
    }
}
