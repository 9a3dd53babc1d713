//! Moves all of a store to another one, of either database. Neither may be in use. What was copied is there as a whole or not
//! at all; the store that it comes from is retired only when the copy is complete, and the copy is nobody's before that, so
//! that no two bots dial one queue, whenever this is killed.

mod side;

use uuid::Uuid;

use super::{
    StoreError, calls, idempotency,
    moved::{Mark, Role},
    sql::{Connection, Dialect},
    timeline,
};
use call::CallRecord;
use side::Side;

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    pub calls: i64,
    pub entries: i64,
    pub keys: i64,
}

/// What is being copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Calls,
    Entries,
    Keys,
}

/// Rows of one statement.
const ROWS: usize = 200;

/// What a store has, by which it is compared.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    copied: Copied,
    last_seq: i64,
    /// How many calls of each kind, by the counters.
    kinds: Vec<(String, i64)>,
}

/// Copies all from one store to another, and retires the first. `node`: whose calls those of a file become in a database that
/// several bots share. `progress` is told what is done of how much.
///
/// # Errors
/// When one of them is in use, the second is not empty, or the first was moved to another one already.
pub async fn copy(
    from: &str,
    to: &str,
    node: &str,
    mut progress: impl FnMut(Part, i64, i64),
) -> Result<Copied, StoreError> {
    if from == to {
        return Err(StoreError::SameStore { store: super::shown_url(from) });
    }
    let mut source = Side::source(from).await?;
    let mut target = Side::target(to).await?;
    let marks = (source.mark().await?, target.mark().await?);
    let id = match marks {
        (Some(retired), Some(filling))
            if (retired.role, filling.role) == (Role::Retired, Role::Filling) && retired.id == filling.id =>
        {
            // It was broken off when only its last step was left.
            let contents = target.contents().await?;
            target.finish().await?;
            return Ok(contents.copied);
        }
        (Some(Mark { role: Role::Retired, other, .. }), _) => {
            return Err(StoreError::Retired { store: source.name, to: other });
        }
        (Some(Mark { role: Role::Filling, other, .. }), _) => {
            return Err(StoreError::Unfinished { store: source.name, from: other });
        }
        (None, Some(Mark { role: Role::Retired, other, .. })) => {
            return Err(StoreError::Retired { store: target.name, to: other });
        }
        (None, _) => Uuid::now_v7(),
    };
    source.bring_up_to_date().await?;
    target.bring_up_to_date().await?;
    source.keep_others_out().await?;
    target.keep_others_out().await?;
    target.be_empty(marks.1.is_some()).await?;
    source.be_of_one_node(&target).await?;
    let contents = source.contents().await?;
    let filling = Mark { role: Role::Filling, other: source.name.clone(), id };
    let filled = fill(&mut source.db, &mut target.db, node, &contents, &mut progress).await;
    filled.map_err(|source| StoreError::Write { what: "the copy", source })?;
    let found = target.contents().await?;
    differences(&source.name, &contents, &found)?;
    target.set(&filling).await?;
    source.set(&Mark { role: Role::Retired, other: target.name.clone(), id }).await?;
    target.finish().await?;
    source.close().await;
    target.close().await;
    Ok(contents.copied)
}

fn differences(store: &str, from: &Contents, to: &Contents) -> Result<(), StoreError> {
    let kinds = |contents: &Contents| {
        let kinds: Vec<String> =
            contents.kinds.iter().map(|(kind, calls)| format!("{kind} {calls}")).collect();
        kinds.join(", ")
    };
    let compared = [
        ("calls", from.copied.calls.to_string(), to.copied.calls.to_string()),
        ("entries", from.copied.entries.to_string(), to.copied.entries.to_string()),
        ("keys", from.copied.keys.to_string(), to.copied.keys.to_string()),
        ("the last number", from.last_seq.to_string(), to.last_seq.to_string()),
        ("the counters", kinds(from), kinds(to)),
    ];
    match compared.into_iter().find(|(_, from, to)| from != to) {
        None => Ok(()),
        Some((what, from, to)) => Err(StoreError::Differs { store: store.to_owned(), what, from, to }),
    }
}

