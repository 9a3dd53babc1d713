//! The evidence about one call's trunk legs, and the one function that concludes an end from it.
//!
//! Which source is believed when they differ is decided here and nowhere else. The rule: the
//! carrier's own words first (our dialplan's report, then what the trunk channel carried when the
//! far side ended it), then who asked for the end, then what is missing.

mod decisive;
mod missing;

use std::borrow::Cow;

use self::decisive::Decisive;
use super::{
    EndedBy, Outcome, Reached, Reason, Status,
    cause::{self, CarrierStatus},
    leg::{ANSWERED_ELSEWHERE, Leg, Legs},
};

/// Whether Asterisk may have put these on a leg that it gave up by itself: then it invents 480, 487 or 408 (measured on
/// 22.10). Any other status is the carrier's, though its request to hang up was not told.
fn may_be_given_up(causes: super::Causes) -> bool {
    causes.tech_cause.is_none_or(|code| [408, 480, 487].contains(&code))
}

/// What our `[outgoing]` said of one leg.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegReport {
    /// Name of the leg's channel; `None` when the carrier said nothing on any, or a dialplan of one's own left it out.
    pub key: Option<String>,
    /// The carrier's last status line; `None` when it never said anything.
    pub carrier: Option<CarrierStatus>,
    pub cause: Option<u16>,
}

/// What our `[outgoing]` said when it was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of the last `Dial`.
    pub dialstatus: String,
    pub words: LegReport,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The trunk legs that the dialplan dialed.
    pub legs: Legs,
    /// The dialplan dialed a Local channel: there may be legs that nobody has told of.
    pub behind_local: bool,
    /// Something behind a Local channel rang or sent sound: a leg, or the dialplan there itself.
    pub local_rang: bool,
    /// The Local channel that the dialplan dialed was given up because our own half went, and nobody here had asked for
    /// that.
    pub local_canceled: bool,
    /// Somebody else's phone at the PBX picked up the ringing leg: the name of its channel. The carrier's leg is gone.
    pub picked_up_by: Option<String>,
    /// Our half entered Stasis: the dialplan answered, which alone proves nothing.
    pub entered: bool,
    pub report: Option<Report>,
    /// What the dialplan said of each of several legs.
    pub leg_reports: Vec<LegReport>,
    /// Who asked for the end first, and why.
    pub hangup: Option<(EndedBy, Reason)>,
    /// When that was asked, events were being lost: it may have been answered already.
    pub asked_blind: bool,
    /// One of our halves was hung up at the PBX before anybody here asked for the end.
    pub hung_up_here: bool,
    /// A request to hang up our near half was seen. Without one it is Asterisk's own time-out of the originate.
    pub near_leaving: bool,
    pub near_gone: bool,
    pub far_gone: bool,
    /// Q.850 cause of our far half: `Dial` hands it on from the leg that decided, and puts 3 there when Asterisk could
    /// not even create a trunk channel.
    pub far_cause: Option<u16>,
    /// The same of our near half.
    pub near_cause: Option<u16>,
    /// Whether the originate was carried out is not known.
    pub uncertain: bool,
    /// Events are lost, or were, and Asterisk was not asked yet what it has: it may have rung unseen.
    pub blind: bool,
    /// Events were lost at some time: legs may have been dialed unseen.
    pub gaps: bool,
    /// Asterisk itself said that it did not carry it out.
    pub refused: bool,
    /// Asterisk has nothing of the call any more, and how it ended was not seen.
    pub lost: bool,
    /// The end was asked for, and Asterisk has been out of reach since.
    pub unreachable: bool,
}

/// Q.850 cause 58, bearer capability not available: what Asterisk puts on a leg whose SDP it can't use.
const NO_CODEC: u16 = 58;

impl Evidence {
    /// Events are being lost.
    pub fn go_blind(&mut self) {
        self.blind = true;
        self.gaps = true;
        self.legs.lose_sight();
    }

    /// Asterisk keeps events away, or may: legs that were dialed may be among what was not told.
    pub fn go_deaf(&mut self) {
        self.go_blind();
        self.uncertain |= self.legs.is_empty();
        self.asked_blind |= self.hangup.is_some();
    }

    /// A trunk leg was up.
    pub fn is_up(&self) -> bool {
        self.legs.iter().any(|leg| leg.up)
    }

    /// Whether the end itself was told of, and not only found to be over some time ago.
    pub fn end_is_seen(&self) -> bool {
        let is_told = || self.legs.deciding().is_some_and(|leg| !leg.may_live());
        !self.lost && (!self.unreachable || is_told())
    }

