//! Who sits in a bridge with whom, as far as it matters to a call: whether a phone is with another channel of the call, and
//! whether anything is left that leads from one side to the other. Whoever else is there is not known here.

use super::{Known, Tracker};
use crate::office::heard::ChannelRef;
use call::{CallId, Role, Seen, office::OfficeInput};

impl Tracker {
    /// A phone was dialed for the number, and nothing of it was missed.
    pub(super) fn has_dialed(&self, call: CallId) -> bool {
        let is_phone =
            |id: &String| self.channels.get(id).is_some_and(|known| known.is_leg && known.leg == Role::Phone);
        self.calls
            .get(&call)
            .is_some_and(|tracked| !tracked.is_missed && tracked.channels.iter().any(is_phone))
    }

    /// A channel entered a bridge.
    pub(super) fn enters(
        &mut self,
        channel: &ChannelRef,
        bridge: &str,
    ) -> Option<(CallId, Vec<OfficeInput>)> {
        let (call, _) = self.side(channel)?;
        self.calls.get_mut(&call)?.seats.insert(channel.id.clone(), bridge.to_owned());
        Some((call, self.look_around(call)))
    }

    /// A channel left a bridge. When it changes from one to another, its entry may be told before.
    pub(super) fn leaves(
        &mut self,
        channel: &ChannelRef,
        bridge: &str,
    ) -> Option<(CallId, Vec<OfficeInput>)> {
        let (call, _) = self.side(channel)?;
        let tracked = self.calls.get_mut(&call)?;
        if tracked.seats.get(&channel.id).is_some_and(|seat| seat == bridge) {
            tracked.seats.remove(&channel.id);
        }
        Some((call, self.look_around(call)))
    }

    /// Which phones and trunks are in a bridge with another channel of the call now, and were not, or are so no more.
    pub(super) fn look_around(&mut self, call: CallId) -> Vec<OfficeInput> {
        let Some(tracked) = self.calls.get(&call) else { return Vec::new() };
        let mut inputs = Vec::new();
        for id in &tracked.channels {
            let Some(known) = self.channels.get_mut(id).filter(|known| known.is_leg && !known.is_gone) else {
                continue;
            };
            let seat = tracked.seats.get(id);
            let is_beside = |(other, bridge): (&String, &String)| other != id && Some(bridge) == seat;
            let is_joined = seat.is_some() && tracked.seats.iter().any(is_beside);
            if std::mem::replace(&mut known.is_joined, is_joined) != is_joined {
                let seen = if is_joined { Seen::Joined } else { Seen::Left };
                inputs.push(OfficeInput::Sight(known.sight(id, seen)));
            }
        }
        inputs
    }

    /// Where nothing is left of the order but phones and trunks, no way leads from one side to the other that they do not
    /// have already.
    pub(super) fn alone(&self, call: CallId) -> Option<OfficeInput> {
        let tracked = self.calls.get(&call)?;
        if tracked.is_blind || tracked.is_sought || tracked.alive.is_empty() {
            return None;
        }
        let seats_of = |role: Role| {
            let is_of = move |known: &Known| known.is_leg && known.leg == role;
            let of = tracked.seats.iter().filter(move |(id, _)| self.channels.get(*id).is_some_and(is_of));
            of.map(|(_, bridge)| bridge)
        };
        if seats_of(Role::Desk).any(|seat| seats_of(Role::Phone).any(|other| other == seat)) {
            return None;
        }
        let alive: Option<Vec<&Known>> = tracked.alive.iter().map(|id| self.channels.get(id)).collect();
        let legs: Vec<&Known> = alive?.into_iter().filter(|known| known.is_leg).collect();
        let is_desk = |known: &&Known| known.leg == Role::Desk;
        let leg = if legs.iter().any(is_desk) { Role::Desk } else { Role::Phone };
        (legs.len() == tracked.alive.len()).then_some(OfficeInput::Alone { leg })
    }
}
