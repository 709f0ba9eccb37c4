//! The door of a node: sign-in, GitHub and the guard, on a real store and without the rest of the node.
//! With `ORCHWIZ_TEST_POSTGRES` the same tests run on PostgreSQL.

#![expect(
    clippy::unused_async,
    reason = "a handler is an async function, also when it waits for nothing"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; helpers of tests are no tests to the lint"
)]

mod bench;
mod github;
mod guard;
mod sign_in;
