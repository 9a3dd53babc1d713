//! Notices that Asterisk keeps events from this user (`eventfilter` in manager.conf, which nobody can ask for), and follows
//! the calls by lists of channels from then on, until the connection is another one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Shared, is_of};
use crate::office::{
    events::filtered,
    heard::{ChannelRef, Standing},
};
use asterisk::ami::{Ami, AmiState, ChannelRow, ChannelState};
use call::{CallId, office::OfficeInput};

/// How often a host with calls is asked for its channels.
const LOOK: Duration = Duration::from_secs(2);

/// What is asked for a call that is followed.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// `PJSIP/150`
    pub device: String,
    pub sides: Option<[String; 2]>,
}

/// Ends with the way.
pub(super) async fn watch(shared: Weak<Shared>, ami: Arc<Ami>, closed: CancellationToken) {
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let Some(shared) = shared.upgrade() else { return };
        // It is not woken for this.
        if shared.tracker.lock().is_idle() || !matches!(ami.state(), AmiState::Up { .. }) {
            continue;
        }
        match ami.channels().await {
            Ok(rows) => shared.compare(&rows),
            // Who may not ask for the list learns nothing by it.
            Err(error) => tracing::debug!(host = shared.host, %error, "the channels can't be compared"),
        }
    }
}

impl Shared {
    fn compare(self: &Arc<Self>, rows: &[ChannelRow]) {
        if self.is_filtered() {
            return self.follow_by(rows);
        }
        let shown: Vec<(Standing, String)> =
            rows.iter().map(|row| (standing(row, ""), row.channel.linkedid.clone())).collect();
        let found = self.tracker.lock().compare(&shown);
        if let Some((call, event)) = found {
            tracing::debug!(%call, event, "a list of channels shows what no event has told");
            self.filtered(&filtered(event));
        }
    }

    /// From now on nothing follows from what was not told. False when that was known.
    pub(super) fn filtered(&self, why: &str) -> bool {
        let is_new = self.filtered.lock().replace(why.to_owned()).is_none();
        if is_new {
            let host = &self.host;
            tracing::warn!(
                host,
                "{why}; until then calls are followed by lists of channels, and how they end is unknown"
            );
            self.blind(why);
        }
        is_new
    }

    /// Nothing that was told connects the two sides of a call: whether they are, a list shows.
    pub(super) async fn alone(self: Arc<Self>, call: CallId, input: OfficeInput) {
        let asked = self.followed.lock().get(&call).cloned();
        if let (Some(asked), Some(ami)) = (asked, self.ami.get())
            && let Ok(rows) = ami.channels().await
        {
            let standing = self.of_call(&rows, call, &asked);
            let missing = self.tracker.lock().shows_talk(call, &standing);
            if let Some(event) = missing {
                self.filtered(&filtered(event));
                return;
            }
        }
        self.inboxes.put(call, input);
    }

    fn is_filtered(&self) -> bool {
        self.filtered.lock().is_some()
    }

    /// What the list shows of each call.
    fn follow_by(&self, rows: &[ChannelRow]) {
        let followed: Vec<(CallId, Asked)> =
            self.followed.lock().iter().map(|(call, asked)| (*call, asked.clone())).collect();
        for (call, asked) in followed {
            self.tracker.lock().seek(call);
            let standing = self.of_call(rows, call, &asked);
            if standing.is_empty() {
                self.tracker.lock().found_none(call);
                self.inboxes.put(call, OfficeInput::NotFound);
                continue;
            }
            self.resync(call, &asked, &standing);
        }
    }

    /// The channels of a call in the list.
    pub(super) fn of_call(&self, rows: &[ChannelRow], call: CallId, asked: &Asked) -> Vec<Standing> {
        let id = call.only_attempt().near_channel();
        // A monitoring by ARI has a channel that snoops on the target's: it is nobody's phone.
        let is_leg = |row: &&ChannelRow| !row.channel.name.starts_with("Snoop/");
        // Asterisk may count one that lives on among another call's.
        let mut known = self.tracker.lock().known(call);
        known.extend(asked.sides.iter().flatten().cloned());
        let of_call = (rows.iter().filter(is_leg))
            .filter(|row| row.channel.linkedid == id || known.contains(&row.channel.uniqueid));
        of_call.map(|row| standing(row, &asked.device)).collect()
    }

    pub(super) fn resync(&self, call: CallId, asked: &Asked, standing: &[Standing]) {
        let inputs = self.tracker.lock().resync(call, standing, asked.sides.as_ref());
        for input in inputs {
            self.inboxes.put(call, input);
        }
    }
}

fn standing(row: &ChannelRow, device: &str) -> Standing {
    Standing {
        channel: ChannelRef { id: row.channel.uniqueid.clone(), name: row.channel.name.clone() },
        is_desk: is_of(row, device),
        is_ringing: row.channel.state == ChannelState::Ringing,
        is_up: row.channel.state == ChannelState::Up,
        is_dialed: row.channel.is_local() || Standing::is_of_dialed(&row.application),
        bridge: row.bridge_id.clone(),
    }
}
