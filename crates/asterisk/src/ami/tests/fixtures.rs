//! What real Asterisks have sent (tests/fixtures/ami): all of it can be read, and it says what those who follow
//! calls rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::ami::model::Reader;
use crate::ami::{Channel, ChannelState, DialStatus, Event};
use crate::ami::{recording, wire::Block};

pub(super) const VERSIONS: [&str; 2] = ["16", "22"];

fn recording(version: &str, name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ami").join(version);
    std::fs::read(folder.join(name).with_extension("txt")).unwrap()
}

pub(super) fn blocks(version: &str, name: &str) -> Vec<Block> {
    recording::blocks(&recording(version, name)).unwrap()
}

fn events(version: &str, name: &str) -> Vec<Event> {
    recording::events(&recording(version, name)).unwrap_or_else(|error| panic!("{version}/{name}: {error}"))
}

pub(super) fn names(version: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ami").join(version);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What a follower of one call sees of its legs: the channels that have somebody at their end.
#[derive(Debug, Default)]
struct Seen {
    call: String,
    began: Vec<Channel>,
    gone: BTreeSet<String>,
    ends: BTreeMap<String, DialStatus>,
    /// The first real channel whose far end hung up.
    hung_up: Option<String>,
    causes: BTreeMap<String, (Option<u16>, Option<u16>)>,
    response: Option<(bool, u32)>,
}

fn watch(version: &str, name: &str) -> Seen {
    let mut seen = Seen::default();
    for event in events(version, name) {
        match event {
            Event::Newchannel(channel) => {
                if seen.call.is_empty() {
                    seen.call = channel.uniqueid.clone();
                }
                seen.began.push(channel);
            }
            Event::DialEnd(dial) => {
                seen.ends.insert(dial.peer.endpoint().to_owned(), dial.status.unwrap());
            }
            Event::HangupRequest(request) if !request.channel.is_local() => {
                seen.hung_up.get_or_insert(request.channel.endpoint().to_owned());
            }
            Event::Hangup(hangup) => {
                seen.gone.insert(hangup.channel.uniqueid.clone());
                if !hangup.channel.is_local() {
                    let causes = (hangup.cause, hangup.tech_cause);
                    seen.causes.insert(hangup.channel.endpoint().to_owned(), causes);
                }
            }
            Event::OriginateResponse(response) => seen.response = Some((response.answered, response.reason)),
            _ => {}
        }
    }
    seen
}

#[test]
fn all_that_was_recorded_is_read_and_both_versions_have_the_same_names() {
    assert_eq!(names("16"), names("22"));
    let mut kinds = BTreeSet::new();
    for version in VERSIONS {
        for name in names(version).iter().filter(|name| *name != "answers") {
            kinds.extend(
                events(version, name)
                    .iter()
                    .map(|event| format!("{event:?}"))
                    .map(|text| text.split(['(', ' ']).next().unwrap().to_owned()),
            );
        }
    }
    let wanted = [
        "BridgeEnter",
        "BridgeLeave",
        "ChanSpyStart",
        "ChanSpyStop",
        "DialBegin",
        "DialEnd",
        "DialState",
        "FullyBooted",
        "Hangup",
        "HangupRequest",
        "LocalBridge",
        "LocalOptimizationEnd",
        "Newchannel",
        "Newstate",
        "OriginateResponse",
        "SoftHangupRequest",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[test]
fn every_channel_of_a_call_has_our_id_as_its_linkedid_and_ends() {
    for version in VERSIONS {
        // A colleague who picks a call up comes with a channel, and a linkedid, of the colleague's own.
        let of_others = |name: &str| name == "answers" || name.contains("picked-up");
        for name in names(version).iter().filter(|name| !of_others(name)) {
            let seen = watch(version, name);
            assert!(!seen.call.is_empty(), "{version}/{name}");
            for channel in &seen.began {
                assert_eq!(channel.linkedid, seen.call, "{version}/{name}: {channel:?}");
                assert!(seen.gone.contains(&channel.uniqueid), "{version}/{name}: {channel:?} is not over");
            }
            for event in events(version, name) {
                let is_of_call = matches!(event, Event::FullyBooted) || event.linkedid() == Some(&seen.call);
                assert!(is_of_call, "{version}/{name}: {event:?}");
            }
            assert_eq!(seen.began[1].uniqueid, format!("{};2", seen.call), "{version}/{name}");
        }
    }
}

#[test]
fn the_channel_that_we_named_is_gone_while_people_talk() {
    for version in VERSIONS {
        let events = events(version, "both-answer-phone-hangs-up");
        let call = watch(version, "both-answer-phone-hangs-up").call;
        let ours_gone = events
            .iter()
            .position(|event| matches!(event, Event::Hangup(hangup) if hangup.channel.uniqueid == call))
            .unwrap();
        let hung_up = events
            .iter()
            .position(|event| matches!(event, Event::HangupRequest(request) if !request.channel.is_local()))
            .unwrap();
        assert!(ours_gone < hung_up, "{version}");
    }
}

#[test]
fn who_hung_up_is_the_first_real_channel_with_a_hangup_request() {
    for version in VERSIONS {
        for (name, who) in [
            ("both-answer-desk-hangs-up", Some("PJSIP/150")),
            ("both-answer-desk-phone-160-hangs-up", Some("PJSIP/160")),
            ("both-answer-phone-hangs-up", Some("PJSIP/carrier")),
            ("both-answer-we-hang-up", None),
            ("both-answer-we-hang-up-without-cause", None),
            ("desk-rings-we-hang-up", None),
            ("desk-no-answer", None),
            ("originate-timeout", None),
            ("phone-no-answer", None),
            ("phone-rings-desk-hangs-up", Some("PJSIP/150")),
            ("phone-rings-we-hang-up", None),
            ("phone-busy-486", Some("PJSIP/codes")),
            ("spy-whisper-spyer-ends", Some("PJSIP/151")),
        ] {
            assert_eq!(watch(version, name).hung_up.as_deref(), who, "{version}/{name}");
        }
    }
}

#[test]
fn why_a_leg_failed_is_on_its_own_channel() {
    use DialStatus::{Busy, Cancel, Congestion, NoAnswer};
    // Which leg, what DialEnd says, the cause, what 22 adds.
    let table = [
        ("desk-busy-486", "PJSIP/163", Busy, 17, Some(486)),
        ("desk-480", "PJSIP/167", NoAnswer, 19, Some(480)),
        ("desk-declines-603", "PJSIP/162", NoAnswer, 21, Some(603)),
        ("desk-no-answer", "PJSIP/161", NoAnswer, 0, None),
        ("desk-rings-we-hang-up", "PJSIP/161", Cancel, 16, None),
        ("phone-busy-486", "PJSIP/codes", Busy, 17, Some(486)),
        ("phone-404", "PJSIP/codes", NoAnswer, 1, Some(404)),
        ("phone-480", "PJSIP/codes", NoAnswer, 19, Some(480)),
        ("phone-603", "PJSIP/codes", NoAnswer, 21, Some(603)),
        ("phone-503", "PJSIP/codes", Congestion, 34, Some(503)),
        ("phone-no-answer", "PJSIP/carrier", NoAnswer, 0, None),
        ("phone-rings-we-hang-up", "PJSIP/carrier", Cancel, 16, None),
    ];
    for version in VERSIONS {
        for (name, leg, status, cause, tech_cause) in &table {
            let seen = watch(version, name);
            assert_eq!(seen.ends.get(*leg), Some(status), "{version}/{name}");
            let tech_cause = tech_cause.filter(|_| version == "22");
            assert_eq!(seen.causes.get(*leg), Some(&(Some(*cause), tech_cause)), "{version}/{name}");
        }
    }
}

#[test]
fn the_response_event_tells_of_the_desk_alone() {
    for version in VERSIONS {
        for (name, response) in [
            ("both-answer-we-hang-up", (true, 4)),
            ("phone-busy-486", (true, 4)),
            ("phone-no-route", (true, 4)),
            ("desk-answered-by-dialplan", (true, 4)),
            ("desk-busy-486", (false, 5)),
            ("desk-declines-603", (false, 8)),
            ("desk-unregistered", (false, 8)),
            ("desk-no-answer", (false, 0)),
            ("desk-no-such-extension", (false, 0)),
            ("originate-timeout", (false, 3)),
        ] {
            assert_eq!(watch(version, name).response, Some(response), "{version}/{name}");
        }
    }
}

#[test]
fn a_spy_that_has_lost_its_target_stays() {
    for version in VERSIONS {
        let events = events(version, "spy-barge-target-ends");
        let stop = events
            .iter()
            .position(|event| match event {
                Event::ChanSpyStop(spy) => spy.spyer.linkedid == watch(version, "spy-barge-target-ends").call,
                _ => false,
            })
            .unwrap();
        assert!(
            !events[..stop].iter().any(|event| matches!(event, Event::Hangup(_))),
            "{version}: nothing of the spy is hung up by it"
        );
        let start = events.iter().find_map(|event| match event {
            Event::ChanSpyStart(spy) => spy.spyee.as_ref(),
            _ => None,
        });
        assert_eq!(start.unwrap().endpoint(), "PJSIP/150", "{version}");
        let nobody = super::fixtures::events(version, "spy-nobody-we-ends");
        assert!(!nobody.iter().any(|event| matches!(event, Event::ChanSpyStart(_))), "{version}");
    }
}

#[test]
fn answers_are_read() {
    for (version, text, ami) in
        [("16", "16.28.0~dfsg-0+deb11u4", "5.0.4"), ("22", "22.10.1+dfsg+~cs6.17.60671434-1", "11.0.0")]
    {
        let blocks = blocks(version, "answers");
        let reader = |block| Reader { block, kind: "answer" };
        let settings = reader(&blocks[0]).settings().unwrap();
        assert_eq!((settings.asterisk_version.as_str(), settings.ami_version.as_str()), (text, ami));
        assert_eq!(settings.system_name, None);
        assert_eq!(reader(&blocks[1]).status().unwrap().startup_date.len(), "2026-11-26".len());
        let rows: Vec<_> = blocks
            .iter()
            .filter(|block| block.field("Event") == Some("CoreShowChannel"))
            .map(|block| reader(block).row().unwrap())
            .collect();
        assert_eq!(rows.len(), 6, "{version}");
        let desk = rows.iter().find(|row| row.channel.endpoint() == "PJSIP/150").unwrap();
        assert_eq!(desk.channel.state, ChannelState::Up);
        assert_eq!(desk.channel.caller_id_name.as_deref(), Some("Имя"));
        assert!(desk.duration.is_some() && desk.bridge_id.is_some());
        let phone = rows.iter().find(|row| row.channel.endpoint() == "PJSIP/carrier").unwrap();
        assert_eq!((phone.channel.state, &phone.bridge_id), (ChannelState::Ringing, &None));
    }
}
