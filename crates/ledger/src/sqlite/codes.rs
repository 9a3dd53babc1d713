//! What SQLite's result codes mean: what an operator can do, and what passes by itself.

use std::path::Path;

use crate::StoreError;
use lang::{Text, say};

/// Why a file could not be opened, in words, with what to do about it.
pub(crate) fn opening(path: &Path, source: sqlx::Error) -> StoreError {
    let (problem, hint) = match primary_code(&source) {
        Some(code::NOTADB) => (
            say!("the file is not an SQLite database", "файл — не база SQLite"),
            say!(
                "move it away (a new store is then created) or correct store.url",
                "уберите его (тогда создастся новое хранилище) или исправьте store.url"
            ),
        ),
        Some(code::CORRUPT) => (
            say!("the database is damaged", "база повреждена"),
            say!("restore it from a backup", "восстановите её из копии"),
        ),
        Some(code::CANTOPEN) => (
            say!(
                "SQLite could not open or create one of its files",
                "SQLite не открыл или не создал один из своих файлов"
            ),
            right_to_write(),
        ),
        Some(code::READONLY | code::PERM) => {
            (say!("it may not be written", "писать в него нельзя"), right_to_write())
        }
        Some(code::FULL) => (
            say!("the disk is full", "диск заполнен"),
            say!("free some space and start again", "освободите место и запустите снова"),
        ),
        Some(code::IOERR) => (
            say!("the disk failed to read or write it", "диск не смог прочитать или записать"),
            say!("see the kernel's log for the disk's errors", "посмотрите ошибки диска в журнале ядра"),
        ),
        Some(code::BUSY | code::LOCKED) => (
            say!("another program holds it locked", "его заблокировала другая программа"),
            say!(
                "close that program (an sqlite3 shell, a backup) and start again",
                "закройте её (sqlite3, копирование) и запустите снова"
            ),
        ),
        _ => (say!("SQLite refused it", "SQLite отказался"), say!("see the cause below", "причина — ниже")),
    };
    StoreError::Open {
        store: path.display().to_string(),
        problem: problem.into(),
        hint: hint.into(),
        source: Some(source),
    }
}

fn right_to_write() -> Text {
    say!(
        "give the daemon's user the right to write to the folder and the file",
        "дайте пользователю бота право писать в эту папку и файл"
    )
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
