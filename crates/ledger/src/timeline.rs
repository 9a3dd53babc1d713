//! The timeline's table. `seq` is the order in which entries became durable, over all calls: a
//! reader that has seen a `seq` has seen everything before it, so it serves as the SSE event id.

use super::{
    BadValue, Store, StoreError, micros,
    sql::{Connection, Dialect, Query, Row, json, moment, whole, word},
};
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
        const WHAT: &str = "the timeline";
        let readers = &self.inner.readers;
        let mut query = readers.query("SELECT ");
        query.push(COLUMNS).push(" FROM timeline WHERE seq > ").bind(seq);
        if let Some(id) = call {
            query.push(" AND call_id = ").bind(id.0);
        }
        if let Some(client) = client {
            // Entry by entry, so that it goes on in the order of seq: a client has many calls.
            query.push(
                " AND EXISTS (SELECT 1 FROM calls WHERE id = timeline.call_id AND enterprise IS NULL \
                 AND requested_by = ",
            );
            query.bind(client).push(")");
        }
        query.push(" ORDER BY seq LIMIT ").bind(i64::from(limit));
        let rows = readers.all(query, WHAT).await?;
        rows.iter().map(entry_of).collect::<Result<_, _>>().map_err(StoreError::read(WHAT))
    }

    /// The highest `seq` ever given; 0 before the first.
    pub async fn last_seq(&self) -> Result<i64, StoreError> {
        let mut db = self.inner.readers.connection().await.map_err(StoreError::read("the timeline"))?;
        last_seq(&mut db).await.map_err(StoreError::read("the timeline"))
    }
}

/// The highest `seq` ever given, that of deleted entries included.
pub(super) async fn last_seq(db: &mut Connection) -> Result<i64, sqlx::Error> {
    let query = match db.dialect() {
        Dialect::Sqlite => db.query("SELECT seq FROM sqlite_sequence WHERE name = 'timeline'"),
        Dialect::Postgres => db.query("SELECT last_seq AS seq FROM ledger"),
    };
    let row = db.optional(query).await?;
    row.map_or(Ok(0), |row| row.get("seq"))
}

/// So that the next entry gets the number after it.
pub(super) async fn set_last_seq(db: &mut Connection, seq: i64) -> Result<(), sqlx::Error> {
    let mut query = match db.dialect() {
        Dialect::Sqlite => {
            db.run("DELETE FROM sqlite_sequence WHERE name = 'timeline'").await?;
            db.query("INSERT INTO sqlite_sequence (name, seq) SELECT 'timeline', ")
        }
        Dialect::Postgres => db.query("UPDATE ledger SET last_seq = "),
    };
    query.bind(seq);
    db.execute(query).await.map(drop)
}

/// All entries after `seq`, so many of them.
pub(super) fn push_page(query: &mut Query, seq: i64, limit: i64) {
    query.push("SELECT ").push(COLUMNS).push(" FROM timeline WHERE seq > ").bind(seq);
    query.push(" ORDER BY seq LIMIT ").bind(limit);
}

/// Appends the entries; the first gets `first`, the others the numbers after it.
pub(super) fn push_append(query: &mut Query, first: i64, entries: &[(CallId, &Entry)]) {
    push_numbered(query, (first..).zip(entries).map(|(seq, (id, entry))| (seq, *id, *entry)));
}

/// Appends entries with their numbers.
pub(super) fn push_numbered<'a>(
    query: &mut Query,
    entries: impl IntoIterator<Item = (i64, CallId, &'a Entry)>,
) {
    query.push("INSERT INTO timeline (").push(COLUMNS).push(") ");
    query.rows(entries.into_iter().map(|(seq, id, entry)| {
        vec![
            seq.into(),
            id.0.into(),
            micros(entry.at).into(),
            entry.source.as_str().into(),
            (&*entry.event).into(),
            (&*entry.text).into(),
            entry.status.map(call::Status::as_str).into(),
            entry.data.as_ref().map(std::string::ToString::to_string).into(),
            entry.attempt.into(),
        ]
    }));
}

pub(super) fn entry_of(row: &Row) -> Result<(i64, CallId, Entry), sqlx::Error> {
    let source = row.text("source")?.unwrap_or_default();
    let entry = Entry {
        at: moment(row.get("at")?, "at")?,
        source: Source::ALL
            .into_iter()
            .find(|known| known.as_str() == source)
            .ok_or_else(|| BadValue { column: "source", value: source.to_owned() })?,
        event: row.get("event")?,
        text: row.get("text")?,
        status: word(row, "status")?,
        data: json(row, "data")?,
        attempt: whole(row, "attempt")?,
    };
    Ok((row.get("seq")?, CallId(row.get("call_id")?), entry))
}
