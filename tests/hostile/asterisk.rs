//! An Asterisk that is none: its HTTP answers as it is told to, and its events sockets are handed to the test raw,
//! so that anything can be written into them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::bot::SOON;

/// How requests (not the events socket) are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Usual,
    EndlessBody,
    EndlessChunk,
    EndlessHead,
    Redirect,
    Silence,
    Drip,
    Rubbish,
    Deep,
}

#[derive(Clone)]
pub struct Asterisk {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    originated: Arc<AtomicUsize>,
    sockets: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<TcpStream>>>,
}

impl Asterisk {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (out, sockets) = mpsc::unbounded_channel();
        let asterisk = Asterisk {
            address: listener.local_addr().expect("it is bound"),
            manner: Arc::new(Mutex::new(Manner::Usual)),
            originated: Arc::default(),
            sockets: Arc::new(tokio::sync::Mutex::new(sockets)),
        };
        let serving = asterisk.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream, out.clone()));
            }
        });
        asterisk
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("no thread panics with it") = manner;
    }

    /// Requests to place a call that came so far.
    pub fn originated(&self) -> usize {
        self.originated.load(Ordering::SeqCst)
    }

    /// The next events socket that the bot opens; those that it has given up meanwhile are passed over.
    pub async fn socket(&self) -> TcpStream {
        let mut sockets = self.sockets.lock().await;
        loop {
            let next = tokio::time::timeout(SOON * 2, sockets.recv()).await;
            let socket = next.expect("the bot comes back").expect("the listener lives");
            if sockets.is_empty() {
                return socket;
            }
        }
    }

    async fn serve(self, mut stream: TcpStream, out: mpsc::UnboundedSender<TcpStream>) {
        while let Some((head, body)) = read_request(&mut stream).await {
            if head.starts_with("GET /ari/events") {
                let key = header(&head, "sec-websocket-key").expect("a client of websockets");
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {}\r\n\r\n",
                    derive_accept_key(key.as_bytes())
                );
                if stream.write_all(answer.as_bytes()).await.is_ok() {
                    // Nobody takes it when the test is over.
                    drop(out.send(stream));
                }
                return;
            }
            let manner = *self.manner.lock().expect("no thread panics with it");
            if manner != Manner::Usual {
                return misbehave(stream, manner).await;
            }
            if stream.write_all(self.usual(&head, &body).as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn usual(&self, head: &str, body: &[u8]) -> String {
        let (status, answer) = if head.starts_with("GET /ari/asterisk/info") {
            // A version without requests over the socket.
            (200, json!({"system": {"version": "18.26.4"}}))
        } else if head.starts_with("POST /ari/channels ") {
            self.originated.fetch_add(1, Ordering::SeqCst);
            let asked: Value = serde_json::from_slice(body).expect("the bot sends JSON");
            (200, json!({"id": asked["channelId"]}))
        } else if head.starts_with("GET /ari/channels ") {
            (200, json!([]))
        } else if head.contains(" /ari/applications/") {
            (200, json!({}))
        } else {
            (404, json!({"message": "not here"}))
        };
        let answer = answer.to_string();
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
    }
}

/// Writes until the bot hangs up.
async fn misbehave(mut stream: TcpStream, manner: Manner) {
    let filling = vec![b' '; 1 << 16];
    let (start, rest): (&str, Vec<u8>) = match manner {
        Manner::Usual => return,
        Manner::EndlessBody => ("HTTP/1.1 200 OK\r\n\r\n", filling),
        Manner::EndlessChunk => {
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n", filling)
        }
        Manner::EndlessHead => ("HTTP/1.1 200 OK\r\n", b"X-Filling: filling\r\n".repeat(3000)),
        Manner::Redirect => {
            ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", Vec::new())
        }
        Manner::Silence => ("", Vec::new()),
        Manner::Drip => ("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", Vec::new()),
        Manner::Rubbish => ("\u{0}\u{1}SSH-2.0-OpenSSH_9.2\r\n", filling),
        Manner::Deep => ("HTTP/1.1 200 OK\r\n\r\n", b"[{\"a\":".repeat(10_000)),
    };
    if stream.write_all(start.as_bytes()).await.is_err() {
        return;
    }
    if rest.is_empty() {
        // Until the bot has had enough.
        let mut end = Vec::new();
        drop(stream.read_to_end(&mut end).await);
        return;
    }
    while stream.write_all(&rest).await.is_ok() {}
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("the bot's own heads are text");
    let length = header(&head, "content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
