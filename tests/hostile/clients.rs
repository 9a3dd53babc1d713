//! Clients that send: too much, too slowly, nothing, or what is no JSON.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::bot::{Bot, SOON};

const HEAD: &str = "POST /api/calls/initiate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";

async fn connect(bot: &Bot) -> TcpStream {
    TcpStream::connect(bot.address).await.expect("a connection")
}

/// Sends all that is taken, and gives what is answered until the connection ends.
async fn exchange(bot: &Bot, bytes: Vec<u8>) -> String {
    let mut stream = connect(bot).await;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    // The server may close before it has read everything; what it said before counts.
    let send = async { drop(writer.write_all(&bytes).await) };
    let read = async { drop(reader.read_to_end(&mut answer).await) };
    tokio::time::timeout(SOON, async { tokio::join!(send, read) }).await.expect("it is answered or closed");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Until the server has closed it.
async fn until_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    // A reset is an end, too.
    drop(closed.expect("it is closed in time"));
}

#[tokio::test]
async fn a_thousand_idle_connections() {
    let bot = Bot::start(None, &[("http.max_connections", "1100"), ("http.request_timeout", "5")]).await;
    let before = bot.begin();
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(connect(&bot).await);
    }
    bot.goes_on().await;
    bot.kept_its_memory("1,000 idle connections", before, 60).await;
    for stream in &mut idle {
        until_closed(stream).await;
    }
    bot.goes_on().await;
}

#[tokio::test]
async fn more_idle_connections_than_there_may_be() {
    let bot = Bot::start(None, &[("http.max_connections", "50"), ("http.request_timeout", "1")]).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(connect(&bot).await);
    }
    // It waits for its turn, which comes because nobody may be idle for long.
    bot.goes_on().await;
}

#[tokio::test]
async fn bodies_of_ten_megabytes() {
    let bot = Bot::start(None, &[("http.request_timeout", "5")]).await;
    let before = bot.begin();
    let announced = format!("{HEAD}Content-Length: 10485760\r\n\r\n").into_bytes();
    let mut chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..160 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b' ', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    let chunk = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n").into_bytes();
    let twice =
        format!("{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes();
    let mut all = Vec::new();
    for (kind, bytes) in [("announced", announced), ("chunked", chunked), ("a chunk", chunk), ("both", twice)]
    {
        for _ in 0..10 {
            let (bot, bytes) = (&bot, bytes.clone());
            all.push(async move { (kind, exchange(bot, bytes).await) });
        }
    }
    for (kind, answer) in futures_util::future::join_all(all).await {
        // A client that is still sending may lose the answer to the reset.
        let is_refused = ["HTTP/1.1 413 ", "HTTP/1.1 4"].iter().any(|start| answer.starts_with(start));
        assert!(is_refused || answer.is_empty(), "{kind}: {answer}");
        assert!(kind != "announced" || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    bot.goes_on().await;
    bot.kept_its_memory("bodies of 10 MB", before, 60).await;
}

#[tokio::test]
async fn slow_heads_and_slow_bodies() {
    let bot = Bot::start(None, &[("http.request_timeout", "2")]).await;
    let before = bot.begin();
    let mut slow = Vec::new();
    for n in 0..400 {
        let mut stream = connect(&bot).await;
        let start = match n % 4 {
            0 => "GET /".to_owned(),
            1 => "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: ".to_owned(),
            2 => format!("{HEAD}Content-Length: 100\r\n\r\n{{"),
            _ => format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n"),
        };
        stream.write_all(start.as_bytes()).await.expect("it is taken");
        slow.push(stream);
    }
    bot.goes_on().await;
    // A byte now and then changes nothing; an end is no reason to stop trying.
    let ends = slow.iter_mut().map(|stream| async {
        let (mut reader, mut writer) = stream.split();
        let drip = async {
            while writer.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let mut rest = Vec::new();
        tokio::select! { () = drip => {}, _ = reader.read_to_end(&mut rest) => {} }
    });
    tokio::time::timeout(SOON, futures_util::future::join_all(ends)).await.expect("all are cut off");
    bot.goes_on().await;
    bot.kept_its_memory("400 slow requests", before, 60).await;
}

#[tokio::test]
async fn heads_without_end() {
    let bot = Bot::start(None, &[]).await;
    let before = bot.begin();
    let long = |count: usize, line: &str| {
        format!("GET /api/calls HTTP/1.1\r\n{}\r\n", line.repeat(count)).into_bytes()
    };
    let heads = [
        long(1_000_000, "A: b\r\n"),
        long(1, &format!("A: {}\r\n", "x".repeat(8 << 20))),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(8 << 20)).into_bytes(),
        vec![0; 1 << 20],
        b"\x16\x03\x01\x02\x00\x01\x00".repeat(1000),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
    ];
    for head in heads {
        let start = String::from_utf8_lossy(&head[..15]).into_owned();
        let answer = exchange(&bot, head).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{start:?}: {answer}");
    }
    bot.goes_on().await;
    bot.kept_its_memory("heads without end", before, 60).await;
}

#[tokio::test]
async fn what_is_no_json() {
    let bot = Bot::start(None, &[]).await;
    let before = bot.begin();
    let phone = |rest: &str| format!("{{\"phone\": \"+79522675444\"{rest}").into_bytes();
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"nul".to_vec(),
        vec![0; 60_000],
        vec![0xff; 60_000],
        b"\xef\xbb\xbf{}".to_vec(),
        "[".repeat(60_000).into_bytes(),
        "{\"a\":".repeat(12_000).into_bytes(),
        phone(",}"),
        phone("}}"),
        phone("} {}"),
        phone(", \"phone\": \"+79522675445\"}"),
        phone(", \"custom_metadata\": {\"a\": \"\\ud800\"}}"),
        phone(", \"custom_metadata\": {\"a\": 1e99999}}"),
        phone(&format!(", \"custom_metadata\": {{\"a\": {}1{}}}}}", "[".repeat(29_000), "]".repeat(29_000))),
        phone(&format!(", \"ring_timeout\": 1{}}}", "0".repeat(50_000))),
        phone(&format!(", \"{}\": 1}}", "\\u0000".repeat(9_000))),
        b"{\"phone\": \"\x00\x01\"}".to_vec(),
        b"{\"phone\": \"\xc3\x28\"}".to_vec(),
    ];
    for body in bodies {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let mut request = format!("{HEAD}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend(body);
        let answer = exchange(&bot, request).await;
        let is_refused = answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 422 ");
        assert!(is_refused && answer.contains("application/problem+json"), "{start:?}: {answer}");
        assert!(answer.len() < 4000, "{start:?} is quoted at length: {} bytes", answer.len());
    }
    bot.goes_on().await;
    bot.kept_its_memory("what is no JSON", before, 60).await;
}
