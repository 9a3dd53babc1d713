//! The way out that is shipped (asterisk-config/extensions_outgoing.conf), with a number and a trunk filled in, and what another
//! one has in these two places.

use asterisk::files::dialplan::{Context, number_in};

const SHIPPED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/asterisk-config/extensions_outgoing.conf"));

/// The context's name in that file.
pub const CONTEXT: &str = "outgoing";
/// What stands in it as an example.
pub const EXAMPLE_NUMBER: &str = "+79675558164";
pub const EXAMPLE_TRUNK: &str = "novofon";

/// The lines below the header. Both texts were checked: see [`is_number`] and [`is_trunk`].
pub fn lines(number: &str, trunk: &str) -> String {
    let (_, body) = SHIPPED.split_once("[outgoing]\n").unwrap_or(("", SHIPPED));
    body.replace(&format!(":{EXAMPLE_NUMBER})"), &format!(":{number})"))
        .replace(&format!("@{EXAMPLE_TRUNK},"), &format!("@{trunk},"))
}

/// A number that a dialplan may hold: digits, with or without a plus before them.
pub fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name of a PJSIP endpoint that a dialplan may hold.
pub fn is_trunk(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The number of a context of ours: a run without a number must not take it back.
pub fn number_of(context: &Context) -> Option<String> {
    let default = |data: &str| number_in(data.split_once("?${NOVOFON_CALLER_ID}:")?.1);
    context.steps.iter().find_map(|step| default(&step.data))
}

/// The trunk that a context dials through.
pub fn trunk_of(context: &Context) -> Option<String> {
    let dialed = context.steps.iter().filter(|step| step.is("Dial")).find_map(|step| {
        let rest = step.data.strip_prefix("PJSIP/")?;
        let (_, rest) = rest.split_once('@')?;
        Some(rest.split([',', ')', '/', '&']).next().unwrap_or_default().to_owned())
    })?;
    is_trunk(&dialed).then_some(dialed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blank_of_the_shipped_text_is_filled_in() {
        let filled = lines("+74951234567", "trunk-2");
        assert!(!filled.contains(EXAMPLE_NUMBER) && !filled.contains("@novofon"), "{filled}");
        assert_eq!(filled.matches(":+74951234567)").count(), 2, "{filled}");
        assert_eq!(filled.matches("@trunk-2,").count(), 2, "{filled}");
        assert!(filled.starts_with("; Numbers with a leading +.\nexten => _+X.,1,"), "{filled}");
    }

    #[test]
    fn what_goes_into_a_dialplan() {
        assert!(
            is_number("+79675558164") && is_number("101") && !is_number("+7 967") && !is_number("1)\nexten")
        );
        assert!(is_trunk("novofon-2.a") && !is_trunk("a b") && !is_trunk("a&PJSIP/1@b") && !is_trunk(""));
    }
}
