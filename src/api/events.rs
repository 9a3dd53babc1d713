//! Server-sent events: what becomes durable, as it does, for one call or for all.
//!
//! The id of an event is its place in the timeline of all calls, so a client that comes back with
//! `Last-Event-ID` misses nothing and gets nothing twice. A slow reader costs no memory: what it does
//! not take in time is read from the store when it does.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{self, error::RecvError},
    },
    time::Instant,
};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    AppState,
    client::{Client, belongs_to, readable, while_good},
    error::{ApiError, Problem},
    extract::{CallPath, Language, Params},
    timeline::EntryView,
    view::CallView,
};
use crate::{config::Right, metrics::Metrics};
use call::{CallId, CallRecord, Entry};
use lang::{Lang, say};
use ledger::{Change, StoreError};

/// The data of an event: one entry of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    pub call_id: Uuid,
    #[serde(flatten)]
    pub entry: EntryView,
    /// The call as it is when the event is sent; only with entries that led to a state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallView>,
}

impl EventView {
    /// The events of a change, one an entry.
    pub(super) fn of_change(change: &Change, lang: Lang) -> Vec<Self> {
        let event_of = |(seq, entry): &(i64, Entry)| EventView {
            call_id: change.record.id.0,
            entry: EntryView::new(*seq, entry.clone(), lang),
            call: entry.status.is_some().then(|| CallView::new(&change.record, lang)),
        };
        change.entries.iter().map(event_of).collect()
    }
}

/// The name of events that led to no state; the others are named by their state.
const EVIDENCE: &str = "evidence";
/// The name of the last event of a call's stream.
const END: &str = "end";

/// When nothing was sent for so long, a comment is: whoever stands between keeps the connection, and a client
/// that is gone is found out.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
const MOST_STREAMS: usize = 1000;
/// Entries read from the store at a time.
const PAGE: u32 = 200;

/// Streams may take most of the connections, not all.
pub(super) fn most_streams(connections: usize) -> usize {
    (connections - connections / 4).clamp(1, MOST_STREAMS)
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(of_call)).routes(routes!(of_all))
}

