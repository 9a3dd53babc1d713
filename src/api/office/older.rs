//! `makecallexternal` and `monitor`: the requests that the clients were written for, by GET as they are and by
//! POST, which keeps the secret out of URLs.
//!
//! What is answered is that the host took the order. Whether anybody was connected, `call_id` leads to.

use std::time::{Duration, Instant};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    OfficeState, WAITING,
    fastapi::{Faults, Location, OfficeError},
    given::Given,
    guard,
    slots::Entered,
};
use crate::{
    api::{ApiError, CallView, Wait, initiate},
    engine,
    enterprises::Enterprise,
    logging::mask,
    office::{OfficeRequest, PlaceError},
};
use asterisk::secret::Secret;
use call::{CallId, Extension, MonitorMode, What};
use lang::Lang;

/// The host took the order of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallStarted {
    pub success: bool,
    #[schema(example = "Call initiated successfully: 150 -> +375296254070")]
    pub message: String,
    #[schema(example = "june")]
    pub enterprise: String,
    #[schema(example = "0367")]
    pub enterprise_number: String,
    #[schema(example = "150")]
    pub from_ext: String,
    #[schema(example = "+375296254070")]
    pub to_phone: String,
    #[schema(example = "10.88.10.19")]
    pub host_ip: String,
    /// Milliseconds.
    pub response_time_ms: f64,
    /// For `GET /api/calls/{id}`: whether both sides are connected.
    pub call_id: Uuid,
    /// The call as it is, with `wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallView>,
}

/// The host took the order of a monitoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonitorStarted {
    pub success: bool,
    #[schema(example = "Monitoring initiated successfully: подслушивание for SIP/150")]
    pub message: String,
    #[schema(example = "09")]
    pub action: String,
    #[schema(example = "подслушивание")]
    pub action_name: String,
    #[schema(example = "150")]
    pub target: String,
    #[schema(example = "151")]
    pub monitor_from: String,
    #[schema(example = "SIP/150")]
    pub target_channel: String,
    #[schema(example = "june")]
    pub enterprise: String,
    #[schema(example = "0367")]
    pub enterprise_number: String,
    #[schema(example = "10.88.10.19")]
    pub host_ip: String,
    /// Milliseconds.
    pub response_time_ms: f64,
    /// For `GET /api/calls/{id}` and its hang-up, which ends the monitoring.
    pub call_id: Uuid,
    /// The monitoring as it is, with `wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallView>,
}

/// What to call.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "it describes the body, which is read with its faults named")]
pub struct MakeCall {
    /// The extension that calls.
    #[schema(pattern = "^[0-9]{1,10}$", example = "150")]
    code: String,
    #[schema(pattern = r"^\+?[0-9]{1,20}$", example = "+375296254070")]
    phone: String,
    /// The enterprise's secret, if it is not in `Authorization`.
    #[serde(rename = "clientId")]
    client_id: Option<String>,
    wait: Option<Wait>,
    /// Seconds.
    #[schema(minimum = 1, maximum = 600)]
    wait_timeout: Option<u32>,
}

/// Whom to listen to.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "it describes the body, which is read with its faults named")]
pub struct Monitor {
    /// `09` spy, `01` whisper, `02` barge.
    #[schema(pattern = "^0[129]$", example = "09")]
    action: String,
    /// The extension whose call is listened to.
    #[schema(pattern = "^[0-9]{1,10}$", example = "150")]
    target: String,
    /// The extension that listens.
    #[schema(pattern = "^[0-9]{1,10}$", example = "151")]
    monitor_from: String,
    #[serde(rename = "clientId")]
    client_id: Option<String>,
    wait: Option<Wait>,
    #[schema(minimum = 1, maximum = 600)]
    wait_timeout: Option<u32>,
}

pub fn routes() -> OpenApiRouter<OfficeState> {
    OpenApiRouter::new().routes(routes!(make_call, post_call)).routes(routes!(monitor, post_monitor))
}

