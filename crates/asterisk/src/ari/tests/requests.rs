//! Requests over both transports, and above all what is known when they fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::asterisk::{Act, Asterisk, EventsSocket, no_content, ok};
use super::*;
use crate::Certainty;
use crate::ari::{AriError, HangupReason, Originate};

fn call() -> Originate {
    Originate {
        dialplan: None,
        endpoint: "Local/+79522675444@outgoing".into(),
        app_args: Some("call,1".into()),
        caller_id: None,
        timeout_secs: Some(60),
        channel_id: "c1".into(),
        other_channel_id: Some("c1;2".into()),
        formats: Some("alaw,slin"),
        variables: BTreeMap::from([("CALL".to_owned(), "c1".to_owned())]),
    }
}

fn channel(id: &str) -> Value {
    json!({"id": id, "name": "Local/x", "state": "Down", "caller": {"name": "", "number": ""}})
}

/// A client whose connection is up, and Asterisk's end of the socket.
async fn connected(
    asterisk: &mut Asterisk,
    target: impl FnOnce(SocketAddr) -> AriTarget,
) -> (Client, EventsSocket) {
    let mut client = Client::start(target(asterisk.addr));
    client.up().await;
    (client, asterisk.socket().await)
}

#[tokio::test]
async fn originate_over_http_says_everything() {
    let mut asterisk = Asterisk::start().await;
    let (client, _socket) = connected(&mut asterisk, http_only).await;
    asterisk.script(|what, _| (what == "POST channels").then(|| ok(channel("c1"))));
    client.ari.originate(&call()).await.unwrap();
    let body: Value = serde_json::from_str(&asterisk.seen().last().unwrap().body).unwrap();
    assert_eq!(
        body,
        json!({
            "endpoint": "Local/+79522675444@outgoing", "app": "novofon bot", "appArgs": "call,1", "timeout": 60,
            "channelId": "c1", "otherChannelId": "c1;2", "formats": "alaw,slin", "variables": {"CALL": "c1"},
        })
    );
}

#[tokio::test]
async fn the_socket_carries_requests_when_asterisk_can_and_http_does_otherwise() {
    for (version, over_socket) in [("22.4.0", true), ("22.3.0", false), ("16.28.0", false)] {
        let mut asterisk = Asterisk::start().await;
        asterisk.version(version);
        asterisk.script(|what, _| (what == "DELETE channels/c%3B2?reason=no_answer").then(no_content));
        let (client, mut socket) = connected(&mut asterisk, target).await;
        let hangup = client.ari.hangup("c;2", HangupReason::NoAnswer);
        if over_socket {
            let serve = async {
                let request = socket.rest_request().await;
                assert_eq!(request["uri"], "channels/c%3B2?reason=no_answer");
                socket.respond(&request, 204, "").await;
            };
            tokio::join!(hangup, serve).0.unwrap();
        } else {
            hangup.await.unwrap();
        }
        let over_http = asterisk.seen().iter().any(|seen| seen.line.starts_with("DELETE"));
        assert_eq!(over_http, !over_socket, "{version}");
    }
}

#[tokio::test]
async fn the_list_of_channels_goes_over_http_for_it_may_be_larger_than_a_frame() {
    let mut asterisk = Asterisk::start().await;
    let (client, _socket) = connected(&mut asterisk, target).await;
    let many: Vec<_> = (0..20_000).map(|id| channel(&format!("{id:064}"))).collect();
    asterisk.script(move |what, _| (what == "GET channels").then(|| ok(json!(many))));
    assert_eq!(client.ari.channels().await.unwrap().len(), 20_000);
}

#[tokio::test]
async fn a_connection_lost_with_requests_on_the_way_leaves_them_uncertain() {
    let mut asterisk = Asterisk::start().await;
    let (mut client, mut socket) = connected(&mut asterisk, target).await;
    let lose = async {
        socket.rest_request().await;
        socket.rest_request().await;
        drop(socket);
    };
    let call = call();
    let (originate, look, ()) = tokio::join!(client.ari.originate(&call), client.ari.channel("x"), lose);
    for error in [originate.unwrap_err(), look.unwrap_err()] {
        assert_eq!(error.certainty(), Certainty::MaybeSent, "{error}");
        assert!(error.to_string().contains("the events socket went down"), "{error}");
    }
    client.down().await;
    // Known to be down: nothing is placed, over neither transport, until it is up again.
    client.up().await;
    assert!(!asterisk.seen().iter().any(|seen| seen.line.starts_with("POST /pbx/ari/channels")));
}

