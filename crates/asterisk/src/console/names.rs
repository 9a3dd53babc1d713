//! Names that go into commands: contexts and channels. As with numbers, the types are the guard: nothing that a
//! shell, Asterisk's console or a dialplan would read as more than a name can be one of them.

use std::{fmt, str::FromStr};

/// A text that is not the name that it should be. Its own text shows at most 40 characters of it, escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is no {kind}: expected {expected}")]
pub struct BadName {
    /// No more of the text than helps to find it.
    shown: String,
    kind: &'static str,
    expected: &'static str,
}

fn bad(text: &str, kind: &'static str, expected: &'static str) -> BadName {
    BadName { shown: text.chars().take(40).collect::<String>().escape_debug().to_string(), kind, expected }
}

/// A dialplan's context: 1 to 79 letters, digits, `_`, `.` and `-` (Asterisk's AST_MAX_CONTEXT is 80).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context(String);

impl Context {
    /// As it goes into a command.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Context {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        match (1..80).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(Context(text.to_owned())),
            false => Err(bad(text, "context", "1 to 79 letters, digits, `_`, `.` and `-`")),
        }
    }
}

/// An extension as a Local channel dials it: 1 to 79 letters, digits, `+`, `*`, `#`, `_`, `.` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exten(String);

impl Exten {
    /// As it goes into a command.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Exten {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+*#_.-".contains(&byte);
        match (1..80).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(Exten(text.to_owned())),
            false => Err(bad(text, "extension", "1 to 79 letters, digits, `+`, `*`, `#`, `_`, `.` and `-`")),
        }
    }
}

/// A device: a technology and a name, as `SIP/150`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device(String);

impl FromStr for Device {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let is_device = text.parse::<ChannelName>().is_ok() && !text.contains(['@', ';', '-']);
        is_device
            .then(|| Device(text.to_owned()))
            .ok_or_else(|| bad(text, "device", "a technology, `/` and a name, as SIP/150"))
    }
}

/// A channel's name as Asterisk gives it: `PJSIP/150-0000002a`, `Local/150@inoffice-00000003;1`. It always has
/// a technology and a `/`, so it can't be the `all` of "channel request hangup all".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(String);

/// Asterisk's AST_CHANNEL_NAME is 80.
const LONGEST_NAME: usize = 79;

impl ChannelName {
    /// As Asterisk gives it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a channel of this device (`SIP/150`), and not of one whose name only begins so
    /// (`SIP/1500-00000001`).
    pub fn is_of(&self, device: &str) -> bool {
        self.0.rsplit_once('-').is_some_and(|(of, _)| of.eq_ignore_ascii_case(device))
    }

    /// What it is a half of, if it is a Local channel's.
    pub fn local(&self) -> Option<LocalHalf<'_>> {
        let rest = self.0.strip_prefix("Local/")?;
        let (pair, half) = rest.rsplit_once(';')?;
        let (dialed, _) = pair.rsplit_once('-')?;
        let (extension, context) = dialed.split_once('@')?;
        let near = match half {
            "1" => true,
            "2" => false,
            _ => return None,
        };
        Some(LocalHalf { pair, extension, context, near })
    }
}

impl FromStr for ChannelName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:@+/;#*=-".contains(&byte);
        let technology = text.split_once('/').map_or("", |(technology, _)| technology);
        let driver = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let good = text.len() <= LONGEST_NAME
            && text.bytes().all(fits)
            && !technology.is_empty()
            && technology.bytes().all(driver)
            && text.len() > technology.len() + 1;
        good.then(|| ChannelName(text.to_owned()))
            .ok_or_else(|| bad(text, "channel's name", "a technology, `/` and a name, as PJSIP/150-0000002a"))
    }
}

