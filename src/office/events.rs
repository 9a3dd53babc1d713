//! From what a host tells by itself, over AMI or ARI, to the sights of a call: whose channel it is, and on which side.
//!
//! A call begins with a Local channel whose halves have ids that we chose: `ID` and `ID;2`. What `ID;2` dials is
//! the extension's phone, what `ID` dials is on the way to the number. A Local channel between is followed by its
//! name, which both halves share. What a phone or a trunk dials itself is another conversation: somebody took it over.
//! No I/O here: the two wires turn their events into [`Heard`].

use std::collections::{HashMap, HashSet, VecDeque};

use super::heard::{ChannelRef, Dial, Heard, Standing};
use call::{
    CallId, Role,
    office::{OfficeInput, Seen, Sight},
};

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
        self.know(call, &half(call.near_channel()), Role::Phone, false);
        self.know(call, &half(call.far_channel()), Role::Desk, false);
        // An Asterisk that has no file left makes the one half, fails to make the other, and ends the one (measured on
        // 22.10.1): nobody waits for the end of what was never there.
        if let Some(tracked) = self.calls.get_mut(&call)
            && !self.channels.get(&call.far_channel()).is_some_and(|far| far.is_heard)
        {
            tracked.alive.remove(&call.far_channel());
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
        }
        self.calls.keys().copied().collect()
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

    /// The names of the phones and trunks of a call, as far as they were heard of and are not gone.
    pub fn legs(&self, call: CallId) -> Vec<String> {
        let Some(tracked) = self.calls.get(&call) else { return Vec::new() };
        let legs = tracked.alive.iter().filter(|id| self.channels.get(*id).is_some_and(|known| known.is_leg));
        legs.cloned().collect()
    }

    /// Before a call's channels are asked for: what happens to them from now on is not lost, though the answer is older.
    pub fn seek(&mut self, call: CallId) {
        self.follow(call);
        if let Some(tracked) = self.calls.get_mut(&call) {
            tracked.is_missed = true;
            tracked.is_sought = true;
            tracked.newcomers.clear();
        }
    }

    /// After [`seek`](Self::seek): the host had none. They may be yet to come, unless all were heard to end: then it is over.
    pub fn found_none(&mut self, call: CallId) -> bool {
        self.calls.get_mut(&call).is_some_and(|tracked| {
            tracked.is_sought = false;
            tracked.is_heard && tracked.alive.is_empty()
        })
    }

    /// After [`seek`](Self::seek): these were the channels of the call. What they show is told again, and that the others
    /// are gone. `sides`: the two that were connected, also in a former run.
    pub fn resync(
        &mut self,
        call: CallId,
        standing: &[Standing],
        sides: Option<&[String; 2]>,
    ) -> Vec<OfficeInput> {
        self.follow(call);
        if let Some(tracked) = self.calls.get_mut(&call) {
            tracked.is_sought = false;
        }
        for (id, leg) in sides.into_iter().flatten().zip([Role::Desk, Role::Phone]) {
            let now = standing.iter().find(|one| one.channel.id == *id);
            let name = now.map_or(id, |one| &one.channel.name).clone();
            self.know(call, &ChannelRef { id: id.clone(), name }, leg, true);
        }
        let mut inputs = self.miss(call, standing);
        let is_gone = |known: &Known| known.is_gone;
        let desk = self.desk_among(standing);
        for one in standing {
            if self.channels.get(&one.channel.id).is_some_and(is_gone) {
                continue;
            }
            let leg = match self.channels.get(&one.channel.id) {
                Some(known) => known.leg,
                None if one.is_desk || desk.as_deref() == Some(&one.channel.id) => Role::Desk,
                None => Role::Phone,
            };
            let pair = pair(&one.channel.name);
            let is_known = self.channels.contains_key(&one.channel.id);
            self.know(call, &one.channel, leg, pair.is_none());
            if let Some(tracked) = self.calls.get_mut(&call) {
                tracked.alive.insert(one.channel.id.clone());
            }
            if pair.is_some() {
                continue;
            }
            let name = self.channels.get(&one.channel.id).map_or(&one.channel.name, |known| &known.name);
            let channel = &one.channel.id;
            let sight =
                |seen| OfficeInput::Sight(Sight { leg, channel: channel.clone(), name: name.clone(), seen });
            inputs.extend((!is_known).then(|| sight(Seen::Created)));
            inputs.extend(one.is_ringing.then(|| sight(Seen::Ringing)));
            inputs.extend(one.is_up.then(|| sight(Seen::Up)));
            inputs.extend(one.is_joined.then(|| sight(Seen::Joined)));
        }
        inputs.extend(self.hear_again(call));
        let is_over = self.calls.get(&call).is_some_and(|tracked| tracked.alive.is_empty());
        if is_over && !inputs.contains(&OfficeInput::Over) {
            inputs.push(OfficeInput::Over);
        }
        inputs
    }

    /// Those of its phones and trunks that were there before, and are not in the list, have gone unseen.
    fn miss(&mut self, call: CallId, standing: &[Standing]) -> Vec<OfficeInput> {
        let Some(tracked) = self.calls.get_mut(&call) else { return Vec::new() };
        tracked.is_missed = true;
        let newcomers = std::mem::take(&mut tracked.newcomers);
        let before = std::mem::take(&mut tracked.alive);
        let (kept, gone): (HashSet<String>, Vec<String>) = {
            let (kept, others): (Vec<_>, Vec<_>) = before.into_iter().partition(|id| newcomers.contains(id));
            let is_gone = |id: &String| !standing.iter().any(|one| one.channel.id == *id);
            (kept.into_iter().collect(), others.into_iter().filter(is_gone).collect())
        };
        tracked.alive = kept;
        let mut inputs = Vec::new();
        for id in gone {
            let Some(known) = self.channels.get_mut(&id).filter(|known| known.is_leg && !known.is_gone)
            else {
                continue;
            };
            known.is_gone = true;
            inputs.push(OfficeInput::Sight(known.sight(&id, Seen::Gone { cause: None, sip: None })));
        }
        inputs
    }

    /// The extension may have been answered at a phone that is not called after it. Where none is, the oldest channel is the
    /// extension's: it is dialed first.
    fn desk_among(&self, standing: &[Standing]) -> Option<String> {
        let is_desk = |one: &Standing| match self.channels.get(&one.channel.id) {
            Some(known) => known.is_leg && known.leg == Role::Desk,
            None => one.is_desk,
        };
        if standing.iter().any(is_desk) {
            return None;
        }
        let unknown = standing
            .iter()
            .filter(|one| pair(&one.channel.name).is_none() && !self.channels.contains_key(&one.channel.id));
        let place = |one: &&Standing| one.channel.id.rsplit_once('.')?.1.parse::<u64>().ok();
        unknown.min_by_key(|one| place(one).unwrap_or(u64::MAX)).map(|one| one.channel.id.clone())
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
        match heard {
            Heard::Created(channel) => self.side(channel).map(|(call, _)| (call, Vec::new())),
            Heard::Dial { caller, peer, dial } => self.dial(caller, peer, dial),
            Heard::Ringing(channel) => self.leg(channel, Seen::Ringing),
            Heard::Up(channel) => self.leg(channel, Seen::Up),
            Heard::Joined(channel) => self.leg(channel, Seen::Joined),
            Heard::HungUp { channel, cause, sip } => {
                if let Some(known) = self.hear_of(&channel.id) {
                    known.hung_up = true;
                    known.sip = *sip;
                }
                self.leg(channel, Seen::HungUp { cause: *cause, sip: *sip })
            }
            Heard::HungUpHere(channel) => self.leg(channel, Seen::HungUpHere),
            Heard::Gone { channel, cause, sip } => self.gone(channel, *cause, *sip),
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
            None => self.know(call, peer, leg, true),
        }
        let mut seen = Vec::new();
        if is_new {
            seen.push(Seen::Created);
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
        let has_far = self.channels.get(&call.far_channel()).is_some_and(|far| far.is_heard);
        let known = self.channels.get_mut(&channel.id)?;
        known.is_gone = true;
        let known = known.clone();
        let tracked = self.calls.get_mut(&call)?;
        tracked.alive.remove(&channel.id);
        let is_over = tracked.alive.is_empty() && !tracked.is_sought;
        let is_whole = has_far || !self.tells_creation || tracked.is_missed;
        let mut inputs = Vec::new();
        if known.is_leg {
            let seen = Seen::Gone { cause, sip: known.sip.or(sip.filter(|_| known.hung_up)) };
            inputs.push(OfficeInput::Sight(known.sight(&channel.id, seen)));
        }
        // Of one that has dialed nobody it is all there is.
        let dialed =
            |id: &String| self.channels.get(id).is_some_and(|known| known.is_leg && known.leg == Role::Desk);
        let is_silent = channel.id == call.far_channel() && !tracked.channels.iter().any(dialed);
        if let Some(cause) = cause.filter(|cause| *cause != 0 && is_silent) {
            inputs.push(OfficeInput::DialplanEnded { cause });
        }
        if is_over {
            inputs.push(if is_whole { OfficeInput::Over } else { OfficeInput::NotMade });
        }
        Some((call, inputs))
    }
}

