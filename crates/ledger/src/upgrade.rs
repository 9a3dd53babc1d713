//! A store that an older release made is brought to this one's schema. A copy of it is kept beside it first, for whoever must go back.

use std::path::{Path, PathBuf};

use sqlx::{SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

use super::{StoreError, backup, connection::beside};

static MIGRATIONS: Migrator = sqlx::migrate!("src/migrations");

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
    if let Some(schema) = schema(writer).await.map_err(|e| StoreError::open(path, e))?
        && schema < newest
    {
        let kept = kept(path, schema);
        // It is there already when the way from there was broken off.
        if !kept.exists() {
            tracing::info!(from = schema, to = newest, kept = %kept.display(), "the store is of an older release; it is copied first");
            let bytes = backup::keep(base, path, &kept).await?;
            tracing::info!(bytes, "the copy is kept; the store is changed now");
        }
    }
    MIGRATIONS.run(writer).await.map_err(|e| StoreError::migrate(path, e))
}

/// `bot.db.schema-2`
fn kept(path: &Path, schema: i64) -> PathBuf {
    beside(path, &format!(".schema-{schema}"))
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
