//! What a client may do: which calls are its own, which right a request needs, and how long that holds.
//!
//! A call that a client may not see is as good as none (404); a right that its key lacks is named (403). How a key is
//! presented is the matter of `auth`.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use futures_util::StreamExt;
use tokio::sync::watch;

use super::{AppState, error::ApiError};
use crate::config::{ApiKey, Config, Right, Rights};
use call::{CallId, CallRecord};

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// There are no keys, and no other machine can ask.
    Anybody,
    /// This machine's own command line, by the token of this start.
    Local,
    Key(ApiKey),
}

/// How the command line of this machine is called in timelines and logs. No key's name has such brackets.
const LOCAL: &str = "(local)";

impl Client {
    /// The name of the key: what a call is known by as its client's own.
    pub fn name(&self) -> Option<&str> {
        match self {
            Client::Anybody | Client::Local => None,
            Client::Key(key) => Some(&key.name),
        }
    }

    /// Who did it, for timelines and logs.
    pub fn told(&self) -> Option<String> {
        match self {
            Client::Local => Some(LOCAL.to_owned()),
            client => client.name().map(str::to_owned),
        }
    }

    /// What keeps one client's words apart from another's.
    pub fn scope(&self) -> &str {
        self.name().unwrap_or_default()
    }

    fn rights(&self) -> Rights {
        match self {
            Client::Anybody | Client::Local => Rights::ADMIN,
            Client::Key(key) => key.rights,
        }
    }

    pub fn may(&self, right: Right) -> bool {
        self.rights().allow(right)
    }

    /// # Errors
    /// That the right is missing.
    pub fn need(&self, right: Right) -> Result<(), ApiError> {
        match self.may(right) {
            true => Ok(()),
            false => Err(ApiError::RightMissing { right, key: self.scope().to_owned() }),
        }
    }

    /// Of whom it may see the calls; `None`: of everybody.
    pub fn sees_only(&self) -> Option<&str> {
        if self.may(Right::ReadAll) { None } else { self.name() }
    }

    fn owns(&self, call: &CallRecord) -> bool {
        self.name().is_some_and(|name| belongs_to(call, name))
    }

    fn sees(&self, call: &CallRecord) -> bool {
        self.sees_only().is_none() || self.owns(call)
    }

    /// Whether the same would be let in with the same rights now.
    fn is_good(&self, config: &Config) -> bool {
        match self {
            Client::Anybody => config.http.api_keys.is_empty(),
            Client::Local => true,
            Client::Key(key) => config.http.api_keys.has(key),
        }
    }

    /// Comes back when the key was revoked, or has other rights.
    pub async fn revoked(self, mut config: watch::Receiver<Arc<Config>>) {
        loop {
            if !self.is_good(&config.borrow_and_update()) {
                return;
            }
            if config.changed().await.is_err() {
                // Nobody reads the configuration again any more.
                return std::future::pending().await;
            }
        }
    }
}

/// Whether a call is this client's own. It is known by the name of the key: who gets a new key under the old name keeps
/// his calls, and under another name he begins anew.
pub fn belongs_to(call: &CallRecord, name: &str) -> bool {
    call.request.outgoing().is_some_and(|request| request.requested_by.as_deref() == Some(name))
}

/// A call that the client may see.
pub async fn readable(state: &AppState, client: &Client, id: CallId) -> Result<CallRecord, ApiError> {
    client.need(Right::Read)?;
    let call = state.store.call(id).await?;
    call.filter(|call| client.sees(call)).ok_or(ApiError::CallNotFound(id))
}

/// Lets a client go on that may hang up or delete this call.
pub async fn changeable(state: &AppState, client: &Client, id: CallId) -> Result<(), ApiError> {
    client.need(Right::Call)?;
    // He need not wait for a disk that is away.
    if client.may(Right::Admin) {
        return Ok(());
    }
    let live = state.store.watch(id).map(|watch| watch.borrow().clone());
    let call = match live {
        Some(call) => Some(call),
        None => state.store.call(id).await?.map(Arc::new),
    };
    match call {
        Some(call) if client.owns(&call) => Ok(()),
        Some(call) if client.sees(&call) => client.need(Right::Admin),
        _ => Err(ApiError::CallNotFound(id)),
    }
}

/// The stream, which ends at once when its client's key is revoked.
pub fn while_good(state: &AppState, client: Client, stream: Response) -> Response {
    let revoked = client.revoked(state.config.clone());
    stream.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(revoked))))
}
