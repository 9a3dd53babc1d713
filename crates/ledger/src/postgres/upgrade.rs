//! Brings the schema up to date. Nobody else needs to be kept out: the migrations have a lock of their own.

use std::time::Duration;

use sqlx::migrate::Migrator;

use super::{codes::opening, session, target::Target};
use crate::{StoreError, moved, sql::Connection};
use lang::say;

static MIGRATIONS: Migrator = sqlx::migrate!("src/migrations/postgres");

/// Triggers by the statement with tables of old and new rows, hashes of 64 bits.
const OLDEST: i64 = 11;

/// A schema that waits for somebody else's change of it, or changes much.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Makes the schema where there is none, and brings one of an older release to this one's.
///
/// # Errors
/// When the server is not fit, or the store is of a newer release, or was moved away.
pub(crate) async fn bring_up_to_date(target: &Target) -> Result<(), StoreError> {
    let store = target.to_string();
    let mut db = session::connect(target, "").await.map_err(|e| opening(&store, e))?;
    moved::refuse(&mut db, &store, |e| opening(&store, e)).await?;
    prepare(target).await
}

/// The same of a store that is moved.
pub(crate) async fn prepare(target: &Target) -> Result<(), StoreError> {
    let store = target.to_string();
    let mut db = session::connect(target, "").await.map_err(|e| opening(&store, e))?;
    fit(&mut db, &store).await?;
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let schema = schema(&mut db, target).await.map_err(|e| opening(&store, e))?;
    if schema != Some(newest) {
        if let Some(schema) = schema.filter(|schema| *schema < newest) {
            tracing::info!(from = schema, to = newest, %store, "the store is of an older release; it is changed now");
        }
        db.set_limit(LONG);
        let done = MIGRATIONS.run(db.pg()).await;
        done.map_err(|e| StoreError::migrate(&store, e, |e| opening(&store, e)))?;
    }
    // Nothing is lost when it is not told.
    let _ = db.close().await;
    Ok(())
}

async fn fit(db: &mut Connection, store: &str) -> Result<(), StoreError> {
    let look = async {
        let query = db.query(
            "SELECT CAST(current_setting('server_version_num') AS BIGINT) / 10000, \
             current_setting('server_encoding'), pg_is_in_recovery()",
        );
        let row = db.one(query).await?;
        Ok::<(i64, String, bool), sqlx::Error>((row.get(0)?, row.get(1)?, row.get(2)?))
    };
    let (version, encoding, is_standby) = look.await.map_err(|e| opening(store, e))?;
    let (problem, hint) = if version < OLDEST {
        (
            say!("it is PostgreSQL {version}", "это PostgreSQL {version}"),
            say!("PostgreSQL {OLDEST} or newer is needed", "нужен PostgreSQL {OLDEST} или новее"),
        )
    } else if encoding != "UTF8" {
        (
            say!("its texts are {encoding}", "её тексты в кодировке {encoding}"),
            say!(
                "make a database with ENCODING 'UTF8' TEMPLATE template0",
                "создайте базу с ENCODING 'UTF8' TEMPLATE template0"
            ),
        )
    } else if is_standby {
        (
            say!("the server only reads: it is a standby", "сервер только для чтения: это резервный сервер"),
            say!("name the primary server in store.url", "назовите в store.url основной сервер"),
        )
    } else {
        return Ok(());
    };
    Err(StoreError::Open {
        store: store.to_owned(),
        problem: problem.into(),
        hint: hint.into(),
        source: None,
    })
}

/// The number of its last migration; `None` where there is none. A schema that was made for us is taken as it is.
async fn schema(db: &mut Connection, target: &Target) -> Result<Option<i64>, sqlx::Error> {
    let mut query = db.query("SELECT 1 FROM pg_namespace WHERE nspname = ");
    query.bind(target.schema.as_str());
    if db.optional(query).await?.is_none() {
        db.run(format!("CREATE SCHEMA IF NOT EXISTS {}", target.schema)).await?;
    }
    let query = db.query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
    if !db.one(query).await?.get::<bool>(0)? {
        return Ok(None);
    }
    let query = db.query("SELECT max(version) FROM _sqlx_migrations");
    db.one(query).await?.get(0)
}
