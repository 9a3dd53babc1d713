//! Whether all was told of a call. Of AMI's events Asterisk can keep some from a user (`eventfilter` in manager.conf), and says
//! nothing of it. But what it tells of the channels of a call follows a pattern (held by every recording in
//! `tests/fixtures/ami`, of 16.28 and 22.10.1); where a piece is missing, something was kept away.
//!
//! Most is judged at the end of a call. What would keep the end itself away is found by comparing with a list of channels.

use std::collections::HashSet;

use super::{Known, Tracker, pair};
use crate::office::heard::{ChannelRef, Dial, Heard, Standing};
use call::{CallId, Role};

/// What was told of a channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    created: bool,
    rang: bool,
    up: bool,
    /// A `Dial` of it has begun; it has ended, with an answer or without.
    begun: bool,
    ended: bool,
    entered: bool,
    left: bool,
    hung_up: bool,
    hung_up_here: bool,
    /// It dialed another one.
    dials: bool,
    /// As it was at its end.
    state_at_end: Option<State>,
}

/// A channel's state, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ringing,
    Up,
    Other,
}

/// What a list shows of a channel, and no event has told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Gap {
    /// It is a channel of the call that nobody knows.
    Channel(String),
    /// It is up.
    Up(String),
    /// It is in a bridge.
    Bridge(String),
    /// It is gone.
    End(String),
}

impl Told {
    fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Created(_) => self.created = true,
            Heard::Dial { dial, .. } | Heard::Originated { dial, .. } => match dial {
                Dial::Begin => self.begun = true,
                Dial::Ringing | Dial::Progress => {}
                Dial::Answer | Dial::Ended(_) => self.ended = true,
            },
            Heard::Ringing(_) => self.rang = true,
            Heard::Up(_) => self.up = true,
            Heard::Joined { .. } => self.entered = true,
            Heard::Left { .. } => self.left = true,
            Heard::HungUp { .. } => self.hung_up = true,
            Heard::HungUpHere(_) => self.hung_up_here = true,
            Heard::Gone { state, .. } => self.state_at_end = *state,
        }
    }

    /// The event that is missing among those of this one channel.
    fn lacks(&self) -> Option<&'static str> {
        match self.state_at_end {
            Some(State::Up) if !self.up => Some("Newstate"),
            Some(State::Ringing) if !self.rang => Some("Newstate"),
            _ if self.left && !self.entered => Some("BridgeEnter"),
            _ => None,
        }
    }
}

/// The channel that an event tells of.
fn subject(heard: &Heard) -> &ChannelRef {
    match heard {
        Heard::Dial { peer, .. } => peer,
        Heard::Created(channel)
        | Heard::Ringing(channel)
        | Heard::Up(channel)
        | Heard::HungUpHere(channel)
        | Heard::Originated { channel, .. }
        | Heard::Joined { channel, .. }
        | Heard::Left { channel, .. }
        | Heard::HungUp { channel, .. }
        | Heard::Gone { channel, .. } => channel,
    }
}

impl Tracker {
    pub(super) fn knows(&self, heard: &Heard) -> bool {
        self.channels.contains_key(&subject(heard).id)
    }

    pub(super) fn note(&mut self, heard: &Heard) {
        if let Some(known) = self.channels.get_mut(&subject(heard).id) {
            known.told.hear(heard);
        }
        if let Heard::Dial { caller, .. } = heard
            && let Some(known) = self.channels.get_mut(&caller.id)
        {
            known.told.dials = true;
        }
    }

    /// Not even the first channel of a call was told to be made: an end that is told may be no end.
    pub(super) fn lacks_creation(&self, call: CallId) -> bool {
        let near = self.channels.get(&call.only_attempt().near_channel());
        let is_missed = self.calls.get(&call).is_none_or(|tracked| tracked.is_missed);
        self.tells_creation && !is_missed && near.is_some_and(|near| !near.told.created)
    }

