//! The wire shapes of events.

use std::collections::BTreeMap;

use crate::ari::Event;

/// A Dial of the trunk leg as 22 writes it, shortened in nothing.
const DIAL: &str = r#"{"type":"Dial","timestamp":"2026-11-21T09:12:33.123+0000","dialstatus":"RINGING","forward":"","dialstring":"79522675444@novofon","caller":{"id":"c1;2","name":"Local/79522675444@outgoing-00000000;2","state":"Ring","protocol_id":"","caller":{"name":"","number":""},"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"outgoing","exten":"79522675444","priority":3,"app_name":"Dial","app_data":"PJSIP/79522675444@novofon,60"},"creationtime":"2026-11-21T09:12:33.001+0000","language":"en"},"peer":{"id":"pbx-1763716353.4","name":"PJSIP/novofon-00000000","state":"Ringing","protocol_id":"8f7d-uuid@127.0.0.2","caller":{"name":"","number":"79522675444"},"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"incoming","exten":"","priority":1,"app_name":"AppDial","app_data":"(Outgoing Line)"},"creationtime":"2026-11-21T09:12:33.010+0000","language":"en","channelvars":{"CALL":"c1","N":7,"E":null}},"asterisk_id":"02:fc:00:00:00:01","application":"novofon_bot"}"#;

const DESTROYED: &str = r#"{"type":"ChannelDestroyed","timestamp":"2026-11-21T09:12:35.000+0000","cause":21,"cause_txt":"Call Rejected","tech_cause":403,"channel":{"id":"pbx-1","name":"PJSIP/novofon-00000000","state":"Down"},"asterisk_id":"02:fc","application":"novofon_bot"}"#;

