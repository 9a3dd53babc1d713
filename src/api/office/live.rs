//! `/api/ws`: what happens in an enterprise's calls, over a WebSocket, for pages that show it live.
//!
//! First a message with the calls that live, then one for each entry that becomes durable. A client that does not
//! read is given up; one that comes back asks `/api/calls` for what it missed.

use std::time::Duration;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
};
use serde::{Deserialize, Serialize};
use tokio::{sync::broadcast::error::RecvError, time::timeout};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    OfficeState, calls,
    fastapi::OfficeError,
    guard::{AskingOn, SECRET_CHECK},
};
use crate::api::{ApiError, CallView, EventView, extract::Language};
use call::CallRecord;
use lang::Lang;

/// A ping goes out after so long, and the client is gone when the next one is due without an answer.
const PING: Duration = Duration::from_secs(20);
/// A client that takes nothing for so long is given up.
const SEND: Duration = Duration::from_secs(10);
/// Nothing long is expected from a client.
const LONGEST_MESSAGE: usize = 4096;

/// A message of the live status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// The first one.
    Calls { calls: Vec<CallView> },
    /// An entry of a timeline; with those that led to a state comes the call.
    Event(Box<EventView>),
    /// Some were missed: ask for the list.
    Missed,
}

pub fn routes() -> OpenApiRouter<OfficeState> {
    OpenApiRouter::new().routes(routes!(live))
}

/// Live status of the enterprise's calls
///
/// A WebSocket of JSON messages (`LiveMessage`).
#[utoipa::path(
    get, path = "/api/ws", operation_id = "live", tag = "calls",
    params(("clientId" = Option<String>, Query, description = "The enterprise's secret, if it is not in `Authorization`")),
    responses((status = 101, description = "The WebSocket", body = LiveMessage))
)]
async fn live(
    State(state): State<OfficeState>,
    asking: AskingOn,
    Language(lang): Language,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, OfficeError> {
    let upgrade = upgrade.map_err(|_| OfficeError::Upgrade)?;
    let permit = state.app.streams.clone().try_acquire_owned().map_err(|_| ApiError::TooManyStreams)?;
    let own = state.streams.enter(asking.0.number.as_str()).ok_or(ApiError::TooManyStreams)?;
    // A frame is gathered before the message that it is of is measured.
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        state.app.metrics.event_streams.inc();
        let end = follow(&state, socket, &asking, lang).await;
        state.app.metrics.event_streams.dec();
        tracing::debug!(enterprise = asking.0.number.as_str(), ?end, "a live status ends");
        drop((permit, own));
    }))
}

/// Why a live status ended.
#[derive(Debug)]
enum End {
    ClientGone,
    Stopping,
    /// The secret is nobody's any more, or another's.
    Revoked,
}

async fn follow(state: &OfficeState, mut socket: WebSocket, asking: &AskingOn, lang: Lang) -> End {
    let is_own = |call: &CallRecord| calls::is_of(call, &asking.0);
    // Before the calls are looked up: nothing falls between.
    let mut changes = state.app.store.follow();
    let calls = state.app.store.live_calls();
    let calls = calls.iter().filter(|call| is_own(call)).map(|call| CallView::new(call, lang)).collect();
    if !send(&mut socket, &LiveMessage::Calls { calls }).await {
        return End::ClientGone;
    }
    let mut ping = tokio::time::interval(PING);
    let mut secret = tokio::time::interval(SECRET_CHECK);
    let mut unanswered = 0;
    loop {
        tokio::select! {
            () = state.app.stopping.cancelled() => {
                let code = close_code::RESTART;
                let _ = timeout(SEND, socket.send(Message::Close(Some(CloseFrame { code, reason: "stopping".into() })))).await;
                return End::Stopping;
            }
            change = changes.recv() => {
                let messages = match change {
                    Ok(change) if is_own(&change.record) => messages(&change, lang),
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => vec![LiveMessage::Missed],
                    Err(RecvError::Closed) => return End::Stopping,
                };
                if !asking.is_good(state).await {
                    return revoke(socket).await;
                }
                for message in messages {
                    if !send(&mut socket, &message).await {
                        return End::ClientGone;
                    }
                }
            }
            got = socket.recv() => match got {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return End::ClientGone,
                Some(Ok(_)) => unanswered = 0,
            },
            _ = secret.tick() => {
                if !asking.is_good(state).await {
                    return revoke(socket).await;
                }
            }
            _ = ping.tick() => {
                unanswered += 1;
                let sent = timeout(SEND, socket.send(Message::Ping("".into()))).await;
                if unanswered > 2 || !matches!(sent, Ok(Ok(()))) {
                    return End::ClientGone;
                }
            }
        }
    }
}

async fn revoke(mut socket: WebSocket) -> End {
    let close = CloseFrame { code: close_code::POLICY, reason: "Invalid clientId".into() };
    // Whether it is heard or not, the connection ends.
    let _ = timeout(SEND, socket.send(Message::Close(Some(close)))).await;
    End::Revoked
}

fn messages(change: &ledger::Change, lang: Lang) -> Vec<LiveMessage> {
    EventView::of_change(change, lang).into_iter().map(Box::new).map(LiveMessage::Event).collect()
}

async fn send(socket: &mut WebSocket, message: &LiveMessage) -> bool {
    let text = serde_json::to_string(message).expect("a message can be written as JSON");
    matches!(timeout(SEND, socket.send(Message::Text(text.into()))).await, Ok(Ok(())))
}
