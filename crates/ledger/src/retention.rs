//! What has outlived its time leaves in small steps, so that no call waits for it: expired
//! idempotency keys, calls past their age, and the room that these leave in the file.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{idempotency, micros};
use call::Status;

/// Calls that one step removes: measured, a step of 100 with ten entries each takes the writer about
/// as long as a few commits.
const CALLS: i64 = 100;

/// Pages that one step gives back to the disk (1 MiB).
const PAGES: i64 = 256;

/// Room that stays in the file for the calls to come: this share of it.
const SPARE_SHARE: i64 = 8;

/// One step; true when there may be more to do at once. `keep`: the age at which an ended call goes.
pub(super) async fn purge(
    db: &mut SqliteConnection,
    now: DateTime<Utc>,
    keep: Option<TimeDelta>,
) -> Result<bool, sqlx::Error> {
    let more_keys = idempotency::purge(db, now).await?;
    let more_calls = match keep {
        Some(keep) => purge_calls(db, now - keep).await?,
        None => false,
    };
    let more_room = !more_calls && give_back(db).await?;
    Ok(more_keys || more_calls || more_room)
}

/// Removes some of the ended calls that were created before this time, the oldest first.
async fn purge_calls(db: &mut SqliteConnection, before: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM calls WHERE created_at < ");
    query.push_bind(micros(before)).push(" AND status NOT IN (");
    let mut open = query.separated(", ");
    for status in Status::ALL.iter().filter(|status| !status.is_terminal()) {
        open.push_bind(status.as_str());
    }
    query.push(") ORDER BY created_at LIMIT ").push_bind(CALLS);
    let rows = query.build().fetch_all(&mut *db).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let ids = rows.iter().map(|row| row.try_get("id")).collect::<Result<Vec<Uuid>, _>>()?;
    let mut transaction = db.begin_with("BEGIN IMMEDIATE").await?;
    for (table, column) in [("timeline", "call_id"), ("idempotency", "call_id"), ("calls", "id")] {
        let mut query = QueryBuilder::<Sqlite>::new(format!("DELETE FROM {table} WHERE {column} IN ("));
        let mut list = query.separated(", ");
        for id in &ids {
            list.push_bind(*id);
        }
        query.push(")");
        query.build().execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    tracing::debug!(calls = ids.len(), "calls past store.keep_days were removed");
    Ok(ids.len() as i64 == CALLS)
}

/// Gives some of the free pages back to the disk, when there are more than new calls will soon fill.
/// A file that was not made for it (`auto_vacuum`) keeps them, and fills them again.
async fn give_back(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let (free, pages, mode): (i64, i64, i64) = sqlx::query_as(
        "SELECT freelist_count, page_count, auto_vacuum \
         FROM pragma_freelist_count, pragma_page_count, pragma_auto_vacuum",
    )
    .fetch_one(&mut *db)
    .await?;
    const INCREMENTAL: i64 = 2;
    let spare = free - pages / SPARE_SHARE;
    if mode != INCREMENTAL || spare < PAGES {
        return Ok(false);
    }
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})"))).fetch_all(db).await?;
    Ok(spare >= 2 * PAGES)
}
