//! How many calls there are, without counting them: sums over `call_counts`, which holds the number
//! of calls of each kind (status, who ended it, why) in each span of time; see the migration.

use std::collections::BTreeMap;

use super::{
    BadValue, Filter, Store, StoreError,
    sql::{Connection, Query},
};
use call::{CallRecord, Status};

/// A bucket of level `n` holds the calls with the same `created_at >> SHIFTS[n]`.
const SHIFTS: [u32; 3] = [29, 35, 41];
/// Six bits more from one level to the next.
const FANOUT: i64 = 64;
/// The level with one bucket for all time.
const ALL_TIME: i64 = 3;

/// Times in microseconds that stand for "no bound"; both are the edge of a bucket on every level.
pub(super) const EVER: i64 = -(1 << 60);
pub(super) const NEVER: i64 = 1 << 60;

/// The kinds of calls that a filter lets through.
pub(super) enum Kinds {
    /// The filter does not look at the kind, nor at the number, whose index begins with the kind.
    Any,
    Of(Vec<String>),
}

impl Store {
    /// How many calls are in each state; a state without any is left out.
    pub async fn counts_by_status(&self) -> Result<BTreeMap<Status, i64>, StoreError> {
        const WHAT: &str = "the counts of calls";
        let readers = &self.inner.readers;
        let mut query = readers.query("SELECT kind, calls FROM call_counts WHERE level = ");
        query.bind(ALL_TIME);
        let rows = readers.all(query, WHAT).await?;
        let mut counts = BTreeMap::new();
        for row in rows {
            let kind: String = row.get("kind").map_err(StoreError::read(WHAT))?;
            let calls: i64 = row.get("calls").map_err(StoreError::read(WHAT))?;
            let status = kind.split('/').next().unwrap_or_default();
            let status: Status = status
                .parse()
                .map_err(|_| BadValue { column: "kind", value: kind.clone() }.into())
                .map_err(StoreError::read(WHAT))?;
            *counts.entry(status).or_insert(0) += calls;
        }
        Ok(counts)
    }
}

/// The word that the migration's CHECK demands.
pub(super) fn kind_of(call: &CallRecord) -> String {
    let last = &call.last;
    let ended_by = last.ended_by.map_or("", |by| by.as_str());
    let reason = last.reason.map_or("", |reason| reason.as_str());
    format!("{}/{ended_by}/{reason}", last.status)
}

pub(super) async fn matching(db: &mut Connection, filter: &Filter) -> Result<Kinds, sqlx::Error> {
    let any_kind = filter.statuses.is_empty() && filter.ended_by.is_none() && filter.reason.is_none();
    if any_kind && filter.phone.is_none() && filter.client.is_none() {
        return Ok(Kinds::Any);
    }
    Ok(Kinds::Of(existing(db, filter).await?))
}

/// The kinds of which there is a call and which the filter lets through.
pub(super) async fn existing(db: &mut Connection, filter: &Filter) -> Result<Vec<String>, sqlx::Error> {
    let mut query = db.query("SELECT kind FROM call_counts WHERE level = ");
    query.bind(ALL_TIME);
    let rows = db.all(query).await?;
    let mut kinds: Vec<String> = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
    kinds.retain(|kind| {
        let mut words = kind.split('/');
        let mut next = || words.next().unwrap_or_default();
        let (status, ended_by, reason) = (next(), next(), next());
        (filter.statuses.is_empty() || filter.statuses.iter().any(|s| s.as_str() == status))
            && filter.ended_by.as_ref().is_none_or(|list| list.iter().any(|by| by.as_str() == ended_by))
            && filter.reason.is_none_or(|r| r.as_str() == reason)
    });
    Ok(kinds)
}

/// How many calls of these kinds were created at `from` or later and before `to`.
pub(super) async fn total(
    db: &mut Connection,
    kinds: &Kinds,
    from: i64,
    to: i64,
) -> Result<i64, sqlx::Error> {
    if from >= to {
        return Ok(0);
    }
    let mut query = db.query("SELECT CAST(coalesce(sum(calls), 0) AS BIGINT) FROM (");
    if (from, to) == (EVER, NEVER) {
        query.push("SELECT calls FROM call_counts WHERE level = ").bind(ALL_TIME);
        push_condition(&mut query, "kind", kinds);
    } else {
        let (spans, edges) = decompose(from, to);
        let mut parts = 0;
        for (level, low, high) in spans {
            query.push(if parts > 0 { " UNION ALL " } else { "" });
            query.push("SELECT calls FROM call_counts WHERE level = ").bind(level);
            query.push(" AND bucket >= ").bind(low).push(" AND bucket < ").bind(high);
            push_condition(&mut query, "kind", kinds);
            parts += 1;
        }
        for (low, high) in edges {
            query.push(if parts > 0 { " UNION ALL " } else { "" });
            query.push("SELECT count(*) AS calls FROM calls WHERE created_at >= ").bind(low);
            query.push(" AND created_at < ").bind(high);
            push_condition(&mut query, "kind", kinds);
            parts += 1;
        }
    }
    query.push(") AS counted");
    db.one(query).await?.get(0)
}

/// How many calls to one number, of one enterprise or of one client there are; counted one by one, in an index that holds all
/// it needs, because they have few calls (50,000 take about 5 ms).
pub(super) async fn total_of_some(
    db: &mut Connection,
    filter: &Filter,
    kinds: &Kinds,
    from: i64,
    to: i64,
) -> Result<i64, sqlx::Error> {
    let mut query = db.query("SELECT count(*) FROM calls WHERE created_at >= ");
    query.bind(from);
    push_some(&mut query, filter);
    query.push(" AND created_at < ").bind(to);
    push_condition(&mut query, "kind", kinds);
    db.one(query).await?.get(0)
}

