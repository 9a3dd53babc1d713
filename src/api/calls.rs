//! `/api/calls/{id}`: one call, its hang-up, its deletion.

use axum::{Extension, Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState,
    client::{Client, changeable, readable},
    error::{ApiError, Problem},
    extract::{CallPath, Language},
    view::CallView,
};
use crate::engine::{AriState, HangupAnswer, PlaceError};
use call::CallId;
use ledger::Deleted;

/// What was asked for is done, or under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    pub success: bool,
    pub message: String,
}

impl Done {
    fn new(message: String) -> Json<Self> {
        Json(Done { success: true, message })
    }

    pub(super) fn hanging_up(id: CallId) -> Json<Self> {
        Self::new(format!("Call {id} is being hung up"))
    }
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show, delete)).routes(routes!(hangup))
}

/// One call
#[utoipa::path(
    get, path = "/api/calls/{id}", operation_id = "get_call", tag = "calls",
    params(
        ("id" = Uuid, Path, description = "The call's id"),
        ("Accept-Language" = Option<String>, Header, nullable = false, description = "Language of the hint: ru or en", example = "ru"),
    ),
    responses(
        (status = 200, description = "The call", body = CallView),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Language(lang): Language,
    CallPath(id): CallPath,
) -> Result<Json<CallView>, ApiError> {
    let call = readable(&state, &client, id).await?;
    Ok(Json(CallView::new(&call, lang)))
}

/// Delete a call that has ended, with its timeline
#[utoipa::path(
    delete, path = "/api/calls/{id}", operation_id = "delete_call", tag = "calls",
    params(("id" = Uuid, Path, description = "The call's id")),
    responses(
        (status = 200, description = "It is deleted", body = Done),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`call_not_ended`: hang up first", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    CallPath(id): CallPath,
) -> Result<Json<Done>, ApiError> {
    changeable(&state, &client, id).await?;
    match state.store.delete(id).await? {
        Deleted::Yes => {
            let client = client.told();
            tracing::info!(call = %id, client, "a call was deleted by a client, with its timeline");
            Ok(Done::new(format!("Call {id} is deleted")))
        }
        Deleted::NotFound => Err(ApiError::CallNotFound(id)),
        Deleted::NotEnded => Err(ApiError::CallNotEnded(id)),
    }
}

/// Ask for a call's end, in whatever state it is
///
/// The answer comes at once; the end shows in the call when it has come.
#[utoipa::path(
    post, path = "/api/calls/{id}/hangup", operation_id = "hang_up_call", tag = "calls",
    params(("id" = Uuid, Path, description = "The call's id")),
    responses(
        (status = 200, description = "The end was asked for", body = Done),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`call_ended`: it has ended already; `call_of_another_bot`: another bot that shares the store dials it", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn hangup(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    CallPath(id): CallPath,
) -> Result<Json<Done>, ApiError> {
    changeable(&state, &client, id).await?;
    let client = client.told();
    if state.office.as_ref().is_some_and(|office| office.hang_up(id, client.clone())) {
        return Ok(Done::hanging_up(id));
    }
    match state.engine.hangup(id, client).await {
        HangupAnswer::Asked(_) => Ok(Done::hanging_up(id)),
        // The engine knows its own calls only.
        HangupAnswer::Ended(call) if !call.last.status.is_terminal() && !state.store.is_own(id).await? => {
            Err(ApiError::CallOfAnotherBot(id))
        }
        HangupAnswer::Ended(call) => Err(ApiError::CallEnded { id, status: call.last.status }),
        // The engine knows the live calls only.
        HangupAnswer::NotFound => match state.store.call(id).await? {
            Some(call) if call.last.status.is_terminal() => {
                Err(ApiError::CallEnded { id, status: call.last.status })
            }
            Some(_) if !state.store.is_own(id).await? => Err(ApiError::CallOfAnotherBot(id)),
            Some(_) if state.engine.state().ari == AriState::NotUsed => Err(PlaceError::NoAsterisk.into()),
            Some(_) => Err(PlaceError::Stopping.into()),
            None => Err(ApiError::CallNotFound(id)),
        },
    }
}
