//! The server from outside: the real router on a real store, and the real binary. With `ORCHWIZ_TEST_POSTGRES` the same
//! tests run on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; helpers of tests are no tests to the lint"
)]

mod aborts;
mod access;
mod api;
mod bad_input;
mod bench;
mod circles;
mod cli;
mod connections;
mod dialects;
mod document;
mod events;
mod fleet;
mod full_disk;
mod hostile;
mod idempotency;
mod incidents;
mod live;
mod logged;
mod nasty;
mod origins;
mod pages;
mod real;
mod serve;
