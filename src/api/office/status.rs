//! `/health` and `/api/status`, which need no secret, and the metrics.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{OfficeState, guard};
use crate::{
    api::{extract::Language, view},
    enterprises::DirectoryState,
};
use call::{WayChoice, WayKind};

/// The name that the service had before.
const SERVICE: &str = "asterisk-call-management";
/// The version of the API, not of the bot.
const API_VERSION: &str = "1.0.0";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfficeHealth {
    #[schema(example = "healthy")]
    pub status: String,
    #[schema(example = "asterisk-call-management")]
    pub service: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfficeStatus {
    #[schema(example = "asterisk-call-management")]
    pub service: String,
    /// Of the API.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// `connected` or `disconnected`.
    #[schema(example = "connected")]
    pub database: String,
    pub asterisk_config: AsteriskConfig,
    /// Why the database is away, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub database_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "view::time_or_null")]
    #[schema(nullable = false)]
    pub database_away_since: Option<DateTime<Utc>>,
    /// Enterprises that go on while the database is away.
    pub known_enterprises: usize,
    /// Calls that have not ended.
    pub live_calls: usize,
    pub bot_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsteriskConfig {
    /// How hosts are spoken to by default: `SSH CLI`, `AMI`, `ARI`, or `auto`.
    #[schema(example = "SSH CLI")]
    pub method: String,
    pub ssh_port: u16,
    pub ssh_user: String,
}

pub fn routes() -> OpenApiRouter<OfficeState> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(status))
}

/// Whether the service answers
#[utoipa::path(get, path = "/health", operation_id = "health", tag = "status", responses(
    (status = 200, description = "It does", body = OfficeHealth),
))]
async fn health(State(state): State<OfficeState>) -> Json<OfficeHealth> {
    let port = guard::office_config(&state).listen.port();
    Json(OfficeHealth { status: "healthy".to_owned(), service: SERVICE.to_owned(), port })
}

/// The API and what it is connected to
#[utoipa::path(get, path = "/api/status", operation_id = "status", tag = "status", responses(
    (status = 200, description = "How it is", body = OfficeStatus),
))]
async fn status(State(state): State<OfficeState>, Language(lang): Language) -> Json<OfficeStatus> {
    let config = guard::office_config(&state);
    let (database, error, since, known) = match state.office.directory().state() {
        DirectoryState::Connected { known, .. } => ("connected", None, None, known),
        DirectoryState::Away { since, why, known } => {
            ("disconnected", Some(why.of(lang).to_owned()), Some(since), known)
        }
    };
    let has_events = config.ami_user.is_some() || config.ari_user.is_some();
    let method = match config.way {
        WayChoice::Auto if has_events => "auto",
        WayChoice::Auto => "SSH CLI",
        WayChoice::Only(way) => match way {
            WayKind::Ssh => "SSH CLI",
            WayKind::Ami => "AMI",
            WayKind::Ari => "ARI",
        },
    };
    Json(OfficeStatus {
        service: SERVICE.to_owned(),
        version: API_VERSION.to_owned(),
        database: database.to_owned(),
        asterisk_config: AsteriskConfig {
            method: method.to_owned(),
            ssh_port: config.ssh_port,
            ssh_user: config.ssh_user,
        },
        database_error: error,
        database_away_since: since,
        known_enterprises: known,
        live_calls: state.office.live(),
        bot_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
