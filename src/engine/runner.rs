//! The one task that owns all machines. It feeds them with what happens, one input at a time, and
//! hands their wishes on; it waits for nothing but the next thing to happen.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    admission::Admission,
    agenda::Agenda,
    early::Early,
    handle::{AriState, AriTrouble, Command, EngineState, PlaceError, StoreState},
    line::Line,
    refusal::{Probed, Refusal},
    settings::Settings,
    strays::Strays,
    survey::Lookup,
    waiting::Cancelling,
};
use crate::{metrics::Metrics, trouble::Troubles};
use asterisk::ari::Link;
use call::{AttemptId, CallId, CallRecord, Effect, Input, Machine, Moment, OriginateFailure, Registry};
use ledger::{Commit, IdempotencyRow, Notice, Store};

/// How long a client waits for the disk when it places a call. Then the call is withdrawn: it will
/// never be dialed, whatever the disk does later.
pub(super) const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// The machines' time at the start, so that what a former run did lies before it and not before all
/// time. No call is that long.
const BEFORE_START: Duration = Duration::from_secs(7 * 24 * 3600);

/// Asterisk that refuses a call for want of something refuses the next one too.
const REFUSED_HOLD: Duration = Duration::from_secs(2);

/// A client that waits until its call is on disk.
pub(super) type PlaceReply = oneshot::Sender<Result<Arc<CallRecord>, PlaceError>>;

/// A step on its way to the disk, for the histograms.
pub(super) struct Written {
    submitted: Instant,
    /// When the event came that led to it.
    event: Option<Instant>,
}

pub(super) struct Runner {
    pub settings: Settings,
    pub store: Store,
    pub line: Line,
    pub strays: Strays,
    pub metrics: Arc<Metrics>,
    pub troubles: Troubles,
    pub started: Instant,
    pub machines: HashMap<CallId, Machine>,
    pub registry: Registry,
    pub admission: Admission,
    pub agenda: Agenda,
    pub early: Early,
    /// Calls between their admission and their end: each holds a slot.
    pub live: HashSet<CallId>,
    /// Calls whose intent to dial is on its way to the disk, and for which attempt.
    pub intents: HashMap<CallId, u16>,
    pub placing: HashMap<CallId, PlaceReply>,
    /// When the clients of `placing` lose their patience, in the order of time.
    pub patience: VecDeque<(Duration, CallId)>,
    /// Idempotency keys that go to the disk with their call's first commit.
    pub keys: HashMap<CallId, IdempotencyRow>,
    /// The oldest step of each call that is not on disk yet.
    pub written: HashMap<CallId, Written>,
    /// When the event came that is being handled.
    pub event_at: Option<Instant>,
    pub ari: AriState,
    /// Asterisk is stopping, or refuses for want of something: the queue waits for it until then.
    pub held_until: Option<Duration>,
    /// Asterisk takes no calls at all: the queue waits until it does again.
    pub refusal: Option<Refusal>,
    /// What Asterisk may not be telling, and since when.
    pub deaf: Option<(String, DateTime<Utc>)>,
    pub cancelling: Vec<Cancelling>,
    pub stopping: Option<Duration>,
    pub state: watch::Sender<EngineState>,
}

/// Everything that the runner listens to.
pub(super) struct Ears {
    pub links: mpsc::Receiver<Link>,
    pub commands: mpsc::Receiver<Command>,
    pub inputs: mpsc::UnboundedReceiver<(AttemptId, Input)>,
    pub notices: mpsc::UnboundedReceiver<Notice>,
    pub probes: mpsc::UnboundedReceiver<Probed>,
    /// Cancelled when there is no time left for a graceful end.
    pub abort: CancellationToken,
}

