//! `POST /api/calls/initiate`: places a call, and waits for what becomes of it if the client wishes.
//!
//! What the client does after its request was read, going away above all, changes nothing about the
//! call: placing it runs in a task of its own.

use std::{
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, Serializer, ser};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState,
    client::Client,
    error::{ApiError, Problem},
    extract::{JsonBody, Language, Params, Seconds},
    idempotency,
    view::CallView,
};
use crate::{
    config::{Config, MAX_DURATION, RING_TIMEOUT, Right},
    engine::IdempotencyKey,
};
use call::{CallId, CallRecord, Metadata, OutgoingCall, PhoneNumber, Reason, Status};
use lang::say;

/// What to call, and how.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "+79522675444", "custom_metadata": {"order": 17}}))]
pub struct Initiate {
    /// The number as a person writes it; without `+` it is read by `dial.default_region`.
    #[schema(max_length = 40, example = "8 (952) 267-54-44")]
    pub phone: String,
    /// The number to show to the callee: the trunk's own, or one of `trunk.caller_ids`.
    #[schema(max_length = 40, example = "+74951234567")]
    pub caller_id: Option<String>,
    /// The name of one of the configured scenarios.
    #[schema(min_length = 1, max_length = 64, example = "default")]
    pub scenario: Option<String>,
    /// Seconds.
    #[schema(value_type = Option<u32>, minimum = 5, maximum = 300)]
    pub ring_timeout: Option<Seconds>,
    /// Seconds of talk.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 14400)]
    pub max_duration: Option<Seconds>,
    /// Any JSON object of at most 64 levels without a name given twice; it is returned as given, but for
    /// white space.
    #[schema(value_type = Option<Object>)]
    pub custom_metadata: Option<Metadata>,
    /// Answer only when the call has come so far.
    pub wait: Option<Wait>,
    /// Seconds to wait for that at most, 60 by default.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 600)]
    pub wait_timeout: Option<Seconds>,
}

/// How far a call must have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Answered, or ended without an answer.
    Answered,
    Ended,
}

impl Wait {
    pub(super) fn is_over(self, status: Status) -> bool {
        match self {
            Wait::Answered => status >= Status::Answered,
            Wait::Ended => status.is_terminal(),
        }
    }
}

impl FromStr for Wait {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "answered" => Ok(Wait::Answered),
            "ended" => Ok(Wait::Ended),
            _ => Err(()),
        }
    }
}

pub(super) const WAIT_SECONDS: u64 = 60;
pub(super) const LONGEST_WAIT: u64 = 600;
const LONGEST_SCENARIO: usize = 64;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
pub(super) const WAIT_TIMED_OUT: HeaderName = HeaderName::from_static("x-wait-timed-out");
pub(super) const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What was asked for, as two requests are compared.
#[derive(Serialize)]
struct Asked {
    phone: PhoneNumber,
    caller_id: Option<PhoneNumber>,
    scenario: Option<String>,
    ring_timeout: Option<u32>,
    max_duration: Option<u32>,
    #[serde(serialize_with = "canonical")]
    custom_metadata: Option<Metadata>,
}

/// So that neither the order of members nor white space makes a difference.
fn canonical<S: Serializer>(metadata: &Option<Metadata>, serializer: S) -> Result<S::Ok, S::Error> {
    let canonical = metadata.as_ref().map(|metadata| RawValue::from_string(metadata.canonical()));
    canonical.transpose().map_err(ser::Error::custom)?.serialize(serializer)
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(initiate))
}

