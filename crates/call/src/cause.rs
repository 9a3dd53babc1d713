//! The one table from what the carrier said to what it means.
//!
//! Sources: RFC 3261 section 21, ITU-T Q.850, and the mapping measured on Asterisk 22.10 and 16.28
//! (SIP status to channel cause).

use std::str::FromStr;

use super::{EndedBy, Reason, Status};

/// A SIP status line as the carrier wrote it: `SIP 403 Forbidden`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierStatus {
    pub code: u16,
    pub text: String,
}

impl CarrierStatus {
    pub fn is_final(&self) -> bool {
        self.code >= 200
    }

    /// A final refusal: neither provisional nor an answer.
    pub fn is_refusal(&self) -> bool {
        self.code >= 300
    }
}

/// A text that is no SIP status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SIP status line")]
pub struct NoStatus(pub String);

impl FromStr for CarrierStatus {
    type Err = NoStatus;

    /// Reads the value of `HANGUPCAUSE(...,tech)`: `SIP 486 Busy Here`.
    fn from_str(line: &str) -> Result<Self, NoStatus> {
        let no = || NoStatus(line.chars().take(80).collect());
        let rest = line.trim().strip_prefix("SIP ").ok_or_else(no)?;
        let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match code.parse() {
            Ok(code) if (100..700).contains(&code) => {
                Ok(CarrierStatus { code, text: text.trim().to_owned() })
            }
            _ => Err(no()),
        }
    }
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    pub status: Status,
    pub reason: Reason,
    pub ended_by: EndedBy,
}

const fn means(status: Status, reason: Reason, ended_by: EndedBy) -> Meaning {
    Meaning { status, reason, ended_by }
}

const BUSY: Meaning = means(Status::Busy, Reason::Busy, EndedBy::Callee);
const DECLINED: Meaning = means(Status::Rejected, Reason::Declined, EndedBy::Callee);
const NO_ANSWER: Meaning = means(Status::NoAnswer, Reason::NoAnswer, EndedBy::Carrier);
const UNAVAILABLE: Meaning = means(Status::Unavailable, Reason::Unavailable, EndedBy::Carrier);

const fn failed(reason: Reason) -> Meaning {
    means(Status::Failed, reason, EndedBy::Carrier)
}

/// The meaning of the carrier's final status of 300 and above. `rang`: it rang, or had early
/// media, before.
pub fn of_sip(code: u16, rang: bool) -> Meaning {
    match code {
        486 | 600 => BUSY,
        603 | 607 => DECLINED,
        408 | 480 if rang => NO_ANSWER,
        // Whoever asks the evidence has left out the 487 that confirms our own CANCEL: this one is the carrier's
        // way to say that its time for ringing is over.
        487 if rang => NO_ANSWER,
        408 | 480 => UNAVAILABLE,
        401 | 407 => failed(Reason::TrunkAuthFailed),
        403 => failed(Reason::CarrierForbidden),
        404 | 410 | 484 | 604 => failed(Reason::NumberInvalid),
        488 | 606 => failed(Reason::CodecMismatch),
        503 => failed(Reason::CarrierOverloaded),
        300..=399 => failed(Reason::RedirectRefused),
        500..=599 => failed(Reason::CarrierError),
        _ => failed(Reason::CarrierRefused),
    }
}

/// The meaning of the trunk leg's Q.850 cause, where no SIP status is known. Coarser: 401, 403 and
/// 603 all become cause 21.
pub fn of_q850(cause: u16, rang: bool) -> Meaning {
    match cause {
        17 => BUSY,
        21 if rang => DECLINED,
        18..=20 if rang => NO_ANSWER,
        18..=20 => UNAVAILABLE,
        1 | 22 | 28 => failed(Reason::NumberInvalid),
        34 | 42 => failed(Reason::CarrierOverloaded),
        58 | 88 => failed(Reason::CodecMismatch),
        23 => failed(Reason::RedirectRefused),
        38 | 41 => failed(Reason::CarrierError),
        _ => failed(Reason::CarrierRefused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carriers_line_is_read() {
        let read = |line: &str| line.parse::<CarrierStatus>().map(|s| (s.code, s.text));
        assert_eq!(read("SIP 403 Forbidden"), Ok((403, "Forbidden".into())));
        assert_eq!(read("SIP 486 Busy Here"), Ok((486, "Busy Here".into())));
        assert_eq!(read("SIP 604"), Ok((604, String::new())));
        for line in ["", "403", "SIP", "SIP x Forbidden", "SIP 99 Low", "SIP 700 High", "IAX 403 Forbidden"] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn ringing_changes_what_a_refusal_means() {
        for code in [480, 408] {
            assert_eq!(of_sip(code, false).status, Status::Unavailable);
            assert_eq!(of_sip(code, true).status, Status::NoAnswer);
        }
        assert_eq!(of_q850(21, true).status, Status::Rejected);
        assert_eq!(of_q850(21, false).reason, Reason::CarrierRefused);
    }

    #[test]
    fn every_refusal_is_an_end() {
        for code in 300..700 {
            for rang in [false, true] {
                assert!(of_sip(code, rang).status.is_terminal(), "{code}");
            }
        }
        for cause in 0..=127 {
            assert!(of_q850(cause, false).status.is_terminal(), "{cause}");
        }
    }
}
