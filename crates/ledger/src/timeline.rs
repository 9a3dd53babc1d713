//! The timeline's table. `seq` is the order in which entries became durable, over all calls: a
//! reader that has seen a `seq` has seen everything before it, so it serves as the SSE event id.

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{BadValue, Store, StoreError, json_column, micros, moment, word};
use call::{CallId, Entry, Source};

const COLUMNS: &str = "seq, call_id, at, source, event, text, status, data, attempt";

impl Store {
    /// All entries of a call, in order.
    pub async fn timeline(&self, id: CallId) -> Result<Vec<(i64, Entry)>, StoreError> {
        let entries = self.timeline_after(Some(id), 0, u32::MAX).await?;
        Ok(entries.into_iter().map(|(seq, _, entry)| (seq, entry)).collect())
    }

    /// At most `limit` entries after `seq`, of one call or of all.
    pub async fn timeline_after(
        &self,
        call: Option<CallId>,
        seq: i64,
        limit: u32,
    ) -> Result<Vec<(i64, CallId, Entry)>, StoreError> {
        self.entries(call, None, seq, limit).await
    }

    /// The same of all calls of a client's own.
    pub async fn timeline_of_client(
        &self,
        client: &str,
        seq: i64,
        limit: u32,
    ) -> Result<Vec<(i64, CallId, Entry)>, StoreError> {
        self.entries(None, Some(client), seq, limit).await
    }

    async fn entries(
        &self,
        call: Option<CallId>,
        client: Option<&str>,
        seq: i64,
        limit: u32,
    ) -> Result<Vec<(i64, CallId, Entry)>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query.push(COLUMNS).push(" FROM timeline WHERE seq > ").push_bind(seq);
        if let Some(id) = call {
            query.push(" AND call_id = ").push_bind(id.0);
        }
        if let Some(client) = client {
            // Entry by entry, so that it goes on in the order of seq: a client has many calls.
            query.push(
                " AND EXISTS (SELECT 1 FROM calls WHERE id = timeline.call_id AND enterprise IS NULL \
                 AND requested_by = ",
            );
            query.push_bind(client).push(")");
        }
        query.push(" ORDER BY seq LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.inner.readers).await;
        rows.and_then(|rows| rows.iter().map(entry_of).collect()).map_err(StoreError::read("the timeline"))
    }

    /// The highest `seq` ever given; 0 before the first.
    pub async fn last_seq(&self) -> Result<i64, StoreError> {
        let mut db = self.inner.readers.acquire().await.map_err(StoreError::read("the timeline"))?;
        last_seq(&mut db).await.map_err(StoreError::read("the timeline"))
    }
}

/// The highest `seq` ever given, that of deleted entries included.
pub(super) async fn last_seq(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let seq = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'timeline'")
        .fetch_optional(db)
        .await?;
    Ok(seq.unwrap_or(0))
}

/// Appends the entries; the first gets `first`, the others the numbers after it.
pub(super) fn push_append(query: &mut QueryBuilder<Sqlite>, first: i64, entries: &[(CallId, &Entry)]) {
    let mut seq = first..;
    query.push("INSERT INTO timeline (").push(COLUMNS).push(") ");
    query.push_values(entries, |mut row, (id, entry)| {
        row.push_bind(seq.next().expect("seq has 63 bits"))
            .push_bind(id.0)
            .push_bind(micros(entry.at))
            .push_bind(entry.source.as_str())
            .push_bind(&*entry.event)
            .push_bind(&*entry.text)
            .push_bind(entry.status.map(call::Status::as_str))
            .push_bind(entry.data.as_ref().map(std::string::ToString::to_string))
            .push_bind(entry.attempt);
    });
}

fn entry_of(row: &SqliteRow) -> Result<(i64, CallId, Entry), sqlx::Error> {
    let source: &str = row.try_get("source")?;
    let entry = Entry {
        at: moment(row.try_get("at")?, "at")?,
        source: Source::ALL
            .into_iter()
            .find(|known| known.as_str() == source)
            .ok_or_else(|| BadValue { column: "source", value: source.to_owned() })?,
        event: row.try_get("event")?,
        text: row.try_get("text")?,
        status: word(row, "status")?,
        data: json_column(row, "data")?,
        attempt: row.try_get("attempt")?,
    };
    Ok((row.try_get("seq")?, CallId(row.try_get("call_id")?), entry))
}