fn parse(text: &str) -> Event {
    Event::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_dial_tells_both_legs() {
    let Event::Dial(dial) = parse(DIAL) else { panic!("not a Dial") };
    assert_eq!(
        (dial.dialstatus.as_str(), dial.timestamp.as_str()),
        ("RINGING", "2026-11-21T09:12:33.123+0000")
    );
    assert_eq!(dial.caller.as_ref().unwrap().id, "c1;2");
    assert_eq!(dial.caller.as_ref().unwrap().dialplan.app_data, "PJSIP/79522675444@novofon,60");
    assert_eq!(dial.peer.name, "PJSIP/novofon-00000000");
    assert_eq!(dial.peer.protocol_id.as_deref(), Some("8f7d-uuid@127.0.0.2"));
    assert_eq!(dial.peer.caller.number, "79522675444");
    let vars: Vec<_> = dial.peer.channelvars.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(vars, [("CALL", "c1"), ("E", ""), ("N", "7")]);
    assert_eq!(dial.caller.unwrap().protocol_id, None, "an empty text is none");
    assert_eq!(
        (dial.dialstring.as_deref(), dial.forward, dial.forwarded),
        (Some("79522675444@novofon"), None, None)
    );
}

#[test]
fn causes_are_read_and_may_be_absent() {
    let Event::ChannelDestroyed(end) = parse(DESTROYED) else { panic!("not the end") };
    assert_eq!((end.cause, end.cause_txt.as_str(), end.tech_cause), (21, "Call Rejected", Some(403)));
    let old = DESTROYED.replace(r#""tech_cause":403,"#, "");
    let Event::ChannelDestroyed(end) = parse(&old) else { panic!("not the end") };
    assert_eq!((end.cause, end.tech_cause), (21, None));
    let request = r#"{"type":"ChannelHangupRequest","soft":true,"cause":32,"channel":{"id":"c"}}"#;
    let Event::ChannelHangupRequest(request) = parse(request) else { panic!("not a request") };
    assert_eq!((request.cause, request.tech_cause, request.soft), (Some(32), None, Some(true)));
}

#[test]
fn the_type_may_stand_anywhere_and_only_there() {
    let first = parse(DESTROYED);
    let moved = DESTROYED.replacen(r#""type":"ChannelDestroyed","#, "", 1);
    let last = format!(r#"{},"type":"ChannelDestroyed"}}"#, moved.strip_suffix('}').unwrap());
    assert_eq!(parse(&last), first);
    let pretty = DESTROYED.replacen(r#"{"type":"#, "{\n  \"type\" : ", 1);
    assert_eq!(parse(&pretty), first);
    let escaped = DESTROYED.replacen("ChannelDestroyed", r"Channel\u0044estroyed", 1);
    assert_eq!(parse(&escaped), first);
    for broken in
        ["{}x", r#"{"type":"A"}{}"#, r#"{"channel":{"type":"StasisEnd"}}"#, &format!("{DESTROYED} 1")]
    {
        Event::parse(broken).expect_err(broken);
    }
}

#[test]
fn a_user_event_carries_its_headers() {
    let text = r#"{"type":"ChannelUserevent","eventname":"NovofonDial","userevent":{"eventname":"NovofonDial","tech":"SIP 403 Forbidden","ast":"21"},"channel":{"id":"c1;2"}}"#;
    let Event::ChannelUserevent(event) = parse(text) else { panic!("not a user event") };
    assert_eq!(event.eventname, "NovofonDial");
    assert_eq!(event.userevent["tech"], "SIP 403 Forbidden");
    assert_eq!(event.channel.unwrap().id, "c1;2");
    let Event::ChannelUserevent(event) = parse(r#"{"type":"ChannelUserevent","eventname":"x"}"#) else {
        panic!()
    };
    assert!(event.channel.is_none() && event.userevent.is_empty());
}

#[test]
fn every_type_keeps_its_name() {
    let channel = r#""channel":{"id":"c"}"#;
    let endpoint = r#""endpoint":{"technology":"PJSIP","resource":"novofon","channel_ids":[]}"#;
    let playback = r#""playback":{"id":"p","media_uri":"sound:x","target_uri":"channel:c","state":"done"}"#;
    let cases = [
        ("StasisStart", format!(r#""args":["a"],{channel}"#)),
        ("StasisEnd", channel.into()),
        ("ChannelStateChange", channel.into()),
        ("ChannelEnteredBridge", format!(r#""bridge":{{"id":"b","channels":["c"]}},{channel}"#)),
        ("ChannelLeftBridge", format!(r#""bridge":{{"id":"b","channels":[]}},{channel}"#)),
        ("ChannelHangupRequest", channel.into()),
        ("ChannelDestroyed", channel.into()),
        ("ChannelDtmfReceived", format!(r#""digit":"5","duration_ms":120,{channel}"#)),
        ("ChannelUserevent", r#""eventname":"x""#.into()),
        ("Dial", r#""peer":{"id":"c"}"#.into()),
        ("PlaybackStarted", playback.into()),
        ("PlaybackContinuing", playback.into()),
        ("PlaybackFinished", playback.into()),
        ("ApplicationReplaced", r#""application":"a""#.into()),
        ("PeerStatusChange", format!(r#"{endpoint},"peer":{{"peer_status":"Reachable"}}"#)),
        (
            "ContactStatusChange",
            format!(r#"{endpoint},"contact_info":{{"uri":"sip:x","contact_status":"Reachable"}}"#),
        ),
        ("EndpointStateChange", endpoint.into()),
        ("ChannelVarset", channel.into()),
    ];
    for (kind, rest) in cases {
        let event = parse(&format!(r#"{{"type":"{kind}",{rest}}}"#));
        assert_eq!(event.kind(), kind);
        assert_eq!(matches!(event, Event::Other { .. }), kind == "ChannelVarset", "{kind}");
    }
}

#[test]
fn a_hostile_name_of_a_type_is_cut() {
    let event = parse(&format!(r#"{{"type":"{}"}}"#, "я".repeat(100_000)));
    assert_eq!(event.kind().chars().count(), 64);
}

/// Every event that was recorded from a real Asterisk is read, and those that this client has types for have them.
#[test]
fn every_recorded_event_is_read() {
    #[derive(serde::Deserialize)]
    struct Line {
        event: Option<Box<serde_json::value::RawValue>>,
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/ari");
    let mut counts = BTreeMap::<String, usize>::new();
    // Beside the recordings of 22 stand those of 16, the other end of the versions that users run.
    let entries =
        [folder.to_owned(), format!("{folder}/v16")].map(|folder| std::fs::read_dir(&folder).expect(&folder));
    for entry in entries.into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let Some(raw) = serde_json::from_str::<Line>(line).unwrap().event else { continue };
            let event =
                Event::parse(raw.get()).unwrap_or_else(|error| panic!("{}: {error}: {raw}", path.display()));
            let plain: serde_json::Value = serde_json::from_str(raw.get()).unwrap();
            assert_eq!(event.kind(), plain["type"]);
            if let Event::ChannelDestroyed(end) = &event {
                assert_eq!(plain["channel"]["id"], end.channel.id);
                assert_eq!(plain["tech_cause"].as_i64(), end.tech_cause.map(i64::from));
            }
            let known = if matches!(event, Event::Other { .. }) { "other" } else { event.kind() };
            *counts.entry(known.to_owned()).or_default() += 1;
        }
    }
    let of = |kind| counts.get(kind).copied().unwrap_or_default();
    for kind in [
        "Dial",
        "ChannelDestroyed",
        "ChannelHangupRequest",
        "ChannelStateChange",
        "ChannelUserevent",
        "StasisStart",
    ] {
        assert!(of(kind) > 0, "no {kind} among the recorded events: {counts:?}");
    }
    assert!(of("Dial") + of("ChannelDestroyed") > 50, "{counts:?}");
}
