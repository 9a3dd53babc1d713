//! Which channels belong to the call that one originate made, and on which side of it they are.
//!
//! The list of channels does not tell; the linkedid does, which only [`Command::Channel`] shows. It is the unique
//! id of the originate's near half for every channel of the call, also when the Local channels have optimized
//! themselves away and the phones remain (16.28 and 22.10.1, chan_sip and PJSIP). So each new channel is asked for once.
//!
//! [`Command::Channel`]: super::Command::Channel

use std::collections::{HashMap, HashSet};

use super::{Channel, ChannelDetails, ChannelName, ChannelState, Channels, UniqueId};

/// So many answers about channels that may be gone are kept at least.
const KEPT: usize = 64;

/// The channels of one originate.
#[derive(Debug, Clone)]
pub struct Family {
    /// The originate's own Local channel, `150@inoffice-00000013`.
    pair: String,
    root: UniqueId,
    /// What is dialed once the first phone is picked up; none for a monitoring.
    number: Option<String>,
    /// The Local channel that leads to the number, by its place among all channels: what is younger is on that side.
    border: Option<u64>,
    /// By their ids: an Asterisk that was started anew gives the same names again.
    asked: HashMap<UniqueId, Answer>,
}

/// What was answered about a channel.
#[derive(Debug, Clone)]
struct Answer {
    /// It is the call's.
    ours: bool,
    /// It has the call's linkedid, and is somebody else's all the same.
    disowned: bool,
    /// The bridge that it was in then.
    bridge: Option<String>,
    /// [`ChannelDetails::was_dialed`]
    was_dialed: Option<bool>,
}

/// What a list of channels shows of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look<'a> {
    /// The originate's near half. Gone when the call is over, and also soon after its two sides were joined.
    pub near: Option<&'a Channel>,
    /// What was called first was picked up, and the application (`Dial`, `ChanSpy`) started: the near half runs it,
    /// or what it dialed was seen. It need not have been a phone: the dialplan can answer by itself.
    pub started: bool,
    /// Channels of the phone that was called first: the caller's, or the listener's.
    pub desk: Vec<&'a Channel>,
    /// Channels on the way to the number.
    pub phone: Vec<&'a Channel>,
    /// A channel of the one side hears one of the other.
    pub joined: bool,
    /// Nothing of it is left.
    pub gone: bool,
}

impl Family {
    /// Of a call to `number`, from the near half that [`Channels::originated`] found. `None` if it is no such half.
    pub fn of_call(root: &Channel, number: &str) -> Option<Self> {
        Some(Family { number: Some(number.to_owned()), ..Self::of_monitoring(root)? })
    }

    /// Of a monitoring.
    pub fn of_monitoring(root: &Channel) -> Option<Self> {
        let half = root.name.local().filter(|half| half.near)?;
        Some(Family {
            pair: half.pair.to_owned(),
            root: root.unique_id.clone(),
            number: None,
            border: None,
            asked: HashMap::new(),
        })
    }

    /// Of a call that is known by its linkedid only, because it was made before anybody looked.
    pub fn of_linked_id(linked_id: &str, number: Option<&str>) -> Option<Self> {
        (!linked_id.is_empty()).then(|| Family {
            // No Local channel is called so.
            pair: String::new(),
            root: UniqueId::new(linked_id),
            number: number.map(str::to_owned),
            border: None,
            asked: HashMap::new(),
        })
    }

    /// The linkedid of the call.
    pub fn linked_id(&self) -> &str {
        self.root.as_str()
    }

