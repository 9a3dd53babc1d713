//! `GET /metrics`, for Prometheus.

use axum::{
    Extension,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{AppState, client::Client, error::ApiError, health};
use crate::{config::Right, engine::AriState, metrics::CONTENT_TYPE};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Counters, gauges and histograms, for Prometheus
///
/// A key needs the right `read-all`.
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "health", responses(
    (status = 200, description = "OpenMetrics text",
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8", body = String),
))]
async fn metrics(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
) -> Result<Response, ApiError> {
    // They count everybody's calls, the offices' by name.
    client.need(Right::ReadAll)?;
    let engine = state.engine.state();
    let metrics = &state.metrics;
    metrics.calls_live.set(i64::try_from(engine.live).unwrap_or(i64::MAX));
    metrics.calls_queued.set(i64::try_from(engine.queued).unwrap_or(i64::MAX));
    metrics.ari_up.set(i64::from(matches!(engine.ari, AriState::Up { .. })));
    metrics.store_up.set(i64::from(health::store_error(&state).is_none()));
    let text = metrics.encode().map_err(|_| ApiError::Internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
