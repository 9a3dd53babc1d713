//! The life of the events connection.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::asterisk::{Act, Asterisk, ok};
use super::*;
use crate::Certainty;
use crate::ari::{Event, Originate};

#[tokio::test]
async fn it_is_up_only_after_the_filter_the_subscription_and_the_version() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    match client.next().await {
        Link::Up { asterisk_version, generation } => {
            assert_eq!((asterisk_version.as_str(), generation), ("22.10.1", 1));
        }
        other => panic!("{other:?}"),
    }
    let handshake = asterisk.socket().await.handshake;
    assert_eq!(handshake.line, "GET /pbx/ari/events?app=novofon%20bot&subscribeAll=false");
    let seen = asterisk.seen();
    let lines: Vec<_> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "PUT /pbx/ari/applications/novofon%20bot/eventFilter",
            "POST /pbx/ari/applications/novofon%20bot/subscription?eventSource=endpoint%3APJSIP%2Fnovofon",
            "GET /pbx/ari/asterisk/info?only=system",
        ]
    );
    let filter: Value = serde_json::from_str(&seen[0].body).unwrap();
    let allowed: Vec<_> = filter["allowed"].as_array().unwrap().iter().map(|kind| &kind["type"]).collect();
    assert_eq!(allowed, ["ApplicationReplaced", "Dial", "RESTResponse", "StasisStart"]);
    assert_eq!(filter["disallowed"], json!([]));
    // bot:s3cret
    for authorization in seen.iter().map(|seen| &seen.authorization).chain([&handshake.authorization]) {
        assert_eq!(authorization, "Basic Ym90OnMzY3JldA==");
    }
}

#[tokio::test]
async fn a_dropped_connection_is_told_once_and_made_again() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    for generation in 1..=3 {
        assert_eq!(client.up().await, generation);
        let mut socket = asterisk.socket().await;
        socket.send(json!({"type": "StasisEnd", "channel": {"id": "a"}})).await;
        assert_eq!(client.event().await.kind(), "StasisEnd");
        drop(socket);
        let reason = client.down().await;
        assert!(reason.contains("Asterisk closed the connection"), "{reason}");
    }
}

#[tokio::test]
async fn a_goodbye_is_told_in_asterisks_words() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let frame = CloseFrame { code: 1001.into(), reason: "shutting down".into() };
    asterisk.socket().await.ws.send(Message::Close(Some(frame))).await.unwrap();
    let reason = client.down().await;
    assert!(reason.contains("(code 1001: shutting down)"), "{reason}");
    assert_eq!(client.up().await, 2);
}

#[tokio::test]
async fn an_asterisk_that_is_away_is_told_once_and_found_when_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let mut client = Client::start(target(addr));
    let reason = client.down().await;
    assert!(reason.contains("cannot reach Asterisk") && reason.contains("refused"), "{reason}");
    let call = Originate { channel_id: "c".into(), ..Originate::default() };
    assert_eq!(client.ari.originate(&call).await.unwrap_err().certainty(), Certainty::NotSent);
    // Something that is not Asterisk takes the address: another reason, told again, but not as a second loss.
    let listener = TcpListener::bind(addr).await.unwrap();
    let busybody = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    match client.next().await {
        Link::StillDown { reason: other } => assert_ne!(other, reason),
        other => panic!("{other:?}"),
    }
    busybody.abort();
}

/// https:// to a port without TLS, and http:// to one with it: neither is a matter of certificates, nor of an Asterisk that
/// is not there.
#[tokio::test]
async fn a_scheme_that_does_not_fit_the_port_is_named() {
    // What Asterisk's HTTP says to a TLS hello, and what its TLS says to a GET: nothing.
    let plain = port_that_says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut https = target(plain);
    https.url.set_scheme("https").unwrap();
    let reason = Client::start(https).down().await;
    assert!(reason.starts_with("there is no TLS at `https://"), "{reason}");
    assert!(reason.contains("write http:// in ari.url"), "{reason}");

    let reason = Client::start(target(port_that_says(b"").await)).down().await;
    assert!(reason.contains("no answer in HTTP") && reason.contains("write https://"), "{reason}");
}

async fn port_that_says(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    addr
}

#[tokio::test]
async fn a_prefix_that_is_missing_in_the_address_is_thought_of() {
    let asterisk = Asterisk::start().await;
    asterisk.refuse_handshakes(Some(404));
    let reason = Client::start(target(asterisk.addr)).down().await;
    assert!(reason.contains("no ARI") && reason.contains("`prefix`"), "{reason}");
}

