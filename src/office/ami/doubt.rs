//! Events that somebody may have forged: what they name is not believed, and its calls are asked for.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Shared;
use call::{CallId, office::OfficeInput};

/// A call of which something may have been forged is asked for at most so often.
const DOUBT: Duration = Duration::from_secs(1);

/// Forged messages are told of in the log at most so often: whoever sends them may send many.
const TELL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// So many events were dropped.
    events: u64,
    /// The call was told just now.
    is_told: bool,
}

impl Shared {
    /// Somebody writes events with a line break in his number, or this Asterisk has a form that nobody knows.
    pub(super) fn tainted(&self, why: &str) {
        self.metrics.office.tainted(&self.host);
        let mut told = self.tainted.lock();
        told.1 += 1;
        if told.0.is_some_and(|at| at.elapsed() < TELL) {
            return;
        }
        let (host, messages) = (&self.host, told.1);
        *told = (Some(Instant::now()), 0);
        tracing::warn!(
            host,
            messages,
            why,
            "AMI messages are not whole, as when a caller's number has a line break in it; nothing of them is believed, \
             and their calls are asked for: let the trunk or the dialplan refuse such numbers"
        );
    }

    /// What was dropped may have been an event of these calls: what became of them is asked.
    pub(super) fn doubt(self: &Arc<Self>, ids: &[String]) {
        let calls: HashSet<CallId> = {
            let tracker = self.tracker.lock();
            ids.iter().filter_map(|id| tracker.call_of(id)).collect()
        };
        for call in calls {
            // Until the host was asked, nothing is over.
            self.tracker.lock().seek(call);
            let is_told = {
                let mut doubts = self.doubts.lock();
                let doubt = doubts.entry(call).or_default();
                doubt.events += 1;
                std::mem::replace(&mut doubt.is_told, true)
            };
            if !is_told {
                tokio::spawn(self.clone().tell_doubt(call));
            }
        }
    }

    /// Tells a call that something of it was missed, and once more if there was more of it meanwhile.
    pub(super) async fn tell_doubt(self: Arc<Self>, call: CallId) {
        loop {
            let told = self.dropped_of(call);
            let why = "AMI events that name the call may be forged by a caller's number".to_owned();
            self.inboxes.put(call, OfficeInput::Blind { why });
            tokio::time::sleep(DOUBT).await;
            let mut doubts = self.doubts.lock();
            match doubts.get_mut(&call) {
                Some(doubt) if doubt.events == told => return doubt.is_told = false,
                Some(_) => {}
                None => return,
            }
        }
    }

    /// So many events of the call were dropped.
    pub(super) fn dropped_of(&self, call: CallId) -> u64 {
        self.doubts.lock().get(&call).map_or(0, |doubt| doubt.events)
    }
}