/// Place a call
///
/// The call is on disk when the answer comes. With `wait` the answer comes when the call was answered
/// or has ended, or when `wait_timeout` is over; going away meanwhile does not end the call.
#[utoipa::path(
    post, path = "/api/calls/initiate", operation_id = "initiate_call", tag = "calls",
    request_body = Initiate,
    params(
        ("wait" = inline(Option<Wait>), Query, description = "As in the body, which wins"),
        ("wait_timeout" = Option<u32>, Query, minimum = 1, maximum = 600, description = "As in the body, which wins"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
            description = "The same key and request give the same call, for 24 hours"),
        ("Accept-Language" = Option<String>, Header, nullable = false, description = "Language of the hint: ru or en", example = "ru"),
    ),
    responses(
        (status = 201, description = "The call", body = CallView, headers(
            ("Location" = String, description = "The call's path"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when the key stands for an earlier call"),
            ("X-Wait-Timed-Out" = Option<String>, description = "`true` when the call had not come so far in time"),
        )),
        (status = 400, description = "`invalid_json`, `invalid_header`, `body_incomplete`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`destination_not_allowed`, `caller_id_not_allowed`, `right_missing`, `foreign_site`, `forwarded`", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`call_deleted`: the call of this Idempotency-Key was deleted", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_key_reused`, `idempotency_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`body_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`, `unsupported_encoding`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_phone`, `invalid_field`, `missing_field`, `unknown_field`, `unknown_scenario`, `invalid_parameter`, `unknown_parameter`",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`number_too_soon`, `rate_limited`", body = Problem, content_type = "application/problem+json",
            headers(("Retry-After" = u64, description = "Seconds"))),
        (status = 503, description = "`queue_full`, `store_unavailable`, `no_asterisk`, `stopping`, `timed_out`", body = Problem, content_type = "application/problem+json",
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
async fn initiate(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Language(lang): Language,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Initiate>,
) -> Result<Response, ApiError> {
    client.need(Right::Call)?;
    let begun = Instant::now();
    let wait = wait(&body, query.as_deref())?;
    let key = idempotency::key_of(&headers)?;
    let config = state.config();
    let asked = asked(body, &config.dial.default_region)?;
    let key = key.map(|key| IdempotencyKey {
        scope: client.scope().to_owned(),
        key,
        fingerprint: idempotency::fingerprint(&asked),
    });
    let request = with_defaults(asked, &client, &config);

    let placing = tokio::spawn(place(state.clone(), request, key));
    let placed = tokio::time::timeout(config.http.request_timeout, placing).await;
    let (mut call, is_replay) = placed.map_err(|_| ApiError::TimedOut)?.map_err(|_| ApiError::Internal)??;
    state.metrics.initiate.observe(begun.elapsed().as_secs_f64());

    let mut response_headers = HeaderMap::new();
    if is_replay {
        response_headers.insert(REPLAYED, TRUE);
    }
    if let Some((until, time)) = wait {
        // With his key revoked he is told no more than what he has placed: an error would have him place it again.
        call = wait_for(&state, call, until, time, client.revoked(state.config.clone())).await;
        if !until.is_over(call.last.status) {
            response_headers.insert(WAIT_TIMED_OUT, TRUE);
        }
    }
    let location = format!("/api/calls/{}", call.id);
    let view = Json(CallView::new(&call, lang));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], response_headers, view).into_response())
}

/// How far and how long to wait, from the body or else the query.
fn wait(body: &Initiate, query: Option<&str>) -> Result<Option<(Wait, Duration)>, ApiError> {
    let params = Params::of(query, &["wait", "wait_timeout"])?;
    let in_query = params.text("wait").map(|text| {
        text.parse().map_err(|()| {
            ApiError::parameter(
                "wait",
                say!("expected `answered` or `ended`", "нужно `answered` или `ended`"),
            )
        })
    });
    let query_seconds = params.number("wait_timeout", 1..=LONGEST_WAIT)?;
    let until = body.wait.map(Ok).or(in_query).transpose()?;
    let seconds = match body.wait_timeout {
        Some(Seconds(seconds)) if (1..=LONGEST_WAIT).contains(&seconds) => seconds,
        Some(_) => return Err(out_of_range("wait_timeout", 1, LONGEST_WAIT)),
        None => query_seconds.unwrap_or(WAIT_SECONDS),
    };
    Ok(until.map(|until| (until, Duration::from_secs(seconds))))
}

fn asked(body: Initiate, region: &str) -> Result<Asked, ApiError> {
    let number = |field, text: &str| {
        PhoneNumber::parse(text, region).map_err(|source| ApiError::InvalidPhone { field, source })
    };
    let seconds = |field: &str, value: Option<Seconds>, range: std::ops::RangeInclusive<u32>| {
        let Some(Seconds(value)) = value else { return Ok(None) };
        let fitting = u32::try_from(value).ok().filter(|value| range.contains(value));
        let error = || out_of_range(field, u64::from(*range.start()), u64::from(*range.end()));
        fitting.map(Some).ok_or_else(error)
    };
    if body.scenario.as_ref().is_some_and(|name| name.is_empty() || name.chars().count() > LONGEST_SCENARIO) {
        return Err(ApiError::field(
            "scenario",
            say!("`scenario` has 1 to 64 characters", "в `scenario` от 1 до 64 знаков"),
        ));
    }
    Ok(Asked {
        phone: number("phone", &body.phone)?,
        caller_id: body.caller_id.map(|text| number("caller_id", &text)).transpose()?,
        scenario: body.scenario,
        ring_timeout: seconds("ring_timeout", body.ring_timeout, RING_TIMEOUT)?,
        max_duration: seconds("max_duration", body.max_duration, MAX_DURATION)?,
        custom_metadata: body.custom_metadata,
    })
}

