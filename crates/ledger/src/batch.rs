//! What one transaction holds: the calls, their new entries and their keys, as a few statements.

use chrono::{DateTime, Utc};
use tracing::warn;

use super::{
    Commit, IdempotencyRow, calls, idempotency,
    sql::{Connection, Dialect, Query},
    timeline,
};
use call::{CallId, CallRecord, Entry};

/// Begins a transaction that writes. Where several bots do so each waits for its turn here, and not for rows of the others.
pub(super) async fn begin(db: &mut Connection) -> Result<(), sqlx::Error> {
    db.begin().await?;
    if db.dialect() == Dialect::Postgres {
        let query = db.query("SELECT last_seq FROM ledger FOR UPDATE");
        db.one(query).await?;
    }
    Ok(())
}

/// One statement of the transaction.
pub(super) enum Step<'a> {
    Calls(Vec<&'a CallRecord>),
    /// With the number of the first.
    Entries(i64, Vec<(CallId, &'a Entry)>),
    Key(&'a IdempotencyRow),
}

/// How many numbers the entries need.
pub(super) fn numbers(commits: &[Commit]) -> i64 {
    let entries: usize = commits.iter().map(|commit| commit.entries.len()).sum();
    i64::try_from(entries).expect("a batch is small")
}

/// The commits of a call stand together, the last of them with its newest record. `seq`: the number of the first entry.
pub(super) fn steps(commits: &[Commit], mut seq: i64) -> Vec<Step<'_>> {
    let of_calls = commits.chunk_by(|a, b| a.record.id == b.record.id);
    let records: Vec<&CallRecord> =
        of_calls.map(|of_one_call| &*of_one_call[of_one_call.len() - 1].record).collect();
    let entries: Vec<(CallId, &Entry)> =
        commits.iter().flat_map(|c| c.entries.iter().map(|entry| (c.record.id, entry))).collect();
    let keys = commits.iter().filter_map(|commit| commit.idempotency.as_ref());

    let mut steps: Vec<Step<'_>> = bulk(&records).map(|rows| Step::Calls(rows.to_vec())).collect();
    for rows in bulk(&entries) {
        steps.push(Step::Entries(seq, rows.to_vec()));
        seq += i64::try_from(rows.len()).expect("a step is small");
    }
    steps.extend(keys.map(Step::Key));
    steps
}

impl Step<'_> {
    /// `now`: by which keys have outlived their time. `node`: whose the calls are, where several bots share a store.
    pub fn push(&self, query: &mut Query, now: DateTime<Utc>, node: Option<&str>) {
        match self {
            Step::Calls(records) => calls::push_upsert(query, records, node),
            Step::Entries(first, entries) => timeline::push_append(query, *first, entries),
            Step::Key(key) => idempotency::push_insert(query, key, now),
        }
    }

    pub fn done(&self, rows: u64) {
        if let Step::Key(key) = self
            && rows == 0
        {
            warn!(call = %key.call_id, scope = %key.scope, "an idempotency key stands for another call already; that one keeps it");
        }
    }
}

/// Cuts rows into steps of a few fixed sizes, so that a few prepared statements serve any number.
fn bulk<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = [64, 16, 4, 1].into_iter().find(|size| *size <= rows.len())?;
        let (step, rest) = rows.split_at(size);
        rows = rest;
        Some(step)
    })
}