/// What happens in a call, as it happens
///
/// A stream of server-sent events (`text/event-stream`): the call's timeline from its beginning, or
/// after `Last-Event-ID`. `event` is the state that an entry led to, or `evidence`; `data` is an
/// `EventView`; `id` is the entry's `seq`. After the call's end comes `event: end`, and the stream
/// ends. A client that comes back after that gets 204, which stops browsers from trying again.
#[utoipa::path(
    get, path = "/api/calls/{id}/events", operation_id = "stream_call_events", tag = "events",
    params(
        ("id" = Uuid, Path, description = "The call's id"),
        ("last_event_id" = Option<i64>, Query, minimum = 0, description = "Go on after this event; the header wins"),
        ("Last-Event-ID" = Option<i64>, Header, nullable = false, minimum = 0, description = "Go on after this event"),
        ("Accept-Language" = Option<String>, Header, nullable = false, description = "Language of the hints: ru or en", example = "ru"),
    ),
    responses(
        (status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        (status = 204, description = "The call has ended and nothing came after `Last-Event-ID`"),
        (status = 400, description = "`invalid_header`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_parameter`, `unknown_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`too_many_streams`, `store_unavailable`, `stopping`", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn of_call(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Language(lang): Language,
    CallPath(id): CallPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event_id(&headers, query.as_deref())?;
    readable(&state, &client, id).await?;
    let stream = stream_of(state.clone(), lang, id, after).await?;
    Ok(while_good(&state, client, stream))
}

/// The stream of one call, from its beginning or after an event.
pub(super) async fn stream_of(
    state: AppState,
    lang: Lang,
    id: CallId,
    after: Option<i64>,
) -> Result<Response, ApiError> {
    // Subscribed before the store is read: nothing falls between.
    let mut feed = Feed::new(state, lang, Some(id), None)?;
    let call = feed.state.store.call(id).await?.ok_or(ApiError::CallNotFound(id))?;
    if let Some(after) = after {
        feed.last = after.min(feed.state.store.last_seq().await?);
        let has_more = !feed.state.store.timeline_after(Some(id), feed.last, 1).await?.is_empty();
        if call.last.status.is_terminal() && !has_more {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    Ok(feed.into_response())
}

/// What happens in all calls, as it happens
///
/// As for one call, and without an end: of the calls that the key placed, with the right `read-all` of everybody's. A
/// key that is revoked loses its stream at once. Without `Last-Event-ID` it begins with what happens next.
#[utoipa::path(
    get, path = "/api/events", operation_id = "stream_all_events", tag = "events",
    params(
        ("last_event_id" = Option<i64>, Query, minimum = 0, description = "Go on after this event; the header wins"),
        ("Last-Event-ID" = Option<i64>, Header, nullable = false, minimum = 0, description = "Go on after this event"),
        ("Accept-Language" = Option<String>, Header, nullable = false, description = "Language of the hints: ru or en", example = "ru"),
    ),
    responses(
        (status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        (status = 400, description = "`invalid_header`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_parameter`, `unknown_parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`too_many_streams`, `store_unavailable`, `stopping`", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn of_all(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Language(lang): Language,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    client.need(Right::Read)?;
    let after = last_event_id(&headers, query.as_deref())?;
    let mut feed = Feed::new(state.clone(), lang, None, client.sees_only().map(str::to_owned))?;
    let newest = feed.state.store.last_seq().await?;
    // A number from another store may lie ahead; then it begins with what happens next.
    feed.last = after.map_or(newest, |after| after.min(newest));
    Ok(while_good(&state, client, feed.into_response()))
}

pub(super) fn last_event_id(headers: &HeaderMap, query: Option<&str>) -> Result<Option<i64>, ApiError> {
    let params = Params::of(query, &["last_event_id"])?;
    let in_query = params.number("last_event_id", 0..=i64::MAX)?;
    let Some(value) = headers.get("last-event-id") else { return Ok(in_query) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|number| *number >= 0);
    let bad = || ApiError::InvalidHeader {
        name: "Last-Event-ID",
        detail: say!("must be the id of an event, a number", "должен быть id события, числом"),
    };
    number.map(Some).ok_or_else(bad)
}

/// One client's stream, as far as it has come.
struct Feed {
    state: AppState,
    lang: Lang,
    /// Of this call only.
    call: Option<CallId>,
    /// Of this client's own calls only.
    client: Option<String>,
    changes: broadcast::Receiver<Arc<Change>>,
    /// The last entry that was sent.
    last: i64,
    /// When something was sent last.
    sent: Instant,
    slot: Slot,
}

/// A stream's place among the streams there may be.
struct Slot {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.metrics.event_streams.dec();
    }
}

impl Feed {
    fn new(
        state: AppState,
        lang: Lang,
        call: Option<CallId>,
        client: Option<String>,
    ) -> Result<Self, ApiError> {
        let permit = state.streams.clone().try_acquire_owned().map_err(|_| ApiError::TooManyStreams)?;
        state.metrics.event_streams.inc();
        let slot = Slot { _permit: permit, metrics: state.metrics.clone() };
        let changes = state.store.follow();
        Ok(Feed { changes, state, lang, call, client, last: 0, sent: Instant::now(), slot })
    }

    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
            // nginx would hold events back.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (headers, Body::from_stream(self.events())).into_response()
    }

    fn events(mut self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        async_stream::stream! {
            loop {
                let mut ended;
                loop {
                    match self.page().await {
                        Ok(page) => {
                            ended = page.ended;
                            for event in page.events {
                                yield Ok(event);
                            }
                            if !page.is_full {
                                break;
                            }
                        }
                        Err(error) => {
                            // The client comes back with the last id it has.
                            warn!(%error, "an event stream ends because the store can't be read");
                            return;
                        }
                    }
                }
                // Until it has to read the store again.
                while !ended {
                    match self.next_change().await {
                        Next::Events(events, end) => {
                            ended = end;
                            for event in events {
                                yield Ok(event);
                            }
                        }
                        Next::Quiet => yield Ok(COMMENT),
                        Next::ReadStore => break,
                        Next::Stop => return,
                    }
                }
                if ended {
                    yield Ok(Bytes::from(format!("event: {END}\ndata: {{}}\n\n")));
                    drop(self.slot);
                    return;
                }
            }
        }
    }

    /// What the store has after the last entry sent.
    async fn page(&mut self) -> Result<StoredPage, StoreError> {
        let store = self.state.store.clone();
        // Before the entries: an end that is seen here has all its entries in the store.
        let ended = match self.call {
            Some(id) => store.call(id).await?.is_none_or(|call| call.last.status.is_terminal()),
            None => false,
        };
        // And before them too: of one client's entries the last tells nothing about those of others after it.
        let newest = match self.client {
            Some(_) => store.last_seq().await?,
            None => 0,
        };
        let entries = match &self.client {
            Some(client) => store.timeline_of_client(client, self.last, PAGE).await?,
            None => store.timeline_after(self.call, self.last, PAGE).await?,
        };
        let is_full = entries.len() == PAGE as usize;
        let mut calls: HashMap<CallId, Option<CallRecord>> = HashMap::new();
        let mut events = Vec::with_capacity(entries.len());
        for (seq, id, entry) in entries {
            if entry.status.is_some() && !calls.contains_key(&id) {
                calls.insert(id, store.call(id).await?);
            }
            let call = calls.get(&id).and_then(Option::as_ref).filter(|_| entry.status.is_some());
            events.push(event(id, EntryView::new(seq, entry, self.lang), call, self.lang));
            self.last = seq;
        }
        if !is_full {
            self.last = self.last.max(newest);
        }
        self.sent = Instant::now();
        Ok(StoredPage { events, is_full, ended })
    }

    async fn next_change(&mut self) -> Next {
        let change = tokio::select! {
            () = self.state.stopping.cancelled() => return Next::Stop,
            change = self.changes.recv() => change,
            () = tokio::time::sleep_until(self.sent + KEEP_ALIVE) => {
                self.sent = Instant::now();
                return Next::Quiet;
            }
        };
        let change = match change {
            Ok(change) => change,
            Err(RecvError::Lagged(_)) => return Next::ReadStore,
            Err(RecvError::Closed) => return Next::Stop,
        };
        let id = change.record.id;
        if self.call.is_some_and(|wanted| wanted != id) {
            return Next::Events(Vec::new(), false);
        }
        let first = change.entries.iter().map(|(seq, _)| *seq).find(|seq| *seq > self.last);
        // Of all calls every number comes; a hole means that something was told in another order.
        if self.call.is_none() && first.is_some_and(|first| first != self.last + 1) {
            return Next::ReadStore;
        }
        let before = self.last;
        self.last = change.entries.last().map_or(before, |(seq, _)| before.max(*seq));
        if self.client.as_deref().is_some_and(|client| !belongs_to(&change.record, client)) {
            return Next::Events(Vec::new(), false);
        }
        let told = change.told(self.lang, |change| told(change, self.lang));
        let new = change.entries.iter().zip(told).filter(|((seq, _), _)| *seq > before);
        let events = new.map(|(_, event)| event.clone()).collect();
        self.sent = Instant::now();
        Next::Events(events, self.call.is_some() && change.record.last.status.is_terminal())
    }
}

/// The events of a change, one an entry.
fn told(change: &Change, lang: Lang) -> Vec<Bytes> {
    let event_of = |(seq, entry): &(i64, Entry)| {
        let call = entry.status.is_some().then_some(&*change.record);
        event(change.record.id, EntryView::new(*seq, entry.clone(), lang), call, lang)
    };
    change.entries.iter().map(event_of).collect()
}

/// An event as it goes over the wire. JSON on one line is one line of data.
fn event(id: CallId, entry: EntryView, call: Option<&CallRecord>, lang: Lang) -> Bytes {
    let name = entry.status.map_or(EVIDENCE, |status| status.as_str());
    let mut text = format!("id: {}\nevent: {name}\ndata: ", entry.seq).into_bytes();
    let view = EventView { call_id: id.0, entry, call: call.map(|call| CallView::new(call, lang)) };
    serde_json::to_writer(&mut text, &view).expect("a view can be written as JSON");
    text.extend_from_slice(b"\n\n");
    text.into()
}

struct StoredPage {
    events: Vec<Bytes>,
    is_full: bool,
    /// The call had ended before the page was read.
    ended: bool,
}

enum Next {
    /// What to send, and whether the call has ended with it.
    Events(Vec<Bytes>, bool),
    /// Nothing for so long that a comment is due.
    Quiet,
    ReadStore,
    Stop,
}
