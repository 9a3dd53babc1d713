//! Idempotency keys: which call a client's key stands for. A key lives for 24 hours; an older one is
//! as good as absent, and is removed in small steps so that no purge holds up the writer.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Store, StoreError, micros,
    sql::{Connection, Query, Row, moment},
};
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
        const WHAT: &str = "an idempotency key";
        let readers = &self.inner.readers;
        let mut query = readers
            .query("SELECT scope, key, fingerprint, call_id, created_at FROM idempotency WHERE scope = ");
        query.bind(scope).push(" AND key = ").bind(key);
        query.push(" AND created_at > ").bind(micros(self.inner.shared.clock.now() - LIFE));
        let row = readers.all(query, WHAT).await?.into_iter().next();
        row.as_ref().map(row_of).transpose().map_err(StoreError::read(WHAT))
    }
}

pub(super) fn row_of(row: &Row) -> Result<IdempotencyRow, sqlx::Error> {
    let fingerprint: Vec<u8> = row.get("fingerprint")?;
    Ok(IdempotencyRow {
        scope: row.get("scope")?,
        key: row.get("key")?,
        fingerprint: fingerprint.try_into().map_err(|_| sqlx::Error::ColumnDecode {
            index: "fingerprint".to_owned(),
            source: "it is not 32 bytes long".into(),
        })?,
        call_id: CallId(row.get("call_id")?),
        created_at: moment(row.get("created_at")?, "created_at")?,
    })
}

/// Writes keys into a store that has none.
pub(super) fn push_rows<'a>(query: &mut Query, rows: impl IntoIterator<Item = &'a IdempotencyRow>) {
    query.push("INSERT INTO idempotency (scope, key, fingerprint, call_id, created_at) ");
    query.rows(rows.into_iter().map(|row| {
        vec![
            row.scope.as_str().into(),
            row.key.as_str().into(),
            row.fingerprint.to_vec().into(),
            row.call_id.0.into(),
            micros(row.created_at).into(),
        ]
    }));
}

/// Writes the key; one that has outlived its time (`now`) gives way, and that of a call whose client was told that the
/// store did not take it. A living one of another call stands, and no row is affected.
pub(super) fn push_insert(query: &mut Query, row: &IdempotencyRow, now: DateTime<Utc>) {
    push_rows(query, [row]);
    query.push(
        " ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
         call_id = excluded.call_id, created_at = excluded.created_at \
         WHERE idempotency.call_id = excluded.call_id OR idempotency.created_at <= ",
    );
    query.bind(micros(now - LIFE));
    // A disk that stood still writes both in one go, the withdrawn one first: the repetition is the call then.
    query.push(" OR EXISTS (SELECT 1 FROM calls WHERE id = idempotency.call_id AND status = ");
    query.bind(Status::Canceled.as_str());
    query.push(" AND reason = ").bind(Reason::StoreUnavailable.as_str()).push(")");
}

/// Removes some of the expired keys; true when there may be more.
pub(super) async fn purge(db: &mut Connection, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let mut query = db.query(
        "DELETE FROM idempotency WHERE (scope, key) IN \
         (SELECT scope, key FROM idempotency WHERE created_at <= ",
    );
    query.bind(micros(now - LIFE)).push(" ORDER BY created_at LIMIT ").bind(PURGE_STEP).push(")");
    Ok(db.execute(query).await? as i64 == PURGE_STEP)
}
