//! The values of an enterprise's row, as types that hold only what may go on to a host: what comes from the table
//! was written by somebody else's program. It must not know where a value came from, nor what it is used for.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use lang::{Lang, Text, Told, say};

/// What is wrong with a value, in words that follow its name: "is empty".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadValue(pub(super) Text);

impl Told for BadValue {
    fn told(&self, lang: Lang) -> String {
        self.0.told(lang)
    }
}

pub(super) fn bad(problem: Text) -> BadValue {
    BadValue(problem)
}

/// A text that every use shows as it is.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadValue;

            fn from_str(text: &str) -> Result<Self, BadValue> {
                $check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

text_type!(
    /// An enterprise's number, `0367`: a text of 1 to 32 printable characters; its zeros count.
    Number,
    check_number
);
text_type!(
    /// An enterprise's name: up to 200 characters, none of them a control character; may be empty.
    Name,
    check_name
);
text_type!(
    /// Where an enterprise's Asterisk is: an IP address, or a host name (RFC 1123), without a port.
    Host,
    check_host
);
text_type!(
    /// A dialplan context. It becomes a part of console commands: letters, digits, `_`, `.` and `-`, as in Asterisk's
    /// own examples, at most 79 characters (`AST_MAX_CONTEXT` is 80 with its end).
    Context,
    check_context
);
text_type!(
    /// A user of ssh, AMI or ARI: 1 to 64 of letters, digits, `_`, `.`, `@`, `$` and `-`, not beginning with `-`.
    User,
    check_user
);

fn check_number(text: &str) -> Result<(), BadValue> {
    printable(text, 32)?;
    if text.trim() != text {
        Err(bad(say!("has white space around it", "окружено пробелами")))
    } else {
        Ok(())
    }
}

fn check_name(text: &str) -> Result<(), BadValue> {
    if text.is_empty() { Ok(()) } else { printable(text, 200) }
}

/// 1 to `longest` characters without a control character among them.
pub(super) fn printable(text: &str, longest: usize) -> Result<(), BadValue> {
    if text.is_empty() {
        return Err(bad(say!("is empty", "пусто")));
    }
    if text.chars().count() > longest {
        return Err(bad(say!("is longer than {longest} characters", "длиннее {longest} знаков")));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(bad(say!(
            "holds the control character {}",
            "содержит управляющий знак {}",
            c.escape_unicode()
        ))),
        None => Ok(()),
    }
}

fn check_host(text: &str) -> Result<(), BadValue> {
    let how = || {
        say!("write an IP address or a host name, without a port", "нужен адрес IP или имя хоста, без порта")
    };
    if text.is_empty() {
        return Err(bad(say!("is empty: {how}", "пусто: {how}", how = how())));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        let is_nobody = ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        return if is_nobody {
            Err(bad(say!(
                "is the address `{ip}`, which no host has",
                "адрес `{ip}`, которого нет ни у одного хоста"
            )))
        } else {
            Ok(())
        };
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Digits in the last place are meant as an address, and as one it could not be read.
    let is_name = text.len() <= 253
        && text.split('.').all(label)
        && !text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let shown = shown(text);
    match is_name {
        true => Ok(()),
        false => {
            Err(bad(say!("is `{shown}`, which is no host: {how}", "`{shown}` — не хост: {how}", how = how())))
        }
    }
}

fn check_context(text: &str) -> Result<(), BadValue> {
    word(text, 79, b"_.-")
}

fn check_user(text: &str) -> Result<(), BadValue> {
    word(text, 64, b"_.@$-")?;
    if text.starts_with('-') {
        Err(bad(say!("begins with `-`", "начинается с `-`")))
    } else {
        Ok(())
    }
}

fn word(text: &str, longest: usize, others: &[u8]) -> Result<(), BadValue> {
    printable(text, longest)?;
    match text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !others.contains(&u8::try_from(*c).unwrap_or(0)))
    {
        Some(c) => Err(bad(say!(
            "holds `{c}`; letters, digits and `{}` may stand in it",
            "содержит `{c}`; допустимы латинские буквы, цифры и `{}`",
            String::from_utf8_lossy(others)
        ))),
        None => Ok(()),
    }
}

/// A foreign text in a message: short, on one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

/// Which extensions are an enterprise's own: `100-199,300`. The zeros of an extension count: `001-020` holds `007`
/// and not `7`.
#[derive(Clone, PartialEq, Eq)]
pub struct Extensions(Box<[(Box<str>, Box<str>)]>);

impl Extensions {
    /// Whether these digits are one of them.
    pub fn contains(&self, extension: &str) -> bool {
        if !extension.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        // Digits of one length are in the order of their numbers.
        self.0
            .iter()
            .any(|(first, last)| first.len() == extension.len() && (&**first..=&**last).contains(&extension))
    }
}

impl FromStr for Extensions {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let how = || say!("write them as `100-199,300`", "пишите так: `100-199,300`");
        const LONGEST: usize = 10;
        let digits =
            |text: &str| (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let mut ranges = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.trim(), last.trim());
            if !digits(first) || !digits(last) {
                return Err({
                    let part = shown(part);
                    bad(say!(
                        "holds `{part}`, which is no extension: {how}",
                        "`{part}` — не внутренний номер: {how}",
                        how = how()
                    ))
                });
            }
            if first.len() != last.len() || first > last {
                return Err(bad(say!(
                    "holds `{part}`, which goes from nowhere to nowhere: {how}",
                    "`{part}` — не промежуток: {how}",
                    how = how()
                )));
            }
            ranges.push((first.into(), last.into()));
        }
        Ok(Self(ranges.into()))
    }
}