impl Runner {
    pub async fn run(mut self, mut ears: Ears) {
        let mut store_health = self.store.watch_health();
        loop {
            self.publish_state();
            if self.is_done() || ears.abort.is_cancelled() {
                break;
            }
            let wake = self.wake_at().map(|at| self.started + at.saturating_sub(BEFORE_START));
            tokio::select! {
                biased;
                () = ears.abort.cancelled() => break,
                Some(notice) = ears.notices.recv() => {
                    self.notice(notice);
                    // One wake-up takes all that is there: under load they come in crowds.
                    while let Ok(notice) = ears.notices.try_recv() {
                        self.notice(notice);
                    }
                }
                Some((attempt, input)) = ears.inputs.recv() => self.hear(attempt, input),
                Some(probed) = ears.probes.recv() => self.probed(probed),
                Some(link) = ears.links.recv() => self.link(link),
                Some(command) = ears.commands.recv() => self.command(command),
                Ok(()) = store_health.changed() => {}
                () = sleep_until(wake) => {}
            }
            self.fire_timers();
            self.admit();
        }
    }

    pub fn now(&self) -> Moment {
        Moment { mono: BEFORE_START + self.started.elapsed(), wall: Utc::now() }
    }

    /// Gives a call what was seen of one of its attempts. Of one that is over it changes nothing.
    pub fn hear(&mut self, attempt: AttemptId, input: Input) {
        if self.machines.get(&attempt.call).is_some_and(|machine| !machine.is_at(attempt)) {
            tracing::debug!(%attempt, ?input, "an input for an attempt that is over");
            self.metrics.inputs_stray.inc();
            return;
        }
        self.feed(attempt.call, input);
    }

    /// Gives an input to a call. One for a call that has ended, or was never ours, changes nothing.
    pub fn feed(&mut self, call: CallId, input: Input) {
        let now = self.now();
        match &input {
            Input::OriginateFailed(failure) if failure.takes_none() => self.refused_all(),
            Input::OriginateFailed(OriginateFailure::Refused { status: 500.., .. }) => {
                self.hold(REFUSED_HOLD);
            }
            _ => {}
        }
        let may_be_deaf = self.deaf.is_some() && matches!(&input, Input::Originated | Input::Found(_));
        let Some(machine) = self.machines.get_mut(&call) else {
            tracing::debug!(%call, ?input, "an input for no live call");
            self.metrics.inputs_stray.inc();
            return;
        };
        let mut effects = machine.handle(now, input);
        if may_be_deaf {
            effects.extend(machine.handle(now, Input::Deaf));
        }
        self.carry_out(call, effects);
    }

    /// Hands on what a machine wishes for.
    pub fn carry_out(&mut self, call: CallId, effects: Vec<Effect>) {
        let mut early = Vec::new();
        let attempt =
            self.machines.get(&call).map_or(AttemptId::first(call), |machine| machine.record().attempt_id());
        for effect in effects {
            match effect {
                Effect::Store { record, entries, intent } => {
                    if intent {
                        self.intents.insert(call, record.last.number);
                    }
                    super::journal::write(&record, &entries, self.settings.mask_numbers, &self.troubles);
                    let event = self.event_at;
                    self.written.entry(call).or_insert_with(|| Written { submitted: Instant::now(), event });
                    let idempotency = self.keys.remove(&call);
                    let record = Arc::new(*record);
                    // A client waits for its call to be accepted, the originate for its intent.
                    let urgent = intent || self.placing.contains_key(&call);
                    self.store.submit(Commit { record, entries, idempotency, urgent, done: None });
                }
                Effect::Originate(wish) => self.line.originate(attempt, wish, &self.settings.trunk.context),
                Effect::Hangup { channel } => self.line.hangup(attempt, channel),
                Effect::Play { channel, playback, media } => {
                    self.line.play(attempt, channel, playback, media);
                }
                Effect::Look { playback } => {
                    let trunks = self.machines.get(&call).map(Machine::trunks).unwrap_or_default();
                    self.look(vec![Lookup { attempt, trunks, playback }]);
                }
                Effect::TestHearing => self.line.test_hearing(attempt),
                Effect::Watch { trunk_channel, name } => {
                    early.extend(self.early.take(&trunk_channel));
                    if name.is_some_and(|name| !self.line.translator.is_trunk(&name)) {
                        self.line.subscribe(attempt, &trunk_channel);
                    }
                    self.registry.watch(trunk_channel, attempt);
                }
                Effect::Ended => self.ended(call),
            }
        }
        let deadline = self.machines.get(&call).and_then(Machine::next_timer);
        self.agenda.set(call, deadline.map(|(at, _)| at));
        for event in early {
            self.event(event);
        }
    }

