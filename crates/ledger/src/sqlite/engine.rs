//! The writer's side of a file: one connection, opened anew after a failure, and the file held meanwhile.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

use super::{
    codes::{is_locked, is_permanent},
    file::StoreFile,
    room, transaction,
};
use crate::{Commit, Deleted, batch, calls, engine::Engine, retention, sql::Connection};
use call::CallId;

pub(crate) struct Sqlite {
    options: SqliteConnectOptions,
    connection: Option<Connection>,
    /// The number that the next entry gets, once it is known: nobody else writes.
    next_seq: Option<i64>,
    /// Held until everything is written: only then may another daemon open the store.
    file: StoreFile,
}

impl Sqlite {
    pub fn new(options: SqliteConnectOptions, connection: Connection, file: StoreFile) -> Self {
        Sqlite { options, connection: Some(connection), next_seq: None, file }
    }

    async fn connection(&mut self) -> Result<&mut Connection, sqlx::Error> {
        self.file.is_in_place()?;
        if self.connection.is_none() {
            self.connection = Some(self.options.connect().await?.into());
        }
        Ok(self.connection.as_mut().expect("it was just made"))
    }

    /// What is wrong may be the connection: the next try gets a new one.
    fn failed(&mut self, error: &sqlx::Error) {
        if !is_permanent(error) && !is_locked(error) {
            self.connection = None;
        }
    }
}

impl Engine for Sqlite {
    const LOOK_EVERY: Option<Duration> = None;

    const REMEDY: &str = "free the disk or end the program that locks it";

    fn name(&self) -> String {
        self.file.path().display().to_string()
    }

    async fn look(&mut self) -> Result<(), sqlx::Error> {
        self.connection().await.map(drop)
    }

    async fn write(&mut self, commits: &[Commit], now: DateTime<Utc>) -> Result<i64, sqlx::Error> {
        let first_seq = self.next_seq.take();
        let written = match self.connection().await {
            Ok(db) => transaction::write(db, commits, first_seq, now).await,
            Err(e) => Err(e),
        };
        match &written {
            Ok(first_seq) => self.next_seq = Some(first_seq + batch::numbers(commits)),
            Err(e) => self.failed(e),
        }
        written
    }

    async fn delete(&mut self, id: CallId) -> Result<Deleted, sqlx::Error> {
        let deleted = match self.connection().await {
            Ok(db) => delete(db, id).await,
            Err(e) => Err(e),
        };
        if deleted.as_ref().is_err_and(|e| !is_locked(e)) {
            self.connection = None;
        }
        deleted
    }

    async fn purge(&mut self, now: DateTime<Utc>, keep: Option<TimeDelta>) -> Result<bool, sqlx::Error> {
        let db = self.connection().await?;
        let purged = retention::purge(db, now, keep).await?;
        let more_room = !purged.more_calls && room::give_back(db.sqlite()).await?;
        Ok(purged.more_keys || purged.more_calls || more_room)
    }

    fn is_permanent(error: &sqlx::Error) -> bool {
        is_permanent(error)
    }

    async fn close(mut self) {
        if let Some(mut db) = self.connection.take() {
            let checkpoint = db.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
            if let Err(e) = checkpoint.and(db.close().await) {
                // The write-ahead log keeps what was committed; the next start takes it over.
                tracing::warn!(error = %e, "the store could not be tidied up on closing; nothing is lost");
            }
        }
        drop(self.file);
    }
}

async fn delete(db: &mut Connection, id: CallId) -> Result<Deleted, sqlx::Error> {
    batch::begin(db).await?;
    match calls::delete(db, id).await {
        Ok(deleted) => db.commit().await.map(|()| deleted),
        Err(e) => {
            db.roll_back().await;
            Err(e)
        }
    }
}
