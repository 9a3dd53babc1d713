//! Hears the events of a host's calls over its AMI link, while there are calls, and tells each call what is seen of it.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Shared, heard};
use crate::hosts::COMMAND;
use asterisk::ami::{self, Ami, AmiLink, ChannelRow, Class, Event, Interest};
use call::{CallId, office::OfficeInput};

/// An OriginateResponse that overtakes the answer to its Originate waits for it so long.
const ORPHANS: Duration = Duration::from_secs(30);

/// The events of a failed Originate's channels are not later than this (measured on an Asterisk with 5,000 orders
/// waiting: some tens of milliseconds).
const SILENCE: Duration = Duration::from_secs(5);

/// What is heard of.
const CALLS: Interest = Interest::in_classes(&[Class::Call]);

/// Events are heard for so long after the last call: the next one soon finds everything ready.
const LINGER: Duration = Duration::from_secs(300);

impl Shared {
    /// True: it was not needed for this call before.
    pub(super) fn need(&self, call: CallId) -> bool {
        self.needed.send_if_modified(|calls| calls.insert(call))
    }

    pub(super) fn need_no_more(&self, call: CallId) {
        self.needed.send_if_modified(|calls| calls.remove(&call));
    }

    /// Hears while there are calls, and for a while after the last; no longer than there is the way.
    pub(super) async fn listen(self: Arc<Self>, ami: Arc<Ami>, closed: CancellationToken) {
        let mut needed = self.needed.subscribe();
        loop {
            tokio::select! {
                () = closed.cancelled() => return,
                _ = needed.wait_for(|calls| !calls.is_empty()) => {}
            }
            let mut links = ami.subscribe(CALLS);
            loop {
                let unneeded = unneeded(self.needed.subscribe());
                tokio::pin!(unneeded);
                loop {
                    tokio::select! {
                        link = links.next() => match link {
                            Some(link) => self.hear(link),
                            None => return,
                        },
                        () = &mut unneeded => break,
                        // Its tries with an old password would be seen as an attack.
                        () = closed.cancelled() => return,
                    }
                }
                let heard = self.hears.send_replace(false);
                if self.needed.borrow().is_empty() {
                    break;
                }
                // A call came in this very moment, and may believe that it is heard.
                self.hears.send_replace(heard);
            }
        }
    }

    pub(super) fn hear(self: &Arc<Self>, link: AmiLink) {
        match link {
            AmiLink::Event(event, _) => self.event(Arc::unwrap_or_clone(event)),
            AmiLink::Up { .. } => {
                // Filters are taken over at the login.
                *self.filtered.lock() = None;
                // From now on nothing is missed; an order does not wait for the list of channels.
                self.hears.send_replace(true);
            }
            AmiLink::Snapshot(snapshot) => self.catch_up(&snapshot.channels),
            AmiLink::Unseen { why } => {
                tracing::debug!(host = self.host, why, "the channels of a host are not shown");
            }
            AmiLink::Undecodable { why } => tracing::debug!(why, "an AMI event could not be read"),
            AmiLink::Tainted { why, .. } => self.tainted(&why),
            AmiLink::Doubtful { ids } => self.doubt(&ids),
            AmiLink::Lost { count } => {
                self.blind(&format!("{count} events came faster than they were taken"));
            }
            AmiLink::Down { reason } | AmiLink::StillDown { reason } => {
                self.hears.send_replace(false);
                self.blind(&reason);
            }
        }
    }

    /// What stands in the list of calls of which something was missed. Those that do not are looked for by themselves.
    pub(super) fn catch_up(&self, rows: &[ChannelRow]) {
        let mut missed: HashSet<CallId> = self.tracker.lock().blind().collect();
        missed.extend(self.doubts.lock().keys());
        for call in missed {
            let Some(asked) = self.followed.lock().get(&call).cloned() else { continue };
            let standing = self.of_call(rows, call, &asked);
            if !standing.is_empty() {
                self.tracker.lock().seek(call);
                self.resync(call, &asked, &standing);
            }
        }
    }

    /// Events are missed from now on: each call is looked for when the host can be asked again.
    pub(super) fn blind(&self, why: &str) {
        self.unheard.lock().clear();
        let calls = self.tracker.lock().lose_sight();
        for call in calls {
            self.inboxes.put(call, OfficeInput::Blind { why: why.to_owned() });
        }
    }

    pub(super) fn ordered(self: &Arc<Self>, call: CallId, action: String) {
        let was_told = {
            let mut orphans = self.orphans.lock();
            orphans.retain(|(_, at)| at.elapsed() < ORPHANS);
            let before = orphans.len();
            orphans.retain(|(known, _)| *known != action);
            orphans.len() < before
        };
        if was_told {
            self.has_failed(call);
        } else {
            self.orders.lock().insert(action, call);
        }
    }

    pub(super) fn event(self: &Arc<Self>, event: Event) {
        if let Event::OriginateResponse(response) = &event {
            return self.answered(response);
        }
        let Some(heard) = heard(event) else { return };
        let told = self.tracker.lock().hear(heard);
        let Some((call, inputs)) = told else { return };
        self.unheard.lock().remove(&call);
        for input in inputs {
            if matches!(input, OfficeInput::Alone { .. }) {
                tokio::spawn(self.clone().alone(call, input));
                continue;
            }
            // At the first time all calls are told, and this one is among them.
            let is_told = matches!(&input, OfficeInput::Blind { why } if self.filtered(why));
            if !is_told {
                self.inboxes.put(call, input);
            }
        }
    }

    /// Until few enough originates wait in Asterisk.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        timeout(COMMAND, self.waiting.clone().acquire_owned()).await.ok()?.ok()
    }

    pub(super) fn answered(self: &Arc<Self>, response: &ami::OriginateResponse) {
        let Some(action) = &response.action_id else { return };
        let call = self.orders.lock().remove(action);
        if response.answered {
            return;
        }
        match call {
            Some(call) => self.has_failed(call),
            None => {
                let mut orphans = self.orphans.lock();
                // Those of others' Originates come here too.
                orphans.retain(|(_, at)| at.elapsed() < ORPHANS);
                orphans.push((action.clone(), Instant::now()));
            }
        }
    }

    /// Its channels tell why an Originate has failed; where none could be made, this is the only word of it. It may
    /// be faster than theirs, and has the id that we chose whether there was a channel or not.
    pub(super) fn has_failed(self: &Arc<Self>, call: CallId) {
        if !self.tracker.lock().is_silent(call) {
            return;
        }
        let shared = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SILENCE).await;
            if shared.tracker.lock().is_silent(call) {
                shared.inboxes.put(call, OfficeInput::NotMade);
            }
        });
    }
}

/// Comes back when no call has needed them for so long.
async fn unneeded(mut needed: watch::Receiver<HashSet<CallId>>) {
    loop {
        // The way holds the sender: no error.
        let _ = needed.wait_for(HashSet::is_empty).await;
        if timeout(LINGER, needed.wait_for(|calls| !calls.is_empty())).await.is_err() {
            return;
        }
    }
}
