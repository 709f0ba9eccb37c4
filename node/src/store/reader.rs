//! The readers: a pool with a time limit on answers, replaced when the database was lost. Its connections refuse
//! writes.

use super::StoreError;
use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

/// How long PostgreSQL may take to connect and answer a read: a little more than the limit of the statement. SQLite has
/// no limit, because a local disk answers in the end.
const PATIENCE: Duration = Duration::from_secs(15);

/// The readers' pool.
pub struct Reader {
    pool: RwLock<DatabaseConnection>,
    backend: DbBackend,
}

impl Reader {
    pub(super) fn new(pool: DatabaseConnection) -> Self {
        Self {
            backend: pool.get_database_backend(),
            pool: RwLock::new(pool),
        }
    }

    /// Replaces the pool. A read that is stuck on the old one ends by its own time limit.
    pub(super) fn replace(&self, pool: DatabaseConnection) {
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = pool;
    }

    /// Closes the pool; later reads fail.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.pool().close_by_ref().await.map_err(StoreError::Database)
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        let pool = self.pool();
        Box::pin(self.answered(pool.ping())).await
    }

    fn pool(&self) -> DatabaseConnection {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answered<T>(&self, read: impl Future<Output = Result<T, DbErr>> + Send) -> Result<T, DbErr> {
        if self.backend == DbBackend::Sqlite {
            return read.await;
        }
        let late = |_| {
            DbErr::Conn(RuntimeErr::Internal(
                "the database did not answer a read in time".into(),
            ))
        };
        tokio::time::timeout(PATIENCE, read).await.map_err(late)?
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let pool = self.pool();
        self.answered(pool.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        let pool = self.pool();
        self.answered(pool.execute_unprepared(text)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let pool = self.pool();
        self.answered(pool.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let pool = self.pool();
        self.answered(pool.query_all_raw(statement)).await
    }
}
