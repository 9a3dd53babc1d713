//! How a connection is let in, and how it is not.

use std::time::Instant;

use super::peer::{BANNER, CHALLENGE, Conversation, FULLY_BOOTED, KEY, Peer};
use super::*;
use crate::Certainty;
use crate::ami::Login;

#[tokio::test]
async fn the_secret_is_not_on_the_wire() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.accept().await;
    asterisk.write(BANNER).await;
    let challenge = asterisk.expect("Challenge").await;
    assert_eq!(challenge.field("AuthType"), Some("MD5"));
    asterisk.answer(&challenge, "Success", &format!("Challenge: {CHALLENGE}\r\n")).await;
    let login = asterisk.expect("Login").await;
    assert_eq!(
        (login.field("Username"), login.field("AuthType"), login.field("Key"), login.field("Events")),
        (Some("office"), Some("MD5"), Some(KEY), Some("system,call"))
    );
    assert!(login.fields().all(|(_, value)| !value.contains("s3cret")));
    // Nobody is told that it is up before it is known which Asterisk it is.
    asterisk.answer(&login, "Success", "").await;
    asterisk.write(FULLY_BOOTED).await;
    let settings = asterisk.expect("CoreSettings").await;
    assert!(is_quiet(&mut client.links));
    asterisk.answer(&settings, "Success", "AsteriskVersion: 16.28.0~dfsg-0+deb11u4\r\n").await;
    match client.next().await {
        AmiLink::Up { asterisk_version, generation } => {
            assert_eq!(asterisk_version.as_deref(), Some("16.28.0~dfsg-0+deb11u4"));
            assert_eq!(generation, 1);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plain_login_is_made_only_when_asked_for() {
    let peer = Peer::start().await;
    let _client = Client::start(AmiTarget { login: Login::Plain, ..target(peer.addr) });
    let mut asterisk = peer.accept().await;
    asterisk.write(BANNER).await;
    let login = asterisk.expect("Login").await;
    assert_eq!(login.field("Secret"), Some("s3cret"));

    // Without a challenge the secret stays at home.
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.accept().await;
    asterisk.write(BANNER).await;
    let challenge = asterisk.expect("Challenge").await;
    asterisk.answer(&challenge, "Error", "Message: Must specify AuthType\r\n").await;
    assert!(asterisk.action().await.is_none());
    let reason = client.down().await;
    assert!(reason.contains("gives no challenge (Must specify AuthType)"), "{reason}");
}

async fn refuse(asterisk: &mut Conversation) {
    asterisk.write(BANNER).await;
    let challenge = asterisk.expect("Challenge").await;
    asterisk.answer(&challenge, "Success", &format!("Challenge: {CHALLENGE}\r\n")).await;
    let login = asterisk.expect("Login").await;
    asterisk.answer(&login, "Error", "Message: Authentication failed\r\n").await;
}

#[tokio::test]
async fn a_wrong_secret_is_said_clearly_and_tried_slowly() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    refuse(&mut peer.accept().await).await;
    let start = Instant::now();
    let reason = client.down().await;
    for word in ["refuses the AMI user `office`", "(Authentication failed)", "manager.conf"] {
        assert!(reason.contains(word), "{reason}");
    }
    assert!(!reason.contains("s3cret"));
    // Who asks meanwhile hears it at once.
    let error = client.ami.ping().await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert!(error.to_string().contains("refuses the AMI user"), "{error}");
    let _second = peer.accept().await;
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_is_no_manager_interface_is_told_as_that() {
    for (greeting, word) in [
        ("SSH-2.0-OpenSSH_9.2p1\r\n", "opens with `SSH-2.0-OpenSSH_9.2p1`"),
        ("", "closes the connection at once"),
    ] {
        let peer = Peer::start().await;
        let mut client = Client::start(target(peer.addr));
        let mut stranger = peer.accept().await;
        stranger.write(greeting).await;
        drop(stranger);
        let reason = client.down().await;
        assert!(reason.contains("no manager interface") && reason.contains(word), "{reason}");
    }
}

#[tokio::test]
async fn a_greeting_without_an_end_is_not_waited_for() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut stranger = peer.accept().await;
    let (flooded, reason) = tokio::join!(stranger.flood(&[b'a'; 4096]), client.down());
    assert!(flooded.is_err());
    assert!(reason.contains("sends a line without an end"), "{reason}");
}

#[tokio::test]
async fn events_without_an_end_before_the_login_are_not_kept() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut stranger = peer.accept().await;
    stranger.write(BANNER).await;
    stranger.expect("Challenge").await;
    let event = peer::channel_event("Newstate", "1.1", "");
    let (flooded, reason) = tokio::join!(stranger.flood(event.as_bytes()), client.down());
    assert!(flooded.is_err());
    assert!(reason.contains("is it Asterisk that listens there"), "{reason}");
}

