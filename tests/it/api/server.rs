//! Connections: slow clients, many clients, the end.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Answer, Bot};

/// What the server says until it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = stream.read_to_end(&mut text);
    tokio::time::timeout(Duration::from_secs(8), reading)
        .await
        .expect("it is closed")
        .expect("without a reset");
    String::from_utf8(text).expect("UTF-8")
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_are_cut_off() {
    let bot = Bot::with(&[("HTTP__REQUEST_TIMEOUT", "1")]).await;
    let mut head = TcpStream::connect(bot.address).await.expect("a connection");
    head.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.expect("it is taken");
    assert!(!until_closed(&mut head).await.contains("200"));

    let mut body = TcpStream::connect(bot.address).await.expect("a connection");
    let request = "POST /api/calls/initiate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Content-Length: 100\r\n\r\n{\"phone\": ";
    body.write_all(request.as_bytes()).await.expect("it is taken");
    let answer = until_closed(&mut body).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let bot = Bot::with(&[("HTTP__MAX_CONNECTIONS", "1"), ("HTTP__REQUEST_TIMEOUT", "1")]).await;
    // It sends nothing and is cut off; then the next one is served.
    let mut idle = TcpStream::connect(bot.address).await.expect("a connection");
    let answer = Answer::of(bot.get("/health/live")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(until_closed(&mut idle).await, "");
}

#[tokio::test]
async fn a_request_in_progress_outlives_the_stop() {
    let bot = Bot::start().await;
    let gate = bot.engine.gate.clone().write_owned().await;
    let placing = tokio::spawn(Answer::of(bot.initiate("+79522675444")));
    crate::support::until("the request to come", || bot.engine.asked() == 1).await;
    bot.begin_stop();
    crate::support::until("the port to be closed", || std::net::TcpStream::connect(bot.address).is_err())
        .await;
    drop(gate);
    placing.await.expect("an answer").expect(201);
    bot.stop().await;
}

#[tokio::test]
async fn answers_are_kept_by_nobody() {
    let bot = Bot::start().await;
    let answer = Answer::of(bot.get("/api/calls")).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
