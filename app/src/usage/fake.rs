//! An in-memory fake of the usage port. Only compiled for tests.

use crate::testing::Fake;
use async_trait::async_trait;
use model::{
    Caller, Result,
    id::SessionId,
    ports,
    usage::{UsageQuery, UsageRow},
};

/// The data of the fake usage port.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// The sums, for any grouping.
    pub rows: Vec<UsageRow>,
}

impl From<Vec<UsageRow>> for Usage {
    fn from(rows: Vec<UsageRow>) -> Self {
        Self { rows }
    }
}

#[async_trait]
impl ports::UsageSums for Fake {
    async fn sums(&self, _: &Caller, _: UsageQuery) -> Result<Vec<UsageRow>> {
        self.checked()?;
        Ok(self.usage.rows.clone())
    }
    async fn of_session(&self, _: &Caller, id: SessionId) -> Result<Vec<UsageRow>> {
        self.session(id)?;
        Ok(self.usage.rows.clone())
    }
}
