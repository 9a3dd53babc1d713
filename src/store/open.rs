//! Opening the file: its rights, the lock against a second daemon, the settings of the connections,
//! the schema. Everything an operator can have set up wrongly is found here and said.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

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
    pub lock: File,
}

pub(super) async fn open(url: &str) -> Result<Opened, StoreError> {
    let base = options(url)?;
    let path = base.get_filename().to_owned();
    create(&path)?;
    let lock = lock(&path)?;

    let base = base
        .create_if_missing(false)
        // Rows are removed together by hand; a look-up for each timeline entry would be wasted.
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        // No mmap: with it a failing disk kills the process by SIGBUS instead of giving an error.
        .pragma("mmap_size", "0")
        .disable_statement_logging();
    let writer_options = base
        .clone()
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
        .connect_with(base.read_only(true).busy_timeout(READER_PATIENCE).pragma("cache_size", "-32768"))
        .await
        .map_err(|e| StoreError::open(&path, e))?;
    Ok(Opened { path, writer_options, writer, readers, lock })
}

/// The file beside the database that SQLite names so.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let refuse = |problem: String| Err(StoreError::Url { problem });
    let Some(rest) = url.strip_prefix("sqlite:") else {
        // Only the scheme is shown: another database's URL may hold a password.
        let scheme = url.split_once(':').map_or("no scheme", |(scheme, _)| scheme);
        return refuse(format!("it has `{scheme}` where `sqlite:` is expected"));
    };
    let file = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
    if file.is_empty() {
        return refuse("it names no file".to_owned());
    }
    if url.contains(":memory:") || url.contains("mode=memory") || url.contains("mode=ro") {
        return refuse("a store in memory or read-only would lose calls".to_owned());
    }
    SqliteConnectOptions::from_str(url).or_else(|e| refuse(e.to_string()))
}

/// Creates the file when it is missing, readable by its owner alone: it holds phone numbers. SQLite
/// gives its -wal and -shm the same rights.
fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            Err(file_error(path, &io::ErrorKind::IsADirectory.into()))
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // Opened once for writing, so that missing rights are found before SQLite meets them.
            OpenOptions::new().read(true).append(true).open(path).map(drop).map_err(|e| file_error(path, &e))
        }
        Err(e) => Err(file_error(path, &e)),
    }
}

/// Two daemons on one store would both dial its calls. The lock is on a file of its own, because
/// closing any handle of the database file would drop SQLite's locks; it goes with the process.
fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|e| file_error(&lock_path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(e)) => Err(file_error(&lock_path, &e)),
    }
}

fn file_error(path: &Path, error: &io::Error) -> StoreError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "create the folder first, and make the daemon's user its owner",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give the daemon's user the right to write to the folder and the file"
        }
        io::ErrorKind::IsADirectory => "store.url must name a file in that folder, not the folder",
        io::ErrorKind::StorageFull => "free some space and start again",
        _ => "correct store.url or the folder it names",
    };
    StoreError::Open { path: path.to_owned(), problem: error.to_string(), hint, source: None }
}
