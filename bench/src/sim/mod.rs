//! A simulated Asterisk: the part of ARI that the bot uses, over HTTP and over the events socket, with
//! the sequences of events that Asterisk 22.10 was recorded to send (tests/fixtures/ari). It owns calls and
//! their timing. Cheap on purpose: its one thread must never be what limits the bot.

mod events;
mod rest;
mod server;
mod socket;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    rc::Rc,
    time::{Duration, Instant},
};

use std::cell::RefCell;
use tokio::sync::Notify;

pub use server::{serve, spawn};

/// How the simulated callees behave.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// From the originate to the carrier's first answer.
    pub setup: Duration,
    /// Zero: answers without ringing.
    pub ring: Duration,
    /// From the answer to the callee's hang-up; `None`: stays on the line.
    pub talk: Option<Duration>,
    /// How long a sound plays.
    pub sound: Duration,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            setup: Duration::from_millis(2),
            ring: Duration::ZERO,
            talk: Some(Duration::ZERO),
            sound: Duration::from_millis(100),
        }
    }
}

/// A moment that the latency of the bot is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The originate came in.
    Originate,
    TrunkRinging,
    TrunkUp,
    /// The last of the events without which the call's end is not proven.
    EndProven,
}

#[derive(Debug, Clone)]
pub struct Seen {
    pub call: String,
    pub what: Moment,
    pub at: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub originates: u64,
    /// Originates with an id that was used before: a call dialed twice.
    pub twice: u64,
    pub ended: u64,
    pub live: usize,
    pub most_live: usize,
    pub hangups: u64,
    pub events: u64,
}

/// The PBX with its calls; shared by the connections of one thread.
#[derive(Clone)]
pub struct Sim(Rc<Shared>);

struct Shared {
    state: RefCell<State>,
    /// There is something to write, or a nearer time.
    wake: Notify,
}

struct State {
    behaviour: Behaviour,
    calls: HashMap<String, Call>,
    /// Every id that was ever dialed.
    known: HashSet<u128>,
    agenda: BinaryHeap<Reverse<(Instant, u64, String, Step)>>,
    /// What waits for the socket.
    out: Vec<u8>,
    allowed: HashSet<String>,
    app: String,
    last_number: u64,
    stamp: events::Stamp,
    counts: Counts,
    /// Kept only when somebody measures.
    trace: Option<Vec<Seen>>,
}

struct Call {
    id: String,
    phone: String,
    /// The number in the channels' names.
    serial: u64,
    trunk: String,
    sip_call_id: String,
    created: String,
    answered: bool,
    ending: bool,
    playback: Option<String>,
}

/// What happens to a call by time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Dialed,
    Rings,
    Answers,
    SoundEnds,
    CalleeHangsUp,
    /// After our hang-up: the far half and the trunk go.
    TrunkGoes,
}

impl Sim {
    pub fn new(behaviour: Behaviour) -> Self {
        Sim(Rc::new(Shared {
            state: RefCell::new(State {
                behaviour,
                calls: HashMap::new(),
                known: HashSet::new(),
                agenda: BinaryHeap::new(),
                out: Vec::new(),
                allowed: HashSet::new(),
                app: String::new(),
                last_number: 0,
                stamp: events::Stamp::default(),
                counts: Counts::default(),
                trace: None,
            }),
            wake: Notify::new(),
        }))
    }

    pub fn counts(&self) -> Counts {
        let state = self.0.state.borrow();
        Counts { live: state.calls.len(), ..state.counts }
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.0.state.borrow_mut().behaviour = behaviour;
    }

    /// From now on moments are kept, or are not any more; gives those that were.
    pub fn trace(&self, on: bool) -> Vec<Seen> {
        let fresh = on.then(|| Vec::with_capacity(1 << 16));
        std::mem::replace(&mut self.0.state.borrow_mut().trace, fresh).unwrap_or_default()
    }

