//! Opening the store: the settings of the connections, the schema. Everything an operator can have set
//! up wrongly is found here and said.

use std::time::Duration;

use sqlx::{
    ConnectOptions,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};

use super::{
    codes::opening,
    connection::{common, options, reader},
    engine::Sqlite,
    file::StoreFile,
    upgrade,
};
use crate::{
    StoreError, moved,
    sql::{Connection, Readers},
};

const READERS: u32 = 4;

/// How long the writer waits inside SQLite for a lock; it tries again by itself after that, and the
/// health of the store tells meanwhile.
const WRITER_PATIENCE: Duration = Duration::from_millis(250);

/// The file, held against every daemon, and a connection that writes to it. Its schema is as it was.
pub(crate) struct Held {
    pub file: StoreFile,
    pub base: SqliteConnectOptions,
    pub options: SqliteConnectOptions,
    pub db: Connection,
}

impl Held {
    /// Makes the file when it is missing.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let base = options(url)?;
        let path = base.get_filename();
        let file = StoreFile::hold(path)?;
        let options = common(base.clone())
            // Takes effect on a new file: the room of removed calls can be given back to the disk.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(WRITER_PATIENCE)
            .pragma("cache_size", "-65536")
            // A checkpoint costs the writer two fsyncs: one in 16 MiB rather than one in 4.
            .pragma("wal_autocheckpoint", "4096")
            .pragma("journal_size_limit", "67108864");
        let db = options.connect().await.map_err(|e| opening(path, e))?.into();
        Ok(Held { file, base, options, db })
    }

    /// Another connection that writes.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let path = self.file.path();
        Ok(self.options.connect().await.map_err(|e| opening(path, e))?.into())
    }

    pub fn name(&self) -> String {
        self.file.path().display().to_string()
    }

    pub async fn bring_up_to_date(&mut self) -> Result<(), StoreError> {
        upgrade::bring_up_to_date(self.base.clone(), self.file.path(), self.db.sqlite()).await
    }
}

/// The writer's side, and the readers.
pub(crate) async fn open(url: &str) -> Result<(Sqlite, Readers), StoreError> {
    let mut held = Held::open(url).await?;
    let path = held.file.path().to_owned();
    let name = held.name();
    moved::refuse(&mut held.db, &name, |e| opening(&path, e)).await?;
    held.bring_up_to_date().await?;
    let Held { file, base, options, db } = held;

    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        // A connection to a file does not die of age; its cache is worth keeping.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(reader(base))
        .await
        .map_err(|e| opening(&path, e))?;
    Ok((Sqlite::new(options, db, file), Readers::Sqlite(readers)))
}