#[tokio::test]
async fn an_answer_over_the_socket_means_what_it_means_over_http() {
    let mut asterisk = Asterisk::start().await;
    let (client, mut socket) = connected(&mut asterisk, target).await;
    let cases = [
        (200, channel("c1").to_string(), None),
        (200, channel("another").to_string(), Some(Certainty::MaybeSent)),
        (200, "<html>".to_owned(), Some(Certainty::MaybeSent)),
        (500, r#"{"message":"Allocation failed"}"#.to_owned(), Some(Certainty::Refused)),
        (
            409,
            r#"{"message":"Channel with given unique ID already exists"}"#.to_owned(),
            Some(Certainty::Refused),
        ),
        (500, "<html>".to_owned(), Some(Certainty::MaybeSent)),
    ];
    for (status, body, expected) in cases {
        let call = call();
        let serve = async {
            let request = socket.rest_request().await;
            socket.respond(&request, status, &body).await;
        };
        let (result, ()) = tokio::join!(client.ari.originate(&call), serve);
        assert_eq!(result.err().map(|error| error.certainty()), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_uncertain_over_both() {
    let mut asterisk = Asterisk::start().await;
    asterisk.script(|what, _| (what == "POST channels").then_some(Act::Silence));
    for transport in [RestOverSocket::Auto, RestOverSocket::Never] {
        let impatient = |addr| AriTarget {
            request_timeout: Duration::from_millis(600),
            rest_over_socket: transport,
            ..target(addr)
        };
        let (client, mut socket) = connected(&mut asterisk, impatient).await;
        let call = call();
        let error = match transport {
            RestOverSocket::Auto => tokio::join!(client.ari.originate(&call), socket.rest_request()).0,
            RestOverSocket::Never => client.ari.originate(&call).await,
        }
        .unwrap_err();
        assert_eq!(error.certainty(), Certainty::MaybeSent, "{error}");
    }
}

#[tokio::test]
async fn over_http_the_three_fates_are_told_apart() {
    let mut asterisk = Asterisk::start().await;
    let (client, _socket) = connected(&mut asterisk, http_only).await;
    let cases: [(fn() -> Act, Certainty); 6] = [
        (|| Act::HangUp, Certainty::MaybeSent),
        (|| Act::Answer(500, "<html>oops</html>".into()), Certainty::MaybeSent),
        (|| Act::Answer(200, "<html>log in</html>".into()), Certainty::MaybeSent),
        (|| Act::Answer(302, String::new()), Certainty::MaybeSent),
        (|| Act::Answer(500, r#"{"message":"Allocation failed"}"#.into()), Certainty::Refused),
        (|| Act::Answer(400, r#"{"error":"Endpoint required"}"#.into()), Certainty::Refused),
    ];
    for (act, certainty) in cases {
        asterisk.script(move |what, _| (what == "POST channels").then(act));
        let before = asterisk.seen().len();
        let error = client.ari.originate(&call()).await.unwrap_err();
        assert_eq!(error.certainty(), certainty, "{error}");
        assert_eq!(asterisk.seen().len(), before + 1, "sent once, whatever happens: {error}");
    }
    let refused = client.ari.originate(&call()).await.unwrap_err();
    assert_eq!(
        refused,
        AriError::Refused { what: "POST channels".into(), status: 400, message: "Endpoint required".into() }
    );
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::start(target(addr));
    let error = client.ari.hangup("c1", HangupReason::Normal).await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert!(error.to_string().contains("refused"), "the cause is told: {error}");
}

#[tokio::test]
async fn what_asterisk_does_not_have_is_none() {
    let mut asterisk = Asterisk::start().await;
    let (client, _socket) = connected(&mut asterisk, http_only).await;
    assert_eq!(client.ari.channel("c1").await.unwrap(), None);
    assert_eq!(client.ari.playback("p1").await.unwrap(), None);
    assert_eq!(client.ari.channel_variable("c1", "X").await.unwrap(), None);
    assert_eq!(client.ari.endpoint("PJSIP/novofon").await.unwrap(), None);
    assert!(client.ari.hangup("c1", HangupReason::Normal).await.unwrap_err().is_not_found());
    assert!(client.ari.stop_playback("p1").await.unwrap_err().is_not_found());
    asterisk.script(|_, _| Some(Act::Answer(404, "<h1>Not Found</h1>".into())));
    let error = client.ari.channel("c1").await.unwrap_err();
    assert_eq!(
        error.certainty(),
        Certainty::MaybeSent,
        "a 404 that is not Asterisk's proves nothing: {error}"
    );
}

#[tokio::test]
async fn what_asterisk_has_is_read() {
    let mut asterisk = Asterisk::start().await;
    let (client, _socket) = connected(&mut asterisk, http_only).await;
    asterisk.script(|what, seen| {
        Some(match what {
            "GET channels/c%3B2" => ok(channel("c;2")),
            "GET channels/c/variable?variable=CHANNEL%28pjsip%2Ccall-id%29" => ok(json!({"value": "abc"})),
            "GET endpoints/PJSIP/novofon" => ok(json!({
                "technology": "PJSIP", "resource": "novofon", "state": "online", "channel_ids": ["1.2"],
            })),
            "GET playbacks/p" => ok(json!({"id": "p", "media_uri": "sound:x", "state": "playing"})),
            "POST channels/c/play/p" if seen.body == r#"{"media":["sound:a","sound:b"],"lang":"ru"}"# => {
                Act::Answer(201, r#"{"id":"p"}"#.into())
            }
            _ => return None,
        })
    });
    let ari = &client.ari;
    assert_eq!(ari.channel("c;2").await.unwrap().unwrap().name, "Local/x");
    assert_eq!(ari.channel_variable("c", "CHANNEL(pjsip,call-id)").await.unwrap().unwrap(), "abc");
    assert_eq!(ari.endpoint("PJSIP/novofon").await.unwrap().unwrap().channel_ids, ["1.2"]);
    assert_eq!(ari.playback("p").await.unwrap().unwrap().state, "playing");
    ari.play("c", "p", &["sound:a".into(), "sound:b".into()], Some("ru")).await.unwrap();
    assert_eq!(ari.info().await.unwrap(), "22.10.1");
}