/// What both halves of a Local channel are called by.
pub(super) fn pair(name: &str) -> Option<&str> {
    let (pair, half) = name.strip_prefix("Local/")?.rsplit_once(';')?;
    matches!(half, "1" | "2").then_some(pair)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ID: CallId = CallId(Uuid::from_u128(7));

    fn channel(id: &str, name: &str) -> ChannelRef {
        ChannelRef { id: id.to_owned(), name: name.to_owned() }
    }

    fn near() -> ChannelRef {
        channel(&ID.near_channel(), "Local/150@inoffice-00000001;1")
    }

    fn far() -> ChannelRef {
        channel(&ID.far_channel(), "Local/150@inoffice-00000001;2")
    }

    fn words(heard: Option<(CallId, Vec<OfficeInput>)>) -> Vec<String> {
        let Some((call, inputs)) = heard else { return Vec::new() };
        assert_eq!(call, ID);
        let word = |input| match input {
            OfficeInput::Sight(Sight { leg, name, seen, .. }) => format!("{leg:?} {name} {seen:?}"),
            other => format!("{other:?}"),
        };
        inputs.into_iter().map(word).collect()
    }

    fn dial(caller: &ChannelRef, peer: &ChannelRef, dial: Dial) -> Heard {
        Heard::Dial { caller: caller.clone(), peer: peer.clone(), dial }
    }

    #[test]
    fn a_call_through_two_local_channels() {
        let mut tracker = Tracker::default();
        tracker.follow(ID);
        let desk = channel("1.3", "PJSIP/150-00000001");
        let (one, two) = (
            channel("1.4", "Local/+375@inoffice-00000002;1"),
            channel("1.5", "Local/+375@inoffice-00000002;2"),
        );
        let trunk = channel("1.6", "PJSIP/trunk-00000002");
        let mut hear = |heard| words(tracker.hear(heard));
        assert_eq!(hear(dial(&far(), &desk, Dial::Begin)), ["Desk PJSIP/150-00000001 Created"]);
        assert_eq!(hear(dial(&far(), &desk, Dial::Ringing)), ["Desk PJSIP/150-00000001 Ringing"]);
        assert_eq!(hear(Heard::Up(desk.clone())), ["Desk PJSIP/150-00000001 Up"]);
        // The Local channel between is nobody's phone.
        assert!(hear(dial(&near(), &one, Dial::Begin)).is_empty());
        assert_eq!(hear(dial(&two, &trunk, Dial::Begin)), ["Phone PJSIP/trunk-00000002 Created"]);
        assert!(hear(Heard::Ringing(one.clone())).is_empty());
        assert_eq!(hear(dial(&two, &trunk, Dial::Progress)), ["Phone PJSIP/trunk-00000002 EarlyMedia"]);
        assert_eq!(hear(Heard::Up(trunk.clone())), ["Phone PJSIP/trunk-00000002 Up"]);
        // They optimize themselves away, and the call goes on.
        for local in [near(), far(), one, two] {
            assert!(hear(Heard::Gone { channel: local, cause: Some(16), sip: None }).is_empty());
        }
        assert_eq!(
            hear(Heard::HungUp { channel: trunk.clone(), cause: Some(16), sip: None }),
            ["Phone PJSIP/trunk-00000002 HungUp { cause: Some(16), sip: None }"]
        );
        let gone = hear(Heard::Gone { channel: trunk, cause: Some(16), sip: None });
        assert_eq!(gone, ["Phone PJSIP/trunk-00000002 Gone { cause: Some(16), sip: None }"]);
        let gone = hear(Heard::Gone { channel: desk, cause: Some(16), sip: None });
        assert_eq!(gone, ["Desk PJSIP/150-00000001 Gone { cause: Some(16), sip: None }", "Over"]);
        tracker.forget(ID);
        assert!(tracker.channels.is_empty() && tracker.pairs.is_empty() && tracker.calls.is_empty());
    }

    #[test]
    fn a_half_that_was_never_made_is_not_waited_for() {
        let gone = |channel: ChannelRef| Heard::Gone { channel, cause: Some(0), sip: None };
        let mut tracker = Tracker::with_creations();
        tracker.follow(ID);
        assert!(tracker.is_silent(ID));
        assert!(words(tracker.hear(Heard::Created(near()))).is_empty() && !tracker.is_silent(ID));
        assert_eq!(words(tracker.hear(gone(near()))), ["NotMade"]);

        // Both were there, and nobody was dialed.
        let mut tracker = Tracker::with_creations();
        tracker.follow(ID);
        tracker.hear(Heard::Created(near()));
        tracker.hear(Heard::Created(far()));
        assert!(words(tracker.hear(gone(near()))).is_empty());
        assert_eq!(words(tracker.hear(gone(far()))), ["Over"]);

        // It may have been made while nobody listened.
        let mut tracker = Tracker::with_creations();
        tracker.follow(ID);
        assert_eq!(tracker.lose_sight(), [ID]);
        assert!(!tracker.is_silent(ID));
        assert_eq!(words(tracker.hear(gone(near()))), ["Over"]);

        // A host that tells of no creation proves nothing by its silence.
        let mut tracker = Tracker::default();
        tracker.follow(ID);
        assert_eq!(words(tracker.hear(gone(near()))), ["Over"]);
    }

    #[test]
    fn what_happens_while_the_channels_are_asked_for_is_not_lost() {
        let desk = channel("1.3", "PJSIP/150-00000001");
        let gone = |channel: ChannelRef| Heard::Gone { channel, cause: Some(16), sip: None };
        let standing = |channel: ChannelRef| Standing {
            channel,
            is_desk: true,
            is_ringing: false,
            is_up: true,
            is_joined: false,
        };
        let word = |inputs: Vec<OfficeInput>| words(Some((ID, inputs)));
        for mut tracker in [Tracker::default(), Tracker::with_creations()] {
            tracker.seek(ID);
            // The halves vanish, as they do when both sides talk: that is no end.
            assert!(words(tracker.hear(gone(near()))).is_empty());
            let told = word(tracker.resync(ID, &[standing(near()), standing(desk.clone())], None));
            assert_eq!(told, ["Desk PJSIP/150-00000001 Created", "Desk PJSIP/150-00000001 Up"]);

            // The phone goes after the host has answered, and before the answer is read.
            tracker.forget(ID);
            tracker.seek(ID);
            assert_eq!(tracker.hear(gone(desk.clone())), None);
            let told = word(tracker.resync(ID, &[standing(desk.clone())], None));
            assert_eq!(told.last().map(String::as_str), Some("Over"), "{told:?}");
            tracker.forget(ID);

            // The number is dialed after the host has answered: the call is over when that is gone too.
            let trunk = channel("1.4", "PJSIP/trunk-00000002");
            tracker.seek(ID);
            tracker.hear(dial(&near(), &trunk, Dial::Begin));
            tracker.resync(ID, &[standing(near()), standing(desk.clone())], None);
            tracker.hear(gone(near()));
            assert_eq!(words(tracker.hear(gone(desk.clone()))).len(), 1);
            assert_eq!(words(tracker.hear(gone(trunk))).last().map(String::as_str), Some("Over"));
            tracker.forget(ID);
        }
    }

    /// A phone was put down, and whoever took it over dialed another one, while nobody heard it.
    #[test]
    fn whoever_went_unheard_is_gone() {
        let (desk, trunk) = (channel("1.3", "PJSIP/150-00000001"), channel("1.4", "PJSIP/trunk-00000002"));
        let standing = |channel: &ChannelRef| Standing {
            channel: channel.clone(),
            is_desk: false,
            is_ringing: false,
            is_up: true,
            is_joined: true,
        };
        let now = [standing(&trunk), standing(&channel("1.5", "PJSIP/151-00000003"))];
        let sides = [desk.id.clone(), trunk.id.clone()];
        let word = |inputs: Vec<OfficeInput>| words(Some((ID, inputs)));
        let gone = "Gone { cause: None, sip: None }";

        let mut tracker = Tracker::default();
        tracker.follow(ID);
        tracker.hear(dial(&far(), &desk, Dial::Answer));
        tracker.hear(dial(&near(), &trunk, Dial::Answer));
        tracker.seek(ID);
        let told = word(tracker.resync(ID, &now, None));
        assert_eq!(told[0], format!("Desk PJSIP/150-00000001 {gone}"));

        // A former run had seen the two; now it is told that one is gone, and nothing else becomes a side.
        let mut tracker = Tracker::default();
        tracker.seek(ID);
        let told = word(tracker.resync(ID, &now, Some(&sides)));
        assert_eq!(told[0], format!("Desk 1.3 {gone}"));
        assert!(told.contains(&"Phone PJSIP/trunk-00000002 Up".to_owned()), "{told:?}");
    }

    /// A listener's channel that was made and never dialed is hung up while it is looked for.
    #[test]
    fn halves_that_go_around_the_answer_are_the_end() {
        let gone = |channel: ChannelRef| Heard::Gone { channel, cause: None, sip: None };
        let standing = |channel: ChannelRef| Standing {
            channel,
            is_desk: false,
            is_ringing: false,
            is_up: false,
            is_joined: false,
        };
        for before in 0..=2 {
            let mut tracker = Tracker::default();
            tracker.seek(ID);
            let mut told = Vec::new();
            for half in [far(), near()].into_iter().take(before) {
                told.extend(words(tracker.hear(gone(half))));
            }
            told.extend(words(Some((ID, tracker.resync(ID, &[standing(near()), standing(far())], None)))));
            for half in [far(), near()].into_iter().skip(before) {
                told.extend(words(tracker.hear(gone(half))));
            }
            assert_eq!(told, ["Over"], "{before} before");
        }
    }

    #[test]
    fn what_is_told_too_early_is_not_lost() {
        let mut tracker = Tracker::default();
        tracker.follow(ID);
        let one = channel("1.4", "Local/+375@inoffice-00000002;1");
        let two = channel("1.5", "Local/+375@inoffice-00000002;2");
        let trunk = channel("1.6", "PJSIP/trunk-00000002");
        assert_eq!(tracker.hear(dial(&two, &trunk, Dial::Begin)), None);
        assert_eq!(
            tracker.hear(Heard::HungUp { channel: trunk.clone(), cause: Some(1), sip: Some(404) }),
            None
        );
        let told = words(tracker.hear(dial(&near(), &one, Dial::Begin)));
        let hung_up = "Phone PJSIP/trunk-00000002 HungUp { cause: Some(1), sip: Some(404) }";
        assert_eq!(told, ["Phone PJSIP/trunk-00000002 Created", hung_up]);
        let gone = words(tracker.hear(Heard::Gone { channel: trunk, cause: Some(1), sip: Some(404) }));
        assert_eq!(gone, ["Phone PJSIP/trunk-00000002 Gone { cause: Some(1), sip: Some(404) }"]);
    }

    #[test]
    fn the_far_sides_status_is_kept_and_ours_is_not_taken_for_it() {
        let mut tracker = Tracker::default();
        tracker.follow(ID);
        let desk = channel("1.3", "PJSIP/150-00000001");
        tracker.hear(dial(&far(), &desk, Dial::Begin));
        tracker.hear(Heard::HungUp { channel: desk.clone(), cause: Some(17), sip: Some(486) });
        let gone = words(tracker.hear(Heard::Gone { channel: desk, cause: Some(17), sip: None }));
        assert_eq!(gone, ["Desk PJSIP/150-00000001 Gone { cause: Some(17), sip: Some(486) }"]);
    }

    #[test]
    fn calls_of_others_are_nobodys() {
        let mut tracker = Tracker::default();
        tracker.follow(ID);
        let (other, phone) = (channel("9.1", "PJSIP/152-00000009"), channel("9.2", "PJSIP/150-00000008"));
        assert_eq!(tracker.hear(dial(&other, &phone, Dial::Begin)), None);
        assert_eq!(tracker.hear(Heard::Up(phone.clone())), None);
        assert_eq!(tracker.hear(Heard::Gone { channel: phone, cause: None, sip: None }), None);
    }
}
