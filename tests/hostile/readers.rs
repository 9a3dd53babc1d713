//! Clients that do not read what they asked for, and so many that do that it matters.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

use crate::bot::{Bot, SOON};

/// Asks for this, and takes next to nothing of the answer.
async fn ask(bot: &Bot, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("it can be small");
    let mut stream = socket.connect(bot.address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    stream
}

fn large() -> Value {
    json!({ "filling": "x".repeat(50_000) })
}

#[tokio::test]
async fn streams_that_nobody_reads() {
    let bot = Bot::start(None, &[("http.request_timeout", "3")]).await;
    let before = bot.begin();
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(ask(&bot, "/api/events").await);
    }
    bot.until("all are followed", async || bot.metric("novofon_bot_event_streams").await == 50.0).await;
    // Far more than what the kernel takes for each of them.
    for _ in 0..200 {
        bot.place(&large()).await;
    }
    bot.goes_on().await;
    bot.until("all are given up", async || bot.metric("novofon_bot_event_streams").await == 0.0).await;
    bot.kept_its_memory("50 streams that nobody reads", before, 120).await;
    drop(streams);
}

#[tokio::test]
async fn answers_that_nobody_reads() {
    let bot = Bot::start(None, &[("http.request_timeout", "3")]).await;
    for _ in 0..120 {
        bot.place(&large()).await;
    }
    let (before, files) = (bot.begin(), bot.open_files());
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(ask(&bot, "/api/calls?limit=1000").await);
    }
    bot.goes_on().await;
    // Each answer is cut at a few megabytes, whatever its calls hold.
    for stream in &mut streams {
        let mut got = vec![0; 1];
        tokio::time::timeout(SOON, stream.read_exact(&mut got)).await.expect("an answer").expect("a byte");
    }
    bot.until("all are given up", async || bot.open_files() < files + 10).await;
    bot.kept_its_memory("20 answers that nobody reads", before, 250).await;
    bot.goes_on().await;
    for stream in &mut streams {
        let mut rest = Vec::new();
        drop(tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await.expect("it is closed"));
        assert!(rest.len() < 4 << 20, "it was given up before all was sent: {}", rest.len());
    }
}

#[tokio::test]
async fn five_hundred_streams_that_are_read() {
    const READERS: usize = 500;
    const CALLS: usize = 40;
    let bot = Bot::start(None, &[]).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut stream = TcpStream::connect(bot.address).await.expect("a connection");
        let request = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.expect("it is taken");
        let mut lines = BufReader::new(stream).lines();
        // Whoever has the answer's head is told all that comes after it.
        let head = lines.next_line().await.expect("it is readable").expect("an answer");
        assert_eq!(head, "HTTP/1.1 200 OK");
        readers.push(tokio::spawn(async move {
            // Every call has an event `queued`.
            let mut seen = 0;
            while seen < CALLS {
                let line = lines.next_line().await.expect("it is readable").expect("the stream goes on");
                seen += usize::from(line == "event: queued");
            }
        }));
    }
    bot.until("all are followed", async || bot.metric("novofon_bot_event_streams").await == READERS as f64)
        .await;
    let (begun, cpu) = (Instant::now(), bot.cpu());
    for _ in 0..CALLS {
        bot.place(&json!({})).await;
    }
    for reader in readers {
        tokio::time::timeout(SOON * 2, reader).await.expect("in time").expect("it has read all");
    }
    let (time, used) = (begun.elapsed(), bot.cpu() - cpu);
    let each = used.as_secs_f64() * 1000.0 / CALLS as f64;
    println!("{READERS} streams: {each:.1} ms of CPU a call, {CALLS} calls in {time:?}");
    bot.goes_on().await;
}
