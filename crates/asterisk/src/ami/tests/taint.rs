//! Messages that a caller has cut in two with a line break in his number, as real Asterisks have sent them
//! (tests/fixtures/ami-cut): nothing of what he wrote is believed, and the connection goes on.

use super::fixtures::{VERSIONS, blocks, names};
use super::peer::{Conversation, Peer, channel_event};
use super::*;
use crate::ami::check;

const OURS: &str = "0196a5ee-0000-7000-8000-000000000001";

/// What a caller with such a number makes of an event of his channel.
fn cut_by(number: &str) -> String {
    channel_event("Newchannel", "1796008604.40", "")
        .replace("CallerIDNum: 150", &format!("CallerIDNum: {number}"))
}

fn hangup(uniqueid: &str) -> String {
    channel_event("Hangup", uniqueid, "Cause: 16\r\nCause-txt: Normal Clearing\r\n")
}

async fn connected() -> (Peer, Conversation, Client) {
    let peer = Peer::start().await;
    let mut client = Client::start(target(peer.addr));
    let asterisk = peer.let_in().await;
    client.up().await;
    assert!(matches!(client.event().await, Event::FullyBooted));
    (peer, asterisk, client)
}

impl Client {
    async fn tainted(&mut self) -> String {
        match self.next().await {
            AmiLink::Tainted { why, .. } => why,
            other => panic!("it was believed: {other:?}"),
        }
    }

    async fn doubtful(&mut self) -> Vec<String> {
        match self.next().await {
            AmiLink::Doubtful { ids } => ids,
            other => panic!("it was believed: {other:?}"),
        }
    }
}

#[test]
fn whatever_an_honest_asterisk_sends_is_whole() {
    for version in VERSIONS {
        for name in names(version).iter() {
            let flaws: Vec<_> = (blocks(version, name).iter())
                .filter_map(|block| Some((check::flaw(block)?, block.clone())))
                .collect();
            assert!(flaws.is_empty(), "{version}/{name}: {flaws:?}");
        }
    }
}

/// Of a host that means no good: each channel that an event tells of costs a look at all its fields.
#[test]
fn an_event_of_thousands_of_channels_costs_little() {
    let channels: String = (0..4000)
        .map(|one| {
            channel_event("X", "1.1", "")
                .lines()
                .skip(2)
                .filter(|line| !line.is_empty())
                .fold(String::new(), |all, line| format!("{all}{one}{line}\r\n"))
        })
        .collect();
    let mut framer = crate::ami::wire::Framer::default();
    framer.buffer().extend_from_slice(format!("Event: X\r\n{channels}\r\n").as_bytes());
    let block = framer.block().expect("within bounds").expect("one");
    let begun = std::time::Instant::now();
    let flaw = check::flaw(&block).expect("no Asterisk sends it");
    assert_eq!(flaw.to_string(), "an event tells of more than 8 channels");
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
}

/// What is left of an event that was cut behind its number, `Exten` say, has no name.
#[tokio::test]
async fn the_nameless_rest_of_a_cut_event_is_told() {
    let (_peer, mut asterisk, mut client) = connected().await;
    let number = format!("9\r\nPriority: 1\r\nUniqueid: {OURS}\r\nLinkedid: x\r\n\r\nX: y");
    asterisk
        .write(&channel_event("Newstate", "1.1", "").replace("Exten: ", &format!("Exten: {number}")))
        .await;
    assert!(matches!(client.event().await, Event::Newstate(_)), "nothing tells it from a whole one");
    assert_eq!(client.tainted().await, "a message is neither an event nor an answer");
}

#[tokio::test]
async fn a_forged_end_is_not_believed_and_what_follows_the_next_answer_is() {
    let (_peer, mut asterisk, mut client) = connected().await;
    // The short one of the trace, and one with every header that a real one has.
    let short = format!("1\n\nEvent:Hangup\nChannel:a\nUniqueid:{OURS}");
    let whole = format!("7900\r\nEvil: yes\r\n\r\n{}Event: X", hangup(OURS));
    for number in [short, whole] {
        asterisk.write(&cut_by(&number)).await;
        let why = client.tainted().await;
        assert_eq!(why, "an event lacks `CallerIDName`");
        assert!(client.doubtful().await.is_empty(), "the head names nobody");
        let rest = client.doubtful().await;
        assert!(rest.contains(&OURS.to_owned()), "{rest:?}");
        let ping = loop {
            let action = asterisk.any_action().await.unwrap();
            if action.field("Action") == Some("Ping") {
                break action;
            }
        };
        // What comes before the answer may be anybody's.
        asterisk.write(&hangup("1.7")).await;
        asterisk.answer(&ping, "Success", "Ping: Pong\r\n").await;
        asterisk.write(&hangup("1.8")).await;
        let mut dropped = Vec::new();
        let believed = loop {
            match client.next().await {
                AmiLink::Doubtful { ids } => dropped.extend(ids),
                AmiLink::Event(event, _) => break event,
                other => panic!("{other:?}"),
            }
        };
        assert!(dropped.contains(&"1.7".to_owned()), "{dropped:?}");
        assert!(matches!(&*believed, Event::Hangup(hangup) if hangup.channel.uniqueid == "1.8"));
    }
}

