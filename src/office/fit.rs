//! Whether an enterprise's `technology` is that of its phones, as far as its host tells.
//!
//! A wrong one refuses nothing: orders go by the dialplan. It is the names of channels that are looked for in vain, so
//! that extensions are in no call, and nobody can be listened to.

use super::error::{HostError, HostErrorKind};
use crate::enterprises::Extensions;
use call::Extension;

/// The endpoints of a technology by their names; `None`: that Asterisk has no driver for it.
pub(super) type Endpoints = Result<Option<Vec<String>>, HostError>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Phones of extensions are there.
    Right,
    /// Which phones there are is not shown, and Asterisk has a driver for no other.
    OnlyDriver,
    /// Asterisk has no driver for it.
    NoDriver,
    /// No extension's phone is there, and so many are the other's.
    NoPhones { elsewhere: usize },
    /// The host does not show it, or not to us.
    Untold,
}

/// `own`: of the technology that is set; `extensions`: which are the enterprise's, where that is told.
pub(super) fn judge(own: &Endpoints, other: &Endpoints, extensions: Option<&Extensions>) -> Fit {
    // A trunk is an endpoint too, and mostly of PJSIP, whatever the phones are.
    let is_phone = |name: &&String| match extensions {
        Some(extensions) => extensions.contains(name),
        None => name.parse::<Extension>().is_ok(),
    };
    let phones = |names: &[String]| names.iter().filter(is_phone).count();
    match (own, other) {
        (Ok(None), Ok(None)) => Fit::Untold,
        // By AMI PJSIP's are shown only to those who have `write=system`; who is denied something learns that it is there.
        (Err(error), Ok(None)) if error.kind == HostErrorKind::Refused => Fit::OnlyDriver,
        (Err(_), _) => Fit::Untold,
        // The other driver is there even if its endpoints are not shown to us.
        (Ok(None), _) => Fit::NoDriver,
        (Ok(Some(own)), _) if phones(own) > 0 => Fit::Right,
        (Ok(Some(_)), Ok(Some(other))) => match phones(other) {
            0 => Fit::Untold,
            elsewhere => Fit::NoPhones { elsewhere },
        },
        (Ok(Some(_)), Ok(None)) => Fit::OnlyDriver,
        (Ok(Some(_)), Err(_)) => Fit::Untold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_technology_is_wrong_only_with_proof() {
        let named =
            |names: &[&str]| -> Endpoints { Ok(Some(names.iter().map(ToString::to_string).collect())) };
        let denied = || -> Endpoints {
            Err(HostError {
                kind: HostErrorKind::Refused,
                way: None,
                is_certain: true,
                words: "Permission denied".to_owned(),
                why: lang::Text::same("it is denied"),
            })
        };
        let (phones, trunk, none) = (named(&["trunk", "150", "1500"]), named(&["trunk"]), named(&[]));
        for (own, other, expected) in [
            (&phones, &phones, Fit::Right),
            (&phones, &Ok(None), Fit::Right),
            (&phones, &denied(), Fit::Right),
            (&Ok(None), &phones, Fit::NoDriver),
            (&Ok(None), &none, Fit::NoDriver),
            (&Ok(None), &denied(), Fit::NoDriver),
            (&none, &phones, Fit::NoPhones { elsewhere: 2 }),
            (&trunk, &phones, Fit::NoPhones { elsewhere: 2 }),
            (&Ok(None), &Ok(None), Fit::Untold),
            (&trunk, &Ok(None), Fit::OnlyDriver),
            (&denied(), &Ok(None), Fit::OnlyDriver),
            (&none, &trunk, Fit::Untold),
            (&none, &denied(), Fit::Untold),
            (&denied(), &phones, Fit::Untold),
        ] {
            assert_eq!(judge(own, other, None), expected, "{own:?} {other:?}");
        }
        // A trunk that is called by digits is no phone where it is told which extensions there are.
        let (trunk, extensions) = (named(&["0012345"]), "100-199,1500".parse().expect("ranges"));
        assert_eq!(judge(&none, &trunk, Some(&extensions)), Fit::Untold);
        assert_eq!(judge(&trunk, &phones, Some(&extensions)), Fit::NoPhones { elsewhere: 2 });
    }
}
