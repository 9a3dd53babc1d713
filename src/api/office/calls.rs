//! An enterprise's own calls: the list, one call with its timeline and events, its hang-up, and what an extension
//! is doing now.

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts, Path, RawQuery, State},
    http::{HeaderMap, request::Parts},
    response::Response,
};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    OfficeState,
    fastapi::{Faults, Location, OfficeError},
    guard::{Asking, AskingOn, SECRET_CHECK},
};
use crate::{
    api::{
        ApiError, CallList, CallView, Done, TimelineView, events,
        extract::{CallPath, Language, Params},
        list, timeline,
    },
    enterprises::Enterprise,
};
use call::{CallId, CallRecord, Tenant};
use ledger::Filter;

/// What an extension's phone is doing now, whoever began it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtensionCalls {
    #[schema(example = "150")]
    pub extension: String,
    pub calls: Vec<ActiveCall>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActiveCall {
    #[schema(example = "PJSIP/150-0000002a")]
    pub channel: String,
    /// The other party's number, where the host tells it.
    #[schema(required)]
    pub with: Option<String>,
    /// Asterisk's word.
    #[schema(example = "Up")]
    pub state: String,
    /// In a bridge with somebody.
    pub talking: bool,
    /// Since the channel was made.
    #[schema(required)]
    pub seconds: Option<u64>,
    /// The call's id, where it is one of ours.
    #[schema(required)]
    pub call_id: Option<Uuid>,
}

pub fn routes() -> OpenApiRouter<OfficeState> {
    OpenApiRouter::new()
        .routes(routes!(list_calls))
        .routes(routes!(show))
        .routes(routes!(show_timeline))
        .routes(routes!(stream))
        .routes(routes!(hang_up))
        .routes(routes!(extension))
}

/// The enterprise's calls, newest first
#[utoipa::path(
    get, path = "/api/calls", operation_id = "list_calls", tag = "calls",
    params(
        ("clientId" = Option<String>, Query, description = "The enterprise's secret, if it is not in `Authorization`"),
        ("status" = Option<String>, Query, description = "One or more statuses, with commas"),
        ("phone" = Option<String>, Query, description = "As it was dialed", example = "+375296254070"),
        ("from" = Option<String>, Query, description = "Created then or later: RFC 3339, or a date in UTC"),
        ("to" = Option<String>, Query, description = "Created before then: RFC 3339; or until the end of a date in UTC"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Calls on a page at most, 100 by default"),
        ("offset" = Option<u32>, Query, minimum = 0, maximum = 2147483647, description = "Calls to skip"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "One page", body = CallList))
)]
async fn list_calls(
    State(state): State<OfficeState>,
    Asking(enterprise): Asking,
    Language(lang): Language,
    RawQuery(query): RawQuery,
) -> Result<Json<CallList>, OfficeError> {
    let known = ["clientId", "status", "phone", "from", "to", "limit", "offset", "cursor"];
    let params = Params::of(query.as_deref(), &known)?;
    let phone = params.text("phone").map(|text| {
        let text = text.strip_prefix(' ').map_or(text.to_owned(), |rest| format!("+{rest}"));
        text.parse().map_err(|error: call::NotDialable| {
            ApiError::parameter("phone", lang::Text::same(error.to_string()))
        })
    });
    let (filter, page) = list::query(&params)?;
    let filter =
        Filter { phone: phone.transpose()?, enterprise: Some(enterprise.number.to_string()), ..filter };
    Ok(Json(list::page(&state.app, &filter, &page, lang).await?))
}

/// One call
#[utoipa::path(
    get, path = "/api/calls/{id}", operation_id = "get_call", tag = "calls",
    params(("id" = Uuid, Path, description = "`call_id` of an answer")),
    responses((status = 200, description = "The call", body = CallView), (status = 404, description = "No such call"))
)]
async fn show(
    State(state): State<OfficeState>,
    Asking(enterprise): Asking,
    Language(lang): Language,
    OwnId(id): OwnId,
) -> Result<Json<CallView>, OfficeError> {
    let call = own(&state, &enterprise, id).await?;
    Ok(Json(CallView::new(&call, lang)))
}

/// All evidence of a call, in order
#[utoipa::path(
    get, path = "/api/calls/{id}/timeline", operation_id = "get_timeline", tag = "calls",
    params(("id" = Uuid, Path, description = "`call_id` of an answer")),
    responses((status = 200, description = "The timeline", body = TimelineView), (status = 404, description = "No such call"))
)]
async fn show_timeline(
    State(state): State<OfficeState>,
    Asking(enterprise): Asking,
    Language(lang): Language,
    OwnId(id): OwnId,
) -> Result<Json<TimelineView>, OfficeError> {
    let call = own(&state, &enterprise, id).await?;
    Ok(Json(timeline::of(&state.app, &call, lang).await?))
}

