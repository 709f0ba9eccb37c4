//! The fleet's pages. This folder holds only the fake port until they are drawn.

#[cfg(all(test, feature = "ssr"))]
pub mod fake;
