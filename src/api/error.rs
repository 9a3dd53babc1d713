//! Errors as clients see them: problem JSON (RFC 9457), each with a stable code and what to do.
//!
//! 4xx go here with everything that helps the client; 5xx keep their cause for the log and show none
//! of it. Every error of this floor is an [`ApiError`]; no handler builds an error answer by itself.

use std::error::Error;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{forwarded::Mark, russian};
use crate::{config::Right, engine::PlaceError};
use call::{CallId, NumberError, Status};
use lang::Text;
use ledger::StoreError;

/// An error, as RFC 9457 has it, with members of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URN that ends with `code`.
    #[serde(rename = "type")]
    #[schema(format = "uri", example = "urn:novofon-bot:problem:invalid_phone")]
    pub kind: String,
    /// The kind of problem, in words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong with this very request.
    pub detail: String,
    /// A stable word for programs.
    #[schema(pattern = "^[a-z_]+$", example = "invalid_phone")]
    pub code: String,
    /// The field, parameter or header that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// The right that the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "read-all")]
    pub right: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// Seconds to wait before the next try, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after: Option<u64>,
}

pub const PROBLEM_JSON: &str = "application/problem+json";

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("the body is not JSON: {0}")]
    InvalidJson(Text),
    #[error("{detail}")]
    InvalidField { field: Option<String>, detail: Text },
    #[error("`{field}` is missing")]
    MissingField { field: String },
    #[error("there is no field `{field}`")]
    UnknownField { field: String, hint: Text },
    #[error("{source}")]
    InvalidPhone { field: &'static str, source: NumberError },
    #[error("`{name}`: {detail}")]
    InvalidParameter { name: String, detail: Text },
    #[error("there is no parameter `{name}`")]
    UnknownParameter { name: String, hint: Text },
    #[error("the header `{name}` {detail}")]
    InvalidHeader { name: &'static str, detail: Text },
    #[error("the body must be sent as `application/json`")]
    UnsupportedMediaType,
    #[error("the body is compressed or otherwise encoded, which is not taken")]
    UnsupportedEncoding,
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    #[error("the body did not come in time")]
    BodyTimeout,
    #[error("the body broke off")]
    BodyBroken,
    #[error("{}", if *.presented { "the API key is not known here" } else { "an API key is needed" })]
    Unauthorized { presented: bool },
    #[error(
        "without API keys only requests to this machine's own name are taken, and no other site's page may send them"
    )]
    ForeignSite,
    #[error(
        "without API keys only programs of this machine are served, and this request came through a proxy: {mark}"
    )]
    Forwarded { mark: Mark },
    #[error("this needs the right `{right}`, which the key `{key}` does not have")]
    RightMissing { right: Right, key: String },
    #[error("this API key has used up its requests per minute")]
    RateLimited { retry_after: u64 },
    #[error("there is nothing at this path")]
    NotFound,
    #[error("Call {0} not found")]
    CallNotFound(CallId),
    #[error("this path does not take this method")]
    MethodNotAllowed,
    #[error("Call {id} has ended already: {status}")]
    CallEnded { id: CallId, status: Status },
    #[error("Call {0} is dialed by another bot that shares this store")]
    CallOfAnotherBot(CallId),
    #[error("Call {0} has not ended; only ended calls can be deleted")]
    CallNotEnded(CallId),
    #[error("this Idempotency-Key was used for call {0}, which was deleted")]
    CallDeleted(CallId),
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyReused,
    #[error("the first request with this Idempotency-Key is still in progress")]
    IdempotencyInProgress,
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("the store can't be read or written at present")]
    Store(#[from] StoreError),
    #[error("the request took too long")]
    TimedOut,
    #[error("too many event streams are open")]
    TooManyStreams,
    #[error("{0}")]
    NotReady(Text),
    #[error("something went wrong inside the bot")]
    Internal,
    /// An answer of a library of ours that is no problem JSON yet.
    #[error("{}", .0.canonical_reason().unwrap_or("the request failed"))]
    Other(StatusCode),
}

/// What does not depend on the single request: status, code, title.
type Kind = (StatusCode, &'static str, &'static str);

