//! The `orchwiz` binary as a library: router, layers, sign-in, REST, live socket, command line. It wires `node` into
//! `app`. It must not hold a rule of the domain: handlers call ports, ports decide.

pub mod answer;
pub mod assets;
pub mod auth;
pub mod cli;
pub mod config;
pub mod connections;
pub mod fwd;
pub mod guard;
pub mod health;
pub mod idempotency;
mod identity;
pub mod limits;
pub mod live;
pub mod local;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod rest;
pub mod router;
pub mod serve;
pub mod state;
pub mod stop;
pub mod table;
pub mod terminal;

pub use router::routes;
