//! A look at a host's channels, where events may have been missed: after a reconnect, a restart, or a doubt. What stands there is
//! told again, and what does not has gone. It must not know how the channels were asked for.

use std::collections::HashSet;

use super::{Known, Tracker, pair};
use crate::office::heard::{ChannelRef, Standing};
use call::{
    CallId, Causes, Role, Seen,
    office::{OfficeInput, Sight},
};

impl Tracker {
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
        let standing = self.without_strangers(call, standing, sides);
        let mut inputs = self.miss(call, &standing);
        let is_gone = |known: &Known| known.is_gone;
        let desk = self.desk_among(&standing);
        for one in &standing {
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
                if let Some(bridge) = &one.bridge {
                    tracked.seats.entry(one.channel.id.clone()).or_insert_with(|| bridge.clone());
                }
            }
            if pair.is_some() {
                continue;
            }
            let is_joined = is_beside_another(one, &standing);
            let known = self.channels.get_mut(&one.channel.id);
            let was_joined = known.is_some_and(|known| std::mem::replace(&mut known.is_joined, is_joined));
            let name = self.channels.get(&one.channel.id).map_or(&one.channel.name, |known| &known.name);
            let channel = &one.channel.id;
            let sight =
                |seen| OfficeInput::Sight(Sight { leg, channel: channel.clone(), name: name.clone(), seen });
            inputs.extend((!is_known).then(|| sight(Seen::Created { sip_call_id: None })));
            inputs.extend(one.is_ringing.then(|| sight(Seen::Ringing)));
            inputs.extend(one.is_up.then(|| sight(Seen::Up)));
            inputs.extend(is_joined.then(|| sight(Seen::Joined)));
            inputs.extend((was_joined && !is_joined).then(|| sight(Seen::Left)));
        }
        inputs.extend(self.hear_again(call));
        let is_over = self.calls.get(&call).is_some_and(|tracked| tracked.alive.is_empty());
        if is_over && !inputs.contains(&OfficeInput::Over) {
            inputs.push(OfficeInput::Over);
        }
        if let Some(tracked) = self.calls.get_mut(&call) {
            tracked.is_blind = false;
        }
        inputs.extend(self.alone(call));
        inputs
    }

    /// Where none of the order's own channels is there any more, somebody may have taken one of the two sides over: whoever a
    /// side calls or talks with by itself is nobody that was ordered.
    pub(super) fn without_strangers(
        &self,
        call: CallId,
        standing: &[Standing],
        sides: Option<&[String; 2]>,
    ) -> Vec<Standing> {
        let halves = [call.only_attempt().near_channel(), call.only_attempt().far_channel()];
        let are_there = standing.iter().any(|one| halves.contains(&one.channel.id));
        if are_there || sides.is_some() {
            return standing.to_vec();
        }
        let with_a_caller = |one: &Standing| {
            let is_beside = |other: &&Standing| one.bridge.is_some() && other.bridge == one.bridge;
            standing.iter().filter(is_beside).any(|other| !other.is_dialed)
        };
        let is_stranger = |one: &&Standing| {
            let is_unknown = !self.channels.contains_key(&one.channel.id);
            // Of the call's own it would be known whose they are.
            let is_of_others = || self.is_heard_of(&one.channel.id);
            is_unknown
                && !one.is_desk
                && (!one.is_up || !one.is_dialed || with_a_caller(one) || is_of_others())
        };
        standing.iter().filter(|one| !is_stranger(one)).cloned().collect()
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
            inputs.push(OfficeInput::Sight(known.sight(&id, Seen::Gone(Causes::default()))));
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
}

/// It is in a bridge with another channel of the call.
fn is_beside_another(one: &Standing, standing: &[Standing]) -> bool {
    let is_beside = |other: &Standing| other.channel.id != one.channel.id && other.bridge == one.bridge;
    one.bridge.is_some() && standing.iter().any(is_beside)
}
