//! An Asterisk that writes anything into the events socket.

use std::fmt::Write as _;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{asterisk::Asterisk, bot::Bot};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
/// A text that goes on in the next frame, and one that goes on a text and goes on.
const TEXT_OPEN: u8 = 0x01;
const GOES_ON: u8 = 0x00;

/// A frame as a server writes it.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    match payload.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..65536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

/// Writes as long as the bot takes it, and reads what it says meanwhile.
async fn write(socket: &mut TcpStream, bytes: &[u8], times: usize) {
    let (mut reader, mut writer) = socket.split();
    let writing = async {
        for _ in 0..times {
            if writer.write_all(bytes).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        let mut part = [0; 4096];
        while reader.read(&mut part).await.is_ok_and(|read| read > 0) {}
        std::future::pending::<()>().await;
    };
    let both = async {
        tokio::select! { () = writing => {}, () = reading => {} }
    };
    tokio::time::timeout(crate::bot::SOON * 2, both).await.expect("the bot reads or hangs up");
}

/// Each attack on a socket of its own; then a call is placed over a good one.
async fn attacked(attacks: Vec<(&str, Vec<u8>, usize)>) {
    let asterisk = Asterisk::start().await;
    let bot = Bot::start(Some(asterisk.address), &[]).await;
    let before = bot.begin();
    for (what, bytes, times) in attacks {
        let mut socket = asterisk.socket().await;
        write(&mut socket, &bytes, times).await;
        bot.goes_on().await;
        drop(socket);
        bot.kept_its_memory(what, before, 80).await;
    }
    let _good = asterisk.socket().await;
    let originated = asterisk.originated();
    bot.place(&json!({})).await;
    bot.until("a call is placed in Asterisk", async || asterisk.originated() > originated).await;
}

#[tokio::test]
async fn frames_that_are_too_large_or_never_end() {
    let mut huge = vec![TEXT, 127];
    huge.extend((1_u64 << 62).to_be_bytes());
    huge.extend(vec![b' '; 1 << 20]);
    attacked(vec![
        ("a frame of 4 EiB", huge, 1),
        ("a frame of 64 MiB", frame(TEXT, &vec![b'x'; 64 << 20]), 1),
        (
            "a text without end",
            [frame(TEXT_OPEN, b"{"), frame(GOES_ON, &vec![b' '; 60_000]).repeat(100)].concat(),
            20,
        ),
        ("empty fragments", [frame(TEXT_OPEN, b"{"), frame(GOES_ON, b"").repeat(10_000)].concat(), 20),
        ("binary frames", frame(BINARY, &vec![0; 100_000]), 500),
    ])
    .await;
}

#[tokio::test]
async fn frames_that_are_no_frames() {
    attacked(vec![
        ("no websocket", b"HTTP/1.1 200 OK\r\n\r\n".repeat(1000), 10),
        ("invalid UTF-8", frame(TEXT, b"{\"type\":\"\xff\xfe\"}"), 1000),
        ("a masked frame", vec![TEXT, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1),
        ("a close and more", [frame(CLOSE, b"\x03\xe8bye"), text("{}").repeat(1000)].concat(), 10),
        ("pings", frame(PING, &[b'p'; 125]).repeat(1000), 200),
    ])
    .await;
}

#[tokio::test]
async fn events_that_are_none() {
    let deep = |start: &str| text(&format!("{start}{}", "[".repeat(500_000)));
    let closed = format!("{{\"type\":\"X\",\"a\":{}{}}}", "[".repeat(400_000), "]".repeat(400_000));
    let channel = format!("{{\"id\":\"1\",\"name\":\"PJSIP/novofon-{}\"}}", "x".repeat(1_000_000));
    attacked(vec![
        (
            "deep",
            [deep(""), deep("{\"type\":\"Dial\",\"peer\":"), deep("{\"type\":\"X\",\"a\":"), text(&closed)]
                .concat(),
            10,
        ),
        ("no JSON", [text("nonsense"), text(""), text("{\"type\":7}"), text("null")].concat(), 20_000),
        (
            "unknown answers",
            text(r#"{"type":"RESTResponse","request_id":"77","status_code":200,"message_body":"{}"}"#),
            50_000,
        ),
        (
            "large events of a strange trunk channel",
            text(&format!("{{\"type\":\"ChannelDestroyed\",\"channel\":{channel}}}")),
            600,
        ),
    ])
    .await;
}

#[tokio::test]
async fn floods_of_events() {
    let mut strange = Vec::new();
    let mut leaving = Vec::new();
    for n in 0..10_000 {
        let mut event = String::new();
        write!(
            event,
            "{{\"type\":\"StasisStart\",\"channel\":{{\"id\":\"0193d0a0-0000-7000-8000-{n:012}\"}}}}"
        )
        .expect("a String takes every write");
        strange.extend(text(&event));
        let name = format!("PJSIP/novofon-{n:08}");
        leaving.extend(text(&format!(
            "{{\"type\":\"ChannelDestroyed\",\"cause\":16,\"channel\":{{\"id\":\"x{n}\",\"name\":\"{name}\"}}}}"
        )));
    }
    attacked(vec![
        ("300,000 tiny events", text("{\"type\":\"X\"}").repeat(10_000), 30),
        ("channels of nobody in our application", strange, 3),
        ("trunk channels of nobody", leaving, 3),
    ])
    .await;
}

#[tokio::test]
async fn a_storm_of_closes() {
    let asterisk = Asterisk::start().await;
    let bot = Bot::start(Some(asterisk.address), &[]).await;
    let before = bot.begin();
    // It comes back each time, and not faster than it should.
    for _ in 0..6 {
        let mut socket = asterisk.socket().await;
        write(&mut socket, &frame(CLOSE, b"\x03\xf3"), 1).await;
    }
    bot.goes_on().await;
    bot.kept_its_memory("closes", before, 40).await;
    let _good = asterisk.socket().await;
    let originated = asterisk.originated();
    bot.place(&json!({})).await;
    bot.until("a call is placed in Asterisk", async || asterisk.originated() > originated).await;
}