impl fmt::Display for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl serde::Serialize for Extensions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name() {
        for good in ["10.88.10.19", "::1", "2001:db8::5", "localhost", "pbx-1.example.org", "7.example", "a1"]
        {
            assert!(good.parse::<Host>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "10.88.10",
            "10.88.10.256",
            "10.88.10.19:5059",
            "10.88.10.19/32",
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "-oProxyCommand=id",
            "host;reboot",
            "a..b",
            "a.",
            ".a",
            "a_b",
            "user@host",
            "10.0.0.1\n",
            "10.0.0.1\r\nAction: Command",
            "[::1]",
            "fe80::1%eth0",
            "хост",
            "12345",
            "a\0b",
            "$(id)",
            "host name",
        ] {
            assert!(bad.parse::<Host>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(64).parse::<Host>().is_err());
        assert!(vec!["a"; 128].join(".").parse::<Host>().is_err());
    }

    #[test]
    fn a_context_can_carry_no_command() {
        for good in ["inoffice", "from-internal", "ctx_1.a"] {
            assert!(good.parse::<Context>().is_ok(), "{good}");
        }
        for bad in ["", "in office", "a,b", "a@b", "a;b", "a\"b", "a|b", "a\nb", "a&b", "a/b", "контекст"]
        {
            assert!(bad.parse::<Context>().is_err(), "{bad:?}");
        }
        let error = "a b".parse::<Context>().expect_err("a blank").to_string();
        assert_eq!(error, "holds ` `; letters, digits and `_.-` may stand in it");
    }

    #[test]
    fn a_user_is_no_option_and_no_second_line() {
        assert!("root".parse::<User>().is_ok());
        for bad in ["-l", "a b", "a\r\nAction: x", "a:b", ""] {
            assert!(bad.parse::<User>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_number_keeps_its_zeros_and_has_no_control_characters() {
        assert_eq!("0367".parse::<Number>().expect("a number").as_str(), "0367");
        assert!("№ 5/б".parse::<Number>().is_ok());
        for bad in ["", " 1", "1 ", "1\n2", "\u{1b}[31m", &"1".repeat(33)] {
            assert!(bad.parse::<Number>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn extensions_are_told_apart_by_their_zeros() {
        let own: Extensions = "100-199, 300,001-020".parse().expect("ranges");
        for inside in ["100", "150", "199", "300", "007"] {
            assert!(own.contains(inside), "{inside}");
        }
        for outside in ["099", "200", "301", "7", "0150", "1500", "", "15a"] {
            assert!(!own.contains(outside), "{outside}");
        }
        assert_eq!(own.to_string(), "100-199,300,001-020");
        for bad in ["", ",", "100-", "-5", "199-100", "1-20", "a", "100;200", "12345678901", "100--200"] {
            assert!(bad.parse::<Extensions>().is_err(), "{bad:?}");
        }
    }
}
