//! `GET /api/calls/{id}/timeline`: all evidence of a call, in order.

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
    extract::{CallPath, Language},
    view,
};
use call::{CallRecord, Entry, Source, Status};
use lang::Lang;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Its place in the order of all entries of all calls.
    pub seq: i64,
    #[serde(serialize_with = "view::time")]
    pub at: DateTime<Utc>,
    pub source: Source,
    /// A stable word for programs.
    #[schema(example = "trunk_ringing")]
    pub event: String,
    /// What was seen, for people, in the language of `Accept-Language` (ru, en).
    pub text: String,
    /// The state this led to; null when it led to none.
    #[schema(required)]
    pub status: Option<Status>,
    /// Values for programs; null when there are none.
    #[schema(required, value_type = Option<Object>)]
    pub data: Option<Value>,
    /// Number of the call's attempt that it is about; null before the first.
    #[schema(required)]
    pub attempt: Option<u16>,
}

impl EntryView {
    pub fn new(seq: i64, entry: Entry, lang: Lang) -> Self {
        let text = entry.told(lang).into_owned();
        let Entry { at, source, event, status, data, attempt, .. } = entry;
        EntryView { seq, at, source, event, text, status, data, attempt }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
    pub call_id: Uuid,
    pub status: Status,
    pub entries: Vec<EntryView>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(timeline))
}

/// All evidence of a call, in order
#[utoipa::path(
    get, path = "/api/calls/{id}/timeline", operation_id = "get_timeline", tag = "calls",
    params(
        ("id" = Uuid, Path, description = "The call's id"),
        ("Accept-Language" = Option<String>, Header, nullable = false, description = "Language of the texts: ru or en", example = "ru"),
    ),
    responses(
        (status = 200, description = "The timeline", body = TimelineView),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn timeline(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Language(lang): Language,
    CallPath(id): CallPath,
) -> Result<Json<TimelineView>, ApiError> {
    let call = readable(&state, &client, id).await?;
    Ok(Json(of(&state, &call, lang).await?))
}

pub(super) async fn of(state: &AppState, call: &CallRecord, lang: Lang) -> Result<TimelineView, ApiError> {
    let entries = state.store.timeline(call.id).await?;
    let entries = entries.into_iter().map(|(seq, entry)| EntryView::new(seq, entry, lang)).collect();
    Ok(TimelineView { call_id: call.id.0, status: call.last.status, entries })
}
