//! Plain HTTP requests to Asterisk and to the daemon, bounded in time and size.
//!
//! Not the bot's own ARI client: that one takes the application's name for itself, and a look must not
//! change anything.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Client, Method, RequestBuilder, header};
use serde_json::Value;
use url::Url;

use asterisk::secret::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(15);
const LONGEST_ANSWER: usize = 4 << 20;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Login {
    Nobody,
    Basic(String, Secret),
    Bearer(Secret),
}

/// One server.
#[derive(Debug, Clone)]
pub struct Server {
    client: Client,
    base: Url,
    login: Login,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// The header `Server`.
    pub server: String,
    /// The header `Date`.
    pub date: Option<DateTime<Utc>>,
    /// `Null` where the body is no JSON.
    pub json: Value,
    pub is_json: bool,
}

impl Reply {
    /// Asterisk's own word about a refusal.
    pub fn message(&self) -> &str {
        let text = |name: &str| self.json.get(name).and_then(Value::as_str);
        text("message").or_else(|| text("error")).unwrap_or_default()
    }

    /// The daemon's own word: what happened, else its kind.
    pub fn message_of_problem(&self) -> String {
        let text = |name: &str| self.json.get(name).and_then(Value::as_str);
        text("detail").or_else(|| text("title")).unwrap_or_default().to_owned()
    }
}

impl Server {
    /// `None` if this system can't make an HTTP client at all.
    pub fn new(base: Url, login: Login) -> Option<Self> {
        let client = Client::builder()
            // A proxy from the environment or a redirect would carry the credentials elsewhere.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .ok()?;
        Some(Server { client, base, login })
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Asks for a path below the base; it must be encoded already. The error is for people.
    pub async fn get(&self, path: &str) -> Result<Reply, String> {
        self.get_within(path, PATIENCE).await
    }

    pub async fn get_within(&self, path: &str, patience: Duration) -> Result<Reply, String> {
        self.send(self.request(Method::GET, path).timeout(patience)).await.map_err(|none| none.why)
    }

    /// The same, told in Russian by whoever can.
    pub async fn get_in_russian(&self, path: &str, patience: Duration) -> Result<Reply, String> {
        let request = self.request_in(Method::GET, path, "ru");
        self.send(request.timeout(patience)).await.map_err(|none| none.why)
    }

    pub async fn delete(&self, path: &str) -> Result<Reply, String> {
        self.send(self.request(Method::DELETE, path).timeout(PATIENCE)).await.map_err(|none| none.why)
    }

    pub async fn post(&self, path: &str, body: &Value, patience: Duration) -> Result<Reply, NoReply> {
        self.send(self.request(Method::POST, path).json(body).timeout(patience)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_in(method, path, "en")
    }

    fn request_in(&self, method: Method, path: &str, language: &str) -> RequestBuilder {
        let base = self.base.as_str().trim_end_matches('/');
        let request =
            self.client.request(method, format!("{base}/{path}")).header(header::ACCEPT_LANGUAGE, language);
        match &self.login {
            Login::Nobody => request,
            Login::Basic(user, password) => request.basic_auth(user, Some(password.expose())),
            Login::Bearer(key) => request.bearer_auth(key.expose()),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Reply, NoReply> {
        let told = |error: reqwest::Error| NoReply {
            was_sent: !error.is_connect() && !error.is_builder(),
            why: chain(&error.without_url()),
        };
        let mut response = request.send().await.map_err(told)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let server = header(header::SERVER).unwrap_or_default().to_owned();
        let date = header(header::DATE)
            .and_then(|text| DateTime::parse_from_rfc2822(text).ok())
            .map(|date| date.with_timezone(&Utc));
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let why = format!("its answer is longer than {LONGEST_ANSWER} bytes");
                return Err(NoReply { why, was_sent: true });
            }
            body.extend_from_slice(&chunk);
        }
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        Ok(Reply { status, server, date, is_json: json.is_some(), json: json.unwrap_or_default() })
    }
}

/// Why there is no answer.
pub struct NoReply {
    pub why: String,
    /// The request may have arrived.
    pub was_sent: bool,
}

/// An error with its causes: reqwest's own text alone says nothing.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// A name as a segment of a path or a value of a query.
pub fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