#[tokio::test]
async fn refused_credentials_are_named_and_tried_again() {
    let asterisk = Asterisk::start().await;
    for status in [401, 403] {
        asterisk.refuse_handshakes(Some(status));
        let mut client = Client::start(target(asterisk.addr));
        let reason = client.down().await;
        assert!(
            reason.contains("credentials of user `bot`") && reason.contains(&status.to_string()),
            "{reason}"
        );
        assert!(!reason.contains("s3cret"), "{reason}");
        asterisk.refuse_handshakes(None);
        assert_eq!(client.up().await, 1);
    }
}

#[tokio::test]
async fn while_it_is_down_the_same_reason_is_not_told_again_and_no_call_is_placed() {
    let asterisk = Asterisk::start().await;
    asterisk.refuse_handshakes(Some(503));
    let mut client = Client::start(target(asterisk.addr));
    let reason = client.down().await;
    assert!(reason.contains("HTTP 503"), "{reason}");
    asterisk.handshakes(6).await;
    let call = Originate { channel_id: "c".into(), ..Originate::default() };
    assert_eq!(client.ari.originate(&call).await.unwrap_err().certainty(), Certainty::NotSent);
    assert_eq!(asterisk.seen(), [], "HTTP would have worked");
    asterisk.refuse_handshakes(None);
    // The next thing that is told is that it is up.
    assert_eq!(client.up().await, 1);
}

