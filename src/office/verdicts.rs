//! What is concluded from what real Asterisks have sent (`tests/fixtures/ami` and `ari-office`, which tell what happened in
//! each): from the events of the wire to the end of the call.

use std::{fs, path::Path, time::Duration};

use chrono::{DateTime, TimeDelta};

use super::{ami::heard, ari, events::Tracker, heard::Heard};
use asterisk::{
    ami::{Event, recording},
    ari::Event as AriEvent,
};
use call::{
    CallId, CallRecord, EndedBy, Moment, MonitorMode, OfficeCall, Reached, Reason, Status, Technology,
    Tenant, WayKind, What,
    office::{OfficeInput, OfficeMachine},
};

fn moment(events: u64) -> Moment {
    let mono = Duration::from_millis(events * 10);
    let start = DateTime::from_timestamp(1_790_000_000, 0).expect("a time");
    Moment { mono, wall: start + TimeDelta::from_std(mono).expect("short") }
}

fn record(id: CallId, what: What) -> CallRecord {
    let call = OfficeCall {
        what,
        tenant: Tenant { number: "0367".into(), name: "june".into() },
        host: "127.0.0.1".into(),
        extension: "150".parse().expect("digits"),
        context: "inoffice".into(),
        technology: Technology::Pjsip,
        client: None,
        ring_timeout: 120,
        max_duration: 3600,
    };
    CallRecord::new(id, call, moment(0).wall)
}

fn click() -> What {
    What::Dial("+375296254070".parse().expect("digits"))
}

fn monitor(mode: MonitorMode) -> What {
    What::Listen { target: "160".parse().expect("digits"), mode }
}

/// The end of the recorded call. `asked`: what our hang-up was, told before the events that came of it.
fn replay(version: &str, name: &str, what: What) -> CallRecord {
    replay_without(version, name, what, |_| false)
}

/// The same, as it is where an `eventfilter` keeps some events away.
fn replay_without(version: &str, name: &str, what: What, is_kept_away: fn(&Event) -> bool) -> CallRecord {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ami").join(version);
    let recorded = fs::read(folder.join(name).with_extension("txt")).expect("a recording");
    let events = recording::events(&recorded).expect("events");
    let first = events.iter().find_map(|event| match event {
        Event::Newchannel(channel) => {
            Some(channel.uniqueid.parse::<CallId>().expect("the id that was asked for"))
        }
        _ => None,
    });
    let id = first.unwrap_or(CallId(uuid::Uuid::from_u128(1)));
    let mut tracker = Tracker::with_creations();
    tracker.follow(id);
    let (mut machine, _) = OfficeMachine::place(moment(0), record(id, what));
    machine.handle(moment(0), OfficeInput::IntentStored);
    machine.handle(moment(0), OfficeInput::Taken { way: WayKind::Ami, linked_id: None, detailed: true });
    // Where the recording's own Hangup action ends it, somebody asked for that.
    let asks = name.contains("we-hang-up") || name.ends_with("we-ends");
    let asked_at = events.iter().position(|event| matches!(event, Event::SoftHangupRequest(_)));
    for (at, event) in events.into_iter().enumerate().filter(|(_, event)| !is_kept_away(event)) {
        let now = moment(at as u64 + 1);
        if asks && Some(at) == asked_at {
            machine
                .handle(now, OfficeInput::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client: None });
        }
        // In no recording is it the only word of a call.
        if matches!(&event, Event::OriginateResponse(it) if !it.answered) {
            assert!(!tracker.is_silent(id), "{version}/{name}");
        }
        let told = heard(event).and_then(|heard| tracker.hear(heard));
        for input in told.map(|(_, inputs)| inputs).unwrap_or_default() {
            machine.handle(now, input);
        }
    }
    // Where one of them lives on in somebody else's talk, it is over by time.
    machine.tick(moment(1_000_000));
    assert!(machine.has_ended(), "{version}/{name}: {:?}", machine.record().last.status);
    machine.record().clone()
}