fn out_of_range(field: &str, least: u64, most: u64) -> ApiError {
    ApiError::field(
        field,
        say!("`{field}`: expected {least} to {most} seconds", "`{field}`: нужно от {least} до {most} секунд"),
    )
}

fn with_defaults(asked: Asked, client: &Client, config: &Config) -> OutgoingCall {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    OutgoingCall {
        phone: asked.phone.into(),
        caller_id: asked.caller_id.map(String::from),
        scenario: asked.scenario.unwrap_or_else(|| config.scenario.default.clone()),
        ring_timeout: asked.ring_timeout.unwrap_or_else(|| seconds(config.dial.ring_timeout)),
        max_duration: asked.max_duration.unwrap_or_else(|| seconds(config.dial.max_duration)),
        custom_metadata: asked.custom_metadata,
        requested_by: client.name().map(str::to_owned),
    }
}

/// The call, and whether it is an earlier one that the key stands for.
async fn place(
    state: AppState,
    request: OutgoingCall,
    key: Option<IdempotencyKey>,
) -> Result<(Arc<CallRecord>, bool), ApiError> {
    let Some(key) = key else { return Ok((state.engine.place(request, None).await?, false)) };
    let _held = state.in_progress.hold(&key.scope, &key.key).ok_or(ApiError::IdempotencyInProgress)?;
    if let Some(row) = state.store.idempotency(&key.scope, &key.key).await? {
        if row.fingerprint != key.fingerprint {
            return Err(ApiError::IdempotencyReused);
        }
        match state.store.call(row.call_id).await? {
            // The first request was told that the store did not take it: this one is the first again.
            Some(call)
                if call.last.status == Status::Canceled
                    && call.last.reason == Some(Reason::StoreUnavailable) =>
            {
                state.store.delete(row.call_id).await?;
            }
            Some(call) => return Ok((Arc::new(call), true)),
            // It was placed, whatever became of it.
            None => return Err(ApiError::CallDeleted(row.call_id)),
        }
    }
    Ok((state.engine.place(request, Some(key)).await?, false))
}

/// The same for a call that was placed; `None` when nothing can be told of it at present.
pub(super) async fn wait_by_id(
    state: &AppState,
    id: CallId,
    until: Wait,
    time: Duration,
) -> Option<Arc<CallRecord>> {
    let live = state.store.watch(id).map(|watch| watch.borrow().clone());
    let call = match live {
        Some(call) => call,
        None => read(state, id).await?,
    };
    Some(wait_for(state, call, until, time, std::future::pending()).await)
}

/// The call when it has come as far as `until`, or as it is when the time is over; as it was before when `revoked`
/// comes back. It does not fail: the call was placed, and an error would have the client place it again.
async fn wait_for(
    state: &AppState,
    call: Arc<CallRecord>,
    until: Wait,
    time: Duration,
    revoked: impl Future<Output = ()>,
) -> Arc<CallRecord> {
    if until.is_over(call.last.status) {
        return call;
    }
    if let Some(mut watch) = state.store.watch(call.id) {
        tokio::select! {
            // An error means that the call has ended: its last record is there.
            _ = tokio::time::timeout(time, watch.wait_for(|call| until.is_over(call.last.status))) => {}
            () = state.stopping.cancelled() => {}
            () = revoked => return call,
        }
        return watch.borrow().clone();
    }
    // Not among the live ones any more: it has ended.
    read(state, call.id).await.unwrap_or(call)
}

async fn read(state: &AppState, id: CallId) -> Option<Arc<CallRecord>> {
    let read = state.store.call(id).await;
    let read =
        read.inspect_err(|error| tracing::warn!(call = %id, %error, "what became of a call can't be read"));
    read.ok().flatten().map(Arc::new)
}