    /// At the end of a call of which all should have been told: what was not, by the names of events.
    pub(super) fn missing(&self, call: CallId) -> Option<&'static str> {
        let tracked = self.calls.get(&call).filter(|tracked| self.tells_creation && !tracked.is_missed)?;
        let channels: Vec<&Known> = tracked.channels.iter().filter_map(|id| self.channels.get(id)).collect();
        if let Some(event) = channels.iter().find_map(|known| known.told.lacks()) {
            return Some(event);
        }
        // A leg that was taken out of its `Dial` has no end of it; where the type is kept away, nothing at all has one.
        let has = |is_so: fn(&Told) -> bool| channels.iter().any(|known| is_so(&known.told));
        let (has_begun, has_ended) = (has(|told| told.begun), has(|told| told.ended));
        for role in [Role::Desk, Role::Phone] {
            let legs = || channels.iter().filter(|known| known.is_leg && known.leg == role);
            // Whoever picks up what rings somewhere else has the end of that one's `Dial`.
            let begun = legs().filter(|known| known.told.begun && !known.told.ended).count();
            let ended = legs().filter(|known| known.told.ended && !known.told.begun).count();
            let is_taken = role == Role::Phone && tracked.is_taken;
            match (begun, ended) {
                (begun, ended) if begun == ended || is_taken => {}
                (begun, ended) if begun > ended && !has_ended => return Some("DialEnd"),
                (begun, ended) if begun < ended && !has_begun => return Some("DialBegin"),
                _ => {}
            }
        }
        // The near half is originated. Whatever ends a call, the far half's dialplan ends by a soft hang-up, and one of the halves tells
        // the other.
        let half = |id: String| self.channels.get(&id).map(|known| &known.told);
        let (near, far) =
            (half(call.only_attempt().near_channel())?, half(call.only_attempt().far_channel())?);
        match far {
            // An extension that there is not: no dialplan has begun.
            far if !far.dials && !far.up && !far.hung_up && !far.hung_up_here => None,
            _ if !near.begun => Some("DialBegin"),
            far if !far.hung_up_here => Some("SoftHangupRequest"),
            far if !far.hung_up && !near.hung_up => Some("HangupRequest"),
            _ => None,
        }
    }

    /// Something was told of a channel, and nothing of it leads to a call.
    pub(super) fn is_heard_of(&self, channel: &str) -> bool {
        self.early.iter().any(|heard| subject(heard).id == channel)
    }

    /// What was not told, if these channels of a call show two sides that talk with each other; by the name of an event. Asked
    /// where nothing that was told connects them.
    pub fn shows_talk(&self, call: CallId, standing: &[Standing]) -> Option<&'static str> {
        let standing = self.without_strangers(call, standing, None);
        let leg = |one: &Standing| self.channels.get(&one.channel.id).map(|known| known.leg);
        let desk = standing.iter().find(|one| leg(one) == Some(Role::Desk) && one.bridge.is_some())?;
        let is_beside = |one: &&Standing| {
            one.bridge == desk.bridge && pair(&one.channel.name).is_none() && leg(one) != Some(Role::Desk)
        };
        let other = standing.iter().find(is_beside)?;
        Some(if leg(other).is_some() { "BridgeEnter" } else { "DialBegin" })
    }

    /// Compares what was told with a list of all channels, each with its linkedid. What is missing twice in a row was kept
    /// away: an event may be on its way. The event's name, and whose call it is.
    pub fn compare(&mut self, rows: &[(Standing, String)]) -> Option<(CallId, &'static str)> {
        let mut found = None;
        for (call, tracked) in &mut self.calls {
            // A call of which something was lost is looked for anyway.
            if tracked.is_blind || tracked.is_sought || tracked.is_missed || !tracked.is_heard {
                tracked.suspects.clear();
                continue;
            }
            let known = |id: &str| self.channels.get(id);
            let near = call.only_attempt().near_channel();
            // Who talks with one of two that are connected has its linkedid.
            let legs = || tracked.channels.iter().filter_map(|id| known(id)).filter(|known| known.is_leg);
            let is_connected = legs().any(|leg| leg.leg == Role::Desk && leg.is_joined)
                && legs().any(|leg| leg.leg == Role::Phone && leg.told.up);
            let mut gaps = HashSet::new();
            for (one, linked) in rows {
                let id = &one.channel.id;
                match known(id) {
                    None if *linked == near && !is_connected && tracked.alive.contains(&near) => {
                        // The halves of a Local channel are known once it is dialed.
                        let is_local = pair(&one.channel.name).is_some();
                        gaps.extend((!is_local).then(|| Gap::Channel(id.clone())));
                    }
                    Some(known) if known.call == *call && known.is_leg => {
                        gaps.extend((one.is_up && !known.told.up).then(|| Gap::Up(id.clone())));
                        let is_unseated = one.bridge.is_some() && !tracked.seats.contains_key(id);
                        gaps.extend(is_unseated.then(|| Gap::Bridge(id.clone())));
                    }
                    _ => {}
                }
            }
            let is_there = |id: &str| rows.iter().any(|(one, _)| one.channel.id == id);
            let ended = tracked.alive.iter().filter(|id| known(id).is_some_and(|known| known.is_heard));
            gaps.extend(ended.filter(|id| !is_there(id)).map(|id| Gap::End(id.clone())));
            if let Some(gap) = gaps.iter().find(|gap| tracked.suspects.contains(gap)) {
                let event = match gap {
                    Gap::Channel(_) => "DialBegin",
                    Gap::Up(_) => "Newstate",
                    Gap::Bridge(_) => "BridgeEnter",
                    Gap::End(_) => "Hangup",
                };
                found = Some((*call, event));
            }
            tracked.suspects = gaps;
        }
        found
    }
}
