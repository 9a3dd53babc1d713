//! Several who listen over one connection: what each hears, in which order, and what one that is slow costs the others.

use super::peer::{Conversation, Peer, channel_event};
use super::*;
use crate::ami::subscription::CAPACITY;

/// Those of queues.
const QUEUES: Interest = Interest::in_classes(&[Class::Agent]).with_others();

async fn connected() -> (Peer, Conversation, Client) {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let asterisk = peer.let_in().await;
    client.up().await;
    assert!(matches!(client.event().await, Event::FullyBooted));
    (peer, asterisk, client)
}

fn ids(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.channels.iter().map(|row| row.channel.uniqueid.as_str()).collect()
}

/// The channel of the next event.
async fn channel(links: &mut Subscription) -> String {
    match event(links).await {
        Event::Newstate(channel) => channel.uniqueid,
        other => panic!("{other:?}"),
    }
}

fn newstate(uniqueid: &str) -> String {
    channel_event("Newstate", uniqueid, "")
}

const JOINS: &str = "Event: QueueCallerJoin\r\nPrivilege: agent,all\r\nQueue: support\r\n\r\n";

#[tokio::test]
async fn each_hears_what_it_wants_and_asterisk_is_asked_for_what_all_want() {
    let (peer, mut asterisk, mut client) = connected().await;
    let mut queues = client.ami.subscribe(QUEUES);
    let action = asterisk.expect("Events").await;
    assert_eq!(action.field("EventMask"), Some("system,call,agent"));
    // Before the answer nothing is promised, and nothing is told before the snapshot.
    assert!(is_quiet(&mut queues));
    asterisk.write(JOINS).await;
    asterisk.answer(&action, "Success", "Events: On\r\n").await;
    asterisk.list(&["1.1"]).await;
    asterisk.write(&newstate("1.1")).await;
    asterisk.write(JOINS).await;
    assert!(matches!(next(&mut queues).await, AmiLink::Up { generation: 1, .. }));
    assert_eq!(ids(&snapshot(&mut queues).await), ["1.1"]);
    for _ in 0..2 {
        assert!(
            matches!(event(&mut queues).await, Event::Other(block) if block.field("Queue") == Some("support"))
        );
    }
    assert_eq!(channel(&mut client.links).await, "1.1");
    assert!(is_quiet(&mut client.links) && is_quiet(&mut queues));

    drop(queues);
    let action = asterisk.expect("Events").await;
    assert_eq!(action.field("EventMask"), Some("system,call"));
    asterisk.answer(&action, "Success", "Events: On\r\n").await;
    // A new connection asks for it at once.
    let mut queues = client.ami.subscribe(QUEUES);
    drop(asterisk);
    down(&mut client.links).await;
    let mut asterisk = peer.let_in_alone().await;
    asterisk.list(&["1.2"]).await;
    assert_eq!(ids(&later_snapshot(&mut queues).await), ["1.2"]);
    assert_eq!(ids(&later_snapshot(&mut client.links).await), ["1.2"]);
}