#[tokio::test]
async fn a_read_only_user_is_named() {
    let asterisk = Asterisk::start().await;
    asterisk.script(|what, _| {
        what.starts_with("PUT").then(|| Act::Answer(403, r#"{"message":"Write access denied"}"#.into()))
    });
    let reason = Client::start(target(asterisk.addr)).down().await;
    assert!(reason.contains("may not write") && reason.contains("read_only"), "{reason}");
}

#[tokio::test]
async fn a_missing_endpoint_degrades_and_is_subscribed_when_it_appears() {
    let asterisk = Asterisk::start().await;
    let mut tries = 0;
    asterisk.script(move |what, _| {
        tries += u32::from(what.contains("subscription"));
        let refused = what.contains("subscription") && tries <= 3;
        refused.then(|| Act::Answer(422, r#"{"message":"Event source does not exist"}"#.into()))
    });
    let mut client = Client::start(http_only(asterisk.addr));
    client.up().await;
    match client.next().await {
        Link::Degraded { what } => {
            assert!(what.contains("PJSIP%2Fnovofon") && what.contains("422: Event source"), "{what}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.next().await, Link::Restored));
    assert_eq!(asterisk.seen().iter().filter(|seen| seen.line.contains("subscription")).count(), 4);
}

#[tokio::test]
async fn rubbish_is_counted_and_ends_nothing() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let mut socket = asterisk.socket().await;
    let deep = "[".repeat(200_000);
    let rubbish = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"Dial"}"#,
        r#"{"type":"RESTResponse"}"#,
        &deep,
    ];
    for text in rubbish {
        socket.text(text).await;
        match client.next().await {
            Link::Undecodable { why } => assert!(!why.is_empty() && why.len() <= 300),
            other => panic!("{text:.20}: {other:?}"),
        }
    }
    socket.ws.send(Message::binary(vec![0xff; 10])).await.unwrap();
    assert!(matches!(client.next().await, Link::Undecodable { .. }));
    socket.send(json!({"type": "BridgeMerged", "bridge": {}})).await;
    assert_eq!(client.event().await, Event::Other { kind: "BridgeMerged".into() });
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection_and_the_next_one_works() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let mut socket = asterisk.socket().await;
    let padding = |size: usize| json!({"type": "Big", "x": "x".repeat(size)}).to_string();
    socket.text(padding((64 << 10) - 100)).await;
    assert_eq!(client.event().await.kind(), "Big");
    // Under the limit of messages, and over that of events: this one is passed over.
    socket.text(padding((1 << 20) - 100)).await;
    match client.next().await {
        Link::Undecodable { why } => assert_eq!(why, "Big of 1048497 bytes"),
        other => panic!("wanted nothing of it, got {other:?}"),
    }
    // The client may be gone before the whole of it is written.
    let _ = socket.ws.send(Message::text(padding(1 << 20))).await;
    let reason = client.down().await;
    assert!(reason.contains("over 1024 KiB"), "{reason}");
    assert_eq!(client.up().await, 2);
}

#[tokio::test]
async fn a_silent_asterisk_is_given_up() {
    let mut asterisk = Asterisk::start().await;
    let mut patient = target(asterisk.addr);
    patient.ping_interval = Duration::from_millis(20);
    patient.read_timeout = Duration::from_millis(150);
    let mut client = Client::start(patient);
    client.up().await;
    // Held and not read: no pong goes back.
    let _silent = asterisk.socket().await;
    let began = Instant::now();
    let reason = client.down().await;
    assert!(reason.contains("silent for 150ms"), "{reason}");
    assert!(began.elapsed() < PATIENCE / 2);
}

#[tokio::test]
async fn pongs_alone_keep_a_quiet_connection() {
    let mut asterisk = Asterisk::start().await;
    let mut patient = target(asterisk.addr);
    patient.ping_interval = Duration::from_millis(50);
    patient.read_timeout = Duration::from_millis(500);
    let mut client = Client::start(patient);
    client.up().await;
    let mut socket = asterisk.socket().await;
    // Reading answers the pings: enough of them to outlast the time-out three times.
    for _ in 0..30 {
        assert!(matches!(socket.ws.next().await, Some(Ok(Message::Ping(_)))));
    }
    socket.send(json!({"type": "Late"})).await;
    assert_eq!(client.event().await.kind(), "Late");
}

#[tokio::test]
async fn an_application_taken_by_another_program_is_not_fought_for_at_full_speed() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let mut socket = asterisk.socket().await;
    socket.send(json!({"type": "ApplicationReplaced", "application": "novofon bot"})).await;
    drop(socket);
    let reason = client.down().await;
    assert!(reason.contains("another program took the application `novofon bot`"), "{reason}");
    let began = Instant::now();
    assert_eq!(client.up().await, 2);
    assert!(began.elapsed() >= Duration::from_millis(400));
    assert_eq!(
        AriTarget::new("http://h".parse().unwrap(), "u", Secret::new(""), "a").replaced_wait.as_secs(),
        5
    );
}

#[tokio::test]
async fn a_slow_listener_loses_nothing() {
    const EVENTS: usize = 30_000;
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let mut socket = asterisk.socket().await;
    let sender = tokio::spawn(async move {
        for number in 0..EVENTS {
            let event = json!({"type": "StasisEnd", "channel": {"id": number.to_string()}}).to_string();
            socket.ws.feed(Message::text(event)).await.unwrap();
        }
        socket.ws.flush().await.unwrap();
        socket
    });
    // The queue is full before the first event is taken.
    tokio::time::timeout(PATIENCE, async {
        while client.links.len() < client.links.max_capacity() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    for number in 0..EVENTS {
        match client.event().await {
            Event::StasisEnd(event) => assert_eq!(event.channel.id, number.to_string()),
            other => panic!("{other:?}"),
        }
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn a_stop_says_goodbye_and_ends_the_links() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let mut socket = asterisk.socket().await;
    client.stop.cancel();
    assert!(matches!(socket.next().await, Message::Close(Some(frame)) if frame.code == 1000.into()));
    assert!(tokio::time::timeout(PATIENCE, client.links.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_stop_while_asterisk_is_away_ends_too() {
    let asterisk = Asterisk::start().await;
    asterisk.refuse_handshakes(Some(500));
    let mut away = target(asterisk.addr);
    (away.backoff_min, away.backoff_max) = (Duration::from_secs(3600), Duration::from_secs(3600));
    let mut client = Client::start(away);
    client.down().await;
    client.stop.cancel();
    assert!(tokio::time::timeout(PATIENCE, client.links.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_listener_that_goes_away_closes_the_connection() {
    let mut asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    let mut socket = asterisk.socket().await;
    drop(client.links);
    let end = async { while let Some(Ok(_)) = socket.ws.next().await {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the connection is closed");
}

#[tokio::test]
async fn rubbish_in_place_of_the_version_is_not_up() {
    let asterisk = Asterisk::start().await;
    asterisk.script(|what, _| what.starts_with("GET asterisk/info").then(|| ok(json!({"hello": "world"}))));
    let reason = Client::start(target(asterisk.addr)).down().await;
    assert!(reason.contains("prepared only in part") && reason.contains("asterisk/info"), "{reason}");
}

/// Its own socket does not show it: pings are answered all the while.
#[tokio::test]
async fn an_application_that_asterisk_has_lost_is_taken_again() {
    let asterisk = Asterisk::start().await;
    let mut client = Client::start(target(asterisk.addr));
    assert_eq!(client.up().await, 1);
    let forgets = |what: &str| {
        let is_about_it = what.starts_with("POST events/user/") || what.contains("/eventFilter");
        is_about_it.then(|| Act::Answer(404, json!({"message": "Application not found"}).to_string()))
    };
    asterisk.script(move |what, _| forgets(what));
    let reason = client.down().await;
    assert!(reason.contains("Asterisk has lost the application `novofon bot`"), "{reason}");
    // One that loses it at once is not up at all.
    asterisk.handshakes(4).await;
    assert!(client.links.try_recv().is_err());
    asterisk.script(|_, _| None);
    assert_eq!(client.up().await, 2);
}
