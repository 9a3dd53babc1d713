//! What comes from Asterisk: its events, its going away and its coming back.

use std::time::Duration;

use chrono::Utc;

use super::{handle::AriState, runner::Runner, survey::Lookup};
use asterisk::ari::{Event, Link};
use call::{AttemptId, CallId, CallRecord, Input, Machine, TrunkSeen};
use witness::Translator;

/// Asterisk that is stopping is gone within 15 s; longer, and the stop was called off.
const SHUTDOWN_HOLD: Duration = Duration::from_secs(30);

impl Runner {
    /// What is refused was never dialed and never will be, so no more of the queue is sent into it.
    pub(super) fn hold(&mut self, time: Duration) {
        self.held_until = self.held_until.max(Some(self.now().mono + time));
    }

    pub(super) fn link(&mut self, link: Link) {
        match link {
            Link::Event(event, received) => {
                self.event_at = Some(received.at.into());
                self.event(*event);
                self.event_at = None;
            }
            Link::Up { asterisk_version, generation } => {
                tracing::info!(version = asterisk_version, "connected to Asterisk");
                self.ari = AriState::Up { version: asterisk_version };
                if generation > 1 {
                    self.metrics.ari_reconnects.inc();
                }
                self.held_until = None;
                self.deaf = None;
                self.asterisk_back();
                self.ask_whether_it_takes();
            }
            Link::Down { reason } => {
                tracing::warn!(reason, "Asterisk is away; calls wait, and it is tried again and again");
                self.ari = AriState::Down { reason, since: Utc::now() };
                let calls: Vec<CallId> = self.machines.keys().copied().collect();
                for call in calls {
                    self.feed(call, Input::AsteriskLost);
                }
            }
            Link::StillDown { reason } => {
                tracing::warn!(reason, "Asterisk is still away, now for another reason");
                if let AriState::Down { since, .. } = self.ari {
                    self.ari = AriState::Down { reason, since };
                }
            }
            Link::Degraded { what } => {
                tracing::warn!("{what}");
                self.metrics.ari_deaf.inc();
                self.deaf = Some((what, Utc::now()));
                self.all_deaf();
            }
            Link::Restored => {
                tracing::info!("what was missing in Asterisk is there again");
                self.all_deaf();
                self.deaf = None;
                self.look_for_all();
            }
            Link::Undecodable { why } => {
                self.metrics.events_undecodable.inc();
                tracing::debug!(why, "an event that can't be read");
            }
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        if Translator::is_shutdown(&event) {
            if self.held_until.is_none() {
                tracing::warn!("Asterisk is stopping and hangs up all calls; the queue waits");
            }
            self.hold(SHUTDOWN_HOLD);
        }
        if let Event::StasisStart(start) = &event
            && let Ok(attempt) = start.channel.id.parse::<AttemptId>()
            && !self.machines.get(&attempt.call).is_some_and(|machine| machine.is_at(attempt))
        {
            self.strays.seen(attempt);
        }
        if let Some(channel) = self.line.translator.unknown_trunk(&event, &self.registry) {
            let channel = channel.to_owned();
            return self.early.keep(channel, event);
        }
        self.name_early_leg(&event);
        for (attempt, input) in self.line.translator.inputs(event, &self.registry) {
            self.hear(attempt, input);
        }
    }

    /// The dialplan's report names a leg that no `Dial` event did, because it was dialed behind a Local channel: what was
    /// kept of it is its call's.
    fn name_early_leg(&mut self, event: &Event) {
        let Event::ChannelUserevent(report) = event else { return };
        let attempt = report.channel.as_ref().and_then(|channel| self.registry.role(&channel.id));
        let Some((attempt, _)) = attempt else { return };
        let Some(name) = Translator::reported_leg(event) else { return };
        let Some(channel) = self.early.named(name).cloned() else { return };
        let sip_call_id = channel.protocol_id.filter(|id| !id.is_empty());
        let seen = TrunkSeen::Created { name: Some(channel.name), sip_call_id };
        self.hear(attempt, Input::Trunk { channel: channel.id, seen });
    }

    /// Events since the loss are gone, so each call in progress is looked for.
    fn asterisk_back(&mut self) {
        let calls: Vec<CallId> = self.machines.keys().copied().collect();
        for call in calls {
            self.feed(call, Input::AsteriskBack);
        }
        self.look_for_all();
        // An attempt that is over has no channel any more: one that shows all the same is nobody's.
        let at_work = self.machines.values().map(Machine::record).filter(|record| record.is_at_work());
        self.strays.sweep(at_work.map(CallRecord::attempt_id).collect());
    }

    /// What is not seen of these calls proves nothing.
    fn all_deaf(&mut self) {
        let calls: Vec<CallId> = self.live.iter().copied().collect();
        for call in calls {
            self.feed(call, Input::Deaf);
        }
    }

    /// Asks Asterisk what it has of each call in progress.
    fn look_for_all(&self) {
        let lookups = self.live.iter().filter(|call| !self.intents.contains_key(call)).filter_map(|call| {
            let machine = self.machines.get(call)?;
            Some(Lookup {
                attempt: machine.record().attempt_id(),
                trunks: machine.trunks(),
                playback: machine.playback().map(str::to_owned),
            })
        });
        self.look(lookups.collect());
    }

    pub(super) fn look(&self, lookups: Vec<Lookup>) {
        let search = lookups.iter().any(|lookup| lookup.trunks.is_empty());
        let known = self.registry.trunks().filter(|_| search).map(str::to_owned).collect();
        self.line.look(lookups, known);
    }
}
