//! From what a host tells by itself, over AMI or ARI, to the sights of a call: whose channel it is, and on which side.
//!
//! A call begins with a Local channel whose halves have ids that we chose: `ID` and `ID;2`. What `ID;2` dials is
//! the extension's phone, what `ID` dials is on the way to the number. A Local channel between is followed by its
//! name, which both halves share. What a phone or a trunk dials itself is another conversation: somebody took it over.
//! No I/O here: the two wires turn their events into [`Heard`]. What a look at the channels adds stands in `look`.

mod look;
mod seats;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::{HashMap, HashSet, VecDeque};

use super::heard::{ChannelRef, Dial, Heard};
use call::{
    CallId, Causes, Role, Seen,
    office::{OfficeInput, Sight},
};

pub use whole::State;
use whole::{Gap, Told};

/// So much of it is kept; most is of calls of others.
const EARLY: usize = 256;

/// The calls of one host and the channels that are known to be theirs.
#[derive(Debug, Default)]
pub struct Tracker {
    /// The host tells of every channel that it makes.
    tells_creation: bool,
    calls: HashMap<CallId, Tracked>,
    channels: HashMap<String, Known>,
    /// Local channels by the part of the name that both halves share.
    pairs: HashMap<String, (CallId, Role)>,
    /// What was heard of channels that nobody knows, the newest last: the dialing behind a Local channel can be told
    /// before that of the channel itself (measured on 22.10.1: the trunk's DialBegin before its Local channel's).
    early: VecDeque<Heard>,
}

#[derive(Debug, Default)]
struct Tracked {
    /// Something was heard of it.
    is_heard: bool,
    /// Something of it may not have been heard.
    is_missed: bool,
    /// Its channels are being asked for: until they are known, nothing is over.
    is_sought: bool,
    /// Events were lost, and its channels were not asked for since.
    is_blind: bool,
    /// Somebody picked up what rang at the number.
    is_taken: bool,
    /// What the last list of channels showed, and nobody had told.
    suspects: HashSet<Gap>,
    /// Which of its channels are in which bridge.
    seats: HashMap<String, String>,
    /// What was first heard of since: the answer may be older.
    newcomers: HashSet<String>,
    alive: HashSet<String>,
    /// Everything of it, to be forgotten at the end.
    channels: Vec<String>,
    pairs: Vec<String>,
}

#[derive(Debug, Clone)]
struct Known {
    call: CallId,
    leg: Role,
    /// A phone's or a trunk's, not a Local half.
    is_leg: bool,
    /// When it was first heard of: a pick-up gives it another one.
    name: String,
    is_heard: bool,
    is_gone: bool,
    /// It is in a bridge with another channel of its call.
    is_joined: bool,
    told: Told,
    /// Its far side asked for the end.
    hung_up: bool,
    sip: Option<u16>,
}

impl Known {
    fn sight(&self, id: &str, seen: Seen) -> Sight {
        Sight { leg: self.leg, channel: id.to_owned(), name: self.name.clone(), seen }
    }
}

impl Tracker {
    /// Of a host that tells of every channel that it makes.
    pub fn with_creations() -> Self {
        Tracker { tells_creation: true, ..Tracker::default() }
    }

    /// From now on the events of this call's channels are its own.
    pub fn follow(&mut self, call: CallId) {
        self.calls.entry(call).or_default();
        // The one half's dialing is the number's, the other's the extension's.
        let half = |id| ChannelRef { id, name: String::new() };
        self.know(call, &half(call.only_attempt().near_channel()), Role::Phone, false);
        self.know(call, &half(call.only_attempt().far_channel()), Role::Desk, false);
        // An Asterisk that has no file left makes the one half, fails to make the other, and ends the one (measured on
        // 22.10.1): nobody waits for the end of what was never there.
        if let Some(tracked) = self.calls.get_mut(&call)
            && !self.channels.get(&call.only_attempt().far_channel()).is_some_and(|far| far.is_heard)
        {
            tracked.alive.remove(&call.only_attempt().far_channel());
        }
    }

