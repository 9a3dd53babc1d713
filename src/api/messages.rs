//! `GET /api/calls/{id}/messages`: what the bot played, in the original bot's shape. Taken from the
//! timeline, where the engine writes each sound that was played to its end.

use axum::{Extension, Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    AppState,
    client::{Client, readable},
    error::{ApiError, Problem},
    extract::CallPath,
    view,
};
use call::{CallId, Entry};

/// The timeline's word for a sound that was played.
const PLAYED: &str = "sound_played";

/// Something that was said in a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its number in the timeline.
    pub id: i64,
    pub call_id: Uuid,
    pub role: Role,
    /// The sound that was played.
    #[schema(example = "sound:hello-world")]
    pub text: String,
    #[serde(serialize_with = "view::time")]
    pub timestamp: DateTime<Utc>,
    /// Seconds; null when it is not known.
    #[schema(required)]
    pub audio_duration: Option<f64>,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Bot,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(messages))
}

/// What the bot played in a call
#[utoipa::path(
    get, path = "/api/calls/{id}/messages", operation_id = "get_messages", tag = "calls",
    params(("id" = Uuid, Path, description = "The call's id")),
    responses(
        (status = 200, description = "The sounds, in order", body = Vec<Message>),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn messages(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    CallPath(id): CallPath,
) -> Result<Json<Vec<Message>>, ApiError> {
    readable(&state, &client, id).await?;
    let entries = state.store.timeline(id).await?;
    Ok(Json(entries.into_iter().filter_map(|(seq, entry)| message(id, seq, entry)).collect()))
}

fn message(call: CallId, seq: i64, entry: Entry) -> Option<Message> {
    if entry.event != PLAYED {
        return None;
    }
    let data = entry.data.unwrap_or_default();
    let media = data.get("media").and_then(Value::as_str).map(str::to_owned);
    Some(Message {
        id: seq,
        call_id: call.0,
        role: Role::Bot,
        text: media.unwrap_or(entry.text),
        timestamp: entry.at,
        audio_duration: data.get("seconds").and_then(Value::as_f64),
    })
}