#[tokio::test]
async fn one_that_does_not_let_us_in_is_given_up_in_time() {
    let peer = Peer::start().await;
    let mut client =
        Client::start(AmiTarget { connect_timeout: Duration::from_millis(50), ..target(peer.addr) });
    let _silent = peer.accept().await;
    let reason = client.down().await;
    assert!(reason.contains("did not let us in within 50ms"), "{reason}");
}

#[tokio::test]
async fn one_that_is_away_is_told_once_and_found_when_it_comes() {
    let peer = Peer::start().await;
    let addr = peer.addr;
    drop(peer);
    let mut client = Client::start(target(addr));
    let reason = client.down().await;
    assert!(reason.contains("cannot reach Asterisk") && reason.contains(&addr.to_string()), "{reason}");
    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    let mut asterisk = Peer::of(listener).let_in().await;
    assert_eq!(client.up().await, 1);
    asterisk.write(&peer::channel_event("Newstate", "1.1", "")).await;
    assert!(matches!(client.event().await, Event::FullyBooted));
    assert!(matches!(client.event().await, Event::Newstate(_)));
}

#[tokio::test]
async fn a_user_without_rights_is_let_in_and_an_asterisk_that_does_not_say_it_has_booted_too() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    for generation in 1..=2 {
        let mut asterisk = peer.accept().await;
        asterisk.write(BANNER).await;
        let challenge = asterisk.expect("Challenge").await;
        asterisk.answer(&challenge, "Success", &format!("Challenge: {CHALLENGE}\r\n")).await;
        let login = asterisk.expect("Login").await;
        asterisk.answer(&login, "Success", "").await;
        let settings = asterisk.expect("CoreSettings").await;
        let start = Instant::now();
        asterisk.answer(&settings, "Error", "Message: Permission denied\r\n").await;
        match client.next().await {
            AmiLink::Up { asterisk_version: None, generation: counted } => assert_eq!(counted, generation),
            other => panic!("{other:?}"),
        }
        // It is waited for once, and not again on the next connection.
        assert_eq!(start.elapsed() >= Duration::from_millis(100), generation == 1, "{:?}", start.elapsed());
        drop(asterisk);
        client.down().await;
    }
}

#[tokio::test]
async fn an_asterisk_that_boots_is_waited_for() {
    let peer = Peer::start().await;
    let mut client = Client::start(AmiTarget { boot_wait: PATIENCE, ..target(peer.addr) });
    let mut asterisk = peer.accept().await;
    asterisk.write(BANNER).await;
    let challenge = asterisk.expect("Challenge").await;
    asterisk.answer(&challenge, "Success", &format!("Challenge: {CHALLENGE}\r\n")).await;
    let login = asterisk.expect("Login").await;
    asterisk.answer(&login, "Success", "").await;
    let settings = asterisk.expect("CoreSettings").await;
    asterisk.answer(&settings, "Success", "AsteriskVersion: 22.10.1\r\n").await;
    asterisk.write(&peer::channel_event("Newstate", "1.1", "")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(is_quiet(&mut client.links), "it is not ready");
    asterisk.write(FULLY_BOOTED).await;
    asterisk.list(&[]).await;
    assert_eq!(client.up().await, 1);
    // What came meanwhile is not lost.
    assert!(matches!(client.event().await, Event::Newstate(_)));
    assert!(matches!(client.event().await, Event::FullyBooted));
}
