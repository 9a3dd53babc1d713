//! One connection, of a pool or by itself. Where the database is on a network each statement has a limit: a server that is
//! frozen gives no error. A connection that was left in the middle of something is not used again.

use std::{io, ops::ControlFlow, time::Duration};

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor, PgConnection, Sqlite, SqliteConnection, pool::PoolConnection,
};

use super::{Dialect, Query, Row};
use crate::postgres::readers::Reader;

pub(crate) struct Connection {
    raw: Option<Raw>,
    /// For one statement.
    limit: Option<Duration>,
    /// A statement or a transaction has begun and not ended.
    busy: bool,
}

enum Raw {
    Sqlite(Box<SqliteConnection>),
    SqliteOfPool(PoolConnection<Sqlite>),
    Postgres(Box<PgConnection>),
    PostgresOfPool(Reader),
}

enum Db<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl From<SqliteConnection> for Connection {
    fn from(connection: SqliteConnection) -> Self {
        Connection { raw: Some(Raw::Sqlite(Box::new(connection))), limit: None, busy: false }
    }
}

impl From<PoolConnection<Sqlite>> for Connection {
    fn from(connection: PoolConnection<Sqlite>) -> Self {
        Connection { raw: Some(Raw::SqliteOfPool(connection)), limit: None, busy: false }
    }
}

impl Connection {
    pub fn postgres(connection: PgConnection, limit: Duration) -> Self {
        Connection { raw: Some(Raw::Postgres(Box::new(connection))), limit: Some(limit), busy: false }
    }

    pub fn reader(reader: Reader, limit: Duration) -> Self {
        Connection { raw: Some(Raw::PostgresOfPool(reader)), limit: Some(limit), busy: false }
    }

    /// The connection itself, of one that was made by [`postgres`](Self::postgres).
    pub fn into_pg(mut self) -> PgConnection {
        match self.raw.take() {
            Some(Raw::Postgres(connection)) => *connection,
            _ => unreachable!("only code of `postgres/` asks, of its own connections"),
        }
    }

