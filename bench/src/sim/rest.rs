//! What the simulated Asterisk answers to a request, whichever way it came.

use std::{collections::HashSet, time::Instant};

use serde::Deserialize;
use serde_json::Value;

use super::{State, Step, events};

pub(super) struct Reply {
    pub status: u16,
    pub body: String,
}

fn ok(body: impl Into<String>) -> Reply {
    Reply { status: 200, body: body.into() }
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply { status, body: format!(r#"{{"message": "{message}"}}"#) }
}

const NO_CHANNEL: &str = "Channel not found";

impl State {
    /// `uri` is below `/ari/`, without its leading slash.
    pub(super) fn answer(&mut self, method: &str, uri: &str, body: &[u8]) -> Reply {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let parts: Vec<String> = path.split('/').map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (method, parts.as_slice()) {
            ("POST", ["channels"]) => self.post_channel(body),
            ("DELETE", ["channels", id]) => match self.hang_up(id) {
                true => Reply { status: 204, body: String::new() },
                false => refuse(404, NO_CHANNEL),
            },
            ("POST", ["channels", id, "play", playback]) => self.play(id, playback),
            ("GET", ["channels"]) => {
                let all = self.calls.values().flat_map(events::all_channels).map(|(_, text)| text);
                ok(format!("[{}]", all.collect::<Vec<_>>().join(",")))
            }
            ("GET", ["channels", id]) => match self.find(id) {
                Some(text) => ok(text),
                None => refuse(404, NO_CHANNEL),
            },
            ("GET", ["channels", id, "variable"]) => {
                let wanted = query.contains("linkedid");
                let linked = self.calls.values().find(|call| call.trunk == *id || call.id == *id);
                match linked.filter(|_| wanted) {
                    Some(call) => ok(format!(r#"{{"value": "{}"}}"#, call.id)),
                    None => refuse(404, NO_CHANNEL),
                }
            }
            ("GET", ["playbacks", id]) => {
                let playing = self.calls.values().find(|call| call.playback.as_deref() == Some(*id));
                match playing {
                    Some(call) => ok(events::playback_text(call, id, "playing")),
                    None => refuse(404, "Playback not found"),
                }
            }
            ("DELETE", ["playbacks", _]) => Reply { status: 204, body: String::new() },
            ("PUT", ["applications", app, "eventFilter"]) => self.filter(app, body),
            ("POST", ["applications", app, "subscription"]) => ok(application(app)),
            ("GET", ["applications", app]) => ok(application(app)),
            ("GET", ["endpoints", technology, resource]) => ok(format!(
                r#"{{"technology": "{technology}", "resource": "{resource}", "state": "online", "channel_ids": []}}"#
            )),
            ("GET", ["asterisk", "info"]) => {
                ok(r#"{"system": {"version": "22.10.1", "entity_id": "sim"}, "build": {}, "status": {}}"#)
            }
            _ => refuse(404, "Invalid resource"),
        }
    }

    fn post_channel(&mut self, body: &[u8]) -> Reply {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Originate<'a> {
            endpoint: &'a str,
            channel_id: &'a str,
        }
        let Ok(wish) = serde_json::from_slice::<Originate<'_>>(body) else {
            return refuse(400, "Cannot parse the body");
        };
        let phone = wish.endpoint.strip_prefix("Local/").and_then(|rest| rest.split('@').next());
        let Some(phone) = phone else { return refuse(400, "Endpoint not supported here") };
        if !self.originate(wish.channel_id, phone) {
            return refuse(409, "Channel with given unique ID already exists");
        }
        ok(events::near_text(&self.calls[wish.channel_id]))
    }

    fn play(&mut self, id: &str, playback: &str) -> Reply {
        let Some(mut call) = self.calls.remove(id) else { return refuse(404, NO_CHANNEL) };
        call.playback = Some(playback.to_owned());
        self.sound_begins(&call);
        let text = events::playback_text(&call, playback, "queued");
        let ends = Instant::now() + self.behaviour.sound;
        self.plan(ends, id.to_owned(), Step::SoundEnds);
        self.calls.insert(id.to_owned(), call);
        Reply { status: 201, body: text }
    }

    fn find(&self, id: &str) -> Option<String> {
        let call = match self.calls.get(id.trim_end_matches(";2")) {
            Some(call) => call,
            None => self.calls.values().find(|call| call.trunk == id)?,
        };
        events::all_channels(call).into_iter().find(|(channel, _)| channel == id).map(|(_, text)| text)
    }

    fn filter(&mut self, app: &str, body: &[u8]) -> Reply {
        let Ok(filter) = serde_json::from_slice::<Value>(body) else { return refuse(400, "Bad filter") };
        let kinds = filter["allowed"].as_array().into_iter().flatten();
        self.allowed =
            kinds.filter_map(|kind| kind["type"].as_str().map(str::to_owned)).collect::<HashSet<_>>();
        ok(application(app))
    }
}

fn application(app: &str) -> String {
    format!(
        r#"{{"name": "{app}", "channel_ids": [], "bridge_ids": [], "endpoint_ids": ["PJSIP/novofon"], "device_names": [], "events_allowed": [], "events_disallowed": []}}"#
    )
}

/// Percent-decoding; every part of a path is ASCII.
fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use crate::sim::{Behaviour, Sim};

    #[test]
    fn an_id_is_dialed_once() {
        let sim = Sim::new(Behaviour::default());
        let mut state = sim.0.state.borrow_mut();
        let id = "6abd58a9-f44a-4ab7-9c4f-9066d6e0fe29";
        let body = format!(r#"{{"endpoint": "Local/+79005550201@outgoing", "channelId": "{id}"}}"#);
        assert_eq!(state.answer("POST", "channels", body.as_bytes()).status, 200);
        assert_eq!(state.answer("POST", "channels", body.as_bytes()).status, 409);
        let far = format!("channels/{id}%3B2");
        assert!(state.answer("GET", &far, b"").body.contains(";2\""));
        assert_eq!(state.answer("DELETE", &format!("channels/{id}"), b"").status, 204);
        assert_eq!(state.answer("DELETE", "channels/x", b"").status, 404);
    }

    #[test]
    fn every_event_is_one_that_the_bot_reads() {
        use asterisk::ari::Event;
        let sim = Sim::new(Behaviour::default());
        let mut state = sim.0.state.borrow_mut();
        let id = "6abd58a9-f44a-4ab7-9c4f-9066d6e0fe29";
        assert!(state.originate(id, "+79005550201"));
        let mut call = state.calls.remove(id).expect("it was just placed");
        state.dial_begins(&call);
        state.trunk_rings(&call);
        call.answered = true;
        state.trunk_answers(&call);
        call.playback = Some(format!("{id}-1"));
        state.sound_begins(&call);
        state.sound_ends(&mut call);
        state.near_goes(&call);
        state.trunk_goes(&call);
        state.callee_hangs_up(&call);
        let texts = crate::sim::socket::texts(&state.out);
        assert_eq!(texts.len() as u64, state.counts.events);
        for text in texts {
            let event = Event::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(!matches!(event, Event::Other { .. }), "{text}");
        }
    }
}
