//! Lists of calls: filters, pages, cursors. Newest first, by `created_at`, then by id.
//!
//! `created_at` is the truth for the order and for `from` and `to`; the time inside the id is not
//! looked at, so a step of the machine's clock can't make a list contradict what it shows. A cursor
//! names the last call shown: new calls change nothing in the pages after it.

use std::{fmt, ops::ControlFlow, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Store, StoreError, calls,
    counts::{self, EVER, Kinds, NEVER},
    micros,
    sql::{Connection, Query},
};
use call::{CallRecord, DialString, EndedBy, Reason, Status};

/// Which calls to list; what is empty or `None` lets every call through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub ended_by: Option<Vec<EndedBy>>,
    pub reason: Option<Reason>,
    pub phone: Option<DialString>,
    /// Number of the enterprise.
    pub enterprise: Option<String>,
    /// The client whose own calls they are, by the name of his key; no office's call is among them.
    pub client: Option<String>,
    /// Created at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Created before this time.
    pub to: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub limit: u32,
    /// Go on after this call.
    pub cursor: Option<Cursor>,
    /// Skip so many calls (after the cursor, when there is one).
    pub offset: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// How many calls the filter lets through, on all pages.
    pub total: i64,
    pub calls: Vec<CallRecord>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// A place in a list. As text it is opaque, and safe in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    created_at: i64,
    id: Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of a list; take it from `next_cursor` of the page before, unchanged")]
pub struct BadCursor;

/// More kinds than this in one filter are looked up row by row instead of merging a list of each.
/// Real data has a few dozen kinds in all; SQLite merges at most 500.
const MERGED_KINDS: usize = 100;

/// A page ends early when its calls' metadata come to this, bytes: a thousand calls may have 64 KiB each.
const MOST_METADATA: usize = 4 << 20;

/// From here on an offset is not walked but looked up in the counters.
const LONG_OFFSET: i64 = 500;

impl Store {
    /// One page of the calls that the filter lets through, the total and the page as of one moment.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing, StoreError> {
        let look = async {
            let mut snapshot = self.inner.readers.connection().await?;
            snapshot.begin_to_read().await?;
            let listing = list(&mut snapshot, filter, page).await;
            snapshot.roll_back().await;
            listing
        };
        look.await.map_err(StoreError::read("the list of calls"))
    }
}

async fn list(db: &mut Connection, filter: &Filter, page: &Page) -> Result<Listing, sqlx::Error> {
    let kinds = counts::matching(db, filter).await?;
    let from = filter.from.map_or(EVER, |at| micros(at).clamp(EVER, NEVER));
    let to = filter.to.map_or(NEVER, |at| micros(at).clamp(EVER, NEVER));
    let empty = Listing { total: 0, calls: Vec::new(), next: None };
    if from >= to || matches!(&kinds, Kinds::Of(kinds) if kinds.is_empty()) {
        return Ok(empty);
    }
    let of_some = counts::is_of_some(filter);
    let total = match of_some {
        true => counts::total_of_some(db, filter, &kinds, from, to).await?,
        false => counts::total(db, &kinds, from, to).await?,
    };

    let mut before = Cursor { created_at: to, id: Uuid::nil() };
    let mut skip = i64::from(page.offset);
    match page.cursor {
        Some(cursor) => before = before.min(cursor),
        None if skip >= total => return Ok(Listing { total, ..empty }),
        None if skip >= LONG_OFFSET && !of_some => {
            // The calls newer than `to` are skipped by the same leap.
            let newer = counts::total(db, &kinds, to, NEVER).await?;
            let Some((time, rest)) = counts::leap(db, &kinds, skip + newer).await? else {
                return Ok(Listing { total, ..empty });
            };
            // A bucket that `to` cuts is walked from its top, calls after `to` included.
            before = Cursor { created_at: time, id: Uuid::nil() };
            skip = rest;
        }
        None => {}
    }

    let limit = page.limit as usize;
    let mut query = db.query("SELECT ");
    query.push(calls::COLUMNS).push(" FROM (");
    push_keys(&mut query, filter, &kinds, from, before);
    query.push(" ORDER BY key_time DESC, key_id DESC LIMIT ").bind(limit as i64 + 1);
    query.push(" OFFSET ").bind(skip);
    query.push(") AS keys JOIN calls ON calls.id = key_id ORDER BY key_time DESC, key_id DESC");
    let (mut calls, mut bytes, mut has_more) = (Vec::new(), 0, false);
    db.each(query, |row| {
        if calls.len() == limit || bytes > MOST_METADATA {
            has_more = true;
            return Ok(ControlFlow::Break(()));
        }
        let call = calls::record_of(&row)?;
        let metadata = call.request.outgoing().and_then(|own| own.custom_metadata.as_ref());
        bytes += metadata.map_or(0, |metadata| metadata.as_str().len());
        calls.push(call);
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    let next = calls.last().filter(|_| has_more).map(Cursor::of);
    Ok(Listing { total, calls, next })
}

/// Selects the keys of all calls that match and stand after `before`, in an order that an index has:
/// with several kinds, one list of each, which SQLite merges as far as the page needs them.
fn push_keys(query: &mut Query, filter: &Filter, kinds: &Kinds, from: i64, before: Cursor) {
    match kinds {
        Kinds::Of(list) if list.len() <= MERGED_KINDS => {
            for (index, kind) in list.iter().enumerate() {
                push_range(query, index == 0, from, before);
                counts::push_some(query, filter);
                query.push(" AND kind = ").bind(&**kind);
            }
        }
        kinds => {
            push_range(query, true, from, before);
            counts::push_some(query, filter);
            counts::push_condition(query, counts::UNINDEXED_KIND, kinds);
        }
    }
}

fn push_range(query: &mut Query, first: bool, from: i64, before: Cursor) {
    query.push(if first { "" } else { " UNION ALL " });
    query.push("SELECT created_at AS key_time, id AS key_id FROM calls WHERE created_at >= ").bind(from);
    query.push(" AND (created_at, id) < (").bind(before.created_at);
    query.push(", ").bind(before.id).push(")");
}

impl Cursor {
    fn of(call: &CallRecord) -> Self {
        Cursor { created_at: micros(call.created_at), id: call.id.0 }
    }

    fn min(self, other: Self) -> Self {
        if (self.created_at, self.id) < (other.created_at, other.id) { self } else { other }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.created_at.to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let (time, id) = bytes.split_first_chunk().ok_or(BadCursor)?;
        Ok(Cursor { created_at: i64::from_be_bytes(*time), id: Uuid::from_slice(id).map_err(|_| BadCursor)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor { created_at: 1_790_000_000_000_001, id: Uuid::from_u128(7) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "AAAA", "?", &"A".repeat(33), &"A".repeat(4000), &format!("{cursor}=")] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
