//! An Asterisk that takes no calls at all: it is being stopped gracefully, or is out of files or memory. Nothing tells
//! so but its answers, and nothing tells when it is over. So it is asked from time to time, with a channel that is made
//! and hung up again and that nobody dials; meanwhile the queue waits.
//!
//! Measured on 22.10.1 and 16.28: from `core stop gracefully` on, each request for a channel is answered with 500
//! "Allocation failed", `GET /asterisk/info` tells nothing of it, and no event does. `core stop when convenient` refuses
//! nothing. After `core abort shutdown` channels are made as before.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{handle::AriState, line::Line, runner::Runner};
use asterisk::ari::{AriError, Create, HangupReason, PHONE_FORMATS};
use call::{CallId, Input, Machine, OriginateFailure};

/// How often it is asked.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Asterisk takes no calls, as it has said itself.
#[derive(Debug)]
pub(super) struct Refusal {
    pub since: DateTime<Utc>,
    /// When it is asked next; `None` while an answer is due.
    next: Option<Duration>,
}

/// What a probe has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    Takes,
    Refuses,
    /// No answer, or one that proves nothing.
    Unknown,
}

impl Runner {
    /// Asterisk has said that it makes no channel.
    pub(super) fn refused_all(&mut self) {
        if self.refusal.is_some() {
            return;
        }
        tracing::warn!(
            "Asterisk takes no calls: it is being stopped gracefully, or is out of files or memory; the queue waits. \
             `core abort shutdown` on its console calls a stop off"
        );
        self.refusal = Some(Refusal { since: Utc::now(), next: Some(self.now().mono + PROBE_EVERY) });
    }

    /// Asterisk is there again, or the bot is: whether it takes calls is asked at once, before any that it has refused.
    pub(super) fn ask_whether_it_takes(&mut self) {
        let waits = self.machines.values().any(Machine::is_between_attempts);
        if self.refusal.is_some() || waits {
            let since = self.refusal.as_ref().map_or_else(Utc::now, |refusal| refusal.since);
            self.refusal = Some(Refusal { since, next: Some(self.now().mono) });
        }
    }

    pub(super) fn probe_at(&self) -> Option<Duration> {
        self.refusal.as_ref().and_then(|refusal| refusal.next)
    }

    pub(super) fn probe(&mut self, now: Duration) {
        let is_up = matches!(self.ari, AriState::Up { .. });
        let Some(refusal) = &mut self.refusal else { return };
        if refusal.next.is_some_and(|at| at <= now) {
            refusal.next = if is_up { None } else { Some(now + PROBE_EVERY) };
            if is_up {
                self.line.probe(&self.settings.trunk.context);
            }
        }
    }

    pub(super) fn probed(&mut self, probed: Probed) {
        match probed {
            Probed::Takes => {
                tracing::info!("Asterisk takes calls again; the queue goes on");
                self.taken_again();
            }
            Probed::Refuses | Probed::Unknown => {
                let next = self.now().mono + PROBE_EVERY;
                if let Some(refusal) = &mut self.refusal {
                    refusal.next = Some(next);
                }
            }
        }
    }

    /// It has answered so.
    pub(super) fn taken_again(&mut self) {
        if self.refusal.take().is_some() {
            let calls: Vec<CallId> = self.live.iter().copied().collect();
            for call in calls {
                self.feed(call, Input::TakenAgain);
            }
        }
    }
}

impl Line {
    /// Asks for a channel that nobody dials.
    fn probe(&self, context: &str) {
        let id = format!("novofon-probe-{}", Uuid::now_v7());
        let channel = Create {
            endpoint: format!("Local/novofon-probe@{context}"),
            other_channel_id: format!("{id};2"),
            channel_id: id,
            formats: PHONE_FORMATS,
        };
        let line = self.clone();
        tokio::spawn(async move {
            let probed = match line.ari.create(&channel).await {
                Ok(()) => Probed::Takes,
                Err(AriError::Refused { status: 500.., message, .. })
                    if message == OriginateFailure::TAKES_NONE =>
                {
                    Probed::Refuses
                }
                Err(error) => {
                    tracing::debug!(%error, "whether Asterisk takes calls is not known");
                    Probed::Unknown
                }
            };
            if probed != Probed::Refuses
                && let Err(error) = line.ari.hangup(&channel.channel_id, HangupReason::Normal).await
                && !error.is_not_found()
            {
                tracing::debug!(%error, "the probe's channel could not be hung up");
            }
            // Nobody listens once the engine has ended.
            let _ = line.probes.send(probed);
        });
    }
}
