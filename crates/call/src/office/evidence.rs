//! The evidence about an office's call, and the one function that concludes its end.
//!
//! Several phones may be dialed for the extension, and several trunks for the number: each is a leg of its own, and
//! `call::leg` says which of them decides. Both sides are connected when a phone of each is up and the extension's is
//! in a bridge; from then on only these two channels count, whoever talks with one of them later.
//!
//! A host that is only asked from time to time (`detailed` is false) shows which channels there are, not why one
//! is gone. Then an end without an answer is `unknown`: it may have been anything.

use super::{HostFailure, Seen, Sight};
use crate::{
    Causes, EndedBy, Outcome, Reached, Reason, Status, cause,
    leg::{Leg, Legs, Role},
};

/// A BYE that Asterisk itself sends: a session timer has run out, an answer's SDP can't be used.
const SESSION_EXPIRED: u16 = 408;
const SDP_REFUSED: u16 = 406;

/// Q.850: user busy; call rejected; incompatible destination (bearer capability); interworking.
const BUSY: u16 = 17;
const REJECTED: u16 = 21;
const INCOMPATIBLE: u16 = 58;
const INTERWORKING: u16 = 127;

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
            Seen::Gone { cause, sip } => {
                let causes = Causes { cause: cause.filter(|cause| *cause != 0), tech_cause: *sip };
                legs.end(channel, causes);
            }
            _ => {
                let leg = legs.entry(channel);
                match seen {
                    Seen::Ringing => leg.rang = true,
                    Seen::EarlyMedia => leg.early_media = true,
                    Seen::Up => leg.up = true,
                    Seen::Joined => leg.joined = true,
                    Seen::HungUp { cause, sip } => {
                        let causes = Causes { cause: cause.filter(|cause| *cause != 0), tech_cause: *sip };
                        leg.far_hangup.get_or_insert(causes);
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
        let legs = self.legs(role != Role::Phone);
        let leg = legs.get(channel).filter(|_| legs.len() > 1)?;
        Some(leg.name.clone().unwrap_or_else(|| leg.channel.clone()))
    }

    fn legs(&self, is_desk: bool) -> &Legs {
        if is_desk { &self.desk } else { &self.phone }
    }

    /// What follows for the whole call from what a leg showed.
    fn conclude_progress(&mut self, is_desk: bool, channel: &str, seen: &Seen) {
        if self.is_monitor || !is_desk {
            self.rang |= *seen == Seen::Ringing;
            self.early_media |= *seen == Seen::EarlyMedia;
        }
        let first = match seen {
            Seen::HungUp { .. } => FirstEnd::PutDown(if is_desk { Role::Desk } else { Role::Phone }),
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
    }

    /// One of the two that talked is gone.
    pub fn has_lost_a_side(&self) -> bool {
        let is_gone = |legs: &Legs, side: &String| legs.get(side).is_some_and(|leg| !leg.is_alive());
        self.sides
            .as_ref()
            .is_some_and(|[desk, phone]| is_gone(&self.desk, desk) || is_gone(&self.phone, phone))
    }

    /// The leg that outcomes are said of.
    fn main(&self) -> Option<&Leg> {
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

    /// The end that this evidence proves.
    pub fn verdict(&self) -> Outcome {
        let (status, reason, ended_by) = self.conclude();
        let main = self.main();
        let refusal = main.filter(|leg| !leg.up && matches!(ended_by, EndedBy::Carrier | EndedBy::Callee));
        let was_unusable = status == Status::Failed && !self.is_monitor && main.is_some_and(is_unusable);
        Outcome {
            status,
            reason,
            ended_by,
            // What can't be used is the SDP of an answer.
            sip_code: if was_unusable {
                Some(200)
            } else {
                refusal.and_then(sip).filter(|code| *code >= 300)
            },
            sip_text: None,
            q850_cause: main.and_then(cause),
            reached: self.reached(),
        }
    }

    fn conclude(&self) -> (Status, Reason, EndedBy) {
        if let Some(failure) = &self.refused {
            return (Status::Failed, failure.reason, EndedBy::Pbx);
        }
        if self.connected && !self.unreachable {
            return self.end_of_talk();
        }
        if self.unreachable {
            return (Status::Unknown, Reason::HostUnreachable, EndedBy::Unknown);
        }
        if let Some((ended_by, reason)) = self.hangup {
            return self.end_we_asked_for(ended_by, reason);
        }
        if self.lost || self.missed || self.uncertain && self.desk.is_empty() {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if !self.detailed {
            return (Status::Unknown, Reason::NotConnected, EndedBy::Unknown);
        }
        let deciding = [self.desk.deciding(), self.phone.deciding()];
        let is_ended_here = deciding.into_iter().flatten().any(|leg| leg.hung_up_here && !leg.far_first);
        if self.first_end == Some(FirstEnd::AtThePbx) || self.first_end.is_none() && is_ended_here {
            return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
        }
        if self.desk.deciding().is_some_and(|desk| desk.up && desk.far_first)
            && !self.phone.deciding().is_some_and(|phone| !phone.up && phone.far_first)
        {
            return (Status::Canceled, Reason::HungUp, EndedBy::Extension);
        }
        match self.phone.deciding() {
            Some(phone) => self.end_at_the_phone(phone),
            None if self.desk.deciding().is_some_and(|desk| desk.up) => {
                (Status::Failed, Reason::NumberNotDialed, EndedBy::Pbx)
            }
            None => self.end_at_the_desk(),
        }
    }

    fn end_of_talk(&self) -> (Status, Reason, EndedBy) {
        if let Some((ended_by, reason)) = self.hangup.filter(|_| !self.parted) {
            return (Status::Completed, reason, ended_by);
        }
        let main = self.main();
        match (self.first_end, main.and_then(sip)) {
            // The phone did not put itself down: Asterisk did, and says why.
            (Some(FirstEnd::PutDown(Role::Phone)), Some(SDP_REFUSED)) => {
                (Status::Completed, Reason::CodecMismatch, EndedBy::Pbx)
            }
            (Some(FirstEnd::PutDown(role)), _) if self.asterisk_ended(role) => {
                (Status::Completed, Reason::HungUp, EndedBy::Pbx)
            }
            (Some(FirstEnd::PutDown(Role::Phone)), _) => (Status::Completed, Reason::HungUp, EndedBy::Callee),
            (Some(FirstEnd::PutDown(_)), _) => (Status::Completed, Reason::HungUp, EndedBy::Extension),
            (Some(FirstEnd::AtThePbx), _) => (Status::Completed, Reason::HungUp, EndedBy::Pbx),
            // It is over; who put the phone down was not seen.
            (None, _) => (Status::Completed, Reason::HungUp, EndedBy::Unknown),
        }
    }

    /// The BYE to this side was Asterisk's own.
    fn asterisk_ended(&self, role: Role) -> bool {
        let leg = match (role, &self.sides) {
            (Role::Phone, _) => self.main(),
            (_, Some([desk, _])) => self.desk.get(desk),
            (_, None) => self.desk.deciding(),
        };
        leg.is_some_and(|leg| matches!(sip(leg), Some(SESSION_EXPIRED | SDP_REFUSED)))
    }

    fn end_we_asked_for(&self, ended_by: EndedBy, reason: Reason) -> (Status, Reason, EndedBy) {
        let in_the_dark = self.lost || (self.uncertain && self.desk.is_empty());
        let desk_rang = self.desk.deciding().is_some_and(|desk| desk.rang() && !desk.up);
        match ended_by {
            _ if in_the_dark => (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown),
            // The number was picked up, and nobody at the extension.
            EndedBy::Limit if !self.is_monitor && self.phone.deciding().is_some_and(|phone| phone.up) => {
                (Status::Failed, Reason::NotConnected, ended_by)
            }
            EndedBy::Limit if (self.rang || self.early_media) && !self.is_monitor => {
                (Status::NoAnswer, reason, ended_by)
            }
            EndedBy::Limit if desk_rang => (Status::Failed, Reason::ExtensionNoAnswer, ended_by),
            EndedBy::Limit => (Status::Failed, reason, ended_by),
            _ => (Status::Canceled, reason, ended_by),
        }
    }

    /// The number was not dialed, because of the extension's phone.
    fn end_at_the_desk(&self) -> (Status, Reason, EndedBy) {
        let failed = |reason, by| (Status::Failed, reason, by);
        let Some(desk) = self.desk.deciding() else {
            return match self.dialplan {
                // `Busy()`, or `Hangup(17)`.
                Some(BUSY) => failed(Reason::ExtensionBusy, EndedBy::Pbx),
                _ => failed(Reason::ExtensionUnavailable, EndedBy::Pbx),
            };
        };
        match (sip(desk), cause(desk)) {
            (Some(486 | 600), _) | (None, Some(BUSY)) => failed(Reason::ExtensionBusy, EndedBy::Extension),
            (Some(603), _) => failed(Reason::ExtensionDeclined, EndedBy::Extension),
            // 16 tells no SIP status: a phone's 603, 403 and 401 are cause 21 alike, and all are its own refusal.
            (None, Some(REJECTED)) if desk.rang() || desk.far_first => {
                failed(Reason::ExtensionDeclined, EndedBy::Extension)
            }
            _ if desk.dial_ended.as_deref() == Some("BUSY") => {
                failed(Reason::ExtensionBusy, EndedBy::Extension)
            }
            _ if is_unusable(desk) => failed(Reason::CodecMismatch, EndedBy::Pbx),
            _ if desk.rang() => failed(Reason::ExtensionNoAnswer, EndedBy::Pbx),
            _ => failed(Reason::ExtensionUnavailable, EndedBy::Pbx),
        }
    }

    /// The number was dialed, and the two sides were not connected.
    fn end_at_the_phone(&self, phone: &Leg) -> (Status, Reason, EndedBy) {
        if phone.up {
            // It talked with a voicemail or a menu of the extension's dialplan.
            let by = if phone.far_first { EndedBy::Callee } else { EndedBy::Pbx };
            return (Status::Failed, Reason::NotConnected, by);
        }
        let status = sip(phone).filter(|code| *code >= 300);
        let is_given_up = matches!(phone.dial_ended.as_deref(), Some("NOANSWER" | "CANCEL"));
        if status == Some(487) && phone.far_first && phone.rang() {
            // Nobody here had asked for that.
            return (Status::NoAnswer, Reason::NoAnswer, EndedBy::Carrier);
        }
        if is_unusable(phone) {
            return (Status::Failed, Reason::CodecMismatch, EndedBy::Pbx);
        }
        if is_given_up && phone.rang() && phone.far_hangup.is_none() {
            // The dialplan's own time-out.
            return (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx);
        }
        let said = match (status.filter(|code| *code != 487), cause(phone)) {
            (Some(code), _) => Some(cause::of_sip(code, phone.rang())),
            // Cause 16 is what is left of a leg that the PBX cancelled.
            (None, Some(cause)) if cause != 16 => Some(cause::of_q850(cause, phone.rang())),
            _ => None,
        };
        match said {
            // Any refusal without a cause of its own; after ringing it may be a 487, which is none.
            Some(_) if status.is_none() && cause(phone) == Some(INTERWORKING) && phone.rang() => {
                (Status::Unknown, Reason::OutcomeLost, EndedBy::Carrier)
            }
            Some(meaning) => (meaning.status, meaning.reason, meaning.ended_by),
            None if phone.dial_ended.as_deref() == Some("BUSY") => {
                (Status::Busy, Reason::Busy, EndedBy::Callee)
            }
            None if phone.rang() => (Status::NoAnswer, Reason::NoAnswer, EndedBy::Unknown),
            None => (Status::Failed, Reason::NumberNotDialed, EndedBy::Pbx),
        }
    }
}

/// What the far side said, where that is told.
fn sip(leg: &Leg) -> Option<u16> {
    let far = leg.far_hangup.and_then(|causes| causes.tech_cause);
    far.or_else(|| leg.destroyed.and_then(|causes| causes.tech_cause))
}

fn cause(leg: &Leg) -> Option<u16> {
    leg.destroyed.and_then(|causes| causes.cause)
}

/// It answered with an SDP that can't be used, and Asterisk gave it up: the cause came with nothing that the far side
/// said. A 488 of the far side's has its status (22.10.1) or at least its cause (16.28) in the request already; that of
/// Asterisk comes only with the channel's end (measured).
fn is_unusable(leg: &Leg) -> bool {
    let said = leg.far_hangup.unwrap_or_default();
    let later = leg.destroyed.and_then(|causes| causes.tech_cause);
    cause(leg) == Some(INCOMPATIBLE)
        && said.tech_cause.is_none()
        && (said.cause.is_none() || later == Some(488))
}