/// Call a number from an extension
///
/// The extension's phone rings; when it is picked up, the number is dialed. The answer comes when the host took
/// the order, or with `wait` when it has come so far.
#[utoipa::path(
    get, path = "/api/makecallexternal", operation_id = "make_call", tag = "office",
    params(
        ("code" = String, Query, description = "The extension that calls", example = "150"),
        ("phone" = String, Query, description = "The number", example = "+375296254070"),
        ("clientId" = Option<String>, Query, description = "The enterprise's secret, if it is not in `Authorization`"),
        ("wait" = inline(Option<Wait>), Query, description = "Answer only when the call has come so far; `call` tells it"),
        ("wait_timeout" = Option<u32>, Query, minimum = 1, maximum = 600, description = "Seconds, 60 by default"),
    ),
    responses((status = 200, description = "The host took the order", body = CallStarted))
)]
async fn make_call(State(state): State<OfficeState>, given: Given) -> Result<Response, OfficeError> {
    call(state, given).await
}

/// Call a number from an extension, with the secret out of the URL
#[utoipa::path(
    post, path = "/api/makecallexternal", operation_id = "post_call", tag = "office",
    request_body = MakeCall,
    responses((status = 200, description = "The host took the order", body = CallStarted))
)]
async fn post_call(State(state): State<OfficeState>, given: Given) -> Result<Response, OfficeError> {
    call(state, given).await
}

/// Listen to an extension's call
///
/// By GET the order is given whether the target is in a call or not, as it always was.
#[utoipa::path(
    get, path = "/api/monitor", operation_id = "monitor", tag = "office",
    params(
        ("action" = String, Query, description = "`09` spy, `01` whisper, `02` barge", example = "09"),
        ("target" = String, Query, description = "The extension whose call is listened to", example = "150"),
        ("monitor_from" = String, Query, description = "The extension that listens", example = "151"),
        ("clientId" = Option<String>, Query, description = "The enterprise's secret, if it is not in `Authorization`"),
        ("wait" = inline(Option<Wait>), Query, description = "Answer only when it has come so far; `call` tells it"),
        ("wait_timeout" = Option<u32>, Query, minimum = 1, maximum = 600, description = "Seconds, 60 by default"),
    ),
    responses((status = 200, description = "The host took the order", body = MonitorStarted))
)]
async fn monitor(State(state): State<OfficeState>, given: Given) -> Result<Response, OfficeError> {
    listen(state, given).await
}

/// Listen to an extension's call, with the secret out of the URL; 409 when it is in none
#[utoipa::path(
    post, path = "/api/monitor", operation_id = "post_monitor", tag = "office",
    request_body = Monitor,
    responses(
        (status = 200, description = "The host took the order", body = MonitorStarted),
        (status = 409, description = "The target is not in a call"),
    )
)]
async fn post_monitor(State(state): State<OfficeState>, given: Given) -> Result<Response, OfficeError> {
    listen(state, given).await
}

/// What every one of these requests has.
struct Asked {
    secret: Secret,
    wait: Option<(Wait, Duration)>,
}

async fn call(state: OfficeState, given: Given) -> Result<Response, OfficeError> {
    let mut faults = Faults::of(given.place);
    let code = faults.extension("code", given.get("code"));
    let phone = faults.number("phone", given.get("phone"));
    let secret = faults.secret("clientId", given.get("clientId"));
    let wait = given.wait(&mut faults);
    let (Some(code), Some(phone), Some(secret), true) = (code, phone, secret, faults.is_empty()) else {
        state.app.metrics.office.refused("parameters");
        return Err(OfficeError::Faults(faults));
    };
    let config = guard::office_config(&state);
    let address = guard::client_address(given.peer.as_ref(), &given.headers, &config);
    let number = mask(phone.as_str(), state.app.config().log.mask_numbers);
    tracing::info!(client = %address, "Запрос на звонок: {code} -> {number}, clientId: {}", guard::short(&secret));
    let asked = Asked { secret, wait };
    let enterprise = guard::identify(&state, &asked.secret, address).await?;
    tell_authorized(&enterprise);
    let result = async {
        check_own(&enterprise, [&code])?;
        state.limits.number(address, phone.as_str(), config.number_limit).inspect_err(|_| {
            state.app.metrics.office.refused("number_rate");
        })?;
        let _waits = place_to_wait(&state, &enterprise, &asked)?;
        let host = state.office.host(&enterprise).settings().address.clone();
        let request =
            request(&config, &enterprise, What::Dial(phone.clone()), code.clone(), address.to_string());
        let call_id = place(&state, request, "Call initiation failed").await?;
        let (call, timed_out) = wait_for(&state, call_id, asked.wait, given.lang).await;
        let body = CallStarted {
            success: true,
            message: format!("Call initiated successfully: {code} -> {phone}"),
            enterprise: enterprise.name.to_string(),
            enterprise_number: enterprise.number.to_string(),
            from_ext: code.to_string(),
            to_phone: phone.to_string(),
            host_ip: host,
            response_time_ms: milliseconds(given.begun),
            call_id: call_id.0,
            call,
        };
        Ok(answer(body, call_id, timed_out))
    }
    .await;
    counted(&state, &enterprise, "call", result)
}

