//! What stands around every handler: the time it may take, what becomes of a panic, the shape of
//! errors that others make, the access log and the request metrics.

use std::{any::Any, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{debug, error, warn};

use super::{
    AppState,
    error::{ApiError, Cause, InRussian, PROBLEM_JSON},
    extract::language_of,
};
use crate::metrics::RequestLabels;
use lang::Lang;

/// Ends a handler that takes longer than `http.request_timeout`.
pub async fn time_out(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let time = state.config().http.request_timeout;
    tokio::time::timeout(time, next.run(request)).await.map_err(|_| ApiError::TimedOut)
}

pub async fn not_found() -> ApiError {
    ApiError::NotFound
}

/// Tells a problem in the client's language. Its code and the other words for programs are the same in both.
pub async fn in_language(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let lang = language_of(request.headers(), &state);
    let mut response = next.run(request).await;
    if lang == Lang::Ru
        && let Some(InRussian(problem)) = response.extensions_mut().remove::<InRussian>()
    {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = serde_json::to_vec(&problem).unwrap_or_default().into();
    }
    response
}

/// Gives an error that a library answered the shape of ours. Its headers (`Allow`) stay.
pub async fn as_problem(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let error = match status {
        StatusCode::NOT_FOUND => ApiError::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ApiError::MethodNotAllowed,
        other => ApiError::Other(other),
    };
    let (parts, _) = response.into_parts();
    let mut problem = error.into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

type PanicHandler = fn(Box<dyn Any + Send>) -> Response;

/// A panic ends one request, with 500 and none of its words to the client.
pub fn catch_panic() -> CatchPanicLayer<PanicHandler> {
    CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("(no text)");
        error!(panic = words, "a request handler panicked: a fault of the program, please report it");
        ApiError::Internal.into_response()
    })
}

/// One line of log and one measurement a request. Neither has the query, a header or a body.
pub async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = method_word(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let path =
        route.as_deref().map_or_else(|| "unmatched".to_owned(), |route| shown(route, request.uri().path()));
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let mut response = next.run(request).await;
    let time = begun.elapsed();
    let status = response.status();
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The page to try the API is one click away from a call: no other site may lay it under the reader's mouse.
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));

    // A probe that says "not ready" again and again is no news.
    let is_probe = route.starts_with("/health");
    let ms = time.as_micros() as f64 / 1000.0;
    match response.extensions().get::<Cause>() {
        Some(Cause(cause)) if !is_probe => warn!(method, path, %status, ms, cause, "request failed"),
        _ => debug!(method, path, %status, ms, "request"),
    }
    let labels = RequestLabels { method, route, status: status.as_u16() };
    state.metrics.http_request.get_or_create(&labels).observe(time.as_secs_f64());
    response
}

/// A path without what only its client knows the meaning of: a path that is none of ours may hold anything, and so
/// may a parameter that is neither an id nor a number, such as a secret that went into the wrong place.
fn shown(route: &str, path: &str) -> String {
    let is_told = |part: &str| {
        let is_number = part.len() <= 20 && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+');
        is_number || part.len() == 36 && uuid::Uuid::try_parse(part).is_ok()
    };
    let part = |(pattern, part): (&str, &str)| match pattern.starts_with('{') && !is_told(part) {
        true => pattern.to_owned(),
        false => part.to_owned(),
    };
    route.split('/').zip(path.split('/')).map(part).collect::<Vec<_>>().join("/")
}

/// A client can send any word as its method; the metrics know a few.
fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing};
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn a_paths_parameter_is_told_only_if_it_is_an_id_or_a_number() {
        let id = "01a21726-2f04-779d-9c4a-b5fee1689bef";
        let secret = "d68409d67e3b4b87a6675e76dae74a85";
        for (route, path, expected) in [
            (
                "/api/calls/{id}/timeline",
                format!("/api/calls/{id}/timeline"),
                format!("/api/calls/{id}/timeline"),
            ),
            ("/api/calls/{id}", format!("/api/calls/{secret}"), "/api/calls/{id}".to_owned()),
            (
                "/api/extensions/{extension}/calls",
                "/api/extensions/150/calls".into(),
                "/api/extensions/150/calls".into(),
            ),
            ("/health", "/health".into(), "/health".into()),
        ] {
            assert_eq!(shown(route, &path), expected);
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_words() {
        let panics = || async {
            if true {
                panic!("the password is hunter2")
            }
        };
        let app: Router = Router::new().route("/", routing::get(panics)).layer(catch_panic());
        let request = Request::new(Body::empty());
        let response = app.oneshot(request).await.expect("it never fails");
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a short body");
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("internal_error") && !text.contains("hunter2"), "{text}");
    }
}
