//! Whether the callee can send our leg on by a REFER. The shipped pjsip_novofon.conf forbids it, and files that
//! were installed before stay as they are.

use super::endpoint::Facts;
use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
};

const ID: &str = "endpoint_transfer";

/// Nothing where the endpoint is not known: the check `endpoint` has said why.
pub fn check(patient: &Patient, trunk: &Facts) -> Option<Finding> {
    let (_, name) = patient.endpoint();
    judge(name, trunk)
}

fn judge(name: &str, trunk: &Facts) -> Option<Finding> {
    let options = trunk.options.as_ref()?;
    let set = options.text("allow_transfer");
    // A file need not have it: Asterisk then allows.
    if !set.is_empty() && !options.is_on("allow_transfer") {
        return Some(Finding::ok(
            ID,
            say!("the callee can't send the call on", "собеседник не может перевести звонок"),
        ));
    }
    Some(Finding::warn(
        ID,
        say!(
            "`allow_transfer` is on: with a REFER the callee makes this Asterisk dial another number, at your cost and past the bot's dial.allow",
            "`allow_transfer` включён: запросом REFER собеседник заставит этот Asterisk набрать другой номер, за ваш счёт и мимо dial.allow бота"
        ),
        say!(
            "in pjsip.conf, section [{name}] with type = endpoint, set allow_transfer = no; then: asterisk -rx 'module reload res_pjsip.so'",
            "в pjsip.conf, в секции [{name}] с type = endpoint, задайте allow_transfer = no; затем: asterisk -rx 'module reload res_pjsip.so'"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{finding::Level, reading::pjsip::Options};

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/doctor/", $name))
        };
    }

    fn level(options: Option<Options>) -> Option<Level> {
        judge("novofon", &Facts { options }).map(|finding| finding.level)
    }

    #[test]
    fn asterisks_default_on_the_console_and_over_ari_is_warned_of() {
        let ari = |text| Options::of_ari(&serde_json::from_str(text).expect("JSON"));
        for options in [
            Options::of_console(fixture!("22/endpoint_sound.txt")),
            Options::of_console(fixture!("16/endpoint_sound.txt")),
            ari(fixture!("22/dyn_endpoint_inauth.json")),
            ari(fixture!("16/dyn_endpoint_inauth.json")),
        ] {
            assert!(options.is_some());
            assert_eq!(level(options.clone()), Some(Level::Warn));
            let mut options = options;
            options
                .iter_mut()
                .for_each(|o| drop(o.0.insert("allow_transfer".to_owned(), "false".to_owned())));
            assert_eq!(level(options), Some(Level::Ok));
        }
    }

    #[test]
    fn a_file_without_the_option_allows() {
        let of = |value: Option<&str>| {
            let pairs = value.map(|value| ("allow_transfer".to_owned(), value.to_owned()));
            level(Some(Options(pairs.into_iter().collect())))
        };
        assert_eq!(of(None), Some(Level::Warn));
        assert_eq!(of(Some("yes")), Some(Level::Warn));
        assert_eq!(of(Some("no")), Some(Level::Ok));
        assert_eq!(level(None), None, "an endpoint that can't be looked at");
    }
}