    /// What is asked from now on may take so long.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = self.limit.map(|_| limit);
    }

    fn db(&mut self) -> Db<'_> {
        match self.raw.as_mut().expect("only the drop takes it") {
            Raw::Sqlite(connection) => Db::Sqlite(connection),
            Raw::SqliteOfPool(connection) => Db::Sqlite(connection),
            Raw::Postgres(connection) => Db::Postgres(connection),
            Raw::PostgresOfPool(reader) => Db::Postgres(&mut reader.connection),
        }
    }

    pub fn dialect(&self) -> Dialect {
        match self.raw.as_ref().expect("only the drop takes it") {
            Raw::Sqlite(_) | Raw::SqliteOfPool(_) => Dialect::Sqlite,
            Raw::Postgres(_) | Raw::PostgresOfPool(_) => Dialect::Postgres,
        }
    }

    pub fn query(&self, sql: &str) -> Query {
        Query::new(self.dialect(), sql)
    }

    /// SQLite's own, for what only SQLite understands.
    pub fn sqlite(&mut self) -> &mut SqliteConnection {
        match self.db() {
            Db::Sqlite(connection) => connection,
            Db::Postgres(_) => unreachable!("only code of `sqlite/` asks, of its own connections"),
        }
    }

    /// PostgreSQL's own, for its migrations.
    pub fn pg(&mut self) -> &mut PgConnection {
        match self.db() {
            Db::Postgres(connection) => connection,
            Db::Sqlite(_) => unreachable!("only code of `postgres/` asks, of its own connections"),
        }
    }

    /// Within the limit. `busy` stays set when it is given up, by us or by whoever asked.
    async fn within<T>(
        &mut self,
        work: impl AsyncFnOnce(Db<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let (limit, was_busy) = (self.limit, self.busy);
        self.busy = true;
        let result = match limit {
            None => work(self.db()).await,
            Some(limit) => match tokio::time::timeout(limit, work(self.db())).await {
                Ok(result) => result,
                Err(_late) => return Err(no_answer(limit)),
            },
        };
        self.busy = was_busy;
        result
    }

    pub async fn all(&mut self, mut query: Query) -> Result<Vec<Row>, sqlx::Error> {
        self.within(async |db| match (db, &mut query) {
            (Db::Sqlite(db), Query::Sqlite(query)) => {
                Ok(query.build().fetch_all(db).await?.into_iter().map(Row::Sqlite).collect())
            }
            (Db::Postgres(db), Query::Postgres(query)) => {
                Ok(query.build().fetch_all(db).await?.into_iter().map(Row::Postgres).collect())
            }
            _ => unreachable!("a query is made for its connection"),
        })
        .await
    }

    pub async fn optional(&mut self, query: Query) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.all(query).await?.into_iter().next())
    }

    pub async fn one(&mut self, query: Query) -> Result<Row, sqlx::Error> {
        self.optional(query).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// How many rows it changed.
    pub async fn execute(&mut self, mut query: Query) -> Result<u64, sqlx::Error> {
        self.within(async |db| match (db, &mut query) {
            (Db::Sqlite(db), Query::Sqlite(query)) => Ok(query.build().execute(db).await?.rows_affected()),
            (Db::Postgres(db), Query::Postgres(query)) => {
                Ok(query.build().execute(db).await?.rows_affected())
            }
            _ => unreachable!("a query is made for its connection"),
        })
        .await
    }

    /// Row by row, until one is enough.
    pub async fn each(
        &mut self,
        mut query: Query,
        mut row: impl FnMut(Row) -> Result<ControlFlow<()>, sqlx::Error>,
    ) -> Result<(), sqlx::Error> {
        self.within(async |db| {
            match (db, &mut query) {
                (Db::Sqlite(db), Query::Sqlite(query)) => {
                    let mut rows = query.build().fetch(db);
                    while let Some(next) = rows.try_next().await? {
                        if row(Row::Sqlite(next))?.is_break() {
                            break;
                        }
                    }
                }
                (Db::Postgres(db), Query::Postgres(query)) => {
                    let mut rows = query.build().fetch(db);
                    while let Some(next) = rows.try_next().await? {
                        if row(Row::Postgres(next))?.is_break() {
                            break;
                        }
                    }
                }
                _ => unreachable!("a query is made for its connection"),
            }
            Ok(())
        })
        .await
    }

    /// Statements without values.
    pub async fn run(&mut self, sql: impl Into<String>) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.into());
        self.within(async |db| match db {
            Db::Sqlite(db) => db.execute(sqlx::raw_sql(sql)).await.map(drop),
            Db::Postgres(db) => db.execute(sqlx::raw_sql(sql)).await.map(drop),
        })
        .await
    }

    /// Begins a transaction that writes.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.busy = true;
        self.run(match self.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        })
        .await
    }

    /// Begins to look at one moment of the store.
    pub async fn begin_to_read(&mut self) -> Result<(), sqlx::Error> {
        self.busy = true;
        self.run(match self.dialect() {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })
        .await
    }

    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.run("COMMIT").await?;
        self.busy = false;
        Ok(())
    }

    /// Where there is no transaction to undo, that is no trouble.
    pub async fn roll_back(&mut self) {
        if self.run("ROLLBACK").await.is_ok() {
            self.busy = false;
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) -> Result<(), sqlx::Error> {
        let limit = self.limit;
        let closing = async {
            match self.raw.take() {
                Some(Raw::Sqlite(connection)) => connection.close().await,
                Some(Raw::Postgres(connection)) => connection.close().await,
                Some(Raw::SqliteOfPool(_) | Raw::PostgresOfPool(_)) | None => Ok(()),
            }
        };
        match limit {
            None => closing.await,
            Some(limit) => {
                tokio::time::timeout(limit, closing).await.unwrap_or_else(|_| Err(no_answer(limit)))
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        match self.raw.take() {
            Some(Raw::PostgresOfPool(reader)) if !self.busy => reader.give_back(),
            Some(Raw::SqliteOfPool(mut connection)) if self.busy => connection.close_on_drop(),
            _ => {}
        }
    }
}

pub(crate) fn no_answer(limit: Duration) -> sqlx::Error {
    let text = format!("the database has not answered within {} s", limit.as_secs_f64());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}
