//! One transaction: the calls, their new entries and their keys, as few hand-overs to SQLite as can be.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::{Executor, QueryBuilder, Sqlite, SqliteConnection, sqlite::SqliteQueryResult};
use tracing::warn;

use super::{Commit, IdempotencyRow, calls, idempotency, timeline};
use call::{CallId, CallRecord, Entry};

/// Up to so many commits go to SQLite as one text. There are as many texts as combinations of sizes, so
/// larger ones would hardly be met again while they are prepared.
const TOGETHER: usize = 8;

/// Writes all in one transaction and gives the number of the first entry, which is asked for when it is
/// not known. `now`: by which keys have outlived their time.
pub(super) async fn write(
    db: &mut SqliteConnection,
    commits: &[Commit],
    first_seq: Option<i64>,
    now: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    let first_seq = match first_seq {
        Some(seq) => seq,
        None => timeline::last_seq(db).await? + 1,
    };
    let written = if commits.len() <= TOGETHER {
        write_together(db, commits, first_seq, now).await
    } else {
        write_in_turn(db, commits, first_seq, now).await
    };
    if written.is_err() {
        // Where there is no transaction to undo, that is an error too; the first one tells what is wrong.
        let _ = sqlx::raw_sql("ROLLBACK").execute(db).await;
    }
    written.map(|()| first_seq)
}

/// All of the transaction in one text: SQLite works in a thread of its own, and each statement that is
/// handed to it alone costs switches to it and back (measured at 120 calls/s: 22 futex calls a call, 6 so).
async fn write_together(
    db: &mut SqliteConnection,
    commits: &[Commit],
    first_seq: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut script = QueryBuilder::<Sqlite>::new("BEGIN IMMEDIATE; ");
    let steps = steps(commits, first_seq);
    for step in &steps {
        step.push(&mut script, now);
        script.push("; ");
    }
    script.push("COMMIT");
    let results: Vec<_> = db.fetch_many(script.build()).try_collect().await?;
    // The first is BEGIN's.
    let results = results.iter().filter_map(|result| result.as_ref().left()).skip(1);
    for (step, result) in steps.iter().zip(results) {
        step.done(result);
    }
    Ok(())
}

/// Statement by statement: texts of a few sizes serve any number of rows, and stay prepared.
async fn write_in_turn(
    db: &mut SqliteConnection,
    commits: &[Commit],
    first_seq: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *db).await?;
    for step in steps(commits, first_seq) {
        let mut query = QueryBuilder::<Sqlite>::new("");
        step.push(&mut query, now);
        step.done(&query.build().execute(&mut *db).await?);
    }
    sqlx::raw_sql("COMMIT").execute(db).await?;
    Ok(())
}

/// One statement of the transaction.
enum Step<'a> {
    Calls(Vec<&'a CallRecord>),
    /// With the number of the first.
    Entries(i64, Vec<(CallId, &'a Entry)>),
    Key(&'a IdempotencyRow),
}

/// The commits of a call stand together, the last of them with its newest record.
fn steps(commits: &[Commit], mut seq: i64) -> Vec<Step<'_>> {
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
    fn push(&self, query: &mut QueryBuilder<Sqlite>, now: DateTime<Utc>) {
        match self {
            Step::Calls(records) => calls::push_upsert(query, records),
            Step::Entries(first, entries) => timeline::push_append(query, *first, entries),
            Step::Key(key) => idempotency::push_insert(query, key, now),
        }
    }

    fn done(&self, result: &SqliteQueryResult) {
        if let Step::Key(key) = self
            && result.rows_affected() == 0
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