impl ApiError {
    pub fn parameter(name: impl Into<String>, detail: Text) -> Self {
        ApiError::InvalidParameter { name: name.into(), detail }
    }

    pub fn field(name: impl Into<String>, detail: Text) -> Self {
        ApiError::InvalidField { field: Some(name.into()), detail }
    }

    fn kind(&self) -> Kind {
        use ApiError as E;
        match self {
            E::InvalidJson(_) => (StatusCode::BAD_REQUEST, "invalid_json", "The body is not JSON"),
            E::BodyBroken => (StatusCode::BAD_REQUEST, "body_incomplete", "The body is incomplete"),
            E::InvalidHeader { .. } => (StatusCode::BAD_REQUEST, "invalid_header", "A header is wrong"),
            E::InvalidField { .. } => (UNPROCESSABLE, "invalid_field", "A field is wrong"),
            E::MissingField { .. } => (UNPROCESSABLE, "missing_field", "A field is missing"),
            E::UnknownField { .. } => (UNPROCESSABLE, "unknown_field", "A field is unknown"),
            E::InvalidPhone { .. } => (UNPROCESSABLE, "invalid_phone", "A phone number is wrong"),
            E::InvalidParameter { .. } => (UNPROCESSABLE, "invalid_parameter", "A parameter is wrong"),
            E::UnknownParameter { .. } => (UNPROCESSABLE, "unknown_parameter", "A parameter is unknown"),
            E::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The content type is wrong")
            }
            E::UnsupportedEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", "The body is encoded")
            }
            E::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too long"),
            E::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body came too slowly"),
            E::Unauthorized { .. } => (StatusCode::UNAUTHORIZED, "unauthorized", "A valid API key is needed"),
            E::ForeignSite => (StatusCode::FORBIDDEN, "foreign_site", "The request is not from this machine"),
            E::Forwarded { .. } => (StatusCode::FORBIDDEN, "forwarded", "The request came through a proxy"),
            E::RightMissing { .. } => (StatusCode::FORBIDDEN, "right_missing", "The key lacks a right"),
            E::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
            E::NotFound => (StatusCode::NOT_FOUND, "not_found", "Nothing here"),
            E::CallNotFound(_) => (StatusCode::NOT_FOUND, "call_not_found", "No such call"),
            E::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed")
            }
            E::CallEnded { .. } => (StatusCode::CONFLICT, "call_ended", "The call has ended"),
            E::CallOfAnotherBot(_) => {
                (StatusCode::CONFLICT, "call_of_another_bot", "The call is another bot's")
            }
            E::CallNotEnded(_) => (StatusCode::CONFLICT, "call_not_ended", "The call has not ended"),
            E::CallDeleted(_) => (StatusCode::GONE, "call_deleted", "The call was deleted"),
            E::IdempotencyReused => {
                (StatusCode::CONFLICT, "idempotency_key_reused", "The Idempotency-Key is taken")
            }
            E::IdempotencyInProgress => {
                (StatusCode::CONFLICT, "idempotency_in_progress", "The first request is in progress")
            }
            E::Place(error) => place_kind(error),
            E::Store(StoreError::Closed) => STOPPING,
            E::Store(_) => STORE_UNAVAILABLE,
            E::TimedOut => (UNAVAILABLE, "timed_out", "The request took too long"),
            E::TooManyStreams => (UNAVAILABLE, "too_many_streams", "Too many event streams"),
            E::NotReady(_) => (UNAVAILABLE, "not_ready", "The bot can't place calls at present"),
            E::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "A fault of the bot"),
            E::Other(status) if status.is_server_error() => (*status, "internal_error", "A fault of the bot"),
            E::Other(status) => (*status, "bad_request", "The request is wrong"),
        }
    }

    fn field_name(&self) -> Option<String> {
        use ApiError as E;
        match self {
            E::InvalidField { field, .. } => field.clone(),
            E::MissingField { field } | E::UnknownField { field, .. } => Some(field.clone()),
            E::InvalidPhone { field, .. } => Some((*field).to_owned()),
            E::InvalidParameter { name, .. } | E::UnknownParameter { name, .. } => Some(name.clone()),
            E::InvalidHeader { name, .. } => Some((*name).to_owned()),
            E::Place(PlaceError::NotAllowed(_) | PlaceError::LeftOut { .. } | PlaceError::TooSoon(_)) => {
                Some("phone".to_owned())
            }
            E::Place(PlaceError::CallerId(_)) => Some("caller_id".to_owned()),
            E::Place(PlaceError::NoScenario(_)) => Some("scenario".to_owned()),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        use ApiError as E;
        let hint = match self {
            E::UnknownField { hint, .. } | E::UnknownParameter { hint, .. } => return Some(hint.en.clone()),
            E::InvalidJson(_) => "See that place; /docs shows a body that works.",
            E::InvalidField { .. } | E::InvalidParameter { .. } => "See /docs for what it may be.",
            E::MissingField { .. } => "Add it to the body; /docs shows one that works.",
            E::InvalidPhone { .. } => "Give the number in full, as +79522675444.",
            E::InvalidHeader { .. } => "Correct it or leave it out.",
            E::UnsupportedMediaType => "Send the header `Content-Type: application/json`.",
            E::UnsupportedEncoding => "Send the body as it is, without `Content-Encoding`.",
            E::BodyTooLarge(_) => "Send less, or raise `http.body_limit`.",
            E::BodyTimeout | E::BodyBroken => "Send the request again, whole.",
            E::Unauthorized { .. } => {
                "Send `Authorization: Bearer KEY` or `X-API-Key: KEY` with one of the keys of `http.api_keys`."
            }
            E::ForeignSite => {
                "Use http://127.0.0.1 or http://localhost; behind a proxy with a name of its own, or for a page of another \
                 address or port, set `http.api_keys`."
            }
            E::Forwarded { mark: Mark::Header(_) } => {
                "Set `http.api_keys`, and let the clients send a key, or let nginx add it for addresses of your \
                 choice: asterisk-config/nginx-api.conf."
            }
            E::Forwarded { mark: Mark::Http10 } => {
                "Behind a proxy set `http.api_keys` (asterisk-config/nginx-api.conf). A program or health check of this \
                 machine: speak HTTP/1.1, send a key, or ask `/health/live` or `/health/ready`, which are for all."
            }
            E::RightMissing { right, .. } => {
                return Some(format!("Use a key that has it, or add `{right}` to this key's `rights`."));
            }
            E::RateLimited { .. } => "Wait, or raise the key's `rate_limit`.",
            E::NotFound => "See /docs for the paths there are.",
            E::CallNotFound(_) => "Check the id; a deleted call is not found any more.",
            E::MethodNotAllowed => "The header `Allow` lists the methods that are.",
            E::CallEnded { .. } => "Nothing is left to hang up.",
            E::CallOfAnotherBot(_) => "Ask that bot: each hangs up its own calls.",
            E::CallNotEnded(_) => "Hang up first: POST /api/calls/{id}/hangup, and wait for its end.",
            E::CallDeleted(_) => "It is not placed again; use a new key for a new call.",
            E::IdempotencyReused => "Use a new key for a new request.",
            E::IdempotencyInProgress => "Repeat the request a little later to get its call.",
            E::Place(PlaceError::LeftOut { prefix, .. }) => {
                return Some(format!(
                    "Add \"{prefix}\" to `dial.allow` beside \"russia\" if calls there are meant to be made."
                ));
            }
            E::Place(error) => place_hint(error),
            E::Store(StoreError::Closed) => "Try again when the bot is back.",
            E::Store(_) => "Try again; /health and the bot's log tell why.",
            E::TimedOut => "Try again; with the same Idempotency-Key no call is placed twice.",
            E::TooManyStreams => "Close some of them, or try again later.",
            E::NotReady(_) => "/health tells which part is away.",
            E::Internal => "The bot's log tells what it was; please report it.",
            E::Other(_) => return None,
        };
        Some(hint.to_owned())
    }

    fn retry_after(&self) -> Option<u64> {
        use ApiError as E;
        match self {
            E::RateLimited { retry_after } => Some(*retry_after),
            // Rounded up: at the time named the call is allowed.
            E::Place(PlaceError::TooSoon(wait)) => Some(wait.as_secs_f64().ceil().max(1.0) as u64),
            E::IdempotencyInProgress => Some(1),
            E::Place(
                PlaceError::QueueFull(_)
                | PlaceError::Store(_)
                | PlaceError::NoAsterisk
                | PlaceError::Stopping,
            )
            | E::Store(_)
            | E::TimedOut
            | E::TooManyStreams
            | E::NotReady(_) => Some(5),
            _ => None,
        }
    }

    pub fn problem(&self) -> Problem {
        let (status, code, title) = self.kind();
        Problem {
            kind: format!("urn:novofon-bot:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail(),
            code: code.to_owned(),
            field: self.field_name(),
            right: match self {
                ApiError::RightMissing { right, .. } => Some(right.to_string()),
                _ => None,
            },
            hint: self.hint(),
            retry_after: self.retry_after(),
        }
    }

    /// What the client is told; the words of the store stay in the log.
    fn detail(&self) -> String {
        match self {
            ApiError::Place(PlaceError::Store(_)) => "the store does not take the call at present".to_owned(),
            other => other.to_string(),
        }
    }

    /// The whole chain of causes, for the log.
    fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !text.contains(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            cause = error.source();
        }
        text
    }
}

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const STOPPING: Kind = (UNAVAILABLE, "stopping", "The bot is stopping");
const STORE_UNAVAILABLE: Kind = (UNAVAILABLE, "store_unavailable", "The store is away");