    /// Every call that is still on the line ends, as if its callee had hung up.
    pub fn end_all(&self) {
        let now = Instant::now();
        let mut state = self.0.state.borrow_mut();
        let ids: Vec<String> = state.calls.keys().cloned().collect();
        for id in ids {
            state.plan(now, id, Step::CalleeHangsUp);
        }
        drop(state);
        self.0.wake.notify_one();
    }
}

impl State {
    fn plan(&mut self, at: Instant, call: String, step: Step) {
        self.last_number += 1;
        self.agenda.push(Reverse((at, self.last_number, call, step)));
    }

    fn next_at(&self) -> Option<Instant> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    fn run_due(&mut self, now: Instant) {
        while let Some(Reverse((at, ..))) = self.agenda.peek()
            && *at <= now
        {
            let Some(Reverse((_, _, id, step))) = self.agenda.pop() else { return };
            self.step(now, id, step);
        }
    }

    fn saw(&mut self, call: &str, what: Moment) {
        if let Some(trace) = &mut self.trace {
            trace.push(Seen { call: call.to_owned(), what, at: Instant::now() });
        }
    }

    /// Places the call that an originate asks for; `false` when its id is taken.
    fn originate(&mut self, id: &str, phone: &str) -> bool {
        let number = uuid::Uuid::parse_str(id).map_or(0, |id| id.as_u128());
        self.counts.originates += 1;
        if !self.known.insert(number) {
            self.counts.twice += 1;
            return false;
        }
        self.saw(id, Moment::Originate);
        let serial = self.counts.originates;
        let call = Call {
            id: id.to_owned(),
            phone: phone.to_owned(),
            serial,
            trunk: format!("1795253819.{serial}"),
            sip_call_id: uuid::Uuid::from_u128(number.rotate_left(64)).to_string(),
            created: self.stamp.now().to_owned(),
            answered: false,
            ending: false,
            playback: None,
        };
        self.calls.insert(id.to_owned(), call);
        self.counts.most_live = self.counts.most_live.max(self.calls.len());
        let now = Instant::now();
        self.plan(now, id.to_owned(), Step::Dialed);
        true
    }

    fn step(&mut self, now: Instant, id: String, step: Step) {
        let behaviour = self.behaviour;
        // Taken out, so that it and the rest can be changed at once.
        let Some(mut call) = self.calls.remove(&id) else { return };
        match step {
            Step::Dialed => {
                self.dial_begins(&call);
                let next = if behaviour.ring.is_zero() { Step::Answers } else { Step::Rings };
                self.plan(now + behaviour.setup, id.clone(), next);
            }
            Step::Rings if !call.ending => {
                self.trunk_rings(&call);
                self.plan(now + behaviour.ring, id.clone(), Step::Answers);
            }
            Step::Answers if !call.ending => {
                call.answered = true;
                self.trunk_answers(&call);
                if let Some(talk) = behaviour.talk {
                    self.plan(now + talk, id.clone(), Step::CalleeHangsUp);
                }
            }
            Step::SoundEnds => self.sound_ends(&mut call),
            Step::CalleeHangsUp if !call.ending => {
                self.callee_hangs_up(&call);
                self.counts.ended += 1;
                return;
            }
            Step::TrunkGoes => {
                self.trunk_goes(&call);
                self.counts.ended += 1;
                return;
            }
            Step::Rings | Step::Answers | Step::CalleeHangsUp => {}
        }
        self.calls.insert(id, call);
    }

    /// Our side hangs up; `false` when there is no such channel.
    fn hang_up(&mut self, id: &str) -> bool {
        let Some(mut call) = self.calls.remove(id) else { return false };
        self.counts.hangups += 1;
        if !call.ending {
            call.ending = true;
            self.near_goes(&call);
            self.plan(Instant::now() + Duration::from_millis(2), id.to_owned(), Step::TrunkGoes);
        }
        self.calls.insert(id.to_owned(), call);
        true
    }
}