    /// Channels that may be the call's and have not been asked for yet: the younger ones. And those that have come to be with
    /// one of the call's: whoever picks up gets its linkedid only then.
    pub fn unasked<'a>(&self, now: &'a Channels) -> Vec<&'a Channel> {
        let younger = |channel: &&Channel| match (channel.unique_id.sequence(), self.root.sequence()) {
            (Some(sequence), Some(root)) => sequence > root,
            _ => true,
        };
        let is_unknown = |channel: &&Channel| match self.asked.get(&channel.unique_id) {
            _ if self.is_own_half(channel) => false,
            None => true,
            Some(answer) if answer.ours || answer.disowned => false,
            Some(answer) => answer.bridge != channel.bridge && self.is_beside_another(channel, now),
        };
        now.list.iter().filter(younger).filter(is_unknown).collect()
    }

    /// What the answer about one of them was; `None` if it was gone already.
    pub fn learn(&mut self, channel: &Channel, details: Option<&ChannelDetails>) {
        // Another id: the line that has the one is not Asterisk's own.
        let ours = details.is_some_and(|details| {
            details.linked_id == self.linked_id() && details.unique_id == channel.unique_id
        });
        let was_dialed = details.and_then(|details| details.was_dialed(&channel.name));
        let answer = Answer { ours, disowned: false, bridge: channel.bridge.clone(), was_dialed };
        self.asked.insert(channel.unique_id.clone(), answer);
        let half = channel.name.local().filter(|half| ours && half.near);
        if half.is_some_and(|half| self.number.as_deref() == Some(half.extension)) && self.border.is_none() {
            self.border = details.and_then(|details| details.unique_id.sequence());
        }
    }

    /// What was asked about channels of others that are gone is of no more use: on a busy host there are many a talk.
    pub fn forget_gone(&mut self, now: &Channels) {
        if self.asked.len() > now.list.len() + KEPT {
            let there: HashSet<&UniqueId> = now.list.iter().map(|channel| &channel.unique_id).collect();
            self.asked.retain(|id, answer| answer.ours || there.contains(id));
        }
    }

    /// What the list shows of the call, as far as its channels have been asked for.
    pub fn look<'a>(&self, now: &'a Channels) -> Look<'a> {
        let near = now
            .list
            .iter()
            .find(|channel| channel.name.local().is_some_and(|half| half.near) && self.is_own_half(channel));
        let running = near.is_some_and(|near| {
            near.state == ChannelState::Up && near.application.as_deref().is_some_and(|it| it != "AppDial2")
        });
        let members: Vec<&Channel> = now.list.iter().filter(|channel| self.is_ours(channel)).collect();
        let phones = || members.iter().copied().filter(|channel| channel.name.local().is_none());
        // Seen so late that the way to the number had vanished: the oldest channel is the first phone's.
        let oldest = phones().filter_map(|channel| channel.unique_id.sequence()).min();
        let border = match (self.border, &self.number) {
            (Some(border), _) => Some(border),
            (None, Some(_)) if running || near.is_none() => oldest,
            (None, _) => None,
        };
        // The far half dials at the extension, whoever that is in the end, and however young.
        let far = members
            .iter()
            .find(|channel| channel.name.local().is_some_and(|half| !half.near && half.pair == self.pair));
        let dialed_by_far = |channel: &Channel| {
            let dials = far.filter(|far| far.application.as_deref() == Some("Dial"));
            dials.is_some_and(|far| far.data.split(['&', ',']).any(|one| channel.name.is_of(one)))
        };
        let beyond = |channel: &&Channel| match (border, channel.unique_id.sequence()) {
            (Some(border), Some(sequence)) => sequence > border && !dialed_by_far(channel),
            _ => false,
        };
        let (phone, desk): (Vec<_>, Vec<_>) = phones().partition(beyond);
        let joined = desk.iter().any(|one| now.heard_by(&one.name).iter().any(|other| phone.contains(other)));
        Look {
            near,
            started: running || self.border.is_some() || !phone.is_empty(),
            desk,
            phone,
            joined,
            gone: members.is_empty(),
        }
    }

    /// What to hang up to end the call: the near half, which takes the rest with it, or, when it has optimized
    /// itself away, the channels of both sides, save those that talk with somebody else. `None`: all of them do.
    pub fn to_hang_up<'a>(&self, now: &'a Channels) -> Option<Vec<&'a ChannelName>> {
        let look = self.look(now);
        if let Some(near) = look.near {
            return Some(vec![&near.name]);
        }
        let own: Vec<&Channel> = look.desk.iter().chain(&look.phone).copied().collect();
        let is_with_others =
            |channel: &&Channel| now.heard_by(&channel.name).iter().any(|heard| !own.contains(heard));
        let (others, ours): (Vec<&Channel>, Vec<&Channel>) = own.iter().copied().partition(is_with_others);
        let names = ours.into_iter().map(|channel| &channel.name).collect::<Vec<_>>();
        (others.is_empty() || !names.is_empty()).then_some(names)
    }

    /// Whether this channel is in a bridge with another one of the call.
    pub fn is_beside_another(&self, channel: &Channel, now: &Channels) -> bool {
        let is_beside =
            |other: &&Channel| other.unique_id != channel.unique_id && other.bridge == channel.bridge;
        channel.bridge.is_some() && now.list.iter().filter(is_beside).any(|other| self.is_ours(other))
    }

    /// This channel is somebody else's, though it has the call's linkedid: whoever talks with one of the call's gets that.
    pub fn disown(&mut self, id: &UniqueId) {
        if let Some(answer) = self.asked.get_mut(id) {
            (answer.ours, answer.disowned) = (false, true);
        }
    }

    /// What was told of this channel: see [`ChannelDetails::was_dialed`].
    pub fn was_dialed(&self, channel: &Channel) -> Option<bool> {
        self.asked.get(&channel.unique_id)?.was_dialed
    }

    fn is_ours(&self, channel: &Channel) -> bool {
        self.is_own_half(channel) || self.asked.get(&channel.unique_id).is_some_and(|answer| answer.ours)
    }

    fn is_own_half(&self, channel: &Channel) -> bool {
        let Some(half) = channel.name.local().filter(|half| half.pair == self.pair) else { return false };
        let (id, root) = (&channel.unique_id, &self.root);
        // Both halves are made at once; one of the same name from another time is of another start of Asterisk.
        let is_of_then = || id.time().zip(root.time()).is_none_or(|(time, root)| time.abs_diff(root) <= 1);
        id == root || !half.near && is_of_then()
    }
}
