//! The evidence about an office's call, and the one function that concludes its end.
//!
//! A host that is only asked from time to time (`detailed` is false) shows which channels there are, not why one
//! is gone. Then an end without an answer is `unknown`: it may have been anything.

use super::{HostFailure, Leg, Seen};
use crate::call::{EndedBy, Outcome, Reached, Reason, Status, cause};

/// What is proven of one leg.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegEvidence {
    /// The name of its last channel.
    pub channel: Option<String>,
    pub rang: bool,
    pub early_media: bool,
    pub up: bool,
    pub gone: bool,
    /// Q.850; Asterisk's 0 is none.
    pub cause: Option<u16>,
    pub sip: Option<u16>,
    pub dialstatus: Option<String>,
}

impl LegEvidence {
    fn rang(&self) -> bool {
        self.rang || self.early_media
    }

    fn dial_ended_as(&self, words: &[&str]) -> bool {
        self.dialstatus.as_deref().is_some_and(|status| words.contains(&status))
    }

    fn see(&mut self, channel: &str, seen: &Seen) {
        match seen {
            Seen::Created => {
                self.channel = Some(channel.to_owned());
                self.gone = false;
            }
            Seen::Ringing => self.rang = true,
            Seen::EarlyMedia => self.early_media = true,
            Seen::Up => self.up = true,
            Seen::DialEnded(status) => self.dialstatus = Some(status.clone()),
            Seen::Gone { cause, sip } => {
                self.gone = true;
                self.cause = cause.filter(|cause| *cause != 0).or(self.cause);
                self.sip = sip.or(self.sip);
            }
            Seen::HungUp | Seen::HungUpHere => {}
        }
        if !matches!(seen, Seen::Gone { .. } | Seen::DialEnded(_)) && self.channel.is_none() {
            self.channel = Some(channel.to_owned());
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfficeEvidence {
    /// There is no phone leg: the desk's is the one that is spoken of.
    pub is_monitor: bool,
    pub desk: LegEvidence,
    pub phone: LegEvidence,
    /// The way tells every event, and none is missing.
    pub detailed: bool,
    /// There was a time when nobody saw it: it may have been answered, and more, meanwhile.
    pub missed: bool,
    /// The side that asked for the end first.
    pub hung_up_first: Option<Leg>,
    /// Somebody at the PBX did, before anybody else.
    pub hung_up_here: bool,
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
    pub fn see(&mut self, leg: Leg, channel: &str, seen: &Seen) {
        match seen {
            // An end that we ask for comes back as one of theirs.
            Seen::HungUp if self.hangup.is_none() && !self.hung_up_here => {
                self.hung_up_first.get_or_insert(leg);
            }
            Seen::HungUpHere if self.hangup.is_none() && self.hung_up_first.is_none() => {
                self.hung_up_here = true
            }
            _ => {}
        }
        match leg {
            Leg::Desk | Leg::Listener => self.desk.see(channel, seen),
            Leg::Phone | Leg::Trunk => self.phone.see(channel, seen),
        }
    }

    /// The leg that states and outcomes are said of.
    fn main(&self) -> &LegEvidence {
        if self.is_monitor { &self.desk } else { &self.phone }
    }

    /// A phone was seen to be called.
    pub fn has_legs(&self) -> bool {
        self.desk.channel.is_some() || self.phone.channel.is_some()
    }

    /// The furthest point of that leg that is proven.
    pub fn reached(&self) -> Reached {
        let leg = self.main();
        if leg.up {
            Reached::Answered
        } else if leg.early_media {
            Reached::EarlyMedia
        } else if leg.rang {
            Reached::Ringing
        } else if leg.sip.is_some() {
            Reached::Trying
        } else if leg.channel.is_some() {
            Reached::Sent
        } else {
            Reached::None
        }
    }

    /// The end that this evidence proves.
    pub fn verdict(&self) -> Outcome {
        let (status, reason, ended_by) = self.conclude();
        let leg = self.main();
        let refused_by_carrier = matches!(ended_by, EndedBy::Carrier | EndedBy::Callee) && !leg.up;
        Outcome {
            status,
            reason,
            ended_by,
            sip_code: leg.sip.filter(|code| refused_by_carrier && *code >= 300),
            sip_text: None,
            q850_cause: leg.cause,
            reached: self.reached(),
        }
    }

    fn conclude(&self) -> (Status, Reason, EndedBy) {
        if let Some(failure) = &self.refused {
            return (Status::Failed, failure.reason, EndedBy::Pbx);
        }
        if self.unreachable {
            return (Status::Unknown, Reason::HostUnreachable, EndedBy::Unknown);
        }
        if self.main().up {
            return self.end_of_talk();
        }
        if let Some((ended_by, reason)) = self.hangup {
            return self.end_we_asked_for(ended_by, reason);
        }
        if self.lost || self.missed || self.uncertain && self.desk.channel.is_none() {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if !self.detailed {
            return (Status::Unknown, Reason::NotConnected, EndedBy::Unknown);
        }
        if self.hung_up_here {
            return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
        }
        if !self.desk.up {
            return self.end_at_the_desk();
        }
        if self.hung_up_first == Some(Leg::Desk) {
            return (Status::Canceled, Reason::HungUp, EndedBy::Extension);
        }
        self.end_at_the_phone()
    }

    fn end_of_talk(&self) -> (Status, Reason, EndedBy) {
        let (ended_by, reason) = match (self.hangup, self.hung_up_first) {
            (Some(asked), _) => asked,
            (None, Some(Leg::Desk | Leg::Listener)) => (EndedBy::Extension, Reason::HungUp),
            (None, Some(Leg::Phone | Leg::Trunk)) => (EndedBy::Callee, Reason::HungUp),
            (None, None) if self.hung_up_here => (EndedBy::Pbx, Reason::HungUp),
            // It is over; who put the phone down was not seen.
            (None, None) => (EndedBy::Unknown, Reason::HungUp),
        };
        (Status::Completed, reason, ended_by)
    }

    fn end_we_asked_for(&self, ended_by: EndedBy, reason: Reason) -> (Status, Reason, EndedBy) {
        let in_the_dark = self.lost || (self.uncertain && self.desk.channel.is_none());
        match ended_by {
            _ if in_the_dark => (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown),
            EndedBy::Limit if self.main().rang() && !self.is_monitor => (Status::NoAnswer, reason, ended_by),
            EndedBy::Limit if self.desk.rang() && !self.desk.up => {
                (Status::Failed, Reason::ExtensionNoAnswer, ended_by)
            }
            EndedBy::Limit => (Status::Failed, reason, ended_by),
            _ => (Status::Canceled, reason, ended_by),
        }
    }

    /// The number was not dialed, because of the extension's phone.
    fn end_at_the_desk(&self) -> (Status, Reason, EndedBy) {
        let desk = &self.desk;
        let failed = |reason, by| (Status::Failed, reason, by);
        match (desk.sip, desk.cause) {
            (Some(486 | 600), _) | (None, Some(17)) => failed(Reason::ExtensionBusy, EndedBy::Extension),
            (Some(603), _) => failed(Reason::ExtensionDeclined, EndedBy::Extension),
            // 16 tells no SIP status: a phone's 603, 403 and 401 are cause 21 alike, and all are its own refusal.
            (None, Some(21)) if desk.rang() || self.hung_up_first == Some(Leg::Desk) => {
                failed(Reason::ExtensionDeclined, EndedBy::Extension)
            }
            _ if desk.dial_ended_as(&["BUSY"]) => failed(Reason::ExtensionBusy, EndedBy::Extension),
            _ if desk.rang() => failed(Reason::ExtensionNoAnswer, EndedBy::Pbx),
            _ => failed(Reason::ExtensionUnavailable, EndedBy::Pbx),
        }
    }

    /// The extension's phone was picked up, and the number was not reached.
    fn end_at_the_phone(&self) -> (Status, Reason, EndedBy) {
        let phone = &self.phone;
        if phone.channel.is_none() {
            return (Status::Failed, Reason::NumberNotDialed, EndedBy::Pbx);
        }
        let said = match (phone.sip.filter(|code| *code >= 300 && *code != 487), phone.cause) {
            (Some(code), _) => Some(cause::of_sip(code, phone.rang())),
            // Cause 16 is what is left of a leg that the PBX cancelled.
            (None, Some(cause)) if cause != 16 => Some(cause::of_q850(cause, phone.rang())),
            _ => None,
        };
        if phone.dial_ended_as(&["NOANSWER", "CANCEL"]) && phone.rang() && self.hung_up_first.is_none() {
            // The dialplan's own time-out.
            return (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx);
        }
        match said {
            Some(meaning) => (meaning.status, meaning.reason, meaning.ended_by),
            None if phone.dial_ended_as(&["BUSY"]) => (Status::Busy, Reason::Busy, EndedBy::Callee),
            None if phone.rang() => (Status::NoAnswer, Reason::NoAnswer, EndedBy::Unknown),
            None => (Status::Failed, Reason::NumberNotDialed, EndedBy::Pbx),
        }
    }
}
