//! `POST /api/calls/cancel`: takes waiting calls out of the queue, many at once.

use axum::{Extension, Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState,
    client::Client,
    error::{ApiError, Problem},
    extract::JsonBody,
};
use crate::{
    config::Right,
    engine::{CancelFilter, PlaceError},
};
use lang::say;

/// The longest number (ITU-T E.164).
const LONGEST_PREFIX: usize = 15;
const LONGEST_NAME: usize = 255;

/// Which of the waiting calls: all that fit everything that is given. `{}` is all of them.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"prefix": "+7900"}))]
pub struct Cancel {
    /// How the number begins, in international form.
    #[schema(pattern = r"^\+[0-9]{0,15}$", example = "+7900")]
    pub prefix: Option<String>,
    /// The name of the API key that asked for the call.
    #[schema(min_length = 1, max_length = 255, example = "crm")]
    pub client: Option<String>,
    /// Only say how many they are.
    #[serde(default)]
    pub dry_run: bool,
}

/// How many calls were taken out of the queue; with `dry_run`, how many would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Canceled {
    pub canceled: usize,
    pub dry_run: bool,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(cancel))
}

/// Cancel calls that wait in the queue
///
/// A key without the right `admin` cancels its own calls alone. They end as `canceled`, by `api`. When the answer comes, their ends are on disk: none of them is dialed any more, not
/// even after a crash. Calls that Asterisk may have been given are left alone; POST /api/calls/{id}/hangup ends those.
#[utoipa::path(
    post, path = "/api/calls/cancel", operation_id = "cancel_calls", tag = "calls",
    request_body = Cancel,
    responses(
        (status = 200, description = "How many", body = Canceled),
        (status = 400, description = "`invalid_json`, `body_incomplete`", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`body_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`, `unsupported_encoding`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_field`, `unknown_field`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`stopping`, `timed_out`: the ends may not be on disk yet", body = Problem, content_type = "application/problem+json",
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
async fn cancel(
    State(state): State<AppState>,
    Extension(by): Extension<Client>,
    JsonBody(body): JsonBody<Cancel>,
) -> Result<Json<Canceled>, ApiError> {
    let Cancel { prefix, client, dry_run } = body;
    let is_prefix = |text: &String| {
        let digits = text.strip_prefix('+');
        digits.is_some_and(|digits| {
            digits.len() <= LONGEST_PREFIX && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if prefix.as_ref().is_some_and(|prefix| !is_prefix(prefix)) {
        return Err(ApiError::field(
            "prefix",
            say!(
                "`prefix` is `+` and up to 15 digits, as +7900",
                "`prefix` — это `+` и до 15 цифр, например +7900"
            ),
        ));
    }
    if client.as_ref().is_some_and(|name| name.is_empty() || name.chars().count() > LONGEST_NAME) {
        return Err(ApiError::field(
            "client",
            say!("`client` has 1 to 255 characters", "в `client` от 1 до 255 знаков"),
        ));
    }
    let client = whose(&by, client)?;
    let filter = CancelFilter { prefix, client, dry_run, asked_by: by.told() };
    let canceled = state.engine.cancel(filter).await.ok_or(PlaceError::Stopping)?;
    Ok(Json(Canceled { canceled, dry_run }))
}

/// Of whom the calls are: of whomever an admin names, else the client's own.
fn whose(by: &Client, asked: Option<String>) -> Result<Option<String>, ApiError> {
    if by.may(Right::Admin) {
        return Ok(asked);
    }
    by.need(Right::Call)?;
    if asked.as_deref().is_some_and(|name| by.name() != Some(name)) {
        by.need(Right::Admin)?;
    }
    Ok(by.name().map(str::to_owned))
}
