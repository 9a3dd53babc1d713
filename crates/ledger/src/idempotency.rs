//! Idempotency keys: which call a client's key stands for. A key lives for 24 hours; an older one is
//! as good as absent, and is removed in small steps so that no purge holds up the writer.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::{Store, StoreError, micros, moment};
use call::{CallId, Reason, Status};

/// How long a key stands for its call.
pub const LIFE: TimeDelta = TimeDelta::hours(24);

/// Keys removed in one step.
const PURGE_STEP: i64 = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// Whose key it is: the name of the API key that sent it.
    pub scope: String,
    pub key: String,
    /// SHA-256 of the request, to tell a repetition from another request under the same key.
    pub fingerprint: [u8; 32],
    pub call_id: CallId,
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// The call that the key stands for, while the key lives.
    pub async fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, StoreError> {
        let row = sqlx::query(
            "SELECT fingerprint, call_id, created_at FROM idempotency \
             WHERE scope = ? AND key = ? AND created_at > ?",
        )
        .bind(scope)
        .bind(key)
        .bind(micros(self.inner.shared.clock.now() - LIFE))
        .fetch_optional(&self.inner.readers)
        .await
        .map_err(StoreError::read("an idempotency key"))?;
        row.map(|row| {
            let fingerprint: Vec<u8> = row.try_get("fingerprint")?;
            Ok(IdempotencyRow {
                scope: scope.to_owned(),
                key: key.to_owned(),
                fingerprint: fingerprint.try_into().map_err(|_| sqlx::Error::ColumnDecode {
                    index: "fingerprint".to_owned(),
                    source: "it is not 32 bytes long".into(),
                })?,
                call_id: CallId(row.try_get("call_id")?),
                created_at: moment(row.try_get("created_at")?, "created_at")?,
            })
        })
        .transpose()
        .map_err(StoreError::read("an idempotency key"))
    }
}

/// Writes the key; one that has outlived its time (`now`) gives way, and that of a call whose client was told that the
/// store did not take it. A living one of another call stands, and no row is affected.
pub(super) fn push_insert(query: &mut QueryBuilder<Sqlite>, row: &IdempotencyRow, now: DateTime<Utc>) {
    query.push("INSERT INTO idempotency (scope, key, fingerprint, call_id, created_at) VALUES (");
    let mut values = query.separated(", ");
    values.push_bind(row.scope.clone());
    values.push_bind(row.key.clone());
    values.push_bind(row.fingerprint.to_vec());
    values.push_bind(row.call_id.0);
    values.push_bind(micros(row.created_at));
    query.push(
        ") ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
         call_id = excluded.call_id, created_at = excluded.created_at \
         WHERE idempotency.call_id = excluded.call_id OR idempotency.created_at <= ",
    );
    query.push_bind(micros(now - LIFE));
    // A disk that stood still writes both in one go, the withdrawn one first: the repetition is the call then.
    query.push(" OR EXISTS (SELECT 1 FROM calls WHERE id = idempotency.call_id AND status = ");
    query.push_bind(Status::Canceled.as_str());
    query.push(" AND reason = ").push_bind(Reason::StoreUnavailable.as_str()).push(")");
}

/// Removes some of the expired keys; true when there may be more.
pub(super) async fn purge(db: &mut SqliteConnection, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM idempotency WHERE (scope, key) IN \
         (SELECT scope, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)",
    )
    .bind(micros(now - LIFE))
    .bind(PURGE_STEP)
    .execute(db)
    .await?;
    Ok(done.rows_affected() as i64 == PURGE_STEP)
}
