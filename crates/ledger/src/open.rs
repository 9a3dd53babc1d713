//! Opening the store: the settings of the connections, the schema. Everything an operator can have set
//! up wrongly is found here and said.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};

use super::{StoreError, file::StoreFile};
use lang::{Text, say};

static MIGRATIONS: Migrator = sqlx::migrate!("src/migrations");

const READERS: u32 = 4;

/// How long the writer waits inside SQLite for a lock; it tries again by itself after that, and the
/// health of the store tells meanwhile.
const WRITER_PATIENCE: Duration = Duration::from_millis(250);
const READER_PATIENCE: Duration = Duration::from_secs(2);

/// What an open store is made of.
pub(super) struct Opened {
    pub path: PathBuf,
    pub writer_options: SqliteConnectOptions,
    pub writer: SqliteConnection,
    pub readers: SqlitePool,
    pub file: StoreFile,
}

pub(super) async fn open(url: &str) -> Result<Opened, StoreError> {
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

    let mut writer = writer_options.connect().await.map_err(|e| StoreError::open(&path, e))?;
    MIGRATIONS.run(&mut writer).await.map_err(|e| StoreError::migrate(&path, e))?;

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
        .map_err(|e| StoreError::open(&path, e))?;
    Ok(Opened { path, writer_options, writer, readers, file })
}

/// A connection that only reads.
pub(super) fn reader(base: SqliteConnectOptions) -> SqliteConnectOptions {
    common(base).read_only(true).busy_timeout(READER_PATIENCE).pragma("cache_size", "-32768")
}

fn common(base: SqliteConnectOptions) -> SqliteConnectOptions {
    base.create_if_missing(false)
        // Rows are removed together by hand; a look-up for each timeline entry would be wasted.
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        // No mmap: with it a failing disk kills the process by SIGBUS instead of giving an error.
        .pragma("mmap_size", "0")
        .disable_statement_logging()
}

/// The file beside the database that SQLite names so.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let refuse = |problem: Text| Err(StoreError::Url { problem });
    let Some(rest) = url.strip_prefix("sqlite:") else {
        // Only the scheme is shown: another database's URL may hold a password.
        let scheme = url.split_once(':').map_or("no scheme", |(scheme, _)| scheme);
        return refuse(say!(
            "it has `{scheme}` where `sqlite:` is expected",
            "там `{scheme}`, а нужно `sqlite:`"
        ));
    };
    let file = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
    if file.is_empty() {
        return refuse(say!("it names no file", "файла в нём нет"));
    }
    if url.contains(":memory:") || url.contains("mode=memory") || url.contains("mode=ro") {
        return refuse(say!(
            "a store in memory or read-only would lose calls",
            "хранилище в памяти или только для чтения потеряло бы звонки"
        ));
    }
    SqliteConnectOptions::from_str(url).or_else(|e| refuse(Text::same(e.to_string())))
}