async fn contents(db: &mut Connection) -> Result<Contents, sqlx::Error> {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip(["calls", "timeline", "idempotency"]) {
        let mut query = db.query("SELECT count(*) FROM ");
        query.push(table);
        *count = db.one(query).await?.get(0)?;
    }
    let query = db.query("SELECT kind, calls FROM call_counts WHERE level = 3");
    let rows = db.all(query).await?;
    let kinds: Result<Vec<(String, i64)>, sqlx::Error> =
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect();
    let mut kinds = kinds?;
    // Each database has an order of texts of its own.
    kinds.sort();
    let [calls, entries, keys] = counts;
    Ok(Contents { copied: Copied { calls, entries, keys }, last_seq: timeline::last_seq(db).await?, kinds })
}

/// In a transaction of `to` that has begun.
async fn fill(
    from: &mut Connection,
    to: &mut Connection,
    node: &str,
    contents: &Contents,
    progress: &mut impl FnMut(Part, i64, i64),
) -> Result<(), sqlx::Error> {
    copy_calls(from, to, node, |done| progress(Part::Calls, done, contents.copied.calls)).await?;
    copy_entries(from, to, |done| progress(Part::Entries, done, contents.copied.entries)).await?;
    copy_keys(from, to).await?;
    progress(Part::Keys, contents.copied.keys, contents.copied.keys);
    timeline::set_last_seq(to, contents.last_seq).await
}

async fn copy_calls(
    from: &mut Connection,
    to: &mut Connection,
    node: &str,
    mut done: impl FnMut(i64),
) -> Result<(), sqlx::Error> {
    let (mut last, mut copied) = (Uuid::nil(), 0);
    loop {
        let mut query = from.query("SELECT ");
        query.push(calls::COLUMNS);
        if from.dialect() == Dialect::Postgres {
            query.push(", node");
        }
        query.push(" FROM calls WHERE id > ").bind(last);
        query.push(" ORDER BY id LIMIT ").bind(ROWS as i64);
        let rows = from.all(query).await?;
        let mut page: Vec<(String, CallRecord)> = Vec::new();
        for row in &rows {
            let of = match from.dialect() {
                Dialect::Sqlite => node.to_owned(),
                Dialect::Postgres => row.get("node")?,
            };
            page.push((of, calls::record_of(row)?));
        }
        let Some((_, newest)) = page.last() else { return Ok(()) };
        last = newest.id.0;
        page.sort_by(|one, other| one.0.cmp(&other.0));
        for of_node in page.chunk_by(|one, other| one.0 == other.0) {
            let records: Vec<&CallRecord> = of_node.iter().map(|(_, record)| record).collect();
            let node = (to.dialect() == Dialect::Postgres).then(|| &*of_node[0].0);
            let mut query = to.query("");
            calls::push_upsert(&mut query, &records, node);
            to.execute(query).await?;
        }
        copied += page.len() as i64;
        done(copied);
    }
}

async fn copy_entries(
    from: &mut Connection,
    to: &mut Connection,
    mut done: impl FnMut(i64),
) -> Result<(), sqlx::Error> {
    let (mut last, mut copied) = (0, 0);
    loop {
        let mut query = from.query("");
        timeline::push_page(&mut query, last, ROWS as i64);
        let rows = from.all(query).await?;
        let entries = rows.iter().map(timeline::entry_of).collect::<Result<Vec<_>, _>>()?;
        let Some((newest, ..)) = entries.last() else { return Ok(()) };
        last = *newest;
        let mut query = to.query("");
        timeline::push_numbered(&mut query, entries.iter().map(|(seq, call, entry)| (*seq, *call, entry)));
        to.execute(query).await?;
        copied += entries.len() as i64;
        done(copied);
    }
}

/// They are those of a day.
async fn copy_keys(from: &mut Connection, to: &mut Connection) -> Result<(), sqlx::Error> {
    let query = from.query("SELECT scope, key, fingerprint, call_id, created_at FROM idempotency");
    let rows = from.all(query).await?;
    for rows in rows.chunks(ROWS) {
        let keys = rows.iter().map(idempotency::row_of).collect::<Result<Vec<_>, _>>()?;
        let mut query = to.query("");
        idempotency::push_rows(&mut query, &keys);
        to.execute(query).await?;
    }
    Ok(())
}
