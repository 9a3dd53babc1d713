//! A scripted Asterisk. HTTP is answered by a function of the test; each events socket is handed to the test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::PATIENCE;

/// A request as it came: `POST /pbx/ari/channels`, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) authorization: String,
    pub(super) body: String,
}

pub(super) enum Act {
    Answer(u16, String),
    /// Reads the request and closes the connection.
    HangUp,
    /// Reads the request and says nothing.
    Silence,
}

pub(super) fn ok(body: Value) -> Act {
    Act::Answer(200, body.to_string())
}

pub(super) fn no_content() -> Act {
    Act::Answer(204, String::new())
}

type Script = Box<dyn FnMut(&str, &Seen) -> Option<Act> + Send>;

pub(super) struct Asterisk {
    pub(super) addr: SocketAddr,
    shared: Arc<Shared>,
    sockets: mpsc::UnboundedReceiver<EventsSocket>,
}

struct Shared {
    version: Mutex<&'static str>,
    /// What the next handshakes are answered with instead of a socket.
    refuse: Mutex<Option<u16>>,
    handshakes: watch::Sender<usize>,
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
}

pub(super) type Raw = WebSocketStream<TcpStream>;

pub(super) struct EventsSocket {
    pub(super) ws: Raw,
    pub(super) handshake: Seen,
}

impl Asterisk {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            version: Mutex::new("22.10.1"),
            refuse: Mutex::new(None),
            handshakes: watch::Sender::new(0),
            script: Mutex::new(Box::new(|_, _| None)),
            seen: Mutex::default(),
        });
        let (out, sockets) = mpsc::unbounded_channel();
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, serving.clone(), out.clone()));
            }
        });
        Self { addr, shared, sockets }
    }

    pub(super) fn version(&self, version: &'static str) {
        *self.shared.version.lock().unwrap() = version;
    }

    pub(super) fn refuse_handshakes(&self, status: Option<u16>) {
        *self.shared.refuse.lock().unwrap() = status;
    }

    /// Answers HTTP requests: the first argument is `GET channels/ID`. `None` leaves the usual answer.
    pub(super) fn script(&self, script: impl FnMut(&str, &Seen) -> Option<Act> + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits until the events socket was asked for so many times.
    pub(super) async fn handshakes(&self, count: usize) {
        let mut seen = self.shared.handshakes.subscribe();
        let enough = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| *seen >= count)).await;
        enough.expect("the client has given up").expect("the sender lives");
    }

    pub(super) async fn socket(&mut self) -> EventsSocket {
        let socket = tokio::time::timeout(PATIENCE, self.sockets.recv()).await;
        socket.expect("no events socket was opened").expect("the listener lives")
    }
}

impl EventsSocket {
    pub(super) async fn send(&mut self, event: Value) {
        self.text(event.to_string()).await;
    }

    pub(super) async fn text(&mut self, text: impl Into<String>) {
        self.ws.send(Message::text(text.into())).await.unwrap();
    }

    /// The next frame that is not a ping.
    pub(super) async fn next(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.ws.next()).await.expect("no frame came");
            match message.expect("the socket ended").expect("the socket broke") {
                Message::Ping(_) => {}
                message => return message,
            }
        }
    }

    pub(super) async fn rest_request(&mut self) -> Value {
        let message = self.next().await;
        let request: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(request["type"], "RESTRequest");
        request
    }

    pub(super) async fn respond(&mut self, request: &Value, status: u16, body: &str) {
        self.send(json!({
            "type": "RESTResponse", "transaction_id": "", "request_id": request["request_id"],
            "status_code": status, "reason_phrase": "", "uri": request["uri"],
            "content_type": "application/json", "message_body": body,
            "timestamp": "2026-11-21T09:00:00.000+0000", "application": "novofon bot",
        }))
        .await;
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>, out: mpsc::UnboundedSender<EventsSocket>) {
    let mut start = [0; 64];
    let Ok(read) = stream.peek(&mut start).await else { return };
    if String::from_utf8_lossy(&start[..read]).starts_with("GET /pbx/ari/events") {
        return websocket(stream, &shared, &out).await;
    }
    while let Some(seen) = read_request(&mut stream).await {
        let (method, path) = seen.line.split_once(" /pbx/ari/").expect("all requests go to /pbx/ari/");
        let what = format!("{method} {path}");
        shared.seen.lock().unwrap().push(seen.clone());
        let scripted = (shared.script.lock().unwrap())(&what, &seen);
        let act = scripted.unwrap_or_else(|| usual(&what, *shared.version.lock().unwrap()));
        match act {
            Act::Answer(status, body) => {
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
                if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::HangUp => return,
            Act::Silence => std::future::pending().await,
        }
    }
}

fn usual(what: &str, version: &str) -> Act {
    match what {
        "GET asterisk/info?only=system" => ok(json!({"system": {"version": version, "entity_id": "00:00"}})),
        "PUT applications/novofon%20bot/eventFilter" => ok(json!({"name": "novofon bot"})),
        "POST applications/novofon%20bot/subscription?eventSource=endpoint%3APJSIP%2Fnovofon" => {
            ok(json!({"name": "novofon bot"}))
        }
        _ => Act::Answer(404, json!({"message": "Resource not found"}).to_string()),
    }
}

#[expect(clippy::result_large_err, reason = "the library's own type")]
async fn websocket(stream: TcpStream, shared: &Shared, out: &mpsc::UnboundedSender<EventsSocket>) {
    let mut handshake = None;
    shared.handshakes.send_modify(|count| *count += 1);
    let refuse = *shared.refuse.lock().unwrap();
    let check = |request: &Request, response: Response| {
        let authorization =
            request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
        handshake = Some(Seen {
            line: format!("GET {}", request.uri()),
            authorization: authorization.into(),
            body: String::new(),
        });
        match refuse {
            None => Ok(response),
            Some(status) => {
                let mut refusal = ErrorResponse::new(Some(r#"{"message":"no"}"#.into()));
                *refusal.status_mut() = status.try_into().unwrap();
                Err(refusal)
            }
        }
    };
    if let Ok(ws) = accept_hdr_async(stream, check).await {
        // Nobody takes it when the test is over.
        let _ = out.send(EventsSocket { ws, handshake: handshake.expect("the callback was called") });
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        line: head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned(),
        authorization: header("authorization").unwrap_or_default().to_owned(),
        body: String::from_utf8(body).unwrap(),
    })
}
