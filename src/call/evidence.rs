//! The evidence about one call's trunk leg, and the one function that concludes an end from it.
//!
//! Which source is believed when they differ is decided here and nowhere else. The rule: the
//! carrier's own words first (our dialplan's report, then what the trunk channel carried when the
//! far side ended it), then who asked for the end, then what is missing.

use super::{
    EndedBy, Outcome, Reached, Reason, Status,
    cause::{self, CarrierStatus},
};

/// Q.850 cause and SIP status that Asterisk put on the trunk channel. The SIP status is absent
/// before Asterisk's late-2025 releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causes {
    pub cause: Option<u16>,
    pub tech_cause: Option<u16>,
}

/// What our `[outgoing]` said when its `Dial` was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub dialstatus: String,
    /// The carrier's last status line; `None` when it never said anything.
    pub carrier: Option<CarrierStatus>,
    pub cause: Option<u16>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// A trunk leg was created.
    pub trunk: bool,
    pub rang: bool,
    pub early_media: bool,
    /// The trunk leg was up.
    pub up: bool,
    /// Our half entered Stasis: the dialplan answered, which alone proves nothing.
    pub entered: bool,
    /// The far side ended the trunk leg.
    pub far_hangup: Option<Causes>,
    /// The trunk channel is gone.
    pub destroyed: Option<Causes>,
    pub report: Option<Report>,
    /// A 3xx sent the call to another channel.
    pub forwarded: bool,
    /// Who asked for the end first, and why.
    pub hangup: Option<(EndedBy, Reason)>,
    /// The far side ended the leg before anybody here asked for it.
    pub far_first: bool,
    pub near_gone: bool,
    pub far_gone: bool,
    /// Whether the originate was carried out is not known.
    pub uncertain: bool,
    /// Asterisk has nothing of the call any more, and how it ended was not seen.
    pub lost: bool,
    /// The end was asked for, and Asterisk has been out of reach since.
    pub unreachable: bool,
}

impl Evidence {
    pub fn rang(&self) -> bool {
        self.rang || self.early_media
    }

    /// The furthest point that is proven.
    pub fn reached(&self) -> Reached {
        if self.up {
            Reached::Answered
        } else if self.early_media {
            Reached::EarlyMedia
        } else if self.rang {
            Reached::Ringing
        } else if self.carrier().is_some() {
            Reached::Trying
        } else if self.trunk {
            Reached::Sent
        } else {
            Reached::None
        }
    }

    /// The carrier's last status, provisional or final, where there is proof that it is the
    /// carrier's and not Asterisk's own.
    fn carrier(&self) -> Option<CarrierStatus> {
        let on_channel = || {
            // A hang-up request on the trunk channel comes only from the far side; the status of a
            // channel that Asterisk itself gave up is Asterisk's invention (480, 487 or 408).
            let code = self.far_hangup?.tech_cause?;
            (code >= 300).then(|| CarrierStatus { code, text: String::new() })
        };
        match &self.report {
            // After a 3xx the report still says "100 Trying"; the channel knows better.
            Some(report) => match &report.carrier {
                Some(status) if !status.is_final() => {
                    Some(on_channel().filter(|s| s.code < 400).unwrap_or_else(|| status.clone()))
                }
                other => other.clone(),
            },
            None => on_channel(),
        }
    }

    /// Q.850 cause of the trunk leg; 0 is Asterisk's word for none.
    fn q850(&self) -> Option<u16> {
        [
            self.far_hangup.and_then(|c| c.cause),
            self.destroyed.and_then(|c| c.cause),
            self.report.as_ref().filter(|_| self.trunk).and_then(|r| r.cause),
        ]
        .into_iter()
        .flatten()
        .find(|cause| *cause != 0)
    }

    /// The end that this evidence proves.
    pub fn verdict(&self) -> Outcome {
        let carrier = self.carrier();
        let (status, reason, ended_by) = self.conclude(carrier.as_ref());
        let said = carrier.filter(CarrierStatus::is_final);
        Outcome {
            status,
            reason,
            ended_by,
            sip_code: said.as_ref().map(|s| s.code),
            sip_text: said.map(|s| s.text).filter(|text| !text.is_empty()),
            q850_cause: self.q850(),
            reached: self.reached(),
        }
    }