/// Where the newest `skip` calls of these kinds end: the time before which to go on and how many are
/// still to be skipped there, fewer than a bucket holds. `None` when there are no more than `skip`.
pub(super) async fn leap(
    db: &mut Connection,
    kinds: &Kinds,
    mut skip: i64,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let (mut low, mut high) = (EVER >> SHIFTS[2], NEVER >> SHIFTS[2]);
    for (level, shift) in SHIFTS.into_iter().enumerate().rev() {
        let mut query = db.query("SELECT bucket, CAST(sum(calls) AS BIGINT) FROM call_counts WHERE level = ");
        query.bind(level as i64).push(" AND bucket >= ").bind(low);
        query.push(" AND bucket < ").bind(high);
        push_condition(&mut query, "kind", kinds);
        query.push(" GROUP BY bucket ORDER BY bucket DESC");
        let rows = db.all(query).await?;
        let buckets: Vec<(i64, i64)> =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, sqlx::Error>>()?;
        let found = buckets.into_iter().find(|(_, calls)| {
            let here = skip < *calls;
            skip -= if here { 0 } else { *calls };
            here
        });
        let Some((bucket, _)) = found else { return Ok(None) };
        if level == 0 {
            return Ok(Some(((bucket + 1) << shift, skip)));
        }
        (low, high) = (bucket * FANOUT, (bucket + 1) * FANOUT);
    }
    Ok(None)
}

/// Whether the filter has what [`push_some`] writes.
pub(super) fn is_of_some(filter: &Filter) -> bool {
    filter.phone.is_some() || filter.enterprise.is_some() || filter.client.is_some()
}

/// ` AND phone = ...`, ` AND enterprise = ...`, ` AND requested_by = ...`
pub(super) fn push_some(query: &mut Query, filter: &Filter) {
    if let Some(phone) = &filter.phone {
        query.push(" AND phone = ").bind(phone.as_str());
    }
    if let Some(enterprise) = &filter.enterprise {
        // A number has fewer calls than an enterprise: then its index is the better one.
        let column = if filter.phone.is_some() { "(enterprise || '')" } else { "enterprise" };
        query.push(" AND ").push(column).push(" = ").bind(enterprise.as_str());
    }
    if let Some(client) = &filter.client {
        let column = if filter.phone.is_some() { "(requested_by || '')" } else { "requested_by" };
        query.push(" AND enterprise IS NULL AND ").push(column).push(" = ").bind(client.as_str());
    }
}

/// Keeps SQLite from choosing the index by kind where another one is right.
pub(super) const UNINDEXED_KIND: &str = "(kind || '')";

pub(super) fn push_condition(query: &mut Query, column: &str, kinds: &Kinds) {
    if let Kinds::Of(kinds) = kinds {
        query.push(" AND ");
        push_kinds(query, column, kinds);
    }
}

/// `column IN (...)`; the list may not be empty.
pub(super) fn push_kinds(query: &mut Query, column: &str, kinds: &[String]) {
    query.push(column).push(" IN ").list(kinds.iter().map(String::as_str));
}

/// Buckets `low..high` of a level.
type Span = (i64, i64, i64);

/// Cuts a stretch of time into whole buckets, as large as possible, and what is left at its ends.
fn decompose(from: i64, to: i64) -> (Vec<Span>, Vec<(i64, i64)>) {
    let up = |value: i64, unit: i64| value.div_euclid(unit) + i64::from(value.rem_euclid(unit) > 0);
    let unit = 1 << SHIFTS[0];
    let (mut low, mut high) = (up(from, unit), to.div_euclid(unit));
    if low >= high {
        return (Vec::new(), vec![(from, to)]);
    }
    let mut edges = vec![(from, low * unit), (high * unit, to)];
    let mut spans = Vec::new();
    for level in 0..SHIFTS.len() as i64 {
        let (above, below) = (up(low, FANOUT), high.div_euclid(FANOUT));
        if level + 1 == SHIFTS.len() as i64 || above >= below {
            spans.push((level, low, high));
            break;
        }
        spans.extend([(level, low, above * FANOUT), (level, below * FANOUT, high)]);
        (low, high) = (above, below);
    }
    spans.retain(|(_, low, high)| low < high);
    edges.retain(|(low, high)| low < high);
    (spans, edges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_pieces_cover_the_stretch_once(from in -5_000_000_000_000i64..5_000_000_000_000, length in 1i64..10_000_000_000_000) {
            let to = from + length;
            let (spans, edges) = decompose(from, to);
            let mut pieces = edges;
            prop_assert!(pieces.iter().all(|(low, high)| high - low <= 2 << SHIFTS[0]), "edges are short");
            for (level, low, high) in spans {
                prop_assert!(level == 2 || high - low < 2 * FANOUT, "few buckets are summed");
                pieces.push((low << SHIFTS[level as usize], high << SHIFTS[level as usize]));
            }
            pieces.sort();
            prop_assert_eq!(pieces[0].0, from);
            prop_assert_eq!(pieces[pieces.len() - 1].1, to);
            prop_assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0), "{:?}", pieces);
        }
    }

    #[test]
    fn an_open_end_has_no_edge() {
        assert!(decompose(EVER, NEVER).1.is_empty());
        assert_eq!(decompose(EVER, 5 << SHIFTS[0]).1, []);
        assert_eq!(decompose((5 << SHIFTS[0]) + 1, NEVER).1.len(), 1);
    }
}
