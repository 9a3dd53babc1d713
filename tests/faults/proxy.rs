//! An HTTP proxy between the bot and the real Asterisk, which spoils the answers: late, refused, or no
//! answers of Asterisk at all. The events socket goes through it as it is, or late too.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::Instant,
};

/// What comes in place of Asterisk's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rubbish {
    /// 500 in Asterisk's own words.
    Broken,
    /// 503 in the words of something in between.
    Unavailable,
    /// 200, and a page for people.
    Page,
    /// 200, and something like JSON.
    NotQuiteJson,
    /// Asterisk's true answer, cut in the middle.
    Truncated,
    /// Asterisk's true answer with a length that is too small.
    TooShort,
    /// The connection ends without a word.
    Nothing,
}

pub const RUBBISH: [Rubbish; 7] = [
    Rubbish::Broken,
    Rubbish::Unavailable,
    Rubbish::Page,
    Rubbish::NotQuiteJson,
    Rubbish::Truncated,
    Rubbish::TooShort,
    Rubbish::Nothing,
];

#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Each request waits so long on its way to Asterisk.
    pub wait: Duration,
    /// Everything on the events socket takes so long, in each direction.
    pub socket_wait: Duration,
    /// The bot hears this in place of the answer...
    pub answer: Option<Rubbish>,
    /// ... and Asterisk never hears of the request.
    pub swallow: bool,
    /// Only requests to place a call are spoiled.
    pub only_originates: bool,
    /// In every list of channels, these are there too.
    pub ghosts: Vec<serde_json::Value>,
}

pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    asterisk: SocketAddr,
    faults: Mutex<Faults>,
    spoiled: AtomicUsize,
    cut: watch::Sender<u64>,
}

impl Proxy {
    pub async fn to(asterisk: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            asterisk,
            faults: Mutex::default(),
            spoiled: AtomicUsize::new(0),
            cut: watch::Sender::new(0),
        });
        let carried = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = carried.clone();
                tokio::spawn(async move {
                    let mut cut = shared.cut.subscribe();
                    cut.borrow_and_update();
                    tokio::select! {
                        _ = shared.carry(client) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Proxy { address, shared }
    }

    /// For `ari.url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, faults: Faults) {
        *self.shared.faults.lock() = faults;
    }

    /// Ends every connection; new ones are let through.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|times| *times += 1);
    }

    /// How many requests were spoiled so far.
    pub fn spoiled(&self) -> usize {
        self.shared.spoiled.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// One connection: requests one after the other, or the events socket for as long as it lives.
    async fn carry(&self, mut client: TcpStream) -> Option<()> {
        loop {
            let request = read_message(&mut client).await?;
            let faults = self.faults.lock().clone();
            let head = String::from_utf8_lossy(&request).to_lowercase();
            if head.contains("upgrade: websocket") {
                return self.tunnel(client, &request, faults.socket_wait).await;
            }
            let matches = !faults.only_originates || head.starts_with("post /ari/channels http");
            if matches {
                tokio::time::sleep(faults.wait).await;
            }
            let rubbish = faults.answer.filter(|_| matches);
            let answer = match rubbish {
                Some(_) if faults.swallow => Vec::new(),
                _ => self.ask(&request).await?,
            };
            let answer = match rubbish {
                Some(rubbish) => {
                    self.spoiled.fetch_add(1, Ordering::Relaxed);
                    spoil(rubbish, &answer)
                }
                None if head.starts_with("get /ari/channels http") && !faults.ghosts.is_empty() => {
                    with_ghosts(&answer, &faults.ghosts)
                }
                None => answer,
            };
            client.write_all(&answer).await.ok()?;
            if rubbish.is_some() {
                return None;
            }
        }
    }

    /// A connection of its own for each request.
    async fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let mut server = TcpStream::connect(self.asterisk).await.ok()?;
        server.write_all(request).await.ok()?;
        read_message(&mut server).await
    }

    async fn tunnel(&self, client: TcpStream, request: &[u8], wait: Duration) -> Option<()> {
        let mut server = TcpStream::connect(self.asterisk).await.ok()?;
        server.write_all(request).await.ok()?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = pump(from_client, to_server, wait) => {}
            () = pump(from_server, to_client, wait) => {}
        }
        None
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wait: Duration) {
    let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length) = from.read(&mut buffer).await {
            if length == 0 || late.send((Instant::now() + wait, buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// One whole HTTP message, request or answer.
async fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut message, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        if let Some((head, body)) = split(&message) {
            let head = String::from_utf8_lossy(head).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            assert!(!head.contains("transfer-encoding: chunked"), "no known Asterisk does this: {head}");
            if body.len() >= length {
                return Some(message);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(length) if length > 0 => message.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
    }
}

fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    Some(message.split_at(end))
}

/// `more`: a line of the head.
fn answer(status: &str, kind: &str, more: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn spoil(rubbish: Rubbish, truth: &[u8]) -> Vec<u8> {
    const JSON: &str = "application/json";
    const PAGE: &[u8] = b"<html><body><h1>Please log in</h1></body></html>";
    const MADE_UP: &[u8] = br#"{"id":"1","name":"Local/1@outgoing","state":"Up"}"#;
    // Else the next request could go into a connection that is being closed, and would not be done.
    let answer = |status, kind, length, body| answer(status, kind, "Connection: close\r\n", length, body);
    let body = split(truth).map_or(MADE_UP, |(_, body)| body);
    match rubbish {
        Rubbish::Broken => {
            let body = br#"{"message":"Something broke"}"#;
            answer("500 Internal Server Error", JSON, body.len(), body)
        }
        Rubbish::Unavailable => answer("503 Service Unavailable", "text/html", PAGE.len(), PAGE),
        Rubbish::Page => answer("200 OK", "text/html", PAGE.len(), PAGE),
        Rubbish::NotQuiteJson => answer("200 OK", JSON, 12, b"{\"id\": \"1\", "),
        Rubbish::Truncated => answer("200 OK", JSON, body.len().max(2), &body[..body.len() / 2]),
        Rubbish::TooShort => answer("200 OK", JSON, body.len().min(10), body),
        Rubbish::Nothing => Vec::new(),
    }
}

fn with_ghosts(truth: &[u8], ghosts: &[serde_json::Value]) -> Vec<u8> {
    let (_, body) = split(truth).expect("it was read whole");
    let mut list: Vec<serde_json::Value> = serde_json::from_slice(body).expect("a list of channels");
    list.extend(ghosts.iter().cloned());
    let body = serde_json::to_vec(&list).expect("JSON");
    answer("200 OK", "application/json", "", body.len(), &body)
}