    fn conclude(&self, carrier: Option<&CarrierStatus>) -> (Status, Reason, EndedBy) {
        if self.unreachable && self.destroyed.is_none() && self.report.is_none() {
            return (Status::Unknown, Reason::AsteriskUnreachable, EndedBy::Unknown);
        }
        if self.up {
            let (ended_by, reason) = self.end_of_talk();
            return (Status::Completed, reason, ended_by);
        }
        let refusal = carrier.filter(|s| s.is_refusal());
        // 487 is how a carrier confirms our own CANCEL: then it is not the reason.
        if let Some(refusal) = refusal.filter(|s| !(s.code == 487 && self.hangup.is_some())) {
            let meaning = cause::of_sip(refusal.code, self.rang());
            return (meaning.status, meaning.reason, meaning.ended_by);
        }
        if self.forwarded {
            return (Status::Failed, Reason::RedirectRefused, EndedBy::Carrier);
        }
        if let Some((ended_by, reason)) = self.hangup {
            return self.end_we_asked_for(ended_by, reason, carrier);
        }
        if !self.trunk {
            return self.end_without_trunk();
        }
        if let Some(report) = &self.report {
            return match (carrier, self.rang()) {
                // The PBX itself gave up: Dial's own time-out, or an operator's hang-up.
                (_, true) => (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx),
                (Some(_), false) => (Status::Failed, Reason::RingTimeout, EndedBy::Pbx),
                (None, false) if report.dialstatus == "CHANUNAVAIL" => {
                    (Status::Failed, Reason::TrunkUnreachable, EndedBy::Pbx)
                }
                (None, false) => (Status::Failed, Reason::CarrierSilent, EndedBy::Pbx),
            };
        }
        if self.lost || self.destroyed.is_none() {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        match self.q850() {
            // Without our dialplan's report and with a cause alone, the cause is all there is.
            Some(cause) => {
                let meaning = cause::of_q850(cause, self.rang());
                let ended_by = if self.far_hangup.is_some() { meaning.ended_by } else { EndedBy::Unknown };
                (meaning.status, meaning.reason, ended_by)
            }
            None => (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown),
        }
    }

    fn end_of_talk(&self) -> (EndedBy, Reason) {
        match (self.far_hangup, self.hangup) {
            (Some(causes), hangup) if self.far_first || hangup.is_none() => {
                // 16 and 31 are normal clearing: a person hung up. Others are the network's.
                let normal = matches!(causes.cause, None | Some(0 | 16 | 31));
                (if normal { EndedBy::Callee } else { EndedBy::Carrier }, Reason::HungUp)
            }
            (_, Some((ended_by, reason))) => (ended_by, reason),
            (None, None) if self.lost || self.destroyed.is_none() => (EndedBy::Unknown, Reason::OutcomeLost),
            _ => (EndedBy::Pbx, Reason::HungUp),
        }
    }

    /// Our own hang-up took effect before any answer and before any refusal.
    fn end_we_asked_for(
        &self,
        ended_by: EndedBy,
        reason: Reason,
        carrier: Option<&CarrierStatus>,
    ) -> (Status, Reason, EndedBy) {
        if ended_by == EndedBy::Pbx {
            // Our half was answered by something that is not the trunk.
            return self.end_without_trunk();
        }
        if ended_by != EndedBy::Limit {
            return (Status::Canceled, reason, ended_by);
        }
        if self.rang() {
            return (Status::NoAnswer, reason, ended_by);
        }
        let silent = self.trunk && self.report.is_some() && carrier.is_none();
        (Status::Failed, if silent { Reason::CarrierSilent } else { reason }, ended_by)
    }

    fn end_without_trunk(&self) -> (Status, Reason, EndedBy) {
        if self.report.is_some() {
            // The dialplan ran its Dial, and no trunk leg came of it.
            return (Status::Failed, Reason::TrunkUnreachable, EndedBy::Pbx);
        }
        if self.uncertain || self.lost {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        (Status::Failed, Reason::DialplanMissing, EndedBy::Pbx)
    }
}
