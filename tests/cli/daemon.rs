//! A daemon that plays a script: a function from the request to the reply.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use call::{EndedBy, Fact, LegRef, Reason, Role, Status};
use lang::Lang;
use serde_json::{Value, json};
use tokio::sync::watch;

pub const ID: &str = "019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f";
pub const PHONE: &str = "+79522675444";

/// Longest that anything in these tests takes; reached only by a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// How many requests with this method and path came before.
    pub nth: usize,
}

impl Seen {
    pub fn is(&self, method: Method, path: &str) -> bool {
        self.method == method && self.path == path
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }
}

pub enum Reply {
    Json(u16, Value),
    NoContent,
    /// The head of an answer, and then the connection breaks.
    Lost,
    /// Server-sent events, and what comes after them.
    Events(Vec<String>, Then),
    Text(u16, &'static str),
}

pub enum Then {
    /// The connection breaks.
    Break,
    /// When somebody has asked this path, go on with these.
    After(String, Vec<String>),
    /// Nothing any more, and the connection stays.
    Stay,
}

pub struct Daemon {
    pub url: String,
    pub address: SocketAddr,
    seen: watch::Receiver<Vec<Seen>>,
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

#[derive(Clone)]
struct Stage {
    script: Arc<Script>,
    seen: Arc<Mutex<watch::Sender<Vec<Seen>>>>,
    told: watch::Receiver<Vec<Seen>>,
}

impl Daemon {
    pub async fn plays(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let (sender, seen) = watch::channel(Vec::new());
        let stage =
            Stage { script: Arc::new(script), seen: Arc::new(Mutex::new(sender)), told: seen.clone() };
        let app = Router::new().fallback(answer).with_state(stage);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Daemon { url: format!("http://{address}"), address, seen }
    }

    /// A call that is placed, and has these events.
    pub async fn with_call(events: Vec<String>) -> Self {
        Daemon::plays(move |request| match request.path.as_str() {
            "/api/calls/initiate" => Reply::Json(201, queued()),
            path if path == events_path() => Reply::Events(events.clone(), Then::Stay),
            _ => Reply::Text(500, "not in the script"),
        })
        .await
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    pub fn asked(&self, method: Method, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.is(method.clone(), path)).collect()
    }

