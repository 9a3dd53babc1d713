//! The bot's HTTP API as a client uses it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{SOON, until};

/// A call as the API shows it: its fields by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Call(Map<String, Value>);

impl Call {
    pub fn field(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("the call has no `{name}`: {self:?}"))
    }

    /// A text, or `-` for null.
    pub fn text(&self, name: &str) -> String {
        match self.field(name) {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    pub fn id(&self) -> String {
        self.text("id")
    }

    pub fn status(&self) -> String {
        self.text("status")
    }

    pub fn seconds(&self, name: &str) -> f64 {
        self.field(name).as_f64().unwrap_or_else(|| panic!("`{name}` is no number: {self:?}"))
    }

    pub fn time(&self, name: &str) -> chrono::DateTime<chrono::Utc> {
        self.text(name).parse().unwrap_or_else(|_| panic!("`{name}` is no time: {self:?}"))
    }

    pub fn has_ended(&self) -> bool {
        !["queued", "dialing", "ringing", "early_media", "answered"].contains(&self.status().as_str())
    }
}

/// An answer that need not be a success.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub replayed: bool,
    pub body: Value,
}

impl Answer {
    pub fn call(self) -> Call {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.body);
        serde_json::from_value(self.body).expect("a call")
    }

    /// The stable code of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
}

impl Api {
    pub fn new(url: String) -> Self {
        Api { http: reqwest::Client::new(), url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same, which sends this key.
    pub fn with_key(url: String, key: &str) -> Self {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("x-api-key", key.parse().expect("a key is ASCII"));
        let http = reqwest::Client::builder().default_headers(headers).build().expect("a client");
        Api { http, url }
    }

    /// One request; an error is that of the connection.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, replayed: headers.contains_key("idempotent-replayed"), body })
    }

    /// The whole address of a path.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await.expect("the bot answers")
    }

    pub async fn initiate(&self, body: Value) -> Answer {
        self.initiate_with_key(body, None).await
    }

    pub async fn initiate_with_key(&self, body: Value, key: Option<&str>) -> Answer {
        self.send(Method::POST, "/api/calls/initiate", Some(body), key).await.expect("the bot answers")
    }

    /// Places a call that must be accepted.
    pub async fn place(&self, body: Value) -> Call {
        self.initiate(body).await.call()
    }

    pub async fn place_to(&self, number: &str) -> Call {
        self.place(json!({"phone": number})).await
    }

    /// Places a call and waits for its end by the API itself.
    pub async fn place_and_wait(&self, mut body: Value, time: Duration) -> Call {
        body["wait"] = "ended".into();
        body["wait_timeout"] = time.as_secs().into();
        let call = self.place(body).await;
        assert!(call.has_ended(), "not ended within {time:?}: {call:?}");
        call
    }

    pub async fn call(&self, id: &str) -> Call {
        let answer = self.get(&format!("/api/calls/{id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        serde_json::from_value(answer.body).expect("a call")
    }

    /// Every call there is, newest first.
    pub async fn calls(&self) -> Vec<Call> {
        let (mut calls, mut path) = (Vec::new(), "/api/calls?limit=1000".to_owned());
        loop {
            let answer = self.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            calls.extend(serde_json::from_value::<Vec<Call>>(answer.body["calls"].clone()).expect("calls"));
            let Some(next) = answer.body["next_cursor"].as_str() else { return calls };
            path = format!("/api/calls?limit=1000&cursor={next}");
        }
    }

    pub async fn timeline(&self, id: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/calls/{id}/timeline")).await;
        serde_json::from_value(answer.body["entries"].clone()).expect("entries")
    }

    /// The words of the timeline's entries, in order.
    pub async fn events(&self, id: &str) -> Vec<String> {
        let word = |entry: &Value| entry["event"].as_str().unwrap_or_default().to_owned();
        self.timeline(id).await.iter().map(word).collect()
    }

    pub async fn hang_up(&self, id: &str) -> Answer {
        let path = format!("/api/calls/{id}/hangup");
        self.send(Method::POST, &path, None, None).await.expect("the bot answers")
    }

    /// Until the call is in this very state; its end before that fails the test.
    pub async fn until_status(&self, id: &str, status: &str) -> Call {
        until(&format!("{id} is {status}"), SOON, async || {
            let call = self.call(id).await;
            assert!(
                call.status() == status || !call.has_ended(),
                "it ended before it was {status}: {call:?}"
            );
            if call.status() == status { Ok(call) } else { Err(call.status()) }
        })
        .await
    }

    /// Until the timeline has this event.
    pub async fn until_event(&self, id: &str, event: &str) {
        until(&format!("{id} has {event}"), SOON, async || {
            let events = self.events(id).await;
            if events.iter().any(|e| e == event) { Ok(()) } else { Err(events.join(" ")) }
        })
        .await;
    }

    pub async fn until_ended(&self, id: &str, time: Duration) -> Call {
        until(&format!("{id} has ended"), time, async || {
            let call = self.call(id).await;
            if call.has_ended() { Ok(call) } else { Err(call.status()) }
        })
        .await
    }

    /// Until no call of the bot is open.
    pub async fn until_all_ended(&self, time: Duration) -> Vec<Call> {
        until("all calls have ended", time, async || {
            let calls = self.calls().await;
            let open: Vec<String> = calls
                .iter()
                .filter(|c| !c.has_ended())
                .map(|c| format!("{} {}", c.text("phone"), c.status()))
                .collect();
            if open.is_empty() { Ok(calls) } else { Err(open.join(", ")) }
        })
        .await
    }

    /// A value of `/metrics`, the sum over all labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let answer = self.get("/metrics").await;
        let text = answer.body.as_str().expect("a text");
        let values = text.lines().filter(|l| l.split(['{', ' ']).next() == Some(name));
        let mut values = values.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).peekable();
        assert!(values.peek().is_some(), "no metric {name} in:\n{text}");
        values.sum()
    }
}
