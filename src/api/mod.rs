//! The HTTP API: one file a resource, with its types, handlers and routes together.
//!
//! It asks the engine for what is to happen and reads the store for what did; it holds nothing about
//! a call itself. `error` is the one shape of every error, `auth` and `limits` stand before the
//! handlers, `server` carries the connections.

mod auth;
mod calls;
mod cancel;
mod client;
mod error;
mod events;
mod extract;
mod forwarded;
mod health;
mod idempotency;
mod impatient;
mod initiate;
mod json;
mod limits;
mod list;
mod loopback;
mod messages;
mod metrics;
pub mod office;
mod openapi;
mod russian;
mod server;
mod timeline;
mod view;

use std::sync::Arc;

use axum::{Router, middleware};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::{config::Config, engine::EngineHandle, metrics::Metrics, office::OfficeHandle};
use asterisk::secret::Secret;
use ledger::Store;

pub use calls::Done;
pub use error::{ApiError, PROBLEM_JSON, Problem};
pub use events::EventView;
pub use health::Health;
pub use initiate::{Initiate, Wait};
pub use list::CallList;
pub use messages::Message;
pub use russian::words as russian_words;
pub use server::serve;
pub use timeline::{EntryView, TimelineView};
pub use view::CallView;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    engine: EngineHandle,
    store: Store,
    metrics: Arc<Metrics>,
    config: watch::Receiver<Arc<Config>>,
    limiters: Arc<auth::Limiters>,
    refusals: Arc<loopback::Refusals>,
    in_progress: Arc<idempotency::InProgress>,
    streams: Arc<Semaphore>,
    /// `None` where the command line has no token of its own.
    token: Option<Arc<auth::LocalToken>>,
    /// `None` where there is no office API.
    office: Option<OfficeHandle>,
    /// Cancelled when the server stops: what would wait or stream for long ends.
    stopping: CancellationToken,
}

impl AppState {
    /// A new configuration sent through `config` holds from the next request on, except for the
    /// numbers of connections and streams.
    pub fn new(
        engine: EngineHandle,
        store: Store,
        metrics: Arc<Metrics>,
        config: watch::Receiver<Arc<Config>>,
    ) -> Self {
        let streams = events::most_streams(config.borrow().http.max_connections);
        AppState {
            engine,
            store,
            metrics,
            config,
            limiters: Arc::default(),
            refusals: Arc::default(),
            in_progress: Arc::default(),
            streams: Arc::new(Semaphore::new(streams)),
            token: None,
            office: None,
            stopping: CancellationToken::new(),
        }
    }

    /// The same with the offices' calls, which can then be hung up here too.
    pub fn with_office(self, office: OfficeHandle) -> Self {
        AppState { office: Some(office), ..self }
    }

    /// The same, which lets everybody in who has this token, with all rights.
    pub fn with_token(self, token: &Secret) -> Self {
        AppState { token: Some(Arc::new(auth::LocalToken::of(token))), ..self }
    }

    fn config(&self) -> Arc<Config> {
        self.config.borrow().clone()
    }
}

/// Everything the server answers.
fn router(state: AppState) -> Router {
    let (routes, document) = documented(&state);
    routes
        .merge(openapi::routes(&document))
        .fallback(limits::not_found)
        .layer(middleware::from_fn(limits::as_problem))
        .layer(limits::catch_panic())
        .layer(middleware::from_fn_with_state(state.clone(), limits::in_language))
        .layer(middleware::from_fn_with_state(state.clone(), limits::observe))
        .with_state(state)
}

/// The routes that the OpenAPI document describes, and the document.
fn documented(state: &AppState) -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let timed = |routes: OpenApiRouter<AppState>| {
        routes.layer(middleware::from_fn_with_state(state.clone(), limits::time_out))
    };
    let quick = OpenApiRouter::new()
        .merge(calls::routes())
        .merge(cancel::routes())
        .merge(list::routes())
        .merge(timeline::routes())
        .merge(messages::routes())
        .merge(health::routes())
        .merge(metrics::routes());
    // These wait by their nature and bound themselves.
    let long = OpenApiRouter::new().merge(initiate::routes()).merge(events::routes());
    let mut guarded =
        timed(quick).merge(long).layer(middleware::from_fn_with_state(state.clone(), auth::guard));
    openapi::describe_guard(guarded.get_openapi_mut());
    let mut all = OpenApiRouter::with_openapi(openapi::base()).merge(guarded).merge(timed(health::probes()));
    openapi::finish(all.get_openapi_mut());
    all.split_for_parts()
}

/// The OpenAPI document as it is served and kept in `docs/openapi.json`.
pub fn openapi_json(state: &AppState) -> String {
    openapi::to_json(&documented(state).1)
}