/// The same from an ARI's recording.
fn replay_ari(version: &str, name: &str) -> CallRecord {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ari-office");
    let path = format!("{folder}/{version}/{name}.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let id: CallId = lines[0]["query"]["channelId"].as_str().and_then(|id| id.parse().ok()).expect("our id");
    let events = lines[1..].iter().map(|line| AriEvent::parse(&line["event"].to_string()).expect("an event"));
    conclude(id, WayKind::Ari, Tracker::default(), events.map(ari::heard))
}

fn conclude(
    id: CallId,
    way: WayKind,
    mut tracker: Tracker,
    heard: impl Iterator<Item = Option<Heard>>,
) -> CallRecord {
    tracker.follow(id);
    let (mut machine, _) = OfficeMachine::place(moment(0), record(id, click()));
    machine.handle(moment(0), OfficeInput::IntentStored);
    machine.handle(moment(0), OfficeInput::Taken { way, linked_id: None, detailed: true });
    for (at, heard) in heard.enumerate() {
        let told = heard.and_then(|heard| tracker.hear(heard));
        for input in told.map(|(_, inputs)| inputs).unwrap_or_default() {
            machine.handle(moment(at as u64 + 1), input);
        }
    }
    machine.tick(moment(1_000_000));
    assert!(machine.has_ended(), "{id}: {:?}", machine.record().last.status);
    machine.record().clone()
}

#[test]
fn the_end_of_each_recorded_call() {
    use {EndedBy as By, Reason as Why, Status as End};
    let cases = [
        ("both-answer-desk-hangs-up", End::Completed, Why::HungUp, By::Extension, Reached::Answered),
        (
            "both-answer-desk-phone-160-hangs-up",
            End::Completed,
            Why::HungUp,
            By::Extension,
            Reached::Answered,
        ),
        ("both-answer-phone-hangs-up", End::Completed, Why::HungUp, By::Callee, Reached::Answered),
        ("both-answer-we-hang-up", End::Completed, Why::HungUp, By::Api, Reached::Answered),
        ("desk-busy-486", End::Failed, Why::ExtensionBusy, By::Extension, Reached::None),
        ("desk-declines-603", End::Failed, Why::ExtensionDeclined, By::Extension, Reached::None),
        ("desk-no-answer", End::Failed, Why::ExtensionNoAnswer, By::Pbx, Reached::None),
        ("desk-no-such-extension", End::Failed, Why::ExtensionUnavailable, By::Pbx, Reached::None),
        ("desk-unregistered", End::Failed, Why::ExtensionUnavailable, By::Pbx, Reached::None),
        ("desk-extension-without-endpoint", End::Failed, Why::ExtensionUnavailable, By::Pbx, Reached::None),
        ("desk-rings-we-hang-up", End::Canceled, Why::HungUp, By::Api, Reached::None),
        ("phone-busy-486", End::Busy, Why::Busy, By::Callee, Reached::Ringing),
        // Ended by whom was not seen.
        ("phone-early-media", End::Completed, Why::HungUp, By::Unknown, Reached::Answered),
        ("phone-rings-desk-hangs-up", End::Canceled, Why::HungUp, By::Extension, Reached::Ringing),
        ("phone-rings-we-hang-up", End::Canceled, Why::HungUp, By::Api, Reached::Ringing),
        ("phone-no-answer", End::NoAnswer, Why::RingTimeout, By::Pbx, Reached::Ringing),
        ("phone-behind-two-locals", End::Completed, Why::HungUp, By::Unknown, Reached::Answered),
    ];
    let mut wrong = Vec::new();
    for (name, status, reason, by, reached) in cases {
        for version in ["22", "16"] {
            let record = replay(version, name, click());
            let found = (record.last.status, record.last.reason, record.last.ended_by, record.last.reached);
            let found = (found.0, found.1.expect("it ended"), found.2.expect("it ended"), found.3);
            if found != (status, reason, by, reached) {
                wrong.push(format!("{version}/{name}: {found:?}, not {:?}", (status, reason, by, reached)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Several phones, or trunks; voicemail and the like; somebody else who takes it over.
#[test]
fn the_leg_that_decides_is_the_one_that_is_spoken_of() {
    use {EndedBy as By, Reached as Far, Reason as Why, Status as End};
    let callee = (End::Completed, Why::HungUp, By::Callee, Far::Answered);
    // It is over; which side somebody took away is not told.
    let apart = (End::Completed, Why::HungUp, By::Unknown, Far::Answered);
    let cases = [
        ("desk-fork-one-busy", callee),
        ("desk-fork-one-busy-number-busy", (End::Busy, Why::Busy, By::Callee, Far::Trying)),
        ("desk-fork-number-hangs-up", callee),
        ("desk-two-at-once", (End::Completed, Why::HungUp, By::Unknown, Far::Answered)),
        ("phone-failover-answers", callee),
        ("phone-failover-busy", (End::Busy, Why::Busy, By::Callee, Far::Ringing)),
        ("phone-fork-answers", callee),
        ("phone-fork-busy", (End::Busy, Why::Busy, By::Callee, Far::Ringing)),
        ("desk-voicemail", (End::Failed, Why::NotConnected, By::Callee, Far::Answered)),
        ("desk-answered-by-dialplan", (End::Failed, Why::NotConnected, By::Pbx, Far::Answered)),
        ("desk-rings-then-voicemail", (End::Busy, Why::Busy, By::Callee, Far::Trying)),
        ("desk-says-busy", (End::Failed, Why::ExtensionBusy, By::Pbx, Far::None)),
        ("desk-says-hangup-17", (End::Failed, Why::ExtensionBusy, By::Pbx, Far::None)),
        ("desk-follow-me", (End::Completed, Why::HungUp, By::Extension, Far::Answered)),
        ("desk-picked-up-by-151", (End::Completed, Why::HungUp, By::Extension, Far::Answered)),
        ("both-answer-redirect-desk", apart),
        ("both-answer-redirect-phone", apart),
        ("both-answer-with-locals-redirect-desk", apart),
        ("both-answer-with-locals-redirect-phone", apart),
    ];
    let mut wrong = Vec::new();
    for (name, (status, reason, by, reached)) in cases {
        for version in ["22", "16"] {
            let record = replay(version, name, click());
            // 16 tells no SIP status: that the carrier had it is known if it rang.
            let reached = if version == "16" && reached == Far::Trying { Far::Sent } else { reached };
            let found = (record.last.status, record.last.reason, record.last.ended_by, record.last.reached);
            let found = (found.0, found.1.expect("it ended"), found.2.expect("it ended"), found.3);
            let is_connected = record.last.answered_at.is_some() == (status == End::Completed);
            if found != (status, reason, by, reached) || !is_connected {
                wrong.push(format!(
                    "{version}/{name}: {found:?} {:?}, not {:?}",
                    record.last.answered_at,
                    (status, reason, by, reached)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What Asterisk does by itself is not the carrier's doing. 16 tells less of it.
#[test]
fn what_asterisk_ended_by_itself() {
    use {EndedBy as By, Reason as Why, Status as End};
    let cases = [
        ("phone-answers-with-g729", "22", End::Failed, Why::CodecMismatch, By::Pbx, Some(200)),
        ("phone-answers-with-g729", "16", End::Failed, Why::CodecMismatch, By::Pbx, Some(200)),
        ("phone-rings-488", "22", End::Failed, Why::CodecMismatch, By::Carrier, Some(488)),
        ("phone-rings-488", "16", End::Failed, Why::CodecMismatch, By::Carrier, None),
        ("phone-rings-487", "22", End::NoAnswer, Why::NoAnswer, By::Carrier, Some(487)),
        ("phone-rings-487", "16", End::Unknown, Why::OutcomeLost, By::Carrier, None),
        ("phone-answers-without-sdp", "22", End::Completed, Why::CodecMismatch, By::Pbx, None),
        // The phone's own BYE looks the same there.
        ("phone-answers-without-sdp", "16", End::Completed, Why::HungUp, By::Callee, None),
        ("both-answer-session-expires", "22", End::Completed, Why::HungUp, By::Pbx, None),
        ("both-answer-session-expires", "16", End::Completed, Why::HungUp, By::Callee, None),
    ];
    let mut wrong = Vec::new();
    for (name, version, status, reason, by, sip) in cases {
        for (way, record) in [("AMI", replay(version, name, click())), ("ARI", replay_ari(version, name))] {
            let found = (record.last.status, record.last.reason, record.last.ended_by, record.last.sip_code);
            if found != (status, Some(reason), Some(by), sip) {
                let expected = (status, reason, by, sip);
                wrong.push(format!("{version}/{name} by {way}: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_carriers_refusals_are_told_with_its_status_where_asterisk_tells_that() {
    use {Reason as Why, Status as End};
    let cases = [
        ("phone-404", (End::Failed, Why::NumberInvalid), (End::Failed, Why::NumberInvalid), 404),
        ("phone-480", (End::NoAnswer, Why::NoAnswer), (End::NoAnswer, Why::NoAnswer), 480),
        ("phone-503", (End::Failed, Why::CarrierOverloaded), (End::Failed, Why::CarrierOverloaded), 503),
        ("phone-603", (End::Rejected, Why::Declined), (End::Rejected, Why::Declined), 603),
    ];
    let mut wrong = Vec::new();
    for (name, on_22, on_16, sip) in cases {
        for (version, expected, code) in [("22", on_22, Some(sip)), ("16", on_16, None)] {
            let record = replay(version, name, click());
            let found = (record.last.status, record.last.reason.expect("it ended"));
            if found != expected || record.last.sip_code != code {
                wrong.push(format!(
                    "{version}/{name}: {found:?} {:?}, not {expected:?} {code:?}",
                    record.last.sip_code
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_monitoring_lasts_until_its_listener_goes() {
    for (name, mode, by) in [
        ("spy-listen-we-ends", MonitorMode::Spy, EndedBy::Api),
        ("spy-whisper-spyer-ends", MonitorMode::Whisper, EndedBy::Extension),
    ] {
        for version in ["22", "16"] {
            let record = replay(version, name, monitor(mode));
            let found = (record.last.status, record.last.reason, record.last.ended_by);
            assert_eq!(found, (Status::Completed, Some(Reason::HungUp), Some(by)), "{version}/{name}");
        }
    }
}

/// Whatever `eventfilter` keeps away, nothing bold is made up of it: the end is what it was, or unknown.
#[test]
fn of_what_was_kept_away_nothing_follows() {
    type Kept = fn(&Event) -> bool;
    let filters: [(&str, Kept); 9] = [
        ("Newstate", |event| matches!(event, Event::Newstate(_))),
        ("DialBegin", |event| matches!(event, Event::DialBegin(_))),
        ("DialState", |event| matches!(event, Event::DialState(_))),
        ("DialEnd", |event| matches!(event, Event::DialEnd(_))),
        ("Dial.*", |event| matches!(event, Event::DialBegin(_) | Event::DialState(_) | Event::DialEnd(_))),
        ("BridgeEnter", |event| matches!(event, Event::BridgeEnter(_))),
        ("BridgeLeave", |event| matches!(event, Event::BridgeLeave(_))),
        ("HangupRequest", |event| matches!(event, Event::HangupRequest(_))),
        ("SoftHangupRequest", |event| matches!(event, Event::SoftHangupRequest(_))),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ami");
    let mut wrong = Vec::new();
    let (mut kept, mut unknown) = (0, 0);
    for version in ["22", "16"] {
        let files = fs::read_dir(folder.join(version)).expect("recordings");
        let names = files.map(|file| file.expect("a file").path().file_stem().expect("a name").to_owned());
        for name in names.filter(|name| name != "answers") {
            let name = name.to_str().expect("letters");
            let mode = MonitorMode::Spy;
            let what = if name.starts_with("spy-") { monitor(mode) } else { click() };
            let said = |record: &CallRecord| (record.last.status, record.last.reason, record.last.ended_by);
            let whole = said(&replay(version, name, what.clone()));
            for (filter, is_kept_away) in filters {
                let found = said(&replay_without(version, name, what.clone(), is_kept_away));
                let is_unknown = found.0 == Status::Unknown
                    || found.0 == whole.0
                        && found.0 == Status::Completed
                        && found.2 == Some(EndedBy::Unknown);
                kept += u32::from(found == whole);
                unknown += u32::from(found != whole && is_unknown);
                if found != whole && !is_unknown {
                    wrong.push(format!("{version}/{name} without {filter}: {found:?}, not {whole:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{kept} kept, {unknown} unknown\n{}", wrong.join("\n"));
    assert!(unknown > 100, "{kept} kept, {unknown} unknown");
}
