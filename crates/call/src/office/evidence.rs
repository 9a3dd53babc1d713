//! The evidence about an office's call: what was seen of its legs, and what follows for the whole of it. Which end it proves,
//! `verdict` says.
//!
//! Several phones may be dialed for the extension, and several trunks for the number: each is a leg of its own, and
//! `call::leg` says which of them decides. Both sides are connected when a phone of each is up and the extension's is
//! in a bridge; from then on only these two channels count, whoever talks with one of them later.

use super::{HostFailure, Sight, verdict::sip};
use crate::{
    Causes, EndedBy, Reached, Reason, Seen,
    leg::{Leg, Legs, Role},
};

/// What began the end of a side that was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstEnd {
    /// Its phone was put down.
    PutDown(Role),
    /// Somebody at the PBX did it.
    AtThePbx,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfficeEvidence {
    /// There is no phone leg: the desk's is the one that is spoken of.
    pub is_monitor: bool,
    /// The extension's phones, or the listener's.
    pub desk: Legs,
    /// What was dialed for the number.
    pub phone: Legs,
    /// How far any leg came that states are said of, also before a restart.
    pub rang: bool,
    pub early_media: bool,
    /// Both sides were connected; of a monitoring: the listener has picked up.
    pub connected: bool,
    /// The two channels that were: the extension's and the number's.
    pub sides: Option<[String; 2]>,
    /// These two talk with each other no more, though one of them lives.
    pub parted: bool,
    /// Before they were connected, this side was taken over at the PBX: what it is in now is another conversation.
    pub taken_over: Option<Role>,
    /// The way tells every event, and none is missing.
    pub detailed: bool,
    /// There was a time when nobody saw it: it may have been answered, and more, meanwhile.
    pub missed: bool,
    /// Of the sides that were up, which ended first, and how.
    pub first_end: Option<FirstEnd>,
    /// The cause that the extension's dialplan ended with, where that was told.
    pub dialplan: Option<u16>,
    /// Who asked us for the end first, and why.
    pub hangup: Option<(EndedBy, Reason)>,
    /// The host certainly did not take the order.
    pub refused: Option<HostFailure>,
    /// Whether it did is not known.
    pub uncertain: bool,
    /// The host has nothing of the call any more, and how it ended was not seen.
    pub lost: bool,
    /// The host can't be asked any more.
    pub unreachable: bool,
}

impl OfficeEvidence {
    pub fn see(&mut self, Sight { leg: role, channel, name, seen }: &Sight) {
        let is_desk = *role != Role::Phone;
        // Whoever joins one of the two that talk, by a transfer or otherwise, is not the call that was ordered.
        if self.sides.is_some() && self.legs(is_desk).get(channel).is_none() {
            return;
        }
        let is_asked = self.hangup.is_some();
        let legs = if is_desk { &mut self.desk } else { &mut self.phone };
        legs.entry(channel).name.get_or_insert_with(|| name.clone());
        match seen {
            Seen::DialEnded(status) => {
                legs.give_up(channel, status);
            }
            Seen::Gone(causes) => {
                legs.end(channel, given(*causes));
            }
            _ => {
                let leg = legs.entry(channel);
                match seen {
                    Seen::Ringing => leg.rang = true,
                    Seen::EarlyMedia => leg.early_media = true,
                    Seen::Up => leg.up = true,
                    Seen::Joined => leg.joined = true,
                    Seen::Left => leg.joined = false,
                    Seen::HungUp(causes) => {
                        leg.far_hangup.get_or_insert(given(*causes));
                        leg.far_first |= !is_asked;
                    }
                    Seen::HungUpHere => leg.hung_up_here |= !is_asked,
                    _ => {}
                }
            }
        }
        self.conclude_progress(is_desk, channel, seen);
    }

    /// These two talked when a former run saw them last.
    pub fn restore_sides(&mut self, sides: [String; 2]) {
        for (legs, channel) in [&mut self.desk, &mut self.phone].into_iter().zip(&sides) {
            let leg = legs.entry(channel);
            (leg.up, leg.joined) = (true, true);
        }
        self.sides = Some(sides);
    }

    /// In a timeline of several legs each entry says of which it is.
    pub fn which(&self, role: Role, channel: &str) -> Option<String> {
        self.legs(role != Role::Phone).which(channel)
    }

    pub(super) fn legs(&self, is_desk: bool) -> &Legs {
        if is_desk { &self.desk } else { &self.phone }
    }

    /// What follows for the whole call from what a leg showed.
    fn conclude_progress(&mut self, is_desk: bool, channel: &str, seen: &Seen) {
        if self.is_monitor || !is_desk {
            self.rang |= *seen == Seen::Ringing;
            self.early_media |= *seen == Seen::EarlyMedia;
        }
        let first = match seen {
            Seen::HungUp(_) => FirstEnd::PutDown(if is_desk { Role::Desk } else { Role::Phone }),
            Seen::HungUpHere => FirstEnd::AtThePbx,
            _ => return self.conclude_connection(),
        };
        let was_up = self.legs(is_desk).get(channel).is_some_and(|leg| leg.up && leg.is_alive());
        let is_side = self.sides.as_ref().is_none_or(|sides| sides.iter().any(|side| side == channel));
        // An end that we ask for comes back as one of theirs. And where one side is gone, the other's end is another talk's.
        if self.hangup.is_none() && was_up && is_side && !self.has_lost_a_side() {
            self.first_end.get_or_insert(first);
        }
    }

    fn conclude_connection(&mut self) {
        let up = |leg: &&Leg| leg.up && leg.is_alive();
        let desk = self.desk.deciding().filter(up);
        if self.is_monitor {
            self.connected |= desk.is_some();
            return;
        }
        let (None, Some(desk), Some(phone)) =
            (&self.sides, desk.filter(|leg| leg.joined), self.phone.deciding().filter(up))
        else {
            return;
        };
        self.sides = Some([desk.channel.clone(), phone.channel.clone()]);
        self.connected = true;
        self.taken_over = None;
    }

    /// One of the two that talked is gone.
    pub fn has_lost_a_side(&self) -> bool {
        let is_gone = |legs: &Legs, side: &String| legs.get(side).is_some_and(|leg| !leg.is_alive());
        self.sides
            .as_ref()
            .is_some_and(|[desk, phone]| is_gone(&self.desk, desk) || is_gone(&self.phone, phone))
    }

    /// The leg that outcomes are said of.
    pub(super) fn main(&self) -> Option<&Leg> {
        let legs = self.legs(self.is_monitor);
        let side = self.sides.as_ref().and_then(|[_, phone]| legs.get(phone));
        side.or_else(|| legs.deciding())
    }

    /// A phone was seen to be called.
    pub fn has_legs(&self) -> bool {
        !self.desk.is_empty() || !self.phone.is_empty()
    }

    /// The furthest point of the side that outcomes are said of that is proven.
    pub fn reached(&self) -> Reached {
        let legs = self.legs(self.is_monitor);
        if self.connected || legs.iter().any(|leg| leg.up) {
            Reached::Answered
        } else if self.early_media {
            Reached::EarlyMedia
        } else if self.rang {
            Reached::Ringing
        } else if legs.iter().any(|leg| sip(leg).is_some()) {
            Reached::Trying
        } else if legs.is_empty() {
            Reached::None
        } else {
            Reached::Sent
        }
    }
}

/// Cause 0 is none.
fn given(causes: Causes) -> Causes {
    Causes { cause: causes.cause.filter(|cause| *cause != 0), ..causes }
}
