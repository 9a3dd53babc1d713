//! The office API, on a listener of its own: what CRMs and Telegram bots of many enterprises ask.
//!
//! `older` has the two requests whose URLs, parameters, answers and errors are those that its clients were written
//! for, and the same by POST; `calls`, `live` and `status` are what was added. Each request belongs to one
//! enterprise, which `guard` finds by its secret, and sees nothing of another's.

mod calls;
mod fastapi;
mod given;
mod guard;
mod limits;
mod live;
mod older;
mod slots;
mod status;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRef, Request},
    http::Method,
    middleware::{self, Next},
    response::Response,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use super::{AppState, limits as common, openapi, server};
use crate::office::OfficeHandle;

/// Event streams and live statuses of an enterprise at once, and requests of it that wait: 1,024 connections are for
/// all enterprises.
const STREAMS: usize = 64;
const WAITING: usize = 64;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct OfficeState {
    app: AppState,
    office: OfficeHandle,
    limits: Arc<limits::Limits>,
    /// Of event streams and live statuses.
    streams: Arc<slots::Slots>,
    /// Of requests that wait for what becomes of their call.
    waiting: Arc<slots::Slots>,
}

impl FromRef<OfficeState> for AppState {
    fn from_ref(state: &OfficeState) -> Self {
        state.app.clone()
    }
}

/// Serves the office API until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    mut app: AppState,
    office: OfficeHandle,
    shutdown: CancellationToken,
) {
    app.stopping = shutdown.clone();
    let state = OfficeState {
        app: app.clone(),
        office,
        limits: Arc::default(),
        streams: Arc::new(slots::Slots::new(STREAMS)),
        waiting: Arc::new(slots::Slots::new(WAITING)),
    };
    server::run(listener, router(state), server::Bounds::of(&app.config()), shutdown).await;
}

fn router(state: OfficeState) -> Router {
    let (routes, document) = documented().split_for_parts();
    routes
        .merge(openapi::routes(&document))
        .fallback(fastapi::not_found)
        .method_not_allowed_fallback(fastapi::method_not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), guard::count_reads))
        .layer(middleware::from_fn(no_head))
        .layer(common::catch_panic())
        .layer(middleware::from_fn_with_state(state.app.clone(), common::observe))
        .with_state(state)
}

/// axum answers HEAD as GET, and a GET places calls here: a program that only looks whether a link works must not.
/// FastAPI answers so too.
async fn no_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return fastapi::method_not_allowed().await;
    }
    next.run(request).await
}

fn documented() -> OpenApiRouter<OfficeState> {
    let mut all = OpenApiRouter::with_openapi(openapi::office_base())
        .merge(older::routes())
        .merge(calls::routes())
        .merge(live::routes())
        .merge(status::routes());
    openapi::finish_office(all.get_openapi_mut());
    all
}

/// The OpenAPI document as it is served and kept in `docs/openapi-office.json`.
pub fn openapi_json() -> String {
    openapi::to_json(&documented().into_openapi())
}