/// That of the next connection.
async fn later_snapshot(links: &mut Subscription) -> Snapshot {
    loop {
        match next(links).await {
            AmiLink::Snapshot(snapshot) if snapshot.generation == 2 => return snapshot,
            AmiLink::Down { .. } | AmiLink::Up { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn who_comes_later_gets_a_snapshot_and_all_that_came_since_it_was_asked_for() {
    let (_peer, mut asterisk, mut client) = connected().await;
    asterisk.write(&newstate("1.1")).await;
    assert_eq!(channel(&mut client.links).await, "1.1");
    let mut later = client.ami.subscribe(CALLS);
    let action = asterisk.expect("CoreShowChannels").await;
    asterisk.write(&newstate("1.2")).await;
    // The first does not wait for the other's list.
    assert_eq!(channel(&mut client.links).await, "1.2");
    assert!(matches!(next(&mut later).await, AmiLink::Up { generation: 1, .. }));
    assert!(is_quiet(&mut later));
    asterisk.answer_list(&action, &["1.1", "1.2"]).await;
    asterisk.write(&newstate("1.3")).await;
    assert_eq!(ids(&snapshot(&mut later).await), ["1.1", "1.2"]);
    assert_eq!(channel(&mut later).await, "1.2");
    assert_eq!(channel(&mut later).await, "1.3");
    assert_eq!(channel(&mut client.links).await, "1.3");
}

#[tokio::test]
async fn a_list_that_is_slow_keeps_nobody_from_events_and_hides_none() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in_alone().await;
    let action = asterisk.expect("CoreShowChannels").await;
    assert!(matches!(client.next().await, AmiLink::Up { .. }));
    let mut queues = client.ami.subscribe(QUEUES);
    let mask = asterisk.expect("Events").await;
    asterisk.answer(&mask, "Success", "Events: On\r\n").await;
    assert!(matches!(next(&mut queues).await, AmiLink::Up { .. }));
    asterisk.write(JOINS).await;
    asterisk.answer_list(&action, &["1.1"]).await;
    asterisk.list(&["1.1"]).await;
    for links in [&mut client.links, &mut queues] {
        assert_eq!(ids(&snapshot(links).await), ["1.1"]);
    }
    assert!(matches!(event(&mut queues).await, Event::Other(_)));
}

/// A caller's number with a line break in it, for as long as his channel stands.
#[tokio::test]
async fn a_row_that_is_cut_asks_for_no_snapshot_behind_the_one_that_it_is_of() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in_alone().await;
    let action = asterisk.expect("CoreShowChannels").await;
    let id = action.field("ActionID").unwrap().to_owned();
    let row = channel_event("CoreShowChannel", "1.1", "")
        .replace("150\r\nCallerIDName", "1\r\n\r\nX: y\r\nCallerIDName");
    let row = row.replacen("\r\n", &format!("\r\nActionID: {id}\r\n"), 1);
    asterisk.write(&format!("Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n{row}")).await;
    let end = "EventList: Complete\r\nListItems: 1\r\n\r\n";
    asterisk.write(&format!("Event: CoreShowChannelsComplete\r\nActionID: {id}\r\n{end}")).await;
    for value in ["1.1", "call"] {
        let action = asterisk.expect("Getvar").await;
        asterisk.answer(&action, "Success", &format!("Value: {value}\r\n")).await;
    }
    assert!(matches!(client.next().await, AmiLink::Up { .. }));
    assert_eq!(ids(&snapshot(&mut client.links).await), ["1.1"]);
    assert!(matches!(client.event().await, Event::FullyBooted));
    assert!(matches!(client.next().await, AmiLink::Tainted { is_event: false, .. }));
}

#[tokio::test]
async fn one_look_serves_those_who_join_and_those_who_ask() {
    let (_peer, mut asterisk, client) = connected().await;
    let ask = || {
        let ami = client.ami.clone();
        tokio::spawn(async move { ami.channels().await.map(|rows| rows[0].channel.uniqueid.clone()) })
    };
    let first = ask();
    let action = asterisk.expect("CoreShowChannels").await;
    let (mut one, mut other) = (client.ami.subscribe(CALLS), client.ami.subscribe(CALLS));
    let (second, third) = (ask(), ask());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    asterisk.answer_list(&action, &["1.1"]).await;
    asterisk.list(&["1.2"]).await;
    assert_eq!(first.await.unwrap().unwrap(), "1.1");
    for asked in [second, third] {
        assert_eq!(asked.await.unwrap().unwrap(), "1.2");
    }
    for links in [&mut one, &mut other] {
        assert!(matches!(next(links).await, AmiLink::Up { .. }));
        assert_eq!(ids(&snapshot(links).await), ["1.2"]);
    }
}

#[tokio::test]
async fn one_that_does_not_listen_costs_itself_and_nobody_else() {
    let (_peer, mut asterisk, mut client) = connected().await;
    let mut deaf = client.ami.subscribe(CALLS);
    asterisk.list(&[]).await;
    let events = 3 * CAPACITY;
    let write = async {
        for number in 0..events {
            asterisk.write(&newstate(&format!("1.{number}"))).await;
        }
    };
    let read = async {
        for number in 0..events {
            assert_eq!(channel(&mut client.links).await, format!("1.{number}"));
        }
    };
    tokio::join!(write, read);
    // It listens again: what was kept, how much was not, and what there is now.
    assert!(matches!(next(&mut deaf).await, AmiLink::Up { .. }));
    snapshot(&mut deaf).await;
    let mut kept = 0;
    let lost = loop {
        match next(&mut deaf).await {
            AmiLink::Event(..) => kept += 1,
            AmiLink::Lost { count } => break count,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kept + usize::try_from(lost).unwrap(), events);
    assert!((CAPACITY - 10..=CAPACITY).contains(&kept), "{kept}");
    asterisk.write(&newstate("2.1")).await;
    asterisk.list(&["9.9"]).await;
    asterisk.write(&newstate("2.2")).await;
    assert_eq!(ids(&snapshot(&mut deaf).await), ["9.9"]);
    while channel(&mut deaf).await != "2.2" {}
}

#[tokio::test]
async fn one_that_was_slow_hears_of_the_ups_and_downs_that_it_missed() {
    let (peer, mut asterisk, mut client) = connected().await;
    let mut deaf = client.ami.subscribe(CALLS);
    asterisk.list(&[]).await;
    for _ in 0..=CAPACITY {
        asterisk.write(&newstate("1.1")).await;
        channel(&mut client.links).await;
    }
    for generation in 2..=4 {
        drop(asterisk);
        client.down().await;
        asterisk = peer.let_in().await;
        assert_eq!(client.up().await, generation);
        assert!(matches!(client.event().await, Event::FullyBooted));
    }
    while !matches!(next(&mut deaf).await, AmiLink::Lost { .. }) {}
    down(&mut deaf).await;
    assert!(matches!(next(&mut deaf).await, AmiLink::Up { generation: 4, .. }));
    asterisk.list(&["9.9"]).await;
    assert_eq!(ids(&snapshot(&mut deaf).await), ["9.9"]);
}

#[tokio::test]
async fn after_a_taint_there_is_a_fresh_snapshot_and_not_one_for_each_forged_number() {
    let (_peer, mut asterisk, mut client) = connected().await;
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        asterisk.write(&newstate("1.1").replace("CallerIDNum: 150", "CallerIDNum: 1\r\n\r\nX: y")).await;
        assert!(matches!(client.next().await, AmiLink::Tainted { is_event: true, .. }));
        while asterisk.any_action().await.unwrap().field("Action") != Some("Ping") {}
        asterisk.write(&newstate("1.2")).await;
        let AmiLink::Doubtful { ids } = client.next().await else { panic!("it was believed") };
        assert!(ids.is_empty(), "the head names nobody");
        for _ in 0..2 {
            assert!(matches!(client.next().await, AmiLink::Doubtful { .. }));
        }
        let ami = client.ami.clone();
        let asked = tokio::spawn(async move { ami.variable(None, "A").await });
        let action = asterisk.expect("Getvar").await;
        asterisk.answer(&action, "Success", "Value: 1\r\n").await;
        asked.await.unwrap().unwrap();
    }
    asterisk.list(&["7.7"]).await;
    assert_eq!(ids(&snapshot(&mut client.links).await), ["7.7"]);
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_may_not_ask_for_the_channels_hears_events_without_a_snapshot() {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let mut asterisk = peer.let_in_alone().await;
    for action in ["CoreShowChannels", "Status"] {
        let action = asterisk.expect(action).await;
        asterisk.answer(&action, "Error", "Message: Permission denied\r\n").await;
    }
    assert!(matches!(client.next().await, AmiLink::Up { .. }));
    match client.next().await {
        AmiLink::Unseen { why } => assert!(why.contains("Permission denied"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.event().await, Event::FullyBooted));
    asterisk.write(&newstate("1.1")).await;
    assert_eq!(channel(&mut client.links).await, "1.1");
}

#[tokio::test]
async fn who_joins_one_that_sleeps_hears_of_the_next_connection_alone() {
    let peer = Peer::start().await;
    let idle = Some(Duration::from_millis(10));
    let client = connect(AmiTarget { idle, ..target(peer.addr) }, CancellationToken::new()).unwrap();
    let first = client.subscribe(CALLS);
    let mut asterisk = peer.let_in().await;
    drop(first);
    while asterisk.any_action().await.is_some() {}
    let mut links = client.subscribe(CALLS);
    let _asterisk = peer.let_in().await;
    assert!(matches!(next(&mut links).await, AmiLink::Up { generation: 2, .. }));
    assert_eq!(snapshot(&mut links).await.generation, 2);
}

#[tokio::test]
async fn who_joins_one_that_sleeps_since_a_failure_does_not_hear_of_that() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let idle = Some(Duration::from_millis(10));
    let client = connect(AmiTarget { idle, ..target(addr) }, CancellationToken::new()).unwrap();
    let mut first = client.subscribe(CALLS);
    down(&mut first).await;
    drop(first);
    let asleep = async {
        while client.state() != AmiState::Asleep {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asleep).await.expect("it does not sleep");
    let peer = Peer::of(tokio::net::TcpListener::bind(addr).await.unwrap());
    let mut links = client.subscribe(CALLS);
    let _asterisk = peer.let_in().await;
    assert!(matches!(next(&mut links).await, AmiLink::Up { .. }));
}

#[tokio::test]
async fn a_mask_that_is_not_taken_costs_the_connection() {
    let (peer, mut asterisk, mut client) = connected().await;
    let _queues = client.ami.subscribe(QUEUES);
    let action = asterisk.expect("Events").await;
    asterisk.answer(&action, "Error", "Message: Invalid event mask\r\n").await;
    let reason = client.down().await;
    assert!(reason.contains("Invalid event mask"), "{reason}");
    peer.let_in().await;
}
