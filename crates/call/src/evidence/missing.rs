//! What can't be seen, and what is concluded where no trunk leg was: absence is evidence only where there would have
//! been something to see.

use super::Evidence;
use crate::{EndedBy, Reason, Status, leg::Leg};

/// Q.850 cause 3, no route to destination: what our halves end with when `Dial` ran and could not make a trunk
/// channel. With no dialplan at all it is 0 (measured on 22.10).
const NO_ROUTE: u16 = 3;

impl Evidence {
    /// It was not seen again since events were lost: it may have been answered, or over, long before its end was asked
    /// for.
    pub(super) fn was_unseen(&self, asked_by: EndedBy) -> bool {
        if asked_by == EndedBy::Limit { self.blind } else { self.asked_blind }
    }

    /// The dialplan's words tell of an answer, on whatever leg.
    pub(super) fn reports_answer(&self) -> bool {
        let words = self.report.iter().map(|report| &report.words).chain(&self.leg_reports);
        words.filter_map(|words| words.carrier.as_ref()).any(|status| (200..300).contains(&status.code))
    }

    pub(super) fn end_without_trunk(&self) -> (Status, Reason, EndedBy) {
        if self.reports_answer() {
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        if self.behind_local && self.report.is_none() {
            // Whether the carrier was asked can't be seen.
            return (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
        }
        let dialed = self.report.as_ref().is_some_and(|report| !report.dialstatus.is_empty());
        if dialed || self.no_route() {
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

    pub(super) fn no_route(&self) -> bool {
        self.far_cause == Some(NO_ROUTE) || self.near_cause == Some(NO_ROUTE)
    }

    /// Whether it rang could not be seen: events were lost, or what rang was behind a Local channel.
    pub(super) fn may_have_rung(&self, leg: &Leg) -> bool {
        !leg.rang() && (self.blind || leg.is_unseen || self.local_rang)
    }

    /// What a leg shows may not have been told: it was behind a Local channel, or events were lost.
    pub(super) fn has_unseen(&self) -> bool {
        self.behind_local || self.gaps
    }
}