    /// The furthest point that is proven, of any leg.
    pub fn reached(&self) -> Reached {
        let any = |what: fn(&Leg) -> bool| self.legs.iter().any(what);
        if any(|leg| leg.up) {
            Reached::Answered
        } else if any(|leg| leg.early_media) || self.reported_code(183) {
            Reached::EarlyMedia
        } else if any(|leg| leg.rang) || self.reported_code(180) {
            Reached::Ringing
        } else if self.reported_words() || any(|leg| leg.forwarded) || self.is_refused_by_carrier() {
            // The carrier answered something, if only "100 Trying", or where else to go.
            Reached::Trying
        } else if any(|_| true) {
            Reached::Sent
        } else {
            Reached::None
        }
    }

    fn is_refused_by_carrier(&self) -> bool {
        self.decisive().is_some_and(|decisive| decisive.refusal().is_some())
    }

    fn reported_words(&self) -> bool {
        self.carriers_words().next().is_some()
    }

    /// The carrier's last word on one of the legs: a ringing that no event told of, where that can be.
    fn reported_code(&self, code: u16) -> bool {
        self.has_unseen() && self.carriers_words().any(|said| said.code == code)
    }

    /// It rang, or had early media: by its events, or by the carrier's last word where these may be missing.
    fn rang(&self, decisive: &Decisive<'_>) -> bool {
        let said = decisive.report.as_ref().and_then(|report| report.carrier.as_ref());
        let is_said = said.is_some_and(|said| [180, 183].contains(&said.code));
        decisive.leg.rang() || is_said && self.has_unseen()
    }

    fn carriers_words(&self) -> impl Iterator<Item = &CarrierStatus> {
        let report = self.report.iter().map(|report| &report.words);
        // Whoever picked the call up has words of his own.
        let is_leg = |words: &&LegReport| words.key.is_none() || words.key != self.picked_up_by;
        report.chain(&self.leg_reports).filter(is_leg).filter_map(|words| words.carrier.as_ref())
    }

    /// Whether several legs, or unseen ones, make it uncertain whose the words and causes are.
    pub fn is_forked(&self) -> bool {
        self.behind_local || self.legs.len() > 1
    }

