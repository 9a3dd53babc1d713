//! The calls that wait, taken out of the queue together: what the configuration does not allow any more, and what a
//! client cancels.
//!
//! The engine is one task, so a call is either taken out here or dialed, never both.

use std::collections::HashSet;

use tokio::sync::oneshot;

use super::{handle::CancelFilter, runner::Runner};
use call::{CallId, EndedBy, Input, Machine, OutgoingCall, Reason};

/// Calls that were canceled together, until the last of them is on disk.
pub(super) struct Cancelling {
    left: HashSet<CallId>,
    count: usize,
    reply: oneshot::Sender<usize>,
}

impl Runner {
    /// Why this call must not be dialed (any more).
    pub(super) fn forbids(&self, request: &OutgoingCall) -> Option<Reason> {
        if self.settings.dial.allow.permits(request.phone.as_str()).is_err() {
            return Some(Reason::NotAllowed);
        }
        let trunk = &self.settings.trunk;
        let may_show = |number: &String| trunk.caller_id.as_ref() == Some(number) || trunk.may_show(number);
        if !request.caller_id.as_ref().is_none_or(may_show) {
            return Some(Reason::CallerIdNotAllowed);
        }
        // Where there are no keys, the listener is open to all: nobody's is taken away.
        let known = |name: &String| self.settings.clients.as_ref().is_none_or(|names| names.contains(name));
        let is_known = request.requested_by.as_ref().is_none_or(known);
        (!is_known).then_some(Reason::ClientRevoked)
    }

    /// Ends at once what the settings forbid and nobody has dialed yet: who narrows them wants to stop something now.
    pub(super) fn end_forbidden(&mut self) {
        let forbidden = |machine: &Machine| self.forbids(machine.request());
        let calls: Vec<(CallId, Reason)> = self
            .machines
            .iter()
            .filter(|(_, machine)| !machine.was_sent())
            .filter_map(|(call, machine)| Some((*call, forbidden(machine)?)))
            .collect();
        if !calls.is_empty() {
            tracing::warn!(calls = calls.len(), "calls that waited are not allowed any more and end");
        }
        for (call, reason) in calls {
            self.feed(call, Input::Forbidden(reason));
        }
    }

    /// Cancels what waits: in the queue, and what nobody has dialed though its turn had come. The answer comes when all of it
    /// is on disk.
    pub(super) fn cancel(&mut self, filter: &CancelFilter, reply: oneshot::Sender<usize>) {
        let calls: Vec<CallId> = self
            .machines
            .iter()
            .filter(|(_, machine)| !machine.was_sent() && filter.takes(machine.request()))
            .map(|(call, _)| *call)
            .collect();
        if filter.dry_run || calls.is_empty() {
            let _ = reply.send(calls.len());
            return;
        }
        tracing::info!(calls = calls.len(), "waiting calls are canceled");
        let cancelling = Cancelling { count: calls.len(), left: calls.iter().copied().collect(), reply };
        self.cancelling.push(cancelling);
        for call in calls {
            let client = filter.asked_by.clone();
            self.feed(call, Input::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client });
        }
    }

    /// The end of a call is on disk.
    pub(super) fn end_written(&mut self, call: CallId) {
        for cancelling in &mut self.cancelling {
            cancelling.left.remove(&call);
        }
        for done in self.cancelling.extract_if(.., |cancelling| cancelling.left.is_empty()) {
            // The client may have gone.
            let _ = done.reply.send(done.count);
        }
    }
}
