//! A machine on fake time, with its wishes in words.

use std::time::Duration;

use call::scenario::{Scenario, Step};
use call::{
    CallId, CallRecord, Causes, Effect, EndedBy, Found, FoundTrunk, Half, Input, Limits, Machine, Moment,
    OutgoingCall, Reason, TrunkSeen,
};
use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

pub const LIMITS: Limits =
    Limits { queue_timeout: Duration::from_secs(600), unreachable_timeout: Duration::from_secs(30) };

pub struct Ladder {
    pub machine: Machine,
    /// The events of its timeline.
    pub told: Vec<String>,
    now: f64,
    last: Vec<String>,
    /// Asterisk says at once that it told all; otherwise the test answers for it.
    hears_all: bool,
}

pub fn moment(seconds: f64) -> Moment {
    let mono = Duration::from_secs_f64(seconds);
    let start = DateTime::from_timestamp(1_790_000_000, 0).expect("a time");
    Moment { mono, wall: start + TimeDelta::from_std(mono).expect("short") }
}

pub fn record() -> CallRecord {
    let request = OutgoingCall {
        phone: "+79522675444".parse().expect("E.164"),
        caller_id: None,
        scenario: "default".into(),
        ring_timeout: 30,
        max_duration: 120,
        custom_metadata: None,
        requested_by: None,
    };
    CallRecord::new(CallId(Uuid::from_u128(7)), request, moment(0.0).wall)
}

pub fn hello() -> Scenario {
    Scenario::new([
        Step::Play("sound:hello".into()),
        Step::Wait(Duration::from_secs(1)),
        Step::Play("sound:bye".into()),
    ])
}

/// In words, without the id: `store(dialing)`, `originate`, `hangup`, `look`, `play(sound:hello)`,
/// `watch`, `ended`.
fn word(effect: &Effect) -> String {
    match effect {
        Effect::Store { record, intent, .. } => {
            format!("store({}{})", record.last.status, if *intent { ", intent" } else { "" })
        }
        Effect::Originate(_) => "originate".into(),
        Effect::Hangup { .. } => "hangup".into(),
        Effect::Look { .. } => "look".into(),
        Effect::TestHearing => "test hearing".into(),
        Effect::Play { media, .. } => format!("play({media})"),
        Effect::Watch { .. } => "watch".into(),
        Effect::Ended => "ended".into(),
    }
}

impl Ladder {
    pub fn place(asterisk_up: bool) -> Self {
        let (machine, effects) = Machine::place(moment(0.0), record(), &hello(), LIMITS, asterisk_up);
        Ladder { machine, told: Vec::new(), now: 0.0, last: Vec::new(), hears_all: true }.after(&effects)
    }

    /// A record that a former run left, taken up at 1000 s.
    pub fn restore(record: CallRecord) -> Self {
        let (machine, effects) = Machine::restore(moment(1000.0), record, &hello(), LIMITS, false);
        Ladder { machine, told: Vec::new(), now: 1000.0, last: Vec::new(), hears_all: true }.after(&effects)
    }

    /// Placed, admitted, its intent on disk, the originate sent and taken.
    pub fn dialed() -> Self {
        let mut ladder = Self::place(true);
        ladder.give(Input::Admitted);
        ladder.give(Input::IntentStored);
        ladder.give(Input::Originated);
        ladder
    }

    /// The trunk leg is up and our half in Stasis.
    pub fn answered() -> Self {
        let mut ladder = Self::dialed();
        ladder.give(trunk());
        ladder.give(leg(TrunkSeen::State(call::ChannelState::Up)));
        ladder.give(Input::Entered);
        ladder
    }

    fn after(mut self, effects: &[Effect]) -> Self {
        self.note(effects);
        self
    }

    /// Whether Asterisk told all is left to the test to answer.
    pub fn asked_itself(mut self) -> Self {
        self.hears_all = false;
        self
    }

