//! The connections that only read. They never wait for the writer, and no longer for a database than somebody who asks
//! would.

use std::time::Duration;

use sqlx::{PgPool, SqlitePool};

use super::{Connection, Dialect, Query, Row, connection::no_answer};
use crate::StoreError;

/// What is read may take so long, where the database is on a network.
const LIMIT: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub(crate) enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
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
            Readers::Postgres(pool) => {
                let connection = tokio::time::timeout(LIMIT, pool.acquire()).await;
                let connection = connection.unwrap_or_else(|_| Err(no_answer(LIMIT)))?;
                Ok(Connection::postgres_of_pool(connection, LIMIT))
            }
        }
    }

    pub async fn all(&self, query: Query, what: &'static str) -> Result<Vec<Row>, StoreError> {
        let ask = async { self.connection().await?.all(query).await };
        ask.await.map_err(StoreError::read(what))
    }

    pub async fn close(&self) {
        match self {
            Readers::Sqlite(pool) => pool.close().await,
            // A frozen server answers no goodbye.
            Readers::Postgres(pool) => drop(tokio::time::timeout(LIMIT, pool.close()).await),
        }
    }
}
