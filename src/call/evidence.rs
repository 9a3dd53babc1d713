//! The evidence about one call's trunk leg, and the one function that concludes an end from it.
//!
//! Which source is believed when they differ is decided here and nowhere else. The rule: the
//! carrier's own words first (our dialplan's report, then what the trunk channel carried when the
//! far side ended it), then who asked for the end, then what is missing.

use super::{
    EndedBy, Outcome, Reached, Reason, Status,
    cause::{self, CarrierStatus},
    leg::Causes,
};

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
    /// The trunk leg was hung up at the PBX, and not by us.
    pub pbx_hangup: bool,
    /// The trunk channel is gone.
    pub destroyed: Option<Causes>,
    pub report: Option<Report>,
    /// The far side's 408 came when an INVITE without any answer times out (RFC 3261, timer B: 32 s).
    pub at_timer_b: bool,
    /// A 3xx sent the call to another channel.
    pub forwarded: bool,
    /// Who asked for the end first, and why.
    pub hangup: Option<(EndedBy, Reason)>,
    /// When that was asked, events were being lost: it may have been answered already.
    pub asked_blind: bool,
    /// The far side ended the leg before anybody here asked for it.
    pub far_first: bool,
    /// The dialplan tried to dial the trunk, and Asterisk could not even create its channel.
    pub no_route: bool,
    pub near_gone: bool,
    pub far_gone: bool,
    /// Whether the originate was carried out is not known.
    pub uncertain: bool,
    /// Events are lost, or were, and Asterisk was not asked yet what it has: it may have rung unseen.
    pub blind: bool,
    /// Asterisk itself said that it did not carry it out.
    pub refused: bool,
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
        } else if self.heard() {
            Reached::Trying
        } else if self.trunk {
            Reached::Sent
        } else {
            Reached::None
        }
    }

    /// The carrier answered something, if only "100 Trying", or where else to go.
    fn heard(&self) -> bool {
        let reported = self.report.as_ref().is_some_and(|report| report.carrier.is_some());
        reported || self.forwarded || self.refusal().is_some()
    }

    /// The status with which the far side ended the trunk leg, as Asterisk put it on the channel. A
    /// hang-up request on the trunk channel comes only from there: the status of a channel that
    /// Asterisk itself gave up is Asterisk's invention (480, 487 or 408), and is on its end alone.
    fn refusal_on_channel(&self) -> Option<CarrierStatus> {
        let code = self.far_hangup?.tech_cause.filter(|code| *code >= 300)?;
        // Without the dialplan's report, a 408 just when SIP's timer B runs out is not the carrier's.
        let invented = code == 408 && self.report.is_none() && self.at_timer_b;
        (!invented).then(|| CarrierStatus { code, text: String::new() })
    }

    /// The carrier's refusal: its final status of 300 and above, where there is proof that it is the
    /// carrier's and the last.
    fn refusal(&self) -> Option<CarrierStatus> {
        let Some(report) = &self.report else { return self.refusal_on_channel() };
        let Some(said) = report.carrier.as_ref() else {
            // Of a redirect the dialplan may know nothing yet (measured under load). Any other status
            // without a word of the carrier's is Asterisk's own: its timer's 408, its transport's 503.
            return self.refusal_on_channel().filter(|s| s.code < 400);
        };
        match said.code {
            // The challenge of digest authentication: usually not the last word, but after a 3xx or
            // an early CANCEL the dialplan knows of nothing later (measured on 22.10).
            401 | 407 => {
                let on_channel = self.refusal_on_channel();
                let rejected = self.far_hangup.and_then(|causes| causes.cause) == Some(21);
                let unseen = self.far_hangup.is_none() && self.destroyed.is_none();
                match on_channel {
                    Some(last) if last.code != said.code => Some(last),
                    Some(_) => Some(said.clone()),
                    None if rejected => Some(said.clone()),
                    None if unseen && report.dialstatus != "CANCEL" => Some(said.clone()),
                    None => None,
                }
            }
            300.. => Some(said.clone()),
            _ => self.refusal_on_channel(),
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
        // 16.28 under load puts 127, "interworking, unspecified", on a leg that was redirected, where it else has none.
        .find(|cause| *cause != 0 && !(*cause == 127 && self.forwarded))
    }

    /// The end that this evidence proves.
    pub fn verdict(&self) -> Outcome {
        let refusal = self.refusal();
        let (status, reason, ended_by) = self.conclude(refusal.as_ref());
        let answer = || self.report.as_ref()?.carrier.clone().filter(|s| (200..300).contains(&s.code));
        let said = if self.up { answer() } else { refusal };
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

    fn conclude(&self, refusal: Option<&CarrierStatus>) -> (Status, Reason, EndedBy) {
        if self.unreachable && self.destroyed.is_none() && self.report.is_none() {
            return (Status::Unknown, Reason::AsteriskUnreachable, EndedBy::Unknown);
        }
        if self.up {
            let (ended_by, reason) = self.end_of_talk();
            return (Status::Completed, reason, ended_by);
        }
        // 487 is how a carrier confirms our own CANCEL: then it is not the reason.
        if let Some(refusal) = refusal.filter(|s| !(s.code == 487 && self.hangup.is_some())) {
            let meaning = cause::of_sip(refusal.code, self.rang());
            if self.blind && cause::of_sip(refusal.code, true).status != meaning.status {
                // Nobody picked up, or the phone is off: it depends on a ringing that nobody could see.
                return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
            }
            return (meaning.status, meaning.reason, meaning.ended_by);
        }
        if self.forwarded {
            return (Status::Failed, Reason::RedirectRefused, EndedBy::Carrier);
        }
        if self.answered_unseen() {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if let Some((ended_by, reason)) = self.hangup {
            return self.end_we_asked_for(ended_by, reason);
        }
        if !self.trunk {
            return self.end_without_trunk();
        }
        if self.pbx_hangup {
            return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
        }
        if let Some(report) = &self.report {
            let reason = match (self.rang(), self.heard()) {
                // The PBX itself gave up: Dial's own time-out, or an operator's hang-up.
                (true, _) => return (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx),
                (false, true) => Reason::RingTimeout,
                (false, false) if self.unsendable(report) => Reason::TrunkUnreachable,
                (false, false) => Reason::CarrierSilent,
            };
            return (Status::Failed, reason, EndedBy::Pbx);
        }
        // Where events were lost, an answer may be among them: then a bare end proves nothing.
        let unseen = self.blind && self.far_hangup.is_none();
        if self.lost || unseen || self.destroyed.is_none() {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if self.far_hangup.is_none() && self.rang() {
            // The far side did not end it, and nobody asked: Dial's own time-out in the dialplan.
            return (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx);
        }
        match self.q850() {
            // Without our dialplan's report and with a cause alone, the cause is all there is.
            Some(cause) => {
                let meaning = cause::of_q850(cause, self.rang());
                if self.blind && cause::of_q850(cause, true).status != meaning.status {
                    return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
                }
                let ended_by = if self.far_hangup.is_some() { meaning.ended_by } else { EndedBy::Unknown };
                (meaning.status, meaning.reason, ended_by)
            }
            None => (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown),
        }
    }

    /// The trunk channel existed, but its INVITE could not be handed to the network.
    fn unsendable(&self, report: &Report) -> bool {
        // CONGESTION without a word of the carrier's is Asterisk's own 503: the kernel had no way there (measured).
        // 18 is what SIP's own time-out leaves: that INVITE was sent, again and again.
        ["CHANUNAVAIL", "CONGESTION"].contains(&report.dialstatus.as_str()) && self.q850() != Some(18)
    }

    fn end_of_talk(&self) -> (EndedBy, Reason) {
        match (self.far_hangup, self.hangup) {
            (Some(_), hangup) if self.far_first || hangup.is_none() => {
                // 16 and 31 are normal clearing: a person hung up. Others are the network's.
                let normal = matches!(self.q850(), None | Some(16 | 31));
                (if normal { EndedBy::Callee } else { EndedBy::Carrier }, Reason::HungUp)
            }
            (_, Some((ended_by, reason))) => (ended_by, reason),
            (None, None) if self.pbx_hangup => (EndedBy::Pbx, Reason::HungUp),
            (None, None) if self.lost || self.destroyed.is_none() => (EndedBy::Unknown, Reason::OutcomeLost),
            _ => (EndedBy::Pbx, Reason::HungUp),
        }
    }

    /// Our own hang-up took effect before any answer and before any refusal.
    fn end_we_asked_for(&self, ended_by: EndedBy, reason: Reason) -> (Status, Reason, EndedBy) {
        if ended_by == EndedBy::Pbx {
            // Our half was answered by something that is not the trunk.
            return self.end_without_trunk();
        }
        // It was not seen again since the loss: it may have been answered, or over, long before its end was asked for.
        let unseen = if ended_by == EndedBy::Limit { self.blind } else { self.asked_blind };
        if self.lost && unseen {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if ended_by != EndedBy::Limit {
            return (Status::Canceled, reason, ended_by);
        }
        if self.rang() {
            return (Status::NoAnswer, reason, ended_by);
        }
        if self.lost || (self.uncertain && !self.trunk) {
            // It may never have been dialed, or have ended otherwise while nobody could see it.
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        let silent = self.trunk && self.report.is_some() && !self.heard();
        (Status::Failed, if silent { Reason::CarrierSilent } else { reason }, ended_by)
    }

    /// The dialplan tells of an answer, by a leg that was never seen up.
    fn answered_unseen(&self) -> bool {
        self.carrier_answered() && self.report.as_ref().is_some_and(|report| report.dialstatus == "ANSWER")
    }

    fn carrier_answered(&self) -> bool {
        let said = self.report.as_ref().and_then(|report| report.carrier.as_ref());
        said.is_some_and(|status| (200..300).contains(&status.code))
    }

    fn end_without_trunk(&self) -> (Status, Reason, EndedBy) {
        if self.carrier_answered() {
            // Its answer came by a leg that was never seen: what became of that one is not known.
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        let dialed = self.report.as_ref().is_some_and(|report| !report.dialstatus.is_empty());
        if dialed || self.no_route {
            // The dialplan ran its Dial, and no trunk leg came of it.
            return (Status::Failed, Reason::TrunkUnreachable, EndedBy::Pbx);
        }
        if self.refused {
            return (Status::Failed, Reason::AsteriskRefused, EndedBy::Pbx);
        }
        if self.uncertain || self.lost {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        (Status::Failed, Reason::DialplanMissing, EndedBy::Pbx)
    }
}
