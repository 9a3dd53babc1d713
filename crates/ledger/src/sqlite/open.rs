//! Opening the store: the settings of the connections, the schema. Everything an operator can have set
//! up wrongly is found here and said.

use std::time::Duration;

use sqlx::{
    ConnectOptions,
    sqlite::{SqliteAutoVacuum, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
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

/// The writer's side, and the readers.
pub(crate) async fn open(url: &str) -> Result<(Sqlite, Readers), StoreError> {
    let base = options(url)?;
    let path = base.get_filename().to_owned();
    let file = StoreFile::hold(&path)?;

    let writer_options = common(base.clone())
        // Takes effect on a new file: the room of removed calls can be given back to the disk.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WRITER_PATIENCE)
        .pragma("cache_size", "-65536")
        // A checkpoint costs the writer two fsyncs: one in 16 MiB rather than one in 4.
        .pragma("wal_autocheckpoint", "4096")
        .pragma("journal_size_limit", "67108864");

    let writer = writer_options.connect().await.map_err(|e| opening(&path, e))?;
    let mut writer = Connection::from(writer);
    moved::refuse(&mut writer, &path.display().to_string(), |e| opening(&path, e)).await?;
    upgrade::bring_up_to_date(base.clone(), &path, writer.sqlite()).await?;

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
    Ok((Sqlite::new(writer_options, writer, file), Readers::Sqlite(readers)))
}
