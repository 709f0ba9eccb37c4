//! The Usage page, rendered on the server.

use super::sums::tests::row;
use crate::testing::Fake;
use model::Error;

#[tokio::test]
async fn nothing_used_says_so() {
    Fake::default()
        .render("/usage")
        .await
        .shows(&["Nothing was used in this span", "30 days"]);
}

#[tokio::test]
async fn sums_are_shown_and_an_unknown_cost_is_not_zero() {
    let usage = vec![
        row("2026-11-21", 2_000_000, Some(1_230_000)),
        row("2026-11-22", 10, None),
    ];
    let page = Fake {
        usage: usage.into(),
        ..Fake::default()
    }
    .render("/usage?days=30")
    .await;
    page.shows(&[
        "2.00M",
        "$1.23",
        "not known",
        "that is not zero",
        "By model",
        "By project",
    ])
    .lacks(&["$0.00"]);
}

#[tokio::test]
async fn an_error_offers_to_try_again() {
    Fake::failing(Error::Internal("ref-1".into()))
        .render("/usage")
        .await
        .shows(&["Usage could not be read.", "Try again"]);
}