async fn listen(state: OfficeState, given: Given) -> Result<Response, OfficeError> {
    let mut faults = Faults::of(given.place);
    let mode = faults.word("action", given.get("action"), &["09", "01", "02"], MonitorMode::of_action);
    let target = faults.extension("target", given.get("target"));
    let from = faults.extension("monitor_from", given.get("monitor_from"));
    let secret = faults.secret("clientId", given.get("clientId"));
    let wait = given.wait(&mut faults);
    let (Some(mode), Some(target), Some(from), Some(secret), true) =
        (mode, target, from, secret, faults.is_empty())
    else {
        state.app.metrics.office.refused("parameters");
        return Err(OfficeError::Faults(faults));
    };
    let config = guard::office_config(&state);
    let address = guard::client_address(given.peer.as_ref(), &given.headers, &config);
    tracing::info!(
        client = %address,
        "Запрос на мониторинг ({}): {from} -> {target}, clientId: {}", mode.name(), guard::short(&secret)
    );
    let asked = Asked { secret, wait };
    let enterprise = guard::identify(&state, &asked.secret, address).await?;
    tell_authorized(&enterprise);
    let result = async {
        check_own(&enterprise, [&target, &from])?;
        let _waits = place_to_wait(&state, &enterprise, &asked)?;
        let host = state.office.host(&enterprise);
        if given.place == Location::Body {
            check_talking(&host, &target).await?;
        }
        let what = What::Listen { target: target.clone(), mode };
        let request = request(&config, &enterprise, what, from.clone(), address.to_string());
        // Who listened to whom, and when. Before the order: one whose answer is lost may be listening all the same.
        tracing::info!(
            enterprise = %enterprise.number, client = %address, listener = %from,
            listened_to = %target, action = mode.action(), "audit: {}", mode.name()
        );
        let placed = place(&state, request, "Monitoring initiation failed").await;
        let call = match &placed {
            Ok(call) => Some(*call),
            Err(OfficeError::Failed { call, .. }) => *call,
            Err(_) => None,
        };
        if let Some(call) = call {
            tracing::info!(
                %call, enterprise = %enterprise.number, client = %address, listener = %from,
                listened_to = %target, action = mode.action(), "audit: {}, the call's record", mode.name()
            );
        }
        let call_id = placed?;
        let target_channel = host.technology().device(&target);
        let (call, timed_out) = wait_for(&state, call_id, asked.wait, given.lang).await;
        let body = MonitorStarted {
            success: true,
            message: format!("Monitoring initiated successfully: {} for {target_channel}", mode.name()),
            action: mode.action().to_owned(),
            action_name: mode.name().to_owned(),
            target: target.to_string(),
            monitor_from: from.to_string(),
            target_channel,
            enterprise: enterprise.name.to_string(),
            enterprise_number: enterprise.number.to_string(),
            host_ip: host.settings().address.clone(),
            response_time_ms: milliseconds(given.begun),
            call_id: call_id.0,
            call,
        };
        Ok(answer(body, call_id, timed_out))
    }
    .await;
    counted(&state, &enterprise, "monitor", result)
}

