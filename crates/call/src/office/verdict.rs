//! The one function that concludes the end of an office's call from the evidence. It must not know how that was seen.
//!
//! A host that is only asked from time to time (`detailed` is false) shows which channels there are, not why one
//! is gone. Then an end without an answer is `unknown`: it may have been anything.

use super::{FirstEnd, OfficeEvidence};
use crate::{
    EndedBy, Outcome, Reason, Status, cause,
    leg::{Leg, Role},
};

/// A BYE that Asterisk itself sends: a session timer has run out, an answer's SDP can't be used.
const SESSION_EXPIRED: u16 = 408;
const SDP_REFUSED: u16 = 406;

/// Q.850: user busy; call rejected; incompatible destination (bearer capability); interworking.
const BUSY: u16 = 17;
const REJECTED: u16 = 21;
const INCOMPATIBLE: u16 = 58;
const INTERWORKING: u16 = 127;

impl OfficeEvidence {
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
        // Who was found with others was not hung up.
        if let Some((ended_by, reason)) = self.hangup.filter(|_| !self.parted && self.taken_over.is_none()) {
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
            Some(phone) if self.taken_over.is_some() && !has_own_end(phone) => {
                (Status::Canceled, Reason::HungUp, EndedBy::Pbx)
            }
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
        let is_up = |leg: Option<&Leg>| leg.is_some_and(|leg| leg.up);
        // Both were picked up, or nobody knows, and whether they were connected may have been missed.
        let were_up = is_up(self.desk.deciding()) && is_up(self.phone.deciding());
        let in_the_dark =
            self.lost || self.missed && were_up || (self.uncertain || self.missed) && self.desk.is_empty();
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

/// It was answered, refused or given up; else somebody here ended it.
fn has_own_end(leg: &Leg) -> bool {
    leg.up || leg.far_first || leg.dial_ended.as_deref().is_some_and(|word| word != "CANCEL")
}

/// What the far side said, where that is told.
pub(super) fn sip(leg: &Leg) -> Option<u16> {
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
