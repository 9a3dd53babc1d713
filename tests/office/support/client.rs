//! An enterprise's client of the office API: what its CRM would ask.

use std::time::Duration;

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use super::{Call, Phone, SOON, until};

/// An answer, whatever it is.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// As it came.
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().map_or_else(|| self.text.clone(), str::to_owned)
    }

    /// The id of the call that was placed.
    pub fn call_id(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["call_id"].as_str().expect("an id").to_owned()
    }

    /// The call as it was when `wait` was over.
    pub fn call(&self) -> Call {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_value(self.json()["call"].clone()).expect("a call")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a text"))
    }
}

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    pub secret: String,
}

impl Client {
    pub fn new(url: &str, secret: &str) -> Self {
        Client { http: reqwest::Client::new(), url: url.to_owned(), secret: secret.to_owned() }
    }

    /// One request, with the secret in `Authorization`.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.secret);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// As the documents have it: everything in the URL. `more`: parameters of ours.
    pub async fn make_call(&self, code: &str, phone: &Phone, more: &[(&str, &str)]) -> Answer {
        self.query("makecallexternal", &[("code", code), ("phone", &phone.name)], more).await
    }

    pub async fn monitor(&self, action: &str, target: &str, from: &str, more: &[(&str, &str)]) -> Answer {
        self.query("monitor", &[("action", action), ("target", target), ("monitor_from", from)], more).await
    }

    async fn query(&self, what: &str, parameters: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
        let request = self.http.get(format!("{}/api/{what}", self.url));
        answer(request.query(parameters).query(&[("clientId", &self.secret)]).query(more)).await
    }

    /// Places a call that the host must take: its id.
    pub async fn place(&self, code: &str, phone: &Phone) -> String {
        self.make_call(code, phone, &[]).await.call_id()
    }

    /// Places a call that both sides answer, and is answered when they have.
    pub async fn place_answered(&self, code: &str, phone: &Phone) -> Call {
        let call = self.make_call(code, phone, &[("wait", "answered"), ("wait_timeout", "30")]).await.call();
        assert_eq!(call.status(), "answered", "{call:?}");
        call
    }

    /// Places a call and waits for its end by the API itself.
    pub async fn place_and_wait(&self, code: &str, phone: &Phone) -> Call {
        let call = self.make_call(code, phone, &[("wait", "ended"), ("wait_timeout", "45")]).await.call();
        assert!(call.has_ended(), "{call:?}");
        call
    }

    pub async fn call(&self, id: &str) -> Call {
        let answer = self.get(&format!("/api/calls/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        serde_json::from_value(answer.json()).expect("a call")
    }

    /// The entries of a call's timeline.
    pub async fn timeline(&self, id: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/calls/{id}/timeline")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        serde_json::from_value(answer.json()["entries"].clone()).expect("entries")
    }

    /// The same as one text, each entry a line: `leg_up desk: the extension's phone is up`.
    pub async fn story(&self, id: &str) -> String {
        let line = |entry: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{} {}: {}\n", text(&entry["event"]), text(&entry["data"]["leg"]), text(&entry["text"]))
        };
        self.timeline(id).await.iter().map(line).collect()
    }

    pub async fn hang_up(&self, id: &str) -> Answer {
        self.post(&format!("/api/calls/{id}/hangup"), json!({})).await
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

    pub async fn until_ended(&self, id: &str) -> Call {
        until(&format!("{id} has ended"), SOON + Duration::from_secs(10), async || {
            let call = self.call(id).await;
            if call.has_ended() { Ok(call) } else { Err(call.status()) }
        })
        .await
    }
}

/// The answer, once the database has one for the bot: on a busy machine it may be late.
async fn answer(request: reqwest::RequestBuilder) -> Answer {
    until("the database answers the bot", SOON, async || {
        let request = request.try_clone().expect("the body is no stream");
        let response = request.send().await.expect("the bot answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, text: response.text().await.expect("a body") };
        if status == 503 && answer.text.contains("Database") { Err(answer.text) } else { Ok(answer) }
    })
    .await
}

/// `status reason ended_by reached` of a call that has ended, and SIP status and cause if there are any.
pub fn end(call: &Call) -> String {
    let words = ["status", "reason", "ended_by", "reached", "sip_code", "q850_cause"];
    words.map(|name| call.text(name)).join(" ").trim_end_matches([' ', '-']).to_owned()
}