    /// Waits until somebody has asked this.
    pub async fn is_asked(&self, method: Method, path: &str) {
        let mut seen = self.seen.clone();
        let asked = seen.wait_for(|seen| seen.iter().any(|seen| seen.is(method.clone(), path)));
        tokio::time::timeout(PATIENCE, asked).await.expect("asked in time").expect("the daemon lives");
    }
}

async fn answer(State(stage): State<Stage>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a short body");
    let mut seen = Seen {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        nth: 0,
    };
    stage.seen.lock().expect("no panic").send_modify(|all| {
        seen.nth = all.iter().filter(|other| other.is(seen.method.clone(), &seen.path)).count();
        all.push(seen.clone());
    });
    match (stage.script)(&seen) {
        Reply::Json(status, value) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
            (status, [(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
        }
        Reply::NoContent => StatusCode::NO_CONTENT.into_response(),
        Reply::Text(status, text) => (StatusCode::from_u16(status).expect("a status"), text).into_response(),
        Reply::Lost => {
            let broken = futures_util::stream::iter([Err::<String, _>(std::io::Error::other("cut"))]);
            (StatusCode::CREATED, Body::from_stream(broken)).into_response()
        }
        Reply::Events(events, then) => {
            let stream = play(events, then, stage.told.clone());
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
        }
    }
}

fn play(
    events: Vec<String>,
    then: Then,
    mut told: watch::Receiver<Vec<Seen>>,
) -> impl futures_util::Stream<Item = std::io::Result<String>> {
    async_stream::stream! {
        yield Ok(": keep-alive\n\n".to_owned());
        for event in events {
            yield Ok(event);
        }
        match then {
            Then::Break => {
                // While a body is not ready, what came of it is written out.
                tokio::task::yield_now().await;
                yield Err(std::io::Error::other("cut"));
            }
            Then::Stay => std::future::pending().await,
            Then::After(path, events) => {
                let _ = told.wait_for(|seen| seen.iter().any(|seen| seen.path == path)).await;
                for event in events {
                    yield Ok(event);
                }
                std::future::pending::<()>().await;
            }
        }
    }
}

pub fn events_path() -> String {
    format!("/api/calls/{ID}/events")
}

pub fn hangup_path() -> String {
    format!("/api/calls/{ID}/hangup")
}

/// The call as it is when it was accepted.
pub fn queued() -> Value {
    json!({
        "id": ID, "phone": PHONE, "status": "queued", "start_time": "2026-11-21T09:30:00.000Z",
        "end_time": null, "duration": null, "scenario_result": null, "novofon_call_id": null,
        "error_message": null, "reason": null, "hint": null, "reached": "none", "ended_by": null,
        "sip_code": null, "sip_text": null, "q850_cause": null, "created_at": "2026-11-21T09:30:00.000Z",
        "dialed_at": null, "ringing_at": null, "answered_at": null, "ended_at": null,
        "ring_seconds": null, "talk_seconds": null, "caller_id": null, "scenario": "default",
        "ring_timeout": 60, "max_duration": 3600, "custom_metadata": null,
    })
}

fn with(mut call: Value, members: Value) -> Value {
    let members = members.as_object().expect("an object").clone();
    call.as_object_mut().expect("an object").extend(members);
    call
}

/// The call that gave this product its reason: the carrier answered 401.
pub fn refused() -> Value {
    with(
        queued(),
        json!({
            "status": "failed", "reason": "trunk_auth_failed", "hint": "Check the trunk's password.",
            "reached": "trying", "ended_by": "carrier", "sip_code": 401, "sip_text": "Unauthorized",
            "q850_cause": 21, "dialed_at": "2026-11-21T09:30:00.010Z", "ended_at": "2026-11-21T09:30:00.087Z",
        }),
    )
}

pub fn completed() -> Value {
    with(
        queued(),
        json!({
            "status": "completed", "reason": "hung_up", "hint": "Nothing is to be done.", "reached": "answered",
            "ended_by": "callee", "sip_code": 200, "sip_text": "OK", "q850_cause": 16,
            "dialed_at": "2026-11-21T09:30:00.010Z", "ringing_at": "2026-11-21T09:30:01.000Z",
            "answered_at": "2026-11-21T09:30:04.000Z", "ended_at": "2026-11-21T09:30:16.250Z",
            "ring_seconds": 3.0, "talk_seconds": 12.25,
        }),
    )
}

pub fn canceled() -> Value {
    with(
        queued(),
        json!({
            "status": "canceled", "reason": "hung_up", "hint": "Nothing is to be done.", "ended_by": "api",
            "ended_at": "2026-11-21T09:30:02.000Z",
        }),
    )
}

pub fn entry(seq: i64, at: &str, source: &str, event: &str, text: &str) -> Value {
    json!({
        "call_id": ID, "seq": seq, "at": format!("2026-11-21T{at}Z"), "source": source, "event": event,
        "text": text, "status": null, "data": null,
    })
}

/// An entry that led to the state of `call`.
pub fn step(seq: i64, at: &str, source: &str, event: &str, text: &str, call: &Value) -> Value {
    with(entry(seq, at, source, event, text), json!({"status": call["status"], "call": call}))
}

/// An entry as it goes over the wire.
pub fn sent(entry: &Value) -> String {
    let name = entry["status"].as_str().unwrap_or("evidence");
    format!("id: {}\nevent: {name}\ndata: {entry}\n\n", entry["seq"])
}

/// What a fact of the daemon's is on the wire; `call`: as it is when the fact led to its state.
fn told(seq: i64, at: &str, fact: &Fact, call: Option<&Value>) -> Value {
    let (event, data) = fact.parts();
    let entry = entry(seq, at, fact.source().as_str(), &event, &fact.text(Lang::En));
    let entry = with(entry, json!({ "data": data }));
    call.map_or(entry.clone(), |call| with(entry, json!({"status": call["status"], "call": call})))
}

pub fn accepted(seq: i64) -> Value {
    told(seq, "09:30:00.000", &Fact::Accepted { from: None }, Some(&queued()))
}

/// The whole stream of the call that was refused.
pub fn refused_events() -> Vec<Value> {
    let said = Some("Unauthorized".to_owned());
    let report = Fact::Report {
        sip_code: Some(401),
        sip_text: said.clone(),
        cause: Some(21),
        dialstatus: Some("CHANUNAVAIL".into()),
        channel: None,
    };
    let end = Fact::Ended {
        status: Status::Failed,
        reason: Reason::TrunkAuthFailed,
        ended_by: EndedBy::Carrier,
        sip_code: Some(401),
        sip_text: said,
    };
    vec![
        accepted(10),
        told(12, "09:30:00.085", &report, None),
        told(13, "09:30:00.087", &end, Some(&refused())),
    ]
}

pub fn completed_events() -> Vec<Value> {
    let answered = with(completed(), json!({"status": "answered", "ended_at": null}));
    let leg = LegRef { attempt: Some(1), role: Role::Trunk, channel: None };
    let up = Fact::Leg { leg, seen: call::Seen::Up };
    let end = Fact::Ended {
        status: Status::Completed,
        reason: Reason::HungUp,
        ended_by: EndedBy::Callee,
        sip_code: Some(200),
        sip_text: Some("OK".into()),
    };
    vec![
        accepted(10),
        told(14, "09:30:04.000", &up, Some(&answered)),
        told(15, "09:30:16.250", &end, Some(&completed())),
    ]
}

pub fn all_sent(events: &[Value]) -> Vec<String> {
    events.iter().map(sent).collect()
}

pub fn problem(status: u16, code: &str, detail: &str) -> Value {
    json!({
        "type": format!("urn:novofon-bot:problem:{code}"), "title": "The title", "status": status,
        "detail": detail, "code": code, "hint": "Do this.",
    })
}