    fn note(&mut self, effects: &[Effect]) {
        let is_answered = |effect: &&Effect| self.hears_all && **effect == Effect::TestHearing;
        self.last.extend(effects.iter().filter(|effect| !is_answered(effect)).map(word));
        for effect in effects {
            if let Effect::Store { entries, .. } = effect {
                self.told.extend(entries.iter().map(|entry| entry.event.clone()));
            }
        }
        if self.hears_all && effects.contains(&Effect::TestHearing) {
            let input = Input::HearingTested { whole: true };
            let effects = self.machine.handle(moment(self.now), input);
            self.note(&effects);
        }
    }

    pub fn give(&mut self, input: Input) -> &mut Self {
        self.last.clear();
        let effects = self.machine.handle(moment(self.now), input);
        self.note(&effects);
        self
    }

    /// Goes to that time, with all timers on the way.
    pub fn at(&mut self, seconds: f64) -> &mut Self {
        self.last.clear();
        while let Some((at, _)) = self.machine.next_timer().filter(|(at, _)| at.as_secs_f64() <= seconds) {
            let effects = self.machine.tick(moment(at.as_secs_f64() + 0.000_001));
            self.note(&effects);
        }
        self.now = seconds;
        self
    }

    #[track_caller]
    pub fn expect(&mut self, effects: &[&str]) -> &mut Self {
        assert_eq!(self.last, effects);
        self
    }

    /// `status reason ended_by`.
    #[track_caller]
    pub fn ends(&self, expected: &str) {
        let record = self.machine.record();
        assert!(self.machine.has_ended(), "still {}", record.last.status);
        let reason = record.last.reason.expect("an ended call has its reason");
        let ended_by = record.last.ended_by.expect("an ended call has its end");
        assert_eq!(format!("{} {reason} {ended_by}", record.last.status), expected);
    }

    /// Asterisk has nothing of the call, and still nothing when it is asked again.
    pub fn gone(&mut self) -> &mut Self {
        self.give(nothing_found()).expect(&[]);
        self.at(self.now + 2.1).expect(&["look"]);
        self.give(nothing_found())
    }

    /// The evidence of a leg that is gone, all at once.
    pub fn trunk_and_halves_gone(&mut self) -> &mut Self {
        self.give(leg(TrunkSeen::Destroyed(Causes { cause: Some(16), tech_cause: None })));
        self.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) })
    }
}

pub fn trunk() -> Input {
    leg_of(
        "1790000000.1",
        TrunkSeen::Created { name: Some(name("1790000000.1")), sip_call_id: Some("abc@pbx".into()) },
    )
}

pub fn hangup_by_api() -> Input {
    Input::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client: None }
}

pub fn nothing_found() -> Input {
    Input::Found(Found::default())
}

/// All of the call is there, and the sound that was asked for plays, or has ended.
pub fn found_sound(playback: &str, playing: bool) -> Found {
    let up = call::ChannelState::Up;
    let playback = Some(call::FoundPlayback { id: playback.to_owned(), playing });
    Found { playback, ..found(up, up) }
}

pub fn found(near: call::ChannelState, trunk: call::ChannelState) -> Found {
    Found {
        near: Some(near),
        near_in_stasis: near == call::ChannelState::Up,
        far: true,
        trunks: vec![FoundTrunk {
            channel: TRUNK.into(),
            name: name(TRUNK),
            state: trunk,
            sip_call_id: None,
        }],
        playback: None,
    }
}

/// The channel of the trunk leg.
pub const TRUNK: &str = "1790000000.1";

/// The name of a trunk channel.
pub fn name(channel: &str) -> String {
    format!("PJSIP/novofon-{channel}")
}

/// Something was seen of the trunk leg.
pub fn leg(seen: TrunkSeen) -> Input {
    leg_of(TRUNK, seen)
}

pub fn leg_of(channel: &str, seen: TrunkSeen) -> Input {
    Input::Trunk { channel: channel.into(), seen }
}