fn place_kind(error: &PlaceError) -> Kind {
    match error {
        PlaceError::NotAllowed(_) | PlaceError::LeftOut { .. } => {
            (StatusCode::FORBIDDEN, "destination_not_allowed", "The destination is not allowed")
        }
        PlaceError::CallerId(_) => {
            (StatusCode::FORBIDDEN, "caller_id_not_allowed", "The caller id is not allowed")
        }
        PlaceError::TooSoon(_) => {
            (StatusCode::TOO_MANY_REQUESTS, "number_too_soon", "The number was called a moment ago")
        }
        PlaceError::NoScenario(_) => (UNPROCESSABLE, "unknown_scenario", "No such scenario"),
        PlaceError::QueueFull(_) => (UNAVAILABLE, "queue_full", "The queue is full"),
        PlaceError::Store(_) => STORE_UNAVAILABLE,
        PlaceError::NoAsterisk => (UNAVAILABLE, "no_asterisk", "There is no Asterisk"),
        PlaceError::Stopping => STOPPING,
    }
}

fn place_hint(error: &PlaceError) -> &'static str {
    match error {
        PlaceError::CallerId(_) => {
            "Leave `caller_id` out, or add the number to `trunk.caller_ids` (\"*\" there allows any) if it may be shown."
        }
        PlaceError::NotAllowed(_) | PlaceError::LeftOut { .. } => {
            "Add the number's prefix to `dial.allow` if calls there are meant to be made."
        }
        PlaceError::TooSoon(_) => "Wait, or lower `dial.min_gap`.",
        PlaceError::NoScenario(_) => "The configuration's [scenarios.*] are the ones there are.",
        PlaceError::QueueFull(_) => "Wait until some calls are through, or raise `dial.max_queued`.",
        PlaceError::Store(_) => "Try again; /health and the bot's log tell why.",
        PlaceError::NoAsterisk => {
            "Set `ari.username` and `ari.password` if this bot is to place calls by itself."
        }
        PlaceError::Stopping => "Try again when the bot is back.",
    }
}

/// Why an answer is a 5xx, carried to the access log beside the answer.
#[derive(Clone)]
pub(super) struct Cause(pub String);

/// The same problem in Russian, carried beside the English one to whoever knows what the client asked for.
#[derive(Clone)]
pub(super) struct InRussian(pub Box<Problem>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let ApiError::Unauthorized { presented } = self {
            let challenge = match presented {
                true => r#"Bearer realm="novofon-bot", error="invalid_token""#,
                false => r#"Bearer realm="novofon-bot""#,
            };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response.extensions_mut().insert(InRussian(Box::new(russian::problem(&self, problem))));
        if status.is_server_error() {
            response.extensions_mut().insert(Cause(self.chain()));
        }
        response
    }
}
