//! The requests to the daemon's API. Knows HTTP and the shapes of [`super::wire`], nothing of how they
//! are shown.

use std::{path::PathBuf, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header, redirect};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;
use uuid::Uuid;

use super::{
    failure::{Failure, cause},
    token::Found,
    wire::{Canceled, Clean, List, Problem, Timeline, Told, View},
};
use asterisk::secret::Secret;
use lang::Lang;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Above the daemon's own `http.request_timeout`, which answers with a reason.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The daemon sends a comment every 15 s on a quiet stream: three missed are a dead connection.
const SILENCE: Duration = Duration::from_secs(45);

#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    root: Url,
    /// Why this address was taken, for when nothing answers there.
    note: Option<String>,
    key: Key,
}

/// What lets the command line in.
#[derive(Debug, Clone)]
pub enum Key {
    Given(Secret),
    /// The token of the daemon on this machine.
    Local(Found),
    /// Neither; `files` have been looked at for a token.
    None {
        files: Vec<PathBuf>,
    },
}

/// What to call, and how; what is `None` the daemon decides.
#[derive(Debug, Clone, Serialize)]
pub struct Wish {
    pub phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<u32>,
}

/// Which of the waiting calls are meant.
#[derive(Debug, Clone, Serialize)]
pub struct CancelWish {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The name of the API key that asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// They are only counted.
    pub dry_run: bool,
}

impl Client {
    pub fn new(root: Url, key: Key, lang: Lang, note: Option<String>) -> Result<Self, Failure> {
        let (root, secret) = match &key {
            Key::Given(secret) => (root, Some(secret)),
            // Whoever listens there now is not the bot that made it.
            Key::Local(found) if found.is_left_behind => (found.url.clone(), None),
            Key::Local(found) => (found.url.clone(), Some(&found.token)),
            Key::None { .. } => (root, None),
        };
        let mut headers = header::HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, header::HeaderValue::from_static(lang.code()));
        if let Some(secret) = secret {
            let bearer = format!("Bearer {}", secret.expose());
            let mut value = header::HeaderValue::from_str(&bearer).map_err(|_| Failure::Key)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("novofon-bot-cli/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            // The key goes to the address that was given and nowhere else.
            .redirect(redirect::Policy::none());
        // A proxy for the internet has no way to this machine's own loopback.
        let is_local = match root.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if is_local {
            builder = builder.no_proxy();
        }
        let strange = |error: reqwest::Error| Failure::Strange { url: root.to_string(), why: cause(&error) };
        let http = builder.build().map_err(strange)?;
        Ok(Client { http, root, note, key })
    }

    /// Places a call. The same `key` never files a second one.
    pub async fn place(&self, wish: &Wish, key: Uuid) -> Result<Told<View>, Failure> {
        let request = self.request(Method::POST, "api/calls/initiate");
        self.answer(request.header("idempotency-key", key.to_string()).json(wish)).await
    }

    pub async fn call(&self, id: Uuid) -> Result<Told<View>, Failure> {
        self.answer(self.request(Method::GET, &format!("api/calls/{id}"))).await
    }

    pub async fn timeline(&self, id: Uuid) -> Result<Told<Timeline>, Failure> {
        self.answer(self.request(Method::GET, &format!("api/calls/{id}/timeline"))).await
    }

    pub async fn list(&self, query: &[(&str, String)]) -> Result<List, Failure> {
        self.answer(self.request(Method::GET, "api/calls").query(query)).await
    }

    /// Asks for the call's end.
    pub async fn hangup(&self, id: Uuid) -> Result<(), Failure> {
        let request = self.request(Method::POST, &format!("api/calls/{id}/hangup"));
        self.answer::<serde::de::IgnoredAny>(request).await.map(drop)
    }

    /// Cancels waiting calls, or counts them.
    pub async fn cancel(&self, wish: &CancelWish) -> Result<Canceled, Failure> {
        self.answer(self.request(Method::POST, "api/calls/cancel").json(wish)).await
    }

    /// What keeps Asterisk from placing calls, if anything does.
    pub async fn trouble_of_asterisk(&self) -> Result<Option<Clean>, Failure> {
        #[derive(Deserialize)]
        struct Health {
            error: Option<Clean>,
        }
        let health = self.answer::<Health>(self.request(Method::GET, "health/asterisk")).await?;
        Ok(health.error)
    }

    /// Opens a stream of events, after the one with the number `last`. `None`: there will be none.
    pub async fn events(&self, path: &str, last: Option<i64>) -> Result<Option<Response>, Failure> {
        let mut request = self.request(Method::GET, path).header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await;
        let response = match sent {
            Ok(response) => self.accept(response).await?,
            Err(_) => return Err(Failure::Broken { url: self.root.to_string(), why: "timed out".into() }),
        };
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(self.strange("no event stream".into()));
        }
        Ok(Some(response))
    }

    pub fn strange(&self, why: String) -> Failure {
        Failure::Strange { url: self.root.to_string(), why }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.root.join(path).expect("our paths are relative references");
        self.http.request(method, url)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.accept(request.timeout(ANSWER_TIMEOUT).send().await).await?;
        let body = response.bytes().await.map_err(|error| self.broken(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.strange(super::wire::clean(&error.to_string())))
    }

    /// Lets a success pass; a refusal is read.
    async fn accept(&self, sent: Result<Response, reqwest::Error>) -> Result<Response, Failure> {
        let response = sent.map_err(|error| match error.is_connect() {
            true => Failure::Unreachable {
                url: self.root.to_string(),
                why: cause(&error),
                note: self.note.clone(),
                left_behind: match &self.key {
                    Key::Local(found) if found.is_left_behind => Some(found.path.clone()),
                    _ => None,
                },
            },
            false => self.broken(&error),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|error| self.broken(&error))?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(match &self.key {
                Key::Local(found) if status == StatusCode::UNAUTHORIZED => {
                    Failure::StaleToken { path: found.path.clone(), process: found.process }
                }
                Key::None { files } if status == StatusCode::UNAUTHORIZED => {
                    Failure::NoKey { files: files.clone() }
                }
                _ => Failure::Refused(Box::new(problem)),
            }),
            Err(_) if is_passing(status) => {
                Err(Failure::Broken { url: self.root.to_string(), why: status.to_string() })
            }
            Err(_) => Err(self.strange(status.to_string())),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        Failure::Broken { url: self.root.to_string(), why: cause(error) }
    }
}

/// What a proxy in between says while the daemon is away.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
