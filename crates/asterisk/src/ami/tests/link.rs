//! The life of the connection.

use std::time::Instant;

use super::peer::{Peer, channel_event};
use super::*;
use crate::Certainty;
use crate::ami::wire::MAX_LINE;

async fn booted(client: &mut Client) -> u64 {
    let generation = client.up().await;
    assert!(matches!(client.event().await, Event::FullyBooted));
    generation
}

#[tokio::test]
async fn a_dropped_connection_is_told_once_and_made_again() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    for generation in 1..=3 {
        let mut asterisk = peer.let_in().await;
        assert_eq!(booted(&mut client).await, generation);
        // Half an event is none.
        asterisk.write(&channel_event("Newstate", "1.1", "")).await;
        asterisk.write("Event: Hangup\r\nChannel: PJSIP/150-00000001\r\n").await;
        drop(asterisk);
        assert!(matches!(client.event().await, Event::Newstate(_)));
        let reason = client.down().await;
        assert!(reason.contains("closed the connection without a goodbye"), "{reason}");
    }
}

#[tokio::test]
async fn a_shutdown_is_told_as_that() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    for (restart, word) in [("False", "Asterisk shuts down"), ("True", "Asterisk restarts")] {
        let mut asterisk = peer.let_in().await;
        booted(&mut client).await;
        let privilege = "Event: Shutdown\r\nPrivilege: system,all";
        asterisk.write(&format!("{privilege}\r\nShutdown: Cleanly\r\nRestart: {restart}\r\n\r\n")).await;
        drop(asterisk);
        let reason = client.down().await;
        assert!(reason.contains(word), "{reason}");
    }
}