/// One of the two channels that every Local channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalHalf<'a> {
    /// The same for both halves, and for no others: `150@inoffice-00000003`.
    pub pair: &'a str,
    /// What was dialed: `150`.
    pub extension: &'a str,
    /// Where: `inoffice`.
    pub context: &'a str,
    /// `;1`, the half of who dialed. The other one runs the dialplan.
    pub near: bool,
}

macro_rules! shown {
    ($($name:ident)+) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

shown!(ChannelName Context Device Exten);

#[cfg(test)]
mod tests {
    use super::*;

    /// What would be read as more than a name by a shell, by the console's parser or by the dialplan.
    const HOSTILE: [&str; 22] = [
        "",
        " ",
        "in office",
        "inoffice\"",
        "inoffice'",
        "inoffice\\",
        "$(reboot)",
        "`reboot`",
        "${HOME}",
        "a;b",
        "a&b",
        "a|b",
        "a>b",
        "a\nb",
        "a\rb",
        "a\0b",
        "a!b",
        "a,b",
        "a@b",
        "a/n",
        "офис",
        "a\u{2028}b",
    ];

    #[test]
    fn a_context_is_only_a_name() {
        for text in HOSTILE {
            assert!(text.parse::<Context>().is_err(), "{text:?}");
        }
        assert!("a".repeat(80).parse::<Context>().is_err());
        for text in ["inoffice", "from-internal", "ctx_1.2", &"a".repeat(79)] {
            assert_eq!(text.parse::<Context>().as_ref().map(Context::as_str), Ok(text));
        }
        let error = "a\nb".parse::<Context>().expect_err("no context").to_string();
        assert!(error.contains(r"`a\nb`") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn an_extension_is_only_what_is_dialed() {
        for text in HOSTILE {
            assert!(text.parse::<Exten>().is_err(), "{text:?}");
        }
        assert!("1".repeat(80).parse::<Exten>().is_err());
        for text in ["150", "+375296254070", "*98", "#31#", &"1".repeat(79)] {
            assert_eq!(text.parse::<Exten>().as_ref().map(Exten::as_str), Ok(text));
        }
    }

    #[test]
    fn a_device_is_no_channel() {
        assert_eq!("SIP/150".parse::<Device>().map(|device| device.to_string()), Ok("SIP/150".to_owned()));
        for text in ["150", "SIP/", "SIP/150-00000001", "Local/150@inoffice", "SIP/15 0", "all"] {
            assert!(text.parse::<Device>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_channels_name_has_a_technology_and_says_nothing_else() {
        for name in [
            "PJSIP/150-0000002a",
            "SIP/10.0.0.1-00000001",
            "Local/+375296254070@inoffice-0000000a;2",
            "DAHDI/i1/150-3",
        ] {
            assert_eq!(name.parse::<ChannelName>().as_ref().map(ChannelName::as_str), Ok(name));
        }
        let long = format!("SIP/{}", "1".repeat(80));
        for text in ["all", "All", "SIP", "SIP/", "/150", "S P/150", "SIP-1/150", "", &long] {
            assert!(text.parse::<ChannelName>().is_err(), "{text:?}");
        }
        for text in HOSTILE.into_iter().filter(|text| !["a;b", "a@b", "a/n"].contains(text)) {
            assert!(format!("SIP/{text}").parse::<ChannelName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_device_is_told_from_one_that_only_begins_like_it() {
        let name: ChannelName = "SIP/1500-00000001".parse().expect("a name");
        assert!(!name.is_of("SIP/150") && name.is_of("SIP/1500"));
    }

    #[test]
    fn halves_of_local_channels() {
        let name: ChannelName = "Local/+375296254070@in-office-0000000a;2".parse().expect("a name");
        let half = name.local().expect("a half");
        assert_eq!((half.extension, half.context, half.near), ("+375296254070", "in-office", false));
        assert_eq!(half.pair, "+375296254070@in-office-0000000a");
        let phone: ChannelName = "PJSIP/150-0000002a".parse().expect("a name");
        assert_eq!(phone.local(), None);
    }
}