    /// The host has told nothing of this call yet.
    pub fn is_silent(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|tracked| !tracked.is_heard && !tracked.is_missed)
    }

    /// No call is followed.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// From now on something may be missed: of these calls.
    pub fn lose_sight(&mut self) -> Vec<CallId> {
        for tracked in self.calls.values_mut() {
            tracked.is_missed = true;
            tracked.is_blind = true;
            tracked.seats.clear();
        }
        self.calls.keys().copied().collect()
    }

    /// The calls of which something was missed, and whose channels were not asked for since.
    pub fn blind(&self) -> impl Iterator<Item = CallId> {
        self.calls.iter().filter(|(_, tracked)| tracked.is_blind).map(|(call, _)| *call)
    }

    pub fn forget(&mut self, call: CallId) {
        let Some(tracked) = self.calls.remove(&call) else { return };
        for channel in tracked.channels {
            self.channels.remove(&channel);
        }
        for pair in tracked.pairs {
            self.pairs.remove(&pair);
        }
        if self.calls.is_empty() {
            self.early.clear();
        }
    }

    /// The ids of the phones and trunks of a call, as far as they were heard of and are not gone.
    pub fn legs(&self, call: CallId) -> Vec<String> {
        let Some(tracked) = self.calls.get(&call) else { return Vec::new() };
        let legs = tracked.alive.iter().filter(|id| self.channels.get(*id).is_some_and(|known| known.is_leg));
        legs.cloned().collect()
    }

    /// The ids of all its channels that were ever heard of.
    pub fn known(&self, call: CallId) -> Vec<String> {
        self.calls.get(&call).map(|tracked| tracked.channels.clone()).unwrap_or_default()
    }

    /// Whose channel this is.
    pub fn call_of(&self, channel: &str) -> Option<CallId> {
        self.channels.get(channel).map(|known| known.call)
    }

    fn know(&mut self, call: CallId, channel: &ChannelRef, leg: Role, is_leg: bool) {
        let id = channel.id.as_str();
        let Some(tracked) = self.calls.get_mut(&call) else { return };
        if self.channels.contains_key(id) {
            return;
        }
        tracked.alive.insert(id.to_owned());
        if tracked.is_sought {
            tracked.newcomers.insert(id.to_owned());
        }
        tracked.channels.push(id.to_owned());
        self.channels.insert(
            id.to_owned(),
            Known {
                call,
                leg,
                is_leg,
                name: channel.name.clone(),
                is_heard: false,
                is_gone: false,
                is_joined: false,
                told: Told::default(),
                hung_up: false,
                sip: None,
            },
        );
    }

    /// What is known of a channel that an event tells of.
    fn hear_of(&mut self, id: &str) -> Option<&mut Known> {
        let known = self.channels.get_mut(id)?;
        if let Some(tracked) = self.calls.get_mut(&known.call) {
            tracked.is_heard = true;
            if !known.is_heard && !known.is_gone {
                tracked.alive.insert(id.to_owned());
            }
        }
        known.is_heard = true;
        Some(known)
    }

    /// The side of a channel, by its id or by the name of its other half.
    fn side(&mut self, channel: &ChannelRef) -> Option<(CallId, Role)> {
        if let Some(known) = self.hear_of(&channel.id) {
            return Some((known.call, known.leg));
        }
        let (call, leg) = *self.pairs.get(pair(&channel.name)?)?;
        self.know(call, channel, leg, false);
        Some((call, leg))
    }

    /// What this means for the call that it belongs to, if it belongs to one.
    pub fn hear(&mut self, heard: Heard) -> Option<(CallId, Vec<OfficeInput>)> {
        if self.calls.is_empty() {
            return None;
        }
        let known = self.channels.len();
        let Some((call, mut inputs)) = self.belongs(&heard) else {
            // That a channel of others was made will mean nothing later either.
            if !matches!(heard, Heard::Created(_)) {
                if self.early.len() == EARLY {
                    self.early.pop_front();
                }
                self.early.push_back(heard);
            }
            return None;
        };
        if self.channels.len() != known {
            inputs.extend(self.hear_again(call));
        }
        Some((call, inputs))
    }

    /// What was heard too early of a call that has just become better known.
    fn hear_again(&mut self, call: CallId) -> Vec<OfficeInput> {
        let mut inputs = Vec::new();
        for heard in std::mem::take(&mut self.early) {
            match self.belongs(&heard) {
                Some((of, more)) if of == call => inputs.extend(more),
                _ => self.early.push_back(heard),
            }
        }
        inputs
    }

    /// `None` when it is of no channel that is known to be a call's.
    fn belongs(&mut self, heard: &Heard) -> Option<(CallId, Vec<OfficeInput>)> {
        let was_known = self.knows(heard);
        if was_known {
            self.note(heard);
        }
        let meant = self.means(heard);
        if !was_known {
            self.note(heard);
        }
        meant
    }

    fn means(&mut self, heard: &Heard) -> Option<(CallId, Vec<OfficeInput>)> {
        match heard {
            Heard::Created(channel) => self.side(channel).map(|(call, _)| (call, Vec::new())),
            Heard::Dial { caller, peer, dial } => self.dial(caller, peer, dial),
            Heard::Originated { channel, .. } => {
                self.hear_of(&channel.id).map(|known| (known.call, Vec::new()))
            }
            Heard::Ringing(channel) => self.leg(channel, Seen::Ringing),
            Heard::Up(channel) => self.leg(channel, Seen::Up),
            Heard::Joined { channel, bridge } => self.enters(channel, bridge),
            Heard::Left { channel, bridge } => self.leaves(channel, bridge),
            Heard::HungUp { channel, cause, sip } => {
                if let Some(known) = self.hear_of(&channel.id) {
                    known.hung_up = true;
                    known.sip = *sip;
                }
                self.leg(channel, Seen::HungUp(Causes { cause: *cause, tech_cause: *sip }))
            }
            Heard::HungUpHere(channel) => self.leg(channel, Seen::HungUpHere),
            Heard::Gone { channel, cause, sip, .. } => self.gone(channel, *cause, *sip),
        }
    }

    fn dial(
        &mut self,
        caller: &ChannelRef,
        peer: &ChannelRef,
        dial: &Dial,
    ) -> Option<(CallId, Vec<OfficeInput>)> {
        let (call, leg) = self.side(caller)?;
        // It was taken away from its call: whom it calls now is nobody that was asked for.
        if self.channels.get(&caller.id).is_some_and(|known| known.is_leg) {
            return Some((call, Vec::new()));
        }
        let is_new = !self.channels.contains_key(&peer.id);
        match pair(&peer.name) {
            Some(pair) if is_new => {
                self.pairs.insert(pair.to_owned(), (call, leg));
                if let Some(tracked) = self.calls.get_mut(&call) {
                    tracked.pairs.push(pair.to_owned());
                }
                self.know(call, peer, leg, false);
                return Some((call, Vec::new()));
            }
            // What a Local channel tells of is told by the channel behind it too.
            Some(_) => return Some((call, Vec::new())),
            // Whoever picks up what rings somewhere else is dialed by nobody. At the extension it may be anybody.
            None if is_new && *dial == Dial::Answer && leg == Role::Phone && self.has_dialed(call) => {
                if let Some(tracked) = self.calls.get_mut(&call) {
                    tracked.is_taken = true;
                }
                return Some((call, vec![OfficeInput::TakenOver { leg }]));
            }
            None => self.know(call, peer, leg, true),
        }
        let mut seen = Vec::new();
        if is_new {
            seen.push(Seen::Created { sip_call_id: None });
        }
        match dial {
            Dial::Begin => {}
            Dial::Ringing => seen.push(Seen::Ringing),
            Dial::Progress => seen.push(Seen::EarlyMedia),
            Dial::Answer => seen.push(Seen::Up),
            Dial::Ended(status) => seen.push(Seen::DialEnded(status.clone())),
        }
        let known = self.channels.get(&peer.id)?;
        let sight = |seen| OfficeInput::Sight(known.sight(&peer.id, seen));
        Some((call, seen.into_iter().map(sight).collect()))
    }

    /// Only what happens to a phone or a trunk is a sight.
    fn leg(&mut self, channel: &ChannelRef, seen: Seen) -> Option<(CallId, Vec<OfficeInput>)> {
        let known = self.hear_of(&channel.id)?;
        let sight = known.sight(&channel.id, seen);
        Some((known.call, if known.is_leg { vec![OfficeInput::Sight(sight)] } else { Vec::new() }))
    }

    fn gone(
        &mut self,
        channel: &ChannelRef,
        cause: Option<u16>,
        sip: Option<u16>,
    ) -> Option<(CallId, Vec<OfficeInput>)> {
        // A half that nobody dialed yet may go before its side was known.
        let (call, _) = self.side(channel)?;
        let has_far = self.channels.get(&call.only_attempt().far_channel()).is_some_and(|far| far.is_heard);
        let known = self.channels.get_mut(&channel.id)?;
        known.is_gone = true;
        let known = known.clone();
        let tracked = self.calls.get_mut(&call)?;
        tracked.alive.remove(&channel.id);
        let is_over = tracked.alive.is_empty() && !tracked.is_sought;
        let is_whole = has_far || !self.tells_creation || tracked.is_missed;
        let mut inputs = Vec::new();
        if known.is_leg {
            let seen = Seen::Gone(Causes { cause, tech_cause: known.sip.or(sip.filter(|_| known.hung_up)) });
            inputs.push(OfficeInput::Sight(known.sight(&channel.id, seen)));
        }
        // Of one that has dialed nobody it is all there is.
        let dialed =
            |id: &String| self.channels.get(id).is_some_and(|known| known.is_leg && known.leg == Role::Desk);
        let is_silent =
            channel.id == call.only_attempt().far_channel() && !tracked.channels.iter().any(dialed);
        if let Some(cause) = cause.filter(|cause| *cause != 0 && is_silent) {
            inputs.push(OfficeInput::DialplanEnded { cause });
        }
        if let Some(event) = self.missing(call).filter(|_| is_over && is_whole) {
            inputs.push(OfficeInput::Blind { why: filtered(event) });
        }
        let lacks_creation = self.lacks_creation(call);
        let tracked = self.calls.get_mut(&call)?;
        if is_over && lacks_creation {
            inputs.push(OfficeInput::Blind { why: filtered("Newchannel") });
        } else if is_over {
            inputs.push(if is_whole { OfficeInput::Over } else { OfficeInput::NotMade });
        }
        tracked.seats.remove(&channel.id);
        inputs.extend(self.look_around(call));
        // With the last of the channels between.
        inputs.extend(self.alone(call).filter(|_| !known.is_leg));
        Some((call, inputs))
    }
}

/// Why something was not told.
pub(super) fn filtered(event: &str) -> String {
    format!(
        "Asterisk keeps events from this AMI user ({event} is missing): an `eventfilter` of the user in manager.conf, or rights \
         that are less than `read = call`; put that right, then `manager reload`"
    )
}

/// What both halves of a Local channel are called by.
pub(super) fn pair(name: &str) -> Option<&str> {
    let (pair, half) = name.strip_prefix("Local/")?.rsplit_once(';')?;
    matches!(half, "1" | "2").then_some(pair)
}