/// Comes back when nobody has needed the connection for long enough.
async fn asleep(ami: &Ami) {
    let sleeps = async {
        while ami.state() != AmiState::Asleep {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sleeps).await.expect("it does not sleep");
}

#[tokio::test]
async fn it_sleeps_until_it_is_needed_and_again_when_it_is_not() {
    let peer = Peer::start().await;
    let target = AmiTarget { idle: Some(Duration::from_millis(50)), ..target(peer.addr) };
    let client = connect(target, CancellationToken::new()).unwrap();
    assert_eq!(client.state(), AmiState::Asleep);
    assert!(!peer.is_called_within(Duration::from_millis(100)).await);
    for number in 1..=2 {
        let ami = client.clone();
        let ping = tokio::spawn(async move { ami.ping().await });
        let mut asterisk = peer.let_in_alone().await;
        let action = asterisk.any_action().await.unwrap();
        asterisk.answer(&action, "Success", "Ping: Pong\r\n").await;
        ping.await.unwrap().unwrap();
        assert!(matches!(client.state(), AmiState::Up { generation, .. } if generation == number));
        asleep(&client).await;
        assert!(asterisk.action().await.is_none(), "the connection is closed");
    }
}

#[tokio::test]
async fn whoever_subscribes_keeps_it() {
    let peer = Peer::start().await;
    let mut client = Client::start(AmiTarget { idle: Some(Duration::from_millis(50)), ..target(peer.addr) });
    let asterisk = peer.let_in().await;
    booted(&mut client).await;
    let up = AmiState::Up { asterisk_version: Some("22.10.1".into()), generation: 1 };
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(client.ami.state(), up);
    // A lost one is made again for it.
    drop(asterisk);
    client.down().await;
    let _asterisk = peer.let_in().await;
    booted(&mut client).await;
    drop(client.links);
    asleep(&client.ami).await;
}

#[tokio::test]
async fn a_connection_that_nobody_can_use_any_more_is_closed() {
    for idle in [None, Some(Duration::from_secs(300))] {
        let peer = Peer::start().await;
        let client = connect(AmiTarget { idle, ..target(peer.addr) }, CancellationToken::new()).unwrap();
        let links = client.subscribe(CALLS);
        let mut asterisk = peer.let_in().await;
        drop((client, links));
        while asterisk.any_action().await.is_some() {}
        assert!(!peer.is_called_within(Duration::from_millis(100)).await);
    }
}

#[tokio::test]
async fn one_that_is_used_again_and_again_does_not_sleep_between() {
    let peer = Peer::start().await;
    let target = AmiTarget { idle: Some(Duration::from_millis(400)), ..target(peer.addr) };
    let client = connect(target, CancellationToken::new()).unwrap();
    let start = Instant::now();
    let serve = async {
        let mut asterisk = peer.let_in_alone().await;
        while let Some(action) = asterisk.any_action().await {
            asterisk.answer(&action, "Success", "").await;
        }
    };
    let ask = async {
        while start.elapsed() < Duration::from_millis(1000) {
            client.ping().await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(matches!(client.state(), AmiState::Up { generation: 1, .. }));
        asleep(&client).await;
        assert!(start.elapsed() >= Duration::from_millis(1000));
    };
    tokio::join!(serve, ask);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_in_the_moment_of_falling_asleep_wakes_it_again() {
    let peer = Peer::start().await;
    let target = AmiTarget { idle: Some(Duration::from_micros(300)), ..target(peer.addr) };
    let ami = connect(target, CancellationToken::new()).unwrap();
    let serve = tokio::spawn(async move {
        loop {
            let mut asterisk = peer.let_in_alone().await;
            tokio::spawn(async move {
                while let Some(action) = asterisk.any_action().await {
                    asterisk.answer(&action, "Success", "").await;
                }
            });
        }
    });
    for number in 0..400 {
        ami.ping().await.unwrap();
        assert!(!matches!(ami.state(), AmiState::Down { .. }));
        tokio::time::sleep(Duration::from_micros(number % 40 * 50)).await;
    }
    serve.abort();
}

#[tokio::test]
async fn a_host_that_is_away_is_not_tried_for_ever() {
    let peer = Peer::start().await;
    let addr = peer.addr;
    drop(peer);
    let target = AmiTarget { idle: Some(Duration::from_millis(20)), ..target(addr) };
    let client = connect(target, CancellationToken::new()).unwrap();
    let start = Instant::now();
    let error = client.ping().await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert!(error.to_string().contains("cannot reach Asterisk"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "a dead host must not cost the whole patience");
    asleep(&client).await;
    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    assert!(!Peer::of(listener).is_called_within(Duration::from_millis(100)).await);
}

#[tokio::test]
async fn a_silent_asterisk_is_given_up_and_one_that_answers_pings_is_not() {
    let peer = Peer::start().await;
    let times = AmiTarget {
        ping_interval: Duration::from_millis(50),
        read_timeout: Duration::from_millis(300),
        ..target(peer.addr)
    };
    let mut client = Client::start(times);
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(600) {
        let ping = asterisk.any_action().await.expect("it must not be given up");
        assert_eq!(ping.field("Action"), Some("Ping"));
        asterisk.answer(&ping, "Success", "Ping: Pong\r\n").await;
    }
    // From here on nothing comes, but the connection is open.
    let reason = client.down().await;
    assert!(reason.contains("silent for 300ms"), "{reason}");
    drop(asterisk);
}

#[tokio::test]
async fn a_line_without_an_end_costs_the_connection_and_no_more() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    let (flooded, reason) = tokio::join!(asterisk.flood(&[b'a'; MAX_LINE]), client.down());
    assert!(flooded.is_err());
    assert!(reason.contains("a line of over 64 KiB"), "{reason}");
    let _asterisk = peer.let_in().await;
    assert_eq!(client.up().await, 2);
}

#[tokio::test]
async fn a_flood_of_events_reaches_a_listener_that_listens_whole_and_in_order() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    const EVENTS: usize = 20_000;
    let write = async {
        for number in 0..EVENTS {
            asterisk.write(&channel_event("Newstate", &format!("1.{number}"), "")).await;
            if number % 10 == 0 {
                asterisk.write("Event: RTCPSent\r\nTo: x\r\n\r\n").await;
            }
        }
    };
    let read = async {
        for number in 0..EVENTS {
            match client.event().await {
                Event::Newstate(channel) => assert_eq!(channel.uniqueid, format!("1.{number}")),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn an_event_that_is_broken_or_too_long_is_told_and_the_next_is_read() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    asterisk.write(&channel_event("Newchannel", "", "")).await;
    asterisk.write(&channel_event("Newstate", "1.1", &format!("X: {}\r\n", "x".repeat(20_000)))).await;
    asterisk.write(&channel_event("Hangup", "1.1", "Cause: 16\r\nCause-txt: Normal Clearing\r\n")).await;
    for word in ["Newchannel has no usable `Uniqueid`", "Newstate of 20"] {
        match client.next().await {
            AmiLink::Undecodable { why } => assert!(why.contains(word), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(client.event().await, Event::Hangup(hangup) if hangup.cause == Some(16)));
}

#[tokio::test]
async fn a_new_name_of_a_channel_is_told() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    asterisk
        .write("Event: Rename\r\nPrivilege: call,all\r\nChannel: PJSIP/150-1\r\nNewname: PJSIP/150-2\r\nUniqueid: 1.1\r\n\r\n")
        .await;
    match client.event().await {
        Event::Rename(rename) => assert_eq!(
            (rename.uniqueid.as_str(), rename.old_name.as_str(), rename.new_name.as_str()),
            ("1.1", "PJSIP/150-1", "PJSIP/150-2")
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn other_events_come_only_when_asked_for() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    asterisk.write("Event: UserEvent\r\nUserEvent: Unpaid\r\nSum: 5\r\n\r\n").await;
    asterisk.write(&channel_event("Newstate", "1.1", "")).await;
    assert!(matches!(client.event().await, Event::Newstate(_)));
    client.links = client.ami.subscribe(CALLS.with_others());
    asterisk.list(&[]).await;
    client.up().await;
    asterisk.write("Event: UserEvent\r\nUserEvent: Paid\r\nSum: 5\r\n\r\n").await;
    match client.event().await {
        Event::Other(block) => {
            assert_eq!((block.field("UserEvent"), block.field("Sum")), (Some("Paid"), Some("5")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn stopping_says_goodbye_and_ends_everything() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in().await;
    booted(&mut client).await;
    client.stop.cancel();
    asterisk.expect("Logoff").await;
    assert!(asterisk.action().await.is_none());
    assert!(client.links.next().await.is_none());
    let error = client.ami.ping().await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert_eq!(client.ami.state(), AmiState::Stopped);
}
