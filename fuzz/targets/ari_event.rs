//! Frames of the events socket: what is read says of which channel it is, and reaches that channel's call.
#![no_main]

use std::collections::BTreeMap;
use std::fmt;

use asterisk::ari::Event;
use call::{AttemptId, ChannelRole, Input, Registry, TrunkSeen};
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use witness::Translator;

const TRUNK: &str = "1700000000.7";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The same text by another reader, which has its own limits: what it can't read proves nothing.
    let document = serde_json::from_str::<Members>(text).ok();
    let event = match Event::parse(text) {
        Ok(event) => event,
        Err(error) => {
            let kind = document.as_ref().and_then(Members::kind);
            assert!(kind.is_none_or(is_used), "a {kind:?} that is of no use can't be read: {error}");
            return;
        }
    };
    if let Some(document) = document {
        if let Some(kind) = document.kind() {
            let shortened: String = kind.chars().take(64).collect();
            assert!(event.kind() == kind || event.kind() == shortened, "{kind} became {event:?}");
        }
        for (path, id) in ids(&event) {
            assert_eq!(document.at(path), Some(id), "{path} of {event:?}");
        }
    }
    translate(event);
});

/// The ids that an event tells, each with its place in the document.
fn ids(event: &Event) -> Vec<(&'static str, &str)> {
    match event {
        Event::StasisStart(e) => vec![("/channel/id", &e.channel.id)],
        Event::StasisEnd(e) | Event::ChannelStateChange(e) => vec![("/channel/id", &e.channel.id)],
        Event::ChannelEnteredBridge(e) | Event::ChannelLeftBridge(e) => {
            vec![("/channel/id", &e.channel.id), ("/bridge/id", &e.bridge.id)]
        }
        Event::ChannelHangupRequest(e) => vec![("/channel/id", &e.channel.id)],
        Event::ChannelDestroyed(e) => vec![("/channel/id", &e.channel.id)],
        Event::ChannelDtmfReceived(e) => vec![("/channel/id", &e.channel.id), ("/digit", &e.digit)],
        Event::ChannelUserevent(e) => {
            let channel = e.channel.iter().map(|channel| ("/channel/id", channel.id.as_str()));
            channel.chain([("/eventname", e.eventname.as_str())]).collect()
        }
        Event::Dial(e) => {
            let caller = e.caller.iter().map(|caller| ("/caller/id", caller.id.as_str()));
            let forwarded = e.forwarded.iter().map(|channel| ("/forwarded/id", channel.id.as_str()));
            caller.chain(forwarded).chain([("/peer/id", e.peer.id.as_str())]).collect()
        }
        Event::PlaybackStarted(e) | Event::PlaybackContinuing(e) | Event::PlaybackFinished(e) => {
            vec![("/playback/id", &e.playback.id)]
        }
        Event::PeerStatusChange(e) => vec![("/endpoint/resource", &e.endpoint.resource)],
        Event::ContactStatusChange(e) => vec![("/endpoint/resource", &e.endpoint.resource)],
        Event::EndpointStateChange(e) => vec![("/endpoint/resource", &e.endpoint.resource)],
        Event::ApplicationReplaced(_) | Event::Other { .. } => Vec::new(),
    }
}

/// An input is for the attempt of the event's channel, and the end of a channel of ours is always told.
fn translate(event: Event) {
    let translator = Translator::new("PJSIP/novofon");
    let attempt: AttemptId = "0193d0a0-0000-7000-8000-000000000001".parse().expect("a UUID");
    let mut registry = Registry::default();
    registry.watch(TRUNK.to_owned(), attempt);
    if let Some(channel) = translator.unknown_trunk(&event, &registry) {
        assert!(registry.role(channel).is_none());
        assert!(ids(&event).iter().any(|(_, id)| *id == channel), "{channel} of {event:?}");
    }
    let roles: Vec<(AttemptId, ChannelRole)> =
        ids(&event).iter().filter_map(|(_, id)| registry.role(id)).collect();
    let is_end = matches!(event, Event::ChannelDestroyed(_));
    let is_playback = matches!(event, Event::PlaybackStarted(_) | Event::PlaybackFinished(_));
    let inputs = translator.inputs(event, &registry);
    assert!(inputs.len() <= 3);
    assert!(!is_end || inputs.len() == roles.len(), "the end of {roles:?} became {inputs:?}");
    for (attempt, input) in &inputs {
        assert!(
            is_playback || roles.iter().any(|(of, _)| of == attempt),
            "{input:?} is of no channel of {attempt}"
        );
        assert_eq!(
            is_end,
            matches!(input, Input::Trunk { seen: TrunkSeen::Destroyed(_), .. } | Input::HalfDestroyed { .. })
        );
    }
}

/// Whether the client reads more of a type than its name: a bare frame of it is then no event of another type.
fn is_used(kind: &str) -> bool {
    let bare = serde_json::json!({ "type": kind }).to_string();
    !matches!(Event::parse(&bare), Ok(Event::Other { .. }))
}

/// An object and how often each of its members is there.
struct Members(BTreeMap<String, (Value, usize)>);

impl Members {
    /// The type, if there is one and it is a text.
    fn kind(&self) -> Option<&str> {
        match self.0.get("type") {
            Some((Value::String(kind), 1)) => Some(kind),
            _ => None,
        }
    }

    fn at(&self, path: &str) -> Option<&str> {
        let mut parts = path.split('/').skip(1);
        let (value, _) = self.0.get(parts.next()?)?;
        parts.try_fold(value, |value, part| value.get(part))?.as_str()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: BTreeMap<String, (Value, usize)> = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    let count = members.get(&name).map_or(0, |(_, count)| *count);
                    members.insert(name, (value, count + 1));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