/// Taken before the order: one that can't be waited for is not given.
fn place_to_wait(
    state: &OfficeState,
    enterprise: &Enterprise,
    asked: &Asked,
) -> Result<Option<Entered>, OfficeError> {
    if asked.wait.is_none() {
        return Ok(None);
    }
    let entered = state.waiting.enter(enterprise.number.as_str());
    let too_many = || OfficeError::TooMany {
        detail: format!(
            "{WAITING} requests of {} wait already; ask without `wait`, or later",
            enterprise.name
        ),
        retry_after: 1,
    };
    entered.map(Some).ok_or_else(too_many)
}

/// Extensions of another enterprise on the same host are none of this one's.
fn check_own<const N: usize>(
    enterprise: &Enterprise,
    extensions: [&Extension; N],
) -> Result<(), OfficeError> {
    let Some(own) = &enterprise.settings.extensions else { return Ok(()) };
    match extensions.into_iter().find(|extension| !own.contains(extension.as_str())) {
        Some(other) => {
            Err(OfficeError::Forbidden(format!("Extension {other} does not belong to {}", enterprise.name)))
        }
        None => Ok(()),
    }
}

async fn check_talking(host: &crate::office::Reach, target: &Extension) -> Result<(), OfficeError> {
    let calls = host.calls_of(target).await.map_err(|error| OfficeError::Failed {
        detail: format!("Monitoring initiation failed: {}", error.told()),
        cause: error.why.en,
        call: None,
    })?;
    match calls.iter().any(|call| call.is_talking) {
        true => Ok(()),
        false => Err(OfficeError::Conflict(format!("Extension {target} is not in a call"))),
    }
}

fn request(
    config: &crate::config::Office,
    enterprise: &std::sync::Arc<Enterprise>,
    what: What,
    extension: Extension,
    client: String,
) -> OfficeRequest {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    OfficeRequest {
        enterprise: enterprise.clone(),
        what,
        extension,
        client: Some(client),
        ring_timeout: seconds(config.ring_timeout),
        max_duration: seconds(config.max_duration),
    }
}

/// In the older service's words, as its users' scripts look for them in the log.
fn tell_authorized(enterprise: &Enterprise) {
    tracing::info!("Клиент авторизован: {} ({})", enterprise.name, enterprise.number);
}

async fn place(state: &OfficeState, request: OfficeRequest, failed: &str) -> Result<CallId, OfficeError> {
    state.office.place(request).await.map_err(|error| {
        let (told, call) = match &error {
            PlaceError::Host { call, error } => (error.told(), *call),
            PlaceError::Withdrawn { call } => (error.to_string(), *call),
            PlaceError::Store(why) => return ApiError::from(engine::PlaceError::Store(why.clone())).into(),
            PlaceError::Stopping => return ApiError::from(engine::PlaceError::Stopping).into(),
        };
        OfficeError::Failed {
            detail: format!("{failed}: {told}"),
            cause: error.to_string(),
            call: Some(call),
        }
    })
}

/// The call when it has come so far, and whether it had not in time; nothing without `wait`.
async fn wait_for(
    state: &OfficeState,
    id: CallId,
    wait: Option<(Wait, Duration)>,
    lang: Lang,
) -> (Option<CallView>, bool) {
    let Some((until, time)) = wait else { return (None, false) };
    let call = initiate::wait_by_id(&state.app, id, until, time).await;
    let timed_out = call.as_ref().is_none_or(|call| !until.is_over(call.last.status));
    (call.map(|call| CallView::new(&call, lang)), timed_out)
}

fn answer(body: impl Serialize, call: CallId, timed_out: bool) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&call.to_string()) {
        headers.insert(HeaderName::from_static("x-call-id"), value);
    }
    if timed_out {
        headers.insert(initiate::WAIT_TIMED_OUT, initiate::TRUE);
    }
    (StatusCode::OK, headers, Json(body)).into_response()
}

fn counted(
    state: &OfficeState,
    enterprise: &Enterprise,
    kind: &'static str,
    result: Result<Response, OfficeError>,
) -> Result<Response, OfficeError> {
    let response = result.unwrap_or_else(IntoResponse::into_response);
    state.app.metrics.office.request(enterprise.number.as_str(), kind, response.status().as_u16());
    Ok(response)
}

fn milliseconds(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
}
