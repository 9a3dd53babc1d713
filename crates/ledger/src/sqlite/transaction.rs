//! One transaction, in as few hand-overs to SQLite as can be.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::Executor;

use crate::{
    Commit, batch,
    sql::{Connection, Dialect, Query},
    timeline,
};

/// Up to so many commits go to SQLite as one text. There are as many texts as combinations of sizes, so
/// larger ones would hardly be met again while they are prepared.
const TOGETHER: usize = 8;

/// Writes all in one transaction and gives the number of the first entry, which is asked for when it is
/// not known. `now`: by which keys have outlived their time.
pub(super) async fn write(
    db: &mut Connection,
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
        // The first error tells what is wrong.
        db.roll_back().await;
    }
    written.map(|()| first_seq)
}

/// All of the transaction in one text: SQLite works in a thread of its own, and each statement that is
/// handed to it alone costs switches to it and back (measured at 120 calls/s: 22 futex calls a call, 6 so).
async fn write_together(
    db: &mut Connection,
    commits: &[Commit],
    first_seq: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut script = Query::new(Dialect::Sqlite, "BEGIN IMMEDIATE; ");
    let steps = batch::steps(commits, first_seq);
    for step in &steps {
        step.push(&mut script, now, None);
        script.push("; ");
    }
    script.push("COMMIT");
    let Query::Sqlite(mut script) = script else { unreachable!("it was made for SQLite") };
    let results: Vec<_> = db.sqlite().fetch_many(script.build()).try_collect().await?;
    // The first is BEGIN's.
    let results = results.iter().filter_map(|result| result.as_ref().left()).skip(1);
    for (step, result) in steps.iter().zip(results) {
        step.done(result.rows_affected());
    }
    Ok(())
}

/// Statement by statement: texts of a few sizes serve any number of rows, and stay prepared.
async fn write_in_turn(
    db: &mut Connection,
    commits: &[Commit],
    first_seq: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    db.begin().await?;
    for step in batch::steps(commits, first_seq) {
        let mut query = db.query("");
        step.push(&mut query, now, None);
        step.done(db.execute(query).await?);
    }
    db.commit().await
}
