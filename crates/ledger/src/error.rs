//! What can go wrong with the store, said so that an operator knows what to do, and which errors of
//! SQLite pass by themselves and which never will.

use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use lang::{Lang, Text, Told, say, system_in_russian};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store.url can't be used: {problem}; give it as sqlite:///var/lib/novofon-bot/bot.db")]
    Url { problem: Text },
    #[error("cannot open the store `{}`: {problem}; {hint}", path.display())]
    Open {
        path: PathBuf,
        // Boxed: a result carries the size of its largest error.
        problem: Box<Text>,
        hint: Box<Text>,
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
    Backup { path: PathBuf, problem: Box<Text>, hint: Box<Text> },
    #[error("the store is closed: the daemon stops; try again when it is back")]
    Closed,
}

impl Told for StoreError {
    fn told(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::Url { problem } => {
                format!("store.url не годится: {}; пишите sqlite:///var/lib/novofon-bot/bot.db", problem.ru)
            }
            Self::Open { path, problem, hint, .. } => {
                format!("хранилище `{}` не открыть: {}; {}", path.display(), problem.ru, hint.ru)
            }
            Self::InUse { path } => format!(
                "хранилище `{}` занято другим novofon-bot; сначала остановите его или дайте этому свой store.url",
                path.display()
            ),
            Self::NewerSchema { path, version } => format!(
                "хранилище `{}` записал более новый novofon-bot (схема {version}); запустите его или восстановите копию",
                path.display()
            ),
            Self::Read { source, .. } => format!(
                "хранилище не читается: {}; проверьте его состояние и диск",
                system_in_russian(&source.to_string())
            ),
            Self::Write { source, .. } => format!(
                "в хранилище не записать: {}; ничего не изменено, повторите",
                system_in_russian(&source.to_string())
            ),
            Self::Backup { path, problem, hint } => {
                format!("копию `{}` не сделать: {}; {}", path.display(), problem.ru, hint.ru)
            }
            Self::Closed => "хранилище закрыто: бот останавливается; повторите, когда он вернётся".to_owned(),
        }
    }
}

fn right_to_write() -> Text {
    say!(
        "give the daemon's user the right to write to the folder and the file",
        "дайте пользователю бота право писать в эту папку и файл"
    )
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
            _ => {
                (say!("SQLite refused it", "SQLite отказался"), say!("see the cause below", "причина — ниже"))
            }
        };
        StoreError::Open {
            path: path.to_owned(),
            problem: problem.into(),
            hint: hint.into(),
            source: Some(source),
        }
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
                problem: Box::new(Text::same(other.to_string())),
                hint: Box::new(say!(
                    "its schema is not one that novofon-bot made; restore a backup or use another file",
                    "его схему создал не novofon-bot; восстановите копию или возьмите другой файл"
                )),
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