/// What happens in a call, as it happens
///
/// Server-sent events as those of the main API.
#[utoipa::path(
    get, path = "/api/calls/{id}/events", operation_id = "stream_call_events", tag = "calls",
    params(
        ("id" = Uuid, Path, description = "`call_id` of an answer"),
        ("Last-Event-ID" = Option<i64>, Header, nullable = false, minimum = 0, description = "Go on after this event"),
    ),
    responses(
        (status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        (status = 204, description = "The call has ended and nothing came after `Last-Event-ID`"),
        (status = 404, description = "No such call"),
    )
)]
async fn stream(
    State(state): State<OfficeState>,
    asking: AskingOn,
    Language(lang): Language,
    OwnId(id): OwnId,
    headers: HeaderMap,
) -> Result<Response, OfficeError> {
    let call = own(&state, &asking.0, id).await?;
    let slot = state.streams.enter(asking.0.number.as_str()).ok_or(ApiError::TooManyStreams)?;
    let after = events::last_event_id(&headers, None)?;
    let stream = events::stream_of(state.app.clone(), lang, call.id, after).await?;
    let revoked = async move {
        while asking.is_good(&state).await {
            tokio::time::sleep(SECRET_CHECK).await;
        }
        // It is taken for as long as the stream lives.
        drop(slot);
    };
    Ok(stream.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(revoked)))))
}

/// Ask for the end of a call or a monitoring
#[utoipa::path(
    post, path = "/api/calls/{id}/hangup", operation_id = "hang_up_call", tag = "calls",
    params(("id" = Uuid, Path, description = "`call_id` of an answer")),
    responses(
        (status = 200, description = "The end was asked for", body = Done),
        (status = 404, description = "No such call"),
        (status = 409, description = "It has ended already"),
    )
)]
async fn hang_up(
    State(state): State<OfficeState>,
    Asking(enterprise): Asking,
    OwnId(id): OwnId,
) -> Result<Json<Done>, OfficeError> {
    let call = own(&state, &enterprise, id).await?;
    let client = call.request.tenant().map(Tenant::client_name);
    match state.office.hang_up(id, client) {
        true => Ok(Done::hanging_up(id)),
        false => {
            // It may have ended since it was read.
            let call = state.app.store.call(id).await?.unwrap_or(call);
            Err(OfficeError::Conflict(format!("Call {id} has ended already: {}", call.last.status)))
        }
    }
}

/// What an extension's phone is doing now, whoever began it
#[utoipa::path(
    get, path = "/api/extensions/{extension}/calls", operation_id = "extension_calls", tag = "calls",
    params(("extension" = String, Path, description = "The extension", example = "150")),
    responses((status = 200, description = "Its calls at the host", body = ExtensionCalls))
)]
async fn extension(
    State(state): State<OfficeState>,
    Asking(enterprise): Asking,
    Path(text): Path<String>,
) -> Result<Json<ExtensionCalls>, OfficeError> {
    let mut faults = Faults::of(Location::Path);
    let Some(extension) = faults.extension("extension", Some(&text.into())) else {
        return Err(OfficeError::Faults(faults));
    };
    if enterprise.settings.extensions.as_ref().is_some_and(|own| !own.contains(extension.as_str())) {
        let detail = format!("Extension {extension} does not belong to {}", enterprise.name);
        return Err(OfficeError::Forbidden(detail));
    }
    let busy = state.office.host(&enterprise).calls_of(&extension).await;
    let busy = busy.map_err(|error| OfficeError::Failed {
        detail: format!("The host can't be asked: {}", error.told()),
        cause: error.why.en,
        call: None,
    })?;
    let live = state.app.store.live_calls();
    let ours = |linked: &str| {
        let is_it = |call: &&std::sync::Arc<CallRecord>| {
            is_of(call, &enterprise)
                && (call.id.to_string() == linked || call.last.linked_id.as_deref() == Some(linked))
        };
        live.iter().find(is_it).map(|call| call.id.0)
    };
    let calls = busy
        .into_iter()
        .map(|call| ActiveCall {
            call_id: call.linked_id.as_deref().and_then(ours),
            channel: call.channel,
            with: call.with,
            state: call.state,
            talking: call.is_talking,
            seconds: call.seconds,
        })
        .collect();
    Ok(Json(ExtensionCalls { extension: extension.to_string(), calls }))
}

/// The `{id}` of a path.
struct OwnId(CallId);

impl FromRequestParts<OfficeState> for OwnId {
    type Rejection = OfficeError;

    async fn from_request_parts(parts: &mut Parts, state: &OfficeState) -> Result<Self, OfficeError> {
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
        match CallPath::from_request_parts(parts, state).await {
            Ok(CallPath(id)) => Ok(OwnId(id)),
            Err(_) => Err(OfficeError::Faults(Faults::no_uuid("id", &text.unwrap_or_default()))),
        }
    }
}

/// A call of this enterprise; another's is as good as none.
async fn own(state: &OfficeState, enterprise: &Enterprise, id: CallId) -> Result<CallRecord, OfficeError> {
    let call = state.app.store.call(id).await?;
    call.filter(|call| is_of(call, enterprise))
        .ok_or_else(|| OfficeError::NotFound(format!("Call {id} not found")))
}

pub(super) fn is_of(call: &CallRecord, enterprise: &Enterprise) -> bool {
    call.request.tenant().is_some_and(|tenant| tenant.number == enterprise.number.as_str())
}
