//! The connections that only read. They never wait for the writer, and no longer for a database than somebody who asks
//! would.

use std::{sync::Arc, time::Duration};

use sqlx::SqlitePool;

use super::{Connection, Dialect, Query, Row};
use crate::{StoreError, postgres::readers::PgReaders};

/// What is read may take so long, where the database is on a network.
const LIMIT: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub(crate) enum Readers {
    Sqlite(SqlitePool),
    Postgres(Arc<PgReaders>),
}

impl Readers {
    pub fn dialect(&self) -> Dialect {
        match self {
            Readers::Sqlite(_) => Dialect::Sqlite,
            Readers::Postgres(_) => Dialect::Postgres,
        }
    }

    pub fn query(&self, sql: &str) -> Query {
        Query::new(self.dialect(), sql)
    }

    pub async fn connection(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Readers::Sqlite(pool) => Ok(pool.acquire().await?.into()),
            Readers::Postgres(readers) => Ok(Connection::reader(readers.get(LIMIT).await?, LIMIT)),
        }
    }

    pub async fn all(&self, query: Query, what: &'static str) -> Result<Vec<Row>, StoreError> {
        let ask = async { self.connection().await?.all(query).await };
        ask.await.map_err(StoreError::read(what))
    }

    pub async fn close(&self) {
        match self {
            Readers::Sqlite(pool) => pool.close().await,
            Readers::Postgres(readers) => readers.close(),
        }
    }
}
