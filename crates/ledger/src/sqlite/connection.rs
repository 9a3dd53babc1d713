//! Connections to the file that `store.url` names: what every one of them is set to, and the files beside it.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

use lang::{Text, say};

use crate::StoreError;

const READER_PATIENCE: Duration = Duration::from_secs(2);

/// A connection that only reads.
pub(crate) fn reader(base: SqliteConnectOptions) -> SqliteConnectOptions {
    common(base).read_only(true).busy_timeout(READER_PATIENCE).pragma("cache_size", "-32768")
}

pub(crate) fn common(base: SqliteConnectOptions) -> SqliteConnectOptions {
    base.create_if_missing(false)
        // Rows are removed together by hand; a look-up for each timeline entry would be wasted.
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        // No mmap: with it a failing disk kills the process by SIGBUS instead of giving an error.
        .pragma("mmap_size", "0")
        .disable_statement_logging()
}

/// The file beside the database that SQLite names so.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(crate) fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
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
    if let Some(problem) = crate::slash_missing(url) {
        return refuse(problem);
    }
    SqliteConnectOptions::from_str(url).or_else(|e| refuse(Text::same(e.to_string())))
}
