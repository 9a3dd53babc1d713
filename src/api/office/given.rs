//! What a request of the older service's clients gives: parameters in the URL or in a body, and who sends them.

use std::time::{Duration, Instant};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method},
};
use serde_json::{Map, Value};

use super::{
    OfficeState,
    fastapi::{Faults, Location, OfficeError},
    guard,
};
use crate::api::{
    ApiError, Wait,
    extract::{JsonBody, Language},
    initiate,
    server::Peer,
};
use lang::Lang;

/// The parameters as they came, by GET in the URL, by POST in the body.
pub struct Given {
    pub place: Location,
    values: Map<String, Value>,
    pub begun: Instant,
    /// Who sends it; none in a test without a socket.
    pub peer: Option<Peer>,
    pub headers: HeaderMap,
    pub lang: Lang,
}

impl FromRequest<OfficeState> for Given {
    type Rejection = OfficeError;

    async fn from_request(request: Request, state: &OfficeState) -> Result<Self, OfficeError> {
        let (mut parts, body) = request.into_parts();
        let Ok(Language(lang)) = Language::from_request_parts(&mut parts, state).await;
        let (peer, headers) = (parts.extensions.get().copied(), parts.headers.clone());
        let (place, mut values) = if parts.method == Method::POST {
            let body = JsonBody::from_request(Request::from_parts(parts, body), state).await;
            (Location::Body, of_body(body)?)
        } else {
            (Location::Query, of_query(parts.uri.query().unwrap_or_default()))
        };
        if let Some(secret) = guard::of_headers(&headers) {
            values.entry("clientId").or_insert_with(|| Value::String(secret.expose().to_owned()));
        }
        Ok(Given { place, values, begun: Instant::now(), peer, headers, lang })
    }
}

fn of_query(query: &str) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    // Of one that is given twice the last counts, as in FastAPI.
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

fn of_body(body: Result<JsonBody<Map<String, Value>>, ApiError>) -> Result<Map<String, Value>, OfficeError> {
    let mut values = match body {
        Ok(JsonBody(values)) => values,
        Err(ApiError::InvalidField { field: None, .. }) => {
            return Err(OfficeError::Faults(Faults::no_object()));
        }
        Err(other) => return Err(other.into()),
    };
    // What need not be there may be null.
    values.retain(|name, value| {
        !(value.is_null() && ["clientId", "wait", "wait_timeout"].contains(&name.as_str()))
    });
    Ok(values)
}

impl Given {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn wait(&self, faults: &mut Faults) -> Option<(Wait, Duration)> {
        let until = self.get("wait").and_then(|value| {
            faults.word("wait", Some(value), &["answered", "ended"], |word| word.parse().ok())
        });
        let seconds = faults.seconds("wait_timeout", self.get("wait_timeout"), initiate::LONGEST_WAIT);
        until.map(|until| (until, Duration::from_secs(seconds.unwrap_or(initiate::WAIT_SECONDS))))
    }
}