    /// The one place that frees what a call held, whatever ended it.
    fn ended(&mut self, call: CallId) {
        if let Some(machine) = self.machines.remove(&call) {
            let record = machine.record();
            self.registry.forget(call);
            if !self.live.remove(&call) {
                self.admission.remove(call, &machine.request().phone);
            }
            if let Some(reason) = record.last.reason {
                self.metrics.call_ended(record.last.status, reason);
            }
        }
        self.intents.remove(&call);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Committed(changes) => changes.iter().for_each(|change| self.committed(&change.record)),
            Notice::Refused(refused) => {
                let call = refused.call_id;
                self.written.remove(&call);
                if let Some(reply) = self.placing.remove(&call) {
                    let _ = reply.send(Err(PlaceError::Store(refused.reason)));
                }
                self.withdraw(call);
            }
        }
    }

    /// What was written is told to the client that placed the call, and to the machine if it waits for its intent; the
    /// ledger has told those who follow it.
    fn committed(&mut self, record: &Arc<CallRecord>) {
        let call = record.id;
        if let Some(written) = self.written.remove(&call) {
            self.metrics.store_commit.observe(written.submitted.elapsed().as_secs_f64());
            if let Some(event) = written.event {
                self.metrics.event_to_durable.observe(event.elapsed().as_secs_f64());
            }
        }
        if let Some(reply) = self.placing.remove(&call) {
            let _ = reply.send(Ok(record.clone()));
        }
        if record.last.status.is_terminal() {
            self.end_written(call);
        }
        let is_intent = self.intents.get(&call).is_some_and(|attempt| record.last.number >= *attempt);
        if is_intent {
            self.intents.remove(&call);
            self.feed(call, Input::IntentStored);
        }
    }

    /// The nearest thing that happens by time alone.
    fn wake_at(&self) -> Option<Duration> {
        let admission = self.may_admit().then(|| self.admission.wake_at()).flatten().max(self.held_until);
        let patience = self.patience.front().map(|(until, _)| *until);
        let stop = self.stopping.map(|since| self.stop_wake(since));
        [self.agenda.next(), admission, patience, stop, self.probe_at()].into_iter().flatten().min()
    }

    fn fire_timers(&mut self) {
        let now = self.now();
        self.held_until = self.held_until.filter(|until| *until > now.mono);
        while let Some(call) = self.agenda.due(now.mono) {
            if let Some(machine) = self.machines.get_mut(&call) {
                let effects = machine.tick(now);
                self.carry_out(call, effects);
            }
        }
        self.probe(now.mono);
        self.lose_patience(now.mono);
        self.stop_in_time(now.mono);
    }

    fn publish_state(&self) {
        let (live, queued) = (self.live.len(), self.machines.len() - self.live.len());
        self.metrics.calls_live.set(i64::try_from(live).unwrap_or(i64::MAX));
        self.metrics.calls_queued.set(i64::try_from(queued).unwrap_or(i64::MAX));
        let store = match self.store.health() {
            ledger::Health::Ok => StoreState::Up,
            ledger::Health::Away { reason, since } => StoreState::Down { reason, since },
        };
        self.metrics.store_up.set(i64::from(store == StoreState::Up));
        self.metrics.ari_up.set(i64::from(matches!(self.ari, AriState::Up { .. })));
        let stopping = self.stopping.is_some();
        let ari_trouble = match (&self.refusal, &self.deaf) {
            (Some(refusal), _) => Some(AriTrouble::TakesNoCalls { since: refusal.since }),
            (None, Some((what, since))) => Some(AriTrouble::Deaf { what: what.clone(), since: *since }),
            (None, None) => None,
        };
        self.state.send_if_modified(|old| {
            let same = old.live == live && old.queued == queued && old.stopping == stopping;
            if same && old.ari == self.ari && old.ari_trouble == ari_trouble && old.store == store {
                return false;
            }
            *old = EngineState {
                ari: self.ari.clone(),
                ari_trouble: ari_trouble.clone(),
                store,
                live,
                queued,
                stopping,
            };
            true
        });
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