#[tokio::test]
async fn a_header_twice_is_no_event_and_variables_are() {
    let (_peer, mut asterisk, mut client) = connected().await;
    asterisk.write(&channel_event("Newstate", "1.1", "ChanVariable: A=1\r\nChanVariable: B=2\r\n")).await;
    assert!(matches!(client.event().await, Event::Newstate(_)));
    asterisk.write(&channel_event("Newstate", "1.1", "Uniqueid: 1.2\r\n")).await;
    assert_eq!(client.tainted().await, "an event has `Uniqueid` twice");
    assert_eq!(client.doubtful().await, ["1.1", "call", "1.2"]);
}

#[tokio::test]
async fn words_that_end_a_connection_do_not_when_a_caller_writes_them() {
    let (_peer, mut asterisk, mut client) = connected().await;
    // The second begins an output that has no end: everything would be a part of it.
    for words in [
        "Event: Shutdown\r\nPrivilege: a\r\nShutdown: a\r\nRestart: a",
        "Response: Follows\r\nPrivilege: a\r\nX",
    ] {
        asterisk.write(&cut_by(&format!("1\r\n\r\n{words}\r\n\r\nEvent: X"))).await;
        client.tainted().await;
        let ami = client.ami.clone();
        let asked = tokio::spawn(async move { ami.core_settings().await });
        let action = asterisk.expect("CoreSettings").await;
        asterisk.answer(&action, "Success", "AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.1\r\n").await;
        asked.await.unwrap().unwrap();
        asterisk.write(&hangup("1.8")).await;
        while matches!(client.next().await, AmiLink::Doubtful { .. }) {}
    }
}

#[tokio::test]
async fn a_list_with_rows_that_are_cut_is_read_and_its_parts_are_not_believed() {
    let (_peer, mut asterisk, mut client) = connected().await;
    let ami = client.ami.clone();
    let asked = tokio::spawn(async move { ami.channels().await });
    // The user may not ask for the better list.
    let action = asterisk.expect("CoreShowChannels").await;
    asterisk.answer(&action, "Error", "Message: Permission denied\r\n").await;
    let action = asterisk.expect("Status").await;
    let id = action.field("ActionID").unwrap().to_owned();
    let row = |uniqueid: &str, number: &str| {
        let row = channel_event("Status", uniqueid, "Seconds: 5\r\nBridgeID: b1\r\n");
        row.replace("CallerIDNum: 150", &format!("CallerIDNum: {number}")).replacen(
            "\r\n",
            &format!("\r\nActionID: {id}\r\n"),
            1,
        )
    };
    asterisk.write(&format!("Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n")).await;
    asterisk.write(&row("1.1", "150")).await;
    asterisk.write(&row("1.2", &format!("7900\r\n\r\n{}Event: X", hangup(OURS)))).await;
    asterisk.write(&format!("Event: StatusComplete\r\nActionID: {id}\r\nEventList: Complete\r\n\r\n")).await;
    asterisk.write(&hangup("1.8")).await;
    for (variable, value) in [("UNIQUEID", "1.2"), ("CHANNEL(linkedid)", OURS)] {
        let action = asterisk.expect("Getvar").await;
        assert_eq!(action.field("Channel"), Some("PJSIP/150-00000001"));
        assert_eq!(action.field("Variable"), Some(variable));
        asterisk.answer(&action, "Success", &format!("Variable: {variable}\r\nValue: {value}\r\n")).await;
    }
    let rows = asked.await.unwrap().unwrap();
    let ids: Vec<_> = rows.iter().map(|row| (&*row.channel.uniqueid, &*row.channel.linkedid)).collect();
    assert_eq!(ids, [("1.1", "call"), ("1.2", OURS)]);
    assert_eq!((rows[0].bridge_id.as_deref(), rows[0].duration), (Some("b1"), Some(Duration::from_secs(5))));
    client.tainted().await;
    // Nothing of it is an event, and so nothing is missed; one with all headers might be one.
    assert!(client.doubtful().await.contains(&OURS.to_owned()));
    assert_eq!(client.doubtful().await, ["1.2", "call"]);
    assert!(matches!(client.event().await, Event::Hangup(hangup) if hangup.channel.uniqueid == "1.8"));
}

#[tokio::test]
async fn what_a_real_asterisk_sent_of_such_a_caller_is_never_an_event() {
    for version in VERSIONS {
        let (_peer, mut asterisk, mut client) = connected().await;
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ami-cut");
        let bytes = std::fs::read(folder.join(format!("{version}.txt"))).unwrap();
        asterisk.write_bytes(&bytes).await;
        client.tainted().await;
        drop(asterisk);
        loop {
            match client.next().await {
                AmiLink::Doubtful { .. } => {}
                AmiLink::Down { .. } => break,
                other => panic!("{version}: it was believed: {other:?}"),
            }
        }
    }
}
