//! How calls come in and go out of the engine: acceptance, admission to a slot, the request to hang
//! up, and the stop of the whole.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    handle::{AriState, Command, HangupAnswer, IdempotencyKey, PlaceError},
    runner::{PlaceReply, Runner, STORE_PATIENCE},
};
use call::scenario::Scenario;
use call::{CallId, CallRecord, EndedBy, Forbidden, Input, Machine, OutgoingCall, Reason};
use ledger::{Health, IdempotencyRow};

/// After the live calls were hung up at a stop, their last evidence gets this long to arrive.
const STOP_MARGIN: Duration = Duration::from_secs(5);

impl Runner {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Place { request, idempotency, reply } => self.place(*request, idempotency, reply),
            Command::Hangup { id, client, reply } => self.hang_up(id, client, reply),
            Command::Cancel { filter, reply } => self.cancel(&filter, reply),
            Command::Reload { settings, done } => {
                debug_assert_eq!(settings.trunk.endpoint, self.settings.trunk.endpoint);
                self.settings = *settings;
                self.end_forbidden();
                self.admission.rate_changed(self.now().mono, self.settings.dial.calls_per_second);
                // Nobody may wait for it.
                let _ = done.send(());
            }
            Command::Ping(reply) => drop(reply.send(())),
            Command::Stop => {
                if self.stopping.is_none() {
                    let live = self.live.len();
                    let seconds = self.settings.stop_timeout.as_secs();
                    tracing::info!(live, "stopping: no new calls; live ones get {seconds} s");
                    self.stopping = Some(self.now().mono);
                }
            }
        }
    }

    fn place(&mut self, request: OutgoingCall, idempotency: Option<IdempotencyKey>, reply: PlaceReply) {
        let now = self.now();
        let scenario = match self.check(&request, now.mono) {
            Ok(scenario) => scenario,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let id = CallId(Uuid::now_v7());
        if !self.settings.dial.min_gap.is_zero() {
            self.admission.waits(request.phone.clone());
        }
        if let Some(key) = idempotency {
            let IdempotencyKey { scope, key, fingerprint } = key;
            self.keys
                .insert(id, IdempotencyRow { scope, key, fingerprint, call_id: id, created_at: now.wall });
        }
        self.placing.insert(id, reply);
        self.patience.push_back((now.mono + STORE_PATIENCE, id));
        let record = CallRecord::new(id, request, now.wall);
        let up = matches!(self.ari, AriState::Up { .. });
        let (machine, effects) = Machine::place(now, record, &scenario, self.settings.dial.limits, up);
        self.machines.insert(id, machine);
        self.admission.push(id);
        self.carry_out(id, effects);
    }

    /// Everything that can be said against a call before it is accepted.
    fn check(&self, request: &OutgoingCall, now: Duration) -> Result<Scenario, PlaceError> {
        let dial = &self.settings.dial;
        if self.stopping.is_some() {
            return Err(PlaceError::Stopping);
        }
        if self.ari == AriState::NotUsed {
            return Err(PlaceError::NoAsterisk);
        }
        let number = || request.phone.to_string();
        match dial.allow.permits(request.phone.as_str()) {
            Ok(()) => {}
            Err(Forbidden::NoPrefix) => return Err(PlaceError::NotAllowed(number())),
            Err(Forbidden::Exception(prefix, what)) => {
                return Err(PlaceError::LeftOut { number: number(), prefix, what });
            }
        }
        if let Some(caller_id) = &request.caller_id
            && !self.settings.trunk.may_show(caller_id)
        {
            return Err(PlaceError::CallerId(caller_id.clone()));
        }
        let Some(scenario) = self.settings.scenarios.get(&request.scenario) else {
            return Err(PlaceError::NoScenario(request.scenario.clone()));
        };
        if let Some(left) = self.admission.too_soon(&request.phone, now, dial.min_gap) {
            return Err(PlaceError::TooSoon(left));
        }
        if let Some(reason) = self.store.refuses() {
            return Err(PlaceError::Store(reason));
        }
        if self.admission.waiting() >= dial.max_queued {
            return Err(PlaceError::QueueFull(self.admission.waiting()));
        }
        Ok(scenario.clone())
    }

    /// The client was told that its call was not accepted: it must never be dialed.
    pub(super) fn withdraw(&mut self, call: CallId) {
        self.feed(call, Input::Hangup { by: EndedBy::Bot, reason: Reason::StoreUnavailable, client: None });
    }

    pub(super) fn lose_patience(&mut self, now: Duration) {
        while let Some((until, call)) = self.patience.front().copied()
            && until <= now
        {
            self.patience.pop_front();
            let Some(reply) = self.placing.remove(&call) else { continue };
            self.withdraw(call);
            let why = match self.store.health() {
                Health::Ok => "it was not written in time".to_owned(),
                Health::Away { reason, .. } => reason,
            };
            let _ = reply.send(Err(PlaceError::Store(why)));
        }
    }

    /// Whether a call could get a slot now, but for the rate.
    pub(super) fn may_admit(&self) -> bool {
        self.stopping.is_none()
            && matches!(self.ari, AriState::Up { .. })
            && self.held_until.is_none()
            && self.refusal.is_none()
            && self.live.len() < self.settings.dial.max_concurrent
            && matches!(self.store.health(), Health::Ok)
    }

    pub(super) fn admit(&mut self) {
        while self.may_admit() {
            let now = self.now();
            let Some(call) = self.admission.next(now.mono, self.settings.dial.calls_per_second) else {
                return;
            };
            // Once more, whatever has become of the settings since the call was taken.
            if let Some(reason) = self.machines.get(&call).and_then(|machine| self.forbids(machine.request()))
            {
                self.feed(call, Input::Forbidden(reason));
                continue;
            }
            self.live.insert(call);
            if let Some(machine) = self.machines.get_mut(&call) {
                machine.show_as(self.settings.trunk.caller_id.as_deref());
            }
            let gap = self.settings.dial.min_gap;
            if let Some(machine) = self.machines.get(&call).filter(|_| !gap.is_zero()) {
                let number = machine.request().phone.clone();
                self.admission.may_call_at(number, now.mono + gap, now.mono);
            }
            self.feed(call, Input::Admitted);
        }
    }

    fn hang_up(&mut self, id: CallId, client: Option<String>, reply: oneshot::Sender<HangupAnswer>) {
        if let Some(before) = self.machines.get(&id).map(|machine| machine.record().clone()) {
            self.feed(id, Input::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client });
            // It may have ended with that.
            let record = self.machines.get(&id).map_or(before, |machine| machine.record().clone());
            return drop(reply.send(HangupAnswer::Asked(Arc::new(record))));
        }
        let store = self.store.clone();
        tokio::spawn(async move {
            let answer = match store.call(id).await {
                Ok(Some(record)) => HangupAnswer::Ended(Arc::new(record)),
                Ok(None) => HangupAnswer::NotFound,
                Err(error) => {
                    tracing::warn!(call = %id, %error, "could not look for a call");
                    HangupAnswer::NotFound
                }
            };
            let _ = reply.send(answer);
        });
    }

    /// When a stop needs attention next: at the end of the grace, then at the end of the margin.
    pub(super) fn stop_wake(&self, since: Duration) -> Duration {
        let grace = since + self.settings.stop_timeout;
        if self.now().mono < grace { grace } else { grace + STOP_MARGIN }
    }

    pub(super) fn stop_in_time(&mut self, now: Duration) {
        let Some(since) = self.stopping else { return };
        if now < since + self.settings.stop_timeout {
            return;
        }
        let live: Vec<CallId> = self.live.iter().copied().collect();
        for call in live {
            self.feed(call, Input::Hangup { by: EndedBy::Bot, reason: Reason::Shutdown, client: None });
        }
    }

    /// Whether a stop was asked for and nothing is left to wait for. Queued calls stay in the store:
    /// the next start goes on with them.
    pub(super) fn is_done(&self) -> bool {
        self.stopping.is_some_and(|since| {
            // The last ends are told to those who wait for them when they are on disk.
            (self.live.is_empty() && self.placing.is_empty() && self.written.is_empty())
                || self.now().mono >= since + self.settings.stop_timeout + STOP_MARGIN
        })
    }
}
