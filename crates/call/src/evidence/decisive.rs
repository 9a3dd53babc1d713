//! The leg that decides, and what the carrier said on it: which of Asterisk's statuses are the carrier's own words, and
//! which its invention. It must not know who asked for the end.

use std::borrow::Cow;

use super::LegReport;
use crate::{cause::CarrierStatus, leg::Leg};

/// The deciding leg, with the words that are certainly its own.
pub(super) struct Decisive<'a> {
    pub leg: &'a Leg,
    pub report: Option<Cow<'a, LegReport>>,
    /// Of its `Dial`; empty when that is not known.
    pub dialstatus: &'a str,
    /// How the leg ended may have been told, and not heard.
    pub blind: bool,
}

impl Decisive<'_> {
    /// The carrier's refusal: its final status of 300 and above, where there is proof that it is the
    /// carrier's and the last.
    pub(super) fn refusal(&self) -> Option<CarrierStatus> {
        let Some(report) = &self.report else { return on_channel(self.leg, false) };
        let Some(said) = report.carrier.as_ref() else {
            // Of a redirect the dialplan may know nothing yet (measured under load). Any other status
            // without a word of the carrier's is Asterisk's own: its timer's 408, its transport's 503.
            return on_channel(self.leg, true).filter(|s| s.code < 400);
        };
        match said.code {
            // The challenge of digest authentication: usually not the last word, but after a 3xx or
            // an early CANCEL the dialplan knows of nothing later (measured on 22.10).
            401 | 407 => {
                let rejected = self.leg.far_hangup.and_then(|causes| causes.cause) == Some(21);
                let unseen = self.leg.far_hangup.is_none() && self.leg.destroyed.is_none();
                match on_channel(self.leg, true) {
                    Some(last) if last.code != said.code => Some(last),
                    Some(_) => Some(said.clone()),
                    None if rejected => Some(said.clone()),
                    None if unseen && !self.blind && self.dialstatus != "CANCEL" => Some(said.clone()),
                    None => None,
                }
            }
            300.. => Some(said.clone()),
            _ => on_channel(self.leg, true),
        }
    }

    /// The carrier's 2xx.
    pub(super) fn answer(&self) -> Option<&CarrierStatus> {
        self.report.as_ref()?.carrier.as_ref().filter(|said| (200..300).contains(&said.code))
    }

    /// Nothing at all came back from the carrier on this leg.
    pub(super) fn is_silent(&self) -> bool {
        let heard = self.leg.forwarded || self.refusal().is_some();
        self.report.as_ref().is_some_and(|report| report.carrier.is_none()) && !heard
    }
}

/// The status with which the far side ended a leg that was not up, as Asterisk put it on the channel. A hang-up
/// request on the trunk channel comes only from there: the status of a channel that Asterisk itself gave up is
/// Asterisk's invention (480, 487 or 408), and is on its end alone.
fn on_channel(leg: &Leg, is_reported: bool) -> Option<CarrierStatus> {
    let code = leg.far_hangup?.tech_cause.filter(|code| *code >= 300 && !leg.up)?;
    // Without the dialplan's report, a 408 just when SIP's timer B runs out is not the carrier's.
    let invented = code == 408 && !is_reported && leg.at_timer_b;
    (!invented).then(|| CarrierStatus { code, text: String::new() })
}
