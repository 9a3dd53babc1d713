//! A store that an older release made is brought to this one's schema. A copy of it is kept beside it first, for whoever must go back.

use std::path::{Path, PathBuf};

use sqlx::{SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

use super::{backup, codes::opening, connection::beside};
use crate::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("src/migrations/sqlite");

/// Brings the file that `writer` has open to this program's schema.
///
/// # Errors
/// When it is of a newer program, or its copy can't be kept (no room on the disk): nothing is changed then.
pub(super) async fn bring_up_to_date(
    base: SqliteConnectOptions,
    path: &Path,
    writer: &mut SqliteConnection,
) -> Result<(), StoreError> {
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    if let Some(schema) = schema(writer).await.map_err(|e| opening(path, e))?
        && schema < newest
    {
        // It is there already when the way from there was broken off; but who went back has another store since.
        if let Some(kept) = to_be_kept(path, schema) {
            tracing::info!(from = schema, to = newest, kept = %kept.display(), "the store is of an older release; it is copied first");
            let bytes = backup::keep(base, path, &kept).await?;
            tracing::info!(bytes, "the copy is kept; the store is changed now");
        }
    }
    MIGRATIONS
        .run(writer)
        .await
        .map_err(|e| StoreError::migrate(&path.display().to_string(), e, |e| opening(path, e)))
}

/// `bot.db.schema-2`, or `bot.db.schema-2.2` where that is taken. `None`: the last one was made after the store was written last.
fn to_be_kept(path: &Path, schema: i64) -> Option<PathBuf> {
    let written = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let last = [path.to_owned(), beside(path, "-wal")]
        .iter()
        .filter(|file| file.metadata().is_ok_and(|file| file.len() > 0))
        .filter_map(|file| written(file))
        .max();
    let mut kept = beside(path, &format!(".schema-{schema}"));
    let mut number = 1;
    while kept.symlink_metadata().is_ok() {
        if written(&kept) >= last && kept.metadata().is_ok_and(|file| file.len() > 0) {
            return None;
        }
        number += 1;
        kept = beside(path, &format!(".schema-{schema}.{number}"));
    }
    Some(kept)
}

/// The number of its last migration; `None` for a new file.
async fn schema(db: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let known: Option<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'")
            .fetch_optional(&mut *db)
            .await?;
    match known {
        Some(_) => sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut *db).await,
        None => Ok(None),
    }
}
