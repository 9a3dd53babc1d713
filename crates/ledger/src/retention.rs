//! What has outlived its time leaves in small steps, so that no call waits for it: expired idempotency keys and calls past
//! their age. The room that these leave is the engine's matter.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{batch, idempotency, micros, sql::Connection};
use call::Status;

/// Calls that one step removes: measured, a step of 100 with ten entries each takes the writer about
/// as long as a few commits.
const CALLS: i64 = 100;

/// Removes some of the keys and of the calls that have outlived their time; true when there may be more of either.
/// `keep`: the age at which an ended call goes.
pub(super) async fn purge(
    db: &mut Connection,
    now: DateTime<Utc>,
    keep: Option<TimeDelta>,
) -> Result<Purged, sqlx::Error> {
    let more_keys = idempotency::purge(db, now).await?;
    let more_calls = match keep {
        Some(keep) => purge_calls(db, now - keep).await?,
        None => false,
    };
    Ok(Purged { more_keys, more_calls })
}

/// What a step of a purge has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Purged {
    pub more_keys: bool,
    pub more_calls: bool,
}

/// Removes some of the ended calls that were created before this time, the oldest first.
async fn purge_calls(db: &mut Connection, before: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let open = Status::ALL.into_iter().filter(|status| !status.is_terminal()).map(Status::as_str);
    let mut query = db.query("SELECT id FROM calls WHERE created_at < ");
    query.bind(micros(before)).push(" AND status NOT IN ").list(open);
    query.push(" ORDER BY created_at LIMIT ").bind(CALLS);
    let rows = db.all(query).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let ids = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<Uuid>, _>>()?;
    batch::begin(db).await?;
    let removed = remove(db, &ids).await;
    if removed.is_err() {
        db.roll_back().await;
    }
    removed?;
    db.commit().await?;
    tracing::debug!(calls = ids.len(), "calls past store.keep_days were removed");
    Ok(ids.len() as i64 == CALLS)
}

async fn remove(db: &mut Connection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    for of_calls in ["timeline WHERE call_id IN ", "idempotency WHERE call_id IN ", "calls WHERE id IN "] {
        let mut query = db.query("DELETE FROM ");
        query.push(of_calls).list(ids.iter().copied());
        db.execute(query).await?;
    }
    Ok(())
}
