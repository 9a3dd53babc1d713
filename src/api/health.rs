//! How the bot is: in the original bot's shape for people and their scripts, and as two probes for
//! whoever starts and stops it.
//!
//! It tells what the engine and the store saw last. That a trunk works can't be known without a
//! call, so nothing here claims it.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState,
    error::{ApiError, Problem},
    extract::Language,
};
use crate::engine::{AriState, AriTrouble, EngineState, StoreState};
use lang::{Lang, Text, say};

/// The whole, and its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    pub status: Overall,
    pub checks: Checks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    Healthy,
    Degraded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    Healthy,
    Unhealthy,
    /// The bot does not use it.
    NotUsed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    pub database: Check,
    /// The carrier's HTTP API, which calls don't need.
    pub novofon_api: Check,
    /// The events socket.
    pub asterisk: Check,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseHealth {
    pub status: Check,
    #[schema(example = "sqlite")]
    pub database: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NovofonHealth {
    pub status: Check,
    #[schema(required)]
    pub api_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsteriskHealth {
    pub status: Check,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "22.10.1")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
}

/// The answer of a probe that is content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    #[schema(example = "ready")]
    pub status: String,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(database))
        .routes(routes!(novofon))
        .routes(routes!(asterisk))
}

/// The routes that need no key.
pub fn probes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// How the bot and its parts are
#[utoipa::path(get, path = "/health", operation_id = "get_health", tag = "health", responses(
    (status = 200, description = "`degraded` when a part is unhealthy", body = Health),
))]
async fn health(State(state): State<AppState>) -> Json<Health> {
    let database = check(store_error(&state).is_none());
    let engine = state.engine.state();
    let asterisk = match engine.ari {
        AriState::Up { .. } if engine.ari_trouble.is_some() => Check::Unhealthy,
        AriState::Up { .. } => Check::Healthy,
        AriState::Down { .. } => Check::Unhealthy,
        AriState::NotUsed => Check::NotUsed,
    };
    let status = match (database, asterisk) {
        (Check::Healthy, Check::Healthy | Check::NotUsed) => Overall::Healthy,
        _ => Overall::Degraded,
    };
    Json(Health { status, checks: Checks { database, novofon_api: Check::NotUsed, asterisk } })
}

/// The store
#[utoipa::path(get, path = "/health/database", operation_id = "get_database_health", tag = "health", responses(
    (status = 200, description = "How it is", body = DatabaseHealth),
))]
async fn database(State(state): State<AppState>, Language(lang): Language) -> Json<DatabaseHealth> {
    let error = store_error(&state).map(|error| Text::same(error).of(lang).to_owned());
    Json(DatabaseHealth { status: check(error.is_none()), database: state.store.engine().to_owned(), error })
}

/// The carrier's HTTP API, which this bot does not use
#[utoipa::path(get, path = "/health/novofon", operation_id = "get_novofon_health", tag = "health", responses(
    (status = 200, description = "Always `not_used`", body = NovofonHealth),
))]
async fn novofon() -> Json<NovofonHealth> {
    Json(NovofonHealth { status: Check::NotUsed, api_url: None })
}

/// The events socket of Asterisk
#[utoipa::path(get, path = "/health/asterisk", operation_id = "get_asterisk_health", tag = "health", responses(
    (status = 200, description = "How it is", body = AsteriskHealth),
))]
async fn asterisk(State(state): State<AppState>, Language(lang): Language) -> Json<AsteriskHealth> {
    let EngineState { ari, ari_trouble, .. } = state.engine.state();
    let error = ari_trouble.map(|trouble| match trouble {
        AriTrouble::TakesNoCalls { .. } => say!(
            "it takes no calls: it is being stopped (`core abort shutdown` calls that off), or is out of files or memory",
            "он не принимает звонков: его останавливают (отменить: `core abort shutdown`), или ему не хватает файлов или памяти"
        ),
        AriTrouble::Deaf { what, .. } => Text::same(what),
    });
    let told = |text: Text| text.of(lang).to_owned();
    Json(match ari {
        AriState::Up { version } => {
            AsteriskHealth { status: check(error.is_none()), version: Some(version), error: error.map(told) }
        }
        AriState::Down { reason, .. } => {
            AsteriskHealth { status: Check::Unhealthy, version: None, error: Some(told(Text::same(reason))) }
        }
        AriState::NotUsed => AsteriskHealth { status: Check::NotUsed, version: None, error: None },
    })
}

/// Whether the process answers
#[utoipa::path(get, path = "/health/live", operation_id = "is_live", tag = "health", responses(
    (status = 200, description = "It does", body = Probe),
))]
async fn live() -> Json<Probe> {
    Json(Probe { status: "live".to_owned() })
}

/// Whether calls can be placed now
#[utoipa::path(get, path = "/health/ready", operation_id = "is_ready", tag = "health", responses(
    (status = 200, description = "They can", body = Probe),
    (status = 503, description = "`not_ready`: Asterisk or the store is away, Asterisk takes no calls or does not tell all of them, or the bot is stopping; `detail` tells which",
        body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds"))),
))]
async fn ready(State(state): State<AppState>) -> Result<Json<Probe>, ApiError> {
    let engine = state.engine.state();
    let mut reasons = Vec::new();
    if engine.stopping || state.stopping.is_cancelled() {
        reasons.push(say!("the bot is stopping", "бот останавливается"));
    }
    // This answer needs no key: it tells what is away, and leaves addresses and paths to /health.
    if let AriState::Down { since, .. } = &engine.ari {
        reasons.push(say!(
            "Asterisk is away since {}",
            "Asterisk недоступен с {}",
            super::view::text_of(since)
        ));
    }
    match &engine.ari_trouble {
        Some(AriTrouble::TakesNoCalls { since }) => reasons.push(say!(
            "Asterisk takes no calls since {}: it is being stopped, or is out of files or memory; the queue waits",
            "Asterisk не принимает звонков с {}: его останавливают, или ему не хватает файлов или памяти; очередь ждёт",
            super::view::text_of(since)
        )),
        Some(AriTrouble::Deaf { since, .. }) => reasons.push(say!(
            "Asterisk does not tell all of a call since {}; /health/asterisk says what is missing",
            "Asterisk рассказывает о звонках не всё с {}; чего не хватает — в /health/asterisk",
            super::view::text_of(since)
        )),
        None => {}
    }
    if store_error(&state).is_some() {
        reasons.push(say!("the store is away", "хранилище недоступно"));
    }
    match reasons.is_empty() {
        true => Ok(Json(Probe { status: "ready".to_owned() })),
        false => {
            let all = |lang| reasons.iter().map(|reason| reason.of(lang)).collect::<Vec<_>>().join("; ");
            Err(ApiError::NotReady(Text { en: all(Lang::En), ru: all(Lang::Ru) }))
        }
    }
}

/// What is wrong with the store, as itself or the engine saw it last.
pub(super) fn store_error(state: &AppState) -> Option<String> {
    if let ledger::Health::Away { reason, .. } = state.store.health() {
        return Some(reason);
    }
    match state.engine.state().store {
        StoreState::Up => None,
        StoreState::Down { reason, .. } => Some(reason),
    }
}

fn check(is_well: bool) -> Check {
    if is_well { Check::Healthy } else { Check::Unhealthy }
}
