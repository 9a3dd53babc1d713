//! What can go wrong with the store, said so that an operator knows what to do, and which errors of
//! SQLite pass by themselves and which never will.

use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store.url can't be used: {problem}; give it as sqlite:///var/lib/novofon-bot/bot.db")]
    Url { problem: String },
    #[error("cannot open the store `{}`: {problem}; {hint}", path.display())]
    Open {
        path: PathBuf,
        problem: String,
        hint: &'static str,
        #[source]
        source: Option<sqlx::Error>,
    },
    #[error(
        "the store `{}` is in use by another novofon-bot; stop that one first, or give this one its own store.url",
        path.display()
    )]
    InUse { path: PathBuf },
    #[error(
        "the store `{}` was written by a newer novofon-bot (schema {version}); start that version, or restore a backup",
        path.display()
    )]
    NewerSchema { path: PathBuf, version: i64 },
    #[error("cannot read {what} from the store: {source}; see the health of the store and its disk")]
    Read {
        what: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("cannot write {what} to the store: {source}; nothing was changed, try again")]
    Write {
        what: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("cannot make the backup `{}`: {problem}; {hint}", path.display())]
    Backup { path: PathBuf, problem: String, hint: &'static str },
    #[error("the store is closed: the daemon stops; try again when it is back")]
    Closed,
}

/// A stored value that no version of ours has written.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` holds `{value}`, which is no value of its kind; was the file edited by hand?")]
pub(super) struct BadValue {
    pub column: &'static str,
    pub value: String,
}

impl StoreError {
    /// Why a file could not be opened, in words, with what to do about it.
    pub(super) fn open(path: &Path, source: sqlx::Error) -> Self {
        let (problem, hint) = match primary_code(&source) {
            Some(code::NOTADB) => (
                "the file is not an SQLite database",
                "move it away (a new store is then created) or correct store.url",
            ),
            Some(code::CORRUPT) => ("the database is damaged", "restore it from a backup"),
            Some(code::CANTOPEN) => (
                "SQLite could not open or create one of its files",
                "give the daemon's user the right to write to the folder and the file",
            ),
            Some(code::READONLY | code::PERM) => (
                "it may not be written",
                "give the daemon's user the right to write to the folder and the file",
            ),
            Some(code::FULL) => ("the disk is full", "free some space and start again"),
            Some(code::IOERR) => {
                ("the disk failed to read or write it", "see the kernel's log for the disk's errors")
            }
            Some(code::BUSY | code::LOCKED) => (
                "another program holds it locked",
                "close that program (an sqlite3 shell, a backup) and start again",
            ),
            _ => ("SQLite refused it", "see the cause below"),
        };
        StoreError::Open { path: path.to_owned(), problem: problem.to_owned(), hint, source: Some(source) }
    }

    pub(super) fn migrate(path: &Path, error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
                StoreError::NewerSchema { path: path.to_owned(), version }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                StoreError::open(path, source)
            }
            other => StoreError::Open {
                path: path.to_owned(),
                problem: other.to_string(),
                hint: "its schema is not one that novofon-bot made; restore a backup or use another file",
                source: None,
            },
        }
    }

    pub(super) fn read(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| StoreError::Read { what, source }
    }
}

/// Primary result codes of SQLite (sqlite.org/rescode.html).
mod code {
    pub const PERM: i32 = 3;
    pub const BUSY: i32 = 5;
    pub const LOCKED: i32 = 6;
    pub const READONLY: i32 = 8;
    pub const IOERR: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const TOOBIG: i32 = 18;
    pub const CONSTRAINT: i32 = 19;
    pub const MISMATCH: i32 = 20;
    pub const NOTADB: i32 = 26;
}

/// Whether the fault is in the data itself, so that the same write fails for ever. Everything else
/// (a lock, a full or failing disk, a lost file) can pass without us, and the write is repeated.
pub(super) fn is_permanent(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Encode(_))
        || matches!(primary_code(error), Some(code::TOOBIG | code::CONSTRAINT | code::MISMATCH))
}

/// Whether somebody else holds the database: the connection itself is sound.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::BUSY | code::LOCKED))
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

impl From<BadValue> for sqlx::Error {
    fn from(bad: BadValue) -> Self {
        sqlx::Error::Decode(bad.into())
    }
}
