//! Lists page by cursor, never by offset: each page carries the cursor of the next one. Cursors are opaque to callers
//! and safe in a URL.

use serde::{Deserialize, Serialize};

/// Items in a page by default.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most items in a page.
pub const MAX_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the list's own order.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PageQuery {
    /// The `next` of the page before; absent for the first.
    pub after: Option<String>,
    /// At most so many items, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// The limit to apply: 1 to [`MAX_LIMIT`].
    pub fn limit(&self) -> Result<u32, crate::Error> {
        match self.limit {
            None => Ok(DEFAULT_LIMIT),
            Some(n) if (1..=MAX_LIMIT).contains(&n) => Ok(n),
            Some(_) => Err(crate::Error::invalid(
                "limit",
                format!("limit must be 1 to {MAX_LIMIT}"),
            )),
        }
    }
}
