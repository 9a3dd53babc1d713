//! Plays a recorded trace into a machine, as the engine would.

use std::{fs, path::PathBuf, time::Duration};

use asterisk::ari::Event;
use call::scenario::{Scenario, Step};
use call::{
    CallId, CallRecord, Effect, EndedBy, Input, Limits, Machine, Moment, OutgoingCall, Reason, Registry,
};
use chrono::{DateTime, TimeDelta};
use serde_json::Value;
use witness::Translator;

/// One thing that happened: when, and what.
#[derive(Debug, Clone)]
pub enum Happening {
    Event(Box<Event>),
    /// The recorder hung up, as a client would through the API.
    HangUp,
    /// Asterisk took the originate.
    Originated,
}

#[derive(Debug, Clone)]
pub struct Trace {
    pub id: CallId,
    pub steps: Vec<(u64, Happening)>,
}

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ari")
}

pub fn load(name: &str) -> Trace {
    let path = folder().join(format!("{name}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut id = None;
    let mut steps = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let at = line["t_ms"].as_f64().expect("a time") as u64;
        if let Some(event) = line.get("event") {
            let event = Event::parse(&event.to_string()).expect("an event of Asterisk");
            steps.push((at, Happening::Event(Box::new(event))));
            continue;
        }
        let request = line["request"].as_str().unwrap_or_default();
        if request == "POST /channels" {
            let channel = line["query"]["channelId"].as_str().expect("our channel id");
            id = Some(channel.parse().expect("a UUID"));
            steps.push((at, Happening::Originated));
        } else if request.starts_with("DELETE /channels/") {
            steps.push((at, Happening::HangUp));
        }
    }
    Trace { id: id.expect("an originate"), steps }
}

/// A machine and the world around it, on fake time.
pub struct World {
    pub machine: Machine,
    pub effects: Vec<Effect>,
    registry: Registry,
    translator: Translator,
    now: Duration,
}

pub fn moment(mono: Duration) -> Moment {
    let start = DateTime::from_timestamp(1_790_000_000, 0).expect("a time");
    Moment { mono, wall: start + TimeDelta::from_std(mono).expect("a short time") }
}

pub fn request() -> OutgoingCall {
    OutgoingCall {
        phone: "+79522675444".parse().expect("E.164"),
        caller_id: None,
        scenario: "default".into(),
        ring_timeout: 70,
        max_duration: 600,
        custom_metadata: None,
        requested_by: None,
    }
}

pub const LIMITS: Limits =
    Limits { queue_timeout: Duration::from_secs(3600), unreachable_timeout: Duration::from_secs(30) };

impl World {
    /// A call whose originate has just been sent.
    pub fn dialing(id: CallId) -> Self {
        let now = moment(Duration::ZERO);
        let record = CallRecord::new(id, request(), now.wall);
        // The recorder did the talking: here the call waits for the other end.
        let scenario = Scenario::new([Step::Wait(Duration::from_secs(300))]);
        let (mut machine, mut effects) = Machine::place(now, record, &scenario, LIMITS, true);
        effects.extend(machine.handle(now, Input::Admitted));
        effects.extend(machine.handle(now, Input::IntentStored));
        World {
            machine,
            effects,
            registry: Registry::default(),
            translator: Translator::new("PJSIP/novofon"),
            now: Duration::ZERO,
        }
    }

    pub fn play(&mut self, at: u64, step: Happening) {
        self.now = self.now.max(Duration::from_millis(at));
        self.pass_time(self.now);
        let inputs = match step {
            Happening::Originated => vec![Input::Originated],
            Happening::HangUp => {
                vec![Input::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client: None }]
            }
            Happening::Event(event) => {
                self.translator.inputs(*event, &self.registry).into_iter().map(|(_, input)| input).collect()
            }
        };
        for input in inputs {
            let effects = self.machine.handle(moment(self.now), input);
            self.take(effects);
        }
    }

    /// Lets time pass, with every timer on the way.
    pub fn pass_time(&mut self, until: Duration) {
        while let Some((at, _)) = self.machine.next_timer().filter(|(at, _)| *at <= until) {
            let effects = self.machine.tick(moment(at));
            self.take(effects);
        }
        self.now = until;
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            if let Effect::Watch { trunk_channel, .. } = effect {
                self.registry.watch(trunk_channel.clone(), self.machine.record().attempt_id());
            }
        }
        let is_asked = effects.contains(&Effect::TestHearing);
        self.effects.extend(effects);
        if is_asked {
            let effects = self.machine.handle(moment(self.now), Input::HearingTested { whole: true });
            self.take(effects);
        }
    }

    pub fn run(trace: &Trace) -> World {
        let mut world = World::dialing(trace.id);
        for (at, step) in trace.steps.clone() {
            world.play(at, step);
        }
        world.pass_time(world.now + Duration::from_millis(1500));
        world
    }
}