    fn decisive(&self) -> Option<Decisive<'_>> {
        let leg = self.legs.deciding()?;
        let name = leg.name.as_deref();
        let own = self.leg_reports.iter().find(|words| words.key.is_some() && words.key.as_deref() == name);
        let report = own.map(Cow::Borrowed).or_else(|| {
            let words = &self.report.as_ref()?.words;
            let is_its_own = match (&words.key, name) {
                (Some(key), Some(name)) => key == name,
                // Nobody said anything on any leg.
                (None, _) if words.carrier.is_none() => true,
                _ => !self.is_forked(),
            };
            is_its_own.then_some(Cow::Borrowed(words))
        });
        let dialstatus = match (&self.report, &leg.dial_ended) {
            (Some(report), _) if !self.is_forked() => report.dialstatus.as_str(),
            (_, Some(dialstatus)) => dialstatus,
            (Some(report), None) => &report.dialstatus,
            (None, None) => "",
        };
        Some(Decisive { leg, report, dialstatus, blind: self.blind })
    }

    /// Where unseen legs may have had the last word, a refusal that does not fit how our own half ended is not that
    /// word.
    fn fits(&self, said: &CarrierStatus) -> bool {
        if !self.behind_local || !said.is_refusal() {
            return true;
        }
        if self.report.as_ref().is_some_and(|report| report.dialstatus == "CANCEL") {
            // The last leg was canceled, so nobody refused it.
            return false;
        }
        match self.far_cause {
            None | Some(0) => true,
            Some(16) => false,
            Some(cause) => {
                let by_cause = cause::of_q850(cause, true).reason;
                by_cause == cause::of_sip(said.code, true).reason || by_cause == Reason::CarrierRefused
            }
        }
    }

    /// A leg behind a Local channel was refused, and another one, which nobody told of, came after it.
    fn is_outlived(&self, decisive: &Decisive<'_>) -> bool {
        decisive.refusal().is_some_and(|said| !self.fits(&said))
    }

    /// The end that this evidence proves.
    pub fn verdict(&self) -> Outcome {
        let decisive = self.decisive();
        let refusal = decisive.as_ref().and_then(Decisive::refusal).filter(|said| self.fits(said));
        let refusal =
            refusal.filter(|said| !decisive.as_ref().is_some_and(|leg| self.confirms_cancel(leg, said)));
        let (status, reason, ended_by) = self.conclude(decisive.as_ref(), refusal.as_ref());
        let answer = decisive.as_ref().and_then(Decisive::answer);
        let is_answer = self.is_up() || reason == Reason::CodecMismatch && refusal.is_none();
        let said = if is_answer { answer.cloned() } else { refusal };
        Outcome {
            status,
            reason,
            ended_by,
            sip_code: said.as_ref().map(|s| s.code),
            sip_text: said.map(|s| s.text).filter(|text| !text.is_empty()),
            q850_cause: self.q850(decisive.as_ref()),
            reached: self.reached(),
        }
    }

    /// Q.850 cause of the deciding leg; 0 is Asterisk's word for none.
    fn q850(&self, decisive: Option<&Decisive<'_>>) -> Option<u16> {
        let decisive = decisive?;
        if self.is_outlived(decisive) {
            return self.far_cause.filter(|cause| *cause != 0);
        }
        let leg = decisive.leg;
        let own = [leg.far_hangup, leg.destroyed].into_iter().flatten().filter_map(|causes| causes.cause);
        let reported = decisive.report.as_ref().and_then(|report| report.cause);
        // Of a leg on another endpoint Asterisk may have told no more than that its `Dial` is over.
        let is_over = leg.is_told || leg.dial_ended.is_some();
        let handed_on = self.far_cause.filter(|_| leg.destroyed.is_none() && is_over);
        let handed_on = handed_on.filter(|_| self.legs.decides_alone());
        own.chain(reported)
            .chain(handed_on)
            // 16.28 under load puts 127, "interworking, unspecified", on a leg that was redirected, where it else has none.
            .find(|cause| *cause != 0 && !(*cause == 127 && leg.forwarded))
    }

    fn conclude(
        &self,
        decisive: Option<&Decisive<'_>>,
        refusal: Option<&CarrierStatus>,
    ) -> (Status, Reason, EndedBy) {
        let is_gone = decisive.is_some_and(|decisive| decisive.leg.destroyed.is_some());
        if self.unreachable && !is_gone && self.report.is_none() {
            return (Status::Unknown, Reason::AsteriskUnreachable, EndedBy::Unknown);
        }
        if self.picked_up_by.is_some() && !self.is_up() {
            let (ended_by, reason) = self.hangup.unwrap_or((EndedBy::Pbx, Reason::HungUp));
            return self.end_we_asked_for(decisive, ended_by, reason);
        }
        let Some(decisive) = decisive else {
            if self.hung_up_here || self.local_canceled {
                return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
            }
            if self.reports_answer() {
                // Its answer came by a leg that was never seen: what became of that one is not known.
                return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
            }
            if let Some((ended_by, reason)) = self.hangup {
                return self.end_we_asked_for(None, ended_by, reason);
            }
            return self.end_without_trunk();
        };
        let leg = decisive.leg;
        if leg.up {
            let (ended_by, reason) = self.end_of_talk(decisive);
            return (Status::Completed, reason, ended_by);
        }
        let is_taken = self.is_ended_here(leg);
        if self.is_outlived(decisive) {
            if is_taken {
                return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
            }
            if let Some((ended_by, reason)) = self.hangup {
                return self.end_we_asked_for(None, ended_by, reason);
            }
            let handed_on = self.far_cause.filter(|cause| ![0, 16].contains(cause));
            return handed_on.map_or((Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown), |cause| {
                let rang = self.legs.iter().any(Leg::rang);
                let meaning = cause::of_q850(cause, rang);
                if self.local_rang && !rang && cause::of_q850(cause, true).status != meaning.status {
                    return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
                }
                (meaning.status, meaning.reason, EndedBy::Unknown)
            });
        }
        if let Some(refusal) = refusal {
            let meaning = cause::of_sip(refusal.code, leg.rang());
            if self.may_have_rung(leg) && cause::of_sip(refusal.code, true).status != meaning.status {
                // Nobody picked up, or the phone is off: it depends on a ringing that nobody could see.
                return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
            }
            return (meaning.status, meaning.reason, meaning.ended_by);
        }
        if leg.forwarded {
            return (Status::Failed, Reason::RedirectRefused, EndedBy::Carrier);
        }
        if let Some(ended_by) = self.unusable_answer(decisive) {
            return (Status::Failed, Reason::CodecMismatch, ended_by);
        }
        // The dialplan tells of an answer, by a leg that was never seen up.
        if self.reports_answer() && self.report.as_ref().is_some_and(|report| report.dialstatus == "ANSWER") {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if is_taken {
            return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
        }
        // The dialplan answered us by something that is no leg: what became of the leg before, it has told.
        let asked = self.hangup.filter(|asked| *asked != (EndedBy::Pbx, Reason::DialplanMissing));
        if let Some((ended_by, reason)) = asked {
            return self.end_we_asked_for(Some(decisive), ended_by, reason);
        }
        if leg.hung_up_here {
            return (Status::Canceled, Reason::HungUp, EndedBy::Pbx);
        }
        if let Some(report) = &decisive.report {
            if self.blind {
                // Of a redirect the dialplan's words know nothing, and the events that do may be lost.
                return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
            }
            let reason = match (self.rang(decisive), report.carrier.is_some()) {
                // The PBX itself gave up: Dial's own time-out, or an operator's hang-up.
                (true, _) => return (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx),
                (false, true) => Reason::RingTimeout,
                (false, false) if self.unsendable(decisive) => Reason::TrunkUnreachable,
                (false, false) => Reason::CarrierSilent,
            };
            return (Status::Failed, reason, EndedBy::Pbx);
        }
        self.end_by_cause(decisive)
    }

    /// Our side of the call was hung up at the PBX, or taken away from the ringing leg, before anybody here asked for the
    /// end.
    fn is_ended_here(&self, leg: &Leg) -> bool {
        // Where nobody asked to hang up our near half, Asterisk's own time-out of the originate ended it.
        // One that a colleague has picked up in our place ends with a cause of its own.
        let is_gone = self.near_cause.is_some_and(|cause| cause != ANSWERED_ELSEWHERE);
        let is_timed_out = is_gone && !self.near_leaving && self.hangup.is_none();
        self.hung_up_here || ((leg.canceled_here || self.local_canceled) && !is_timed_out)
    }

    /// 487 is how a carrier confirms a CANCEL from here, unless it came before anybody here asked: then it is not the
    /// reason.
    fn confirms_cancel(&self, decisive: &Decisive<'_>, said: &CarrierStatus) -> bool {
        let leg = decisive.leg;
        said.code == 487 && !leg.far_first && (self.hangup.is_some() || self.is_ended_here(leg))
    }

    /// Without the dialplan's words and with a cause alone, the cause is all there is.
    fn end_by_cause(&self, decisive: &Decisive<'_>) -> (Status, Reason, EndedBy) {
        let leg = decisive.leg;
        let lost = (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        let is_gone = !leg.is_alive() || (leg.dial_ended.is_some() && self.far_gone);
        // Where events were lost, an answer may be among them: then a bare end proves nothing.
        let unseen = self.blind && leg.far_hangup.is_none();
        if self.lost || unseen || !is_gone {
            return lost;
        }
        if leg.far_hangup.is_none()
            && leg.destroyed.is_some_and(may_be_given_up)
            && leg.rang()
            && leg.may_have_timed_out()
        {
            // The far side did not end it, and nobody asked: Dial's own time-out in the dialplan.
            return (Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx);
        }
        let Some(cause) = self.q850(Some(decisive)) else { return lost };
        let meaning = cause::of_q850(cause, leg.rang());
        if self.may_have_rung(leg) && cause::of_q850(cause, true).status != meaning.status {
            return lost;
        }
        let ended_by = if leg.far_hangup.is_some() { meaning.ended_by } else { EndedBy::Unknown };
        (meaning.status, meaning.reason, ended_by)
    }

    /// The carrier answered with an SDP that can't be used, and Asterisk hung up: by whom it was ended, if it was so.
    fn unusable_answer(&self, decisive: &Decisive<'_>) -> Option<EndedBy> {
        let leg = decisive.leg;
        match self.q850(Some(decisive)) {
            Some(NO_CODEC) => {}
            // Of a leg on another endpoint its end may not be told; that `Dial` gave it up after a 200 is.
            None if leg.in_vain && leg.dial_ended.as_ref().is_some_and(|word| word != "CANCEL") => {
                return Some(EndedBy::Pbx);
            }
            _ => return None,
        }
        // Asterisk's own 488 is on the end of the channel alone; the carrier's is on its request too (measured on 22.10).
        let tech = |causes: Option<super::Causes>| causes.and_then(|causes| causes.tech_cause);
        let is_own =
            tech(leg.destroyed).is_some() && leg.far_hangup.is_some() && tech(leg.far_hangup).is_none();
        // A 183 whose SDP is of no use ends it as well: where the carrier has refused nothing, Asterisk has.
        let said = decisive.report.as_ref().and_then(|report| report.carrier.as_ref());
        let is_provisional = said.is_some_and(|status| status.code < 200);
        match (decisive.answer(), is_own || is_provisional) {
            (Some(_), _) | (None, true) => Some(EndedBy::Pbx),
            // Before late-2025 releases nothing tells whether it was the carrier's 488 or our own.
            (None, false) if decisive.report.is_none() && leg.far_hangup.is_some() => Some(EndedBy::Unknown),
            _ => None,
        }
    }

    /// The trunk channel existed, but its INVITE could not be handed to the network.
    fn unsendable(&self, decisive: &Decisive<'_>) -> bool {
        // CONGESTION without a word of the carrier's is Asterisk's own 503: the kernel had no way there (measured).
        // 18 is what SIP's own time-out leaves: that INVITE was sent, again and again.
        ["CHANUNAVAIL", "CONGESTION"].contains(&decisive.dialstatus) && self.q850(Some(decisive)) != Some(18)
    }

    fn end_of_talk(&self, decisive: &Decisive<'_>) -> (EndedBy, Reason) {
        let leg = decisive.leg;
        let is_lost = self.lost || self.blind;
        if let (true, Some((by, _)), None, None) = (is_lost, self.hangup, leg.far_hangup, leg.destroyed)
            && self.was_unseen(by)
        {
            return (EndedBy::Unknown, Reason::OutcomeLost);
        }
        match (leg.far_hangup, self.hangup) {
            (Some(causes), hangup) if leg.far_first || hangup.is_none() => {
                match causes.tech_cause.filter(|code| *code >= 400) {
                    // A SIP status on a leg that is up is Asterisk's own reason for its own BYE (measured on 22.10):
                    // 406 when the answer had no SDP of use, 408 when a session timer ran out.
                    Some(406) => return (EndedBy::Pbx, Reason::CodecMismatch),
                    Some(_) => return (EndedBy::Pbx, Reason::HungUp),
                    None => {}
                }
                let ended_by = match self.q850(Some(decisive)) {
                    // 16 and 31 are normal clearing: a person hung up.
                    None | Some(16 | 31) => EndedBy::Callee,
                    // "Interworking, unspecified": 16.28 may put it there for a BYE of its own too (measured).
                    Some(127) => EndedBy::Unknown,
                    // Others are the network's.
                    Some(_) => EndedBy::Carrier,
                };
                (ended_by, Reason::HungUp)
            }
            (_, Some((ended_by, reason))) => (ended_by, reason),
            (None, None) if leg.hung_up_here => (EndedBy::Pbx, Reason::HungUp),
            (None, None) if self.lost || self.blind || leg.destroyed.is_none() => {
                (EndedBy::Unknown, Reason::OutcomeLost)
            }
            _ => (EndedBy::Pbx, Reason::HungUp),
        }
    }

    /// Our own hang-up took effect before any answer and before any refusal.
    fn end_we_asked_for(
        &self,
        decisive: Option<&Decisive<'_>>,
        ended_by: EndedBy,
        reason: Reason,
    ) -> (Status, Reason, EndedBy) {
        if (ended_by, reason) == (EndedBy::Pbx, Reason::DialplanMissing) {
            // Our half was answered by something that is not the trunk.
            return self.end_without_trunk();
        }
        let is_lost =
            self.lost || self.blind && decisive.is_some_and(|decisive| decisive.leg.destroyed.is_none());
        if is_lost && self.was_unseen(ended_by) {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if ended_by != EndedBy::Limit {
            return (Status::Canceled, reason, ended_by);
        }
        if decisive.is_some_and(|decisive| self.rang(decisive)) {
            return (Status::NoAnswer, reason, ended_by);
        }
        if self.lost || (self.uncertain && decisive.is_none()) {
            // It may never have been dialed, or have ended otherwise while nobody could see it.
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if self.local_rang && self.report.is_none() && !decisive.is_some_and(|decisive| decisive.leg.rang()) {
            // The leg may have rung, or an announcement of the dialplan was all that was to be heard.
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        let silent = decisive.is_some_and(Decisive::is_silent);
        let is_unseen = decisive.is_some_and(|decisive| self.blind || decisive.leg.is_unseen);
        // A carrier whose last word is "100 Trying" let nothing ring.
        let says_so = decisive.and_then(|decisive| decisive.report.as_ref()?.carrier.as_ref());
        if is_unseen && !silent && says_so.is_none_or(|said| said.code >= 180) {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        (Status::Failed, if silent { Reason::CarrierSilent } else { reason }, ended_by)
    }
}
