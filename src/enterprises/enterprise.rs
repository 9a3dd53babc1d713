//! What is known of one enterprise: who it is, where its Asterisk is, and what differs from the configuration there.
//! It must not know the table it is read from.

use super::value::{BadValue, Context, Extensions, Host, Name, Number, User, bad, printable, shown};
use asterisk::secret::Secret;
use call::{Technology, WayChoice};
use lang::say;

/// One enterprise that may use the office API. Its secret is not among what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enterprise {
    pub number: Number,
    pub name: Name,
    pub ip: Host,
    pub settings: Overrides,
}

/// What an enterprise has instead of the configuration's values; `None` leaves them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    pub way: Option<WayChoice>,
    /// Where its numbers are dialed from.
    pub context: Option<Context>,
    pub technology: Option<Technology>,
    pub ssh_port: Option<u16>,
    pub ssh_user: Option<User>,
    pub ssh_password: Option<Secret>,
    pub ami_port: Option<u16>,
    pub ami_user: Option<User>,
    pub ami_password: Option<Secret>,
    pub ari_port: Option<u16>,
    pub ari_user: Option<User>,
    pub ari_password: Option<Secret>,
    /// Which extensions are its own; `None` means that this is not told.
    pub extensions: Option<Extensions>,
    /// Requests a minute; 0 is no limit.
    pub rate_limit: Option<u32>,
}

/// The columns of [`Overrides`] in the table, in the order of [`Overrides::texts`]; true for those with digits.
pub(super) const SETTINGS: [(&str, bool); 14] = [
    ("way", false),
    ("context", false),
    ("technology", false),
    ("ssh_port", true),
    ("ssh_user", false),
    ("ssh_password", false),
    ("ami_port", true),
    ("ami_user", false),
    ("ami_password", false),
    ("ari_port", true),
    ("ari_user", false),
    ("ari_password", false),
    ("extensions", false),
    ("rate_limit", true),
];

impl Overrides {
    /// Takes the text of a column; no text, or one of blanks alone, leaves the configuration's value.
    pub(super) fn take(&mut self, column: &str, text: &str) -> Result<(), BadValue> {
        let word = text.trim();
        if word.is_empty() {
            return Ok(());
        }
        match column {
            "way" => {
                let bad_way = |_| {
                    bad(say!(
                        "is `{}`: write ssh, ami, ari or auto",
                        "`{}`: нужно ssh, ami, ari или auto",
                        shown(word)
                    ))
                };
                self.way = Some(word.to_ascii_lowercase().parse().map_err(bad_way)?);
            }
            "context" => self.context = Some(word.parse()?),
            "technology" => {
                let bad_technology =
                    |_| bad(say!("is `{}`: write SIP or PJSIP", "`{}`: нужно SIP или PJSIP", shown(word)));
                self.technology = Some(word.parse().map_err(bad_technology)?);
            }
            "ssh_port" => self.ssh_port = Some(port(word)?),
            "ssh_user" => self.ssh_user = Some(word.parse()?),
            "ssh_password" => self.ssh_password = Some(password(text)?),
            "ami_port" => self.ami_port = Some(port(word)?),
            "ami_user" => self.ami_user = Some(word.parse()?),
            "ami_password" => self.ami_password = Some(password(text)?),
            "ari_port" => self.ari_port = Some(port(word)?),
            "ari_user" => self.ari_user = Some(word.parse()?),
            "ari_password" => self.ari_password = Some(password(text)?),
            "extensions" => self.extensions = Some(word.parse()?),
            "rate_limit" => self.rate_limit = Some(rate(word)?),
            other => unreachable!("`{other}` is no column of SETTINGS"),
        }
        Ok(())
    }

    /// What would not be read back as it is now, with the name of its column: passwords are not checked before.
    pub(super) fn check(&self) -> Result<(), (&'static str, BadValue)> {
        let mut read = Overrides::default();
        SETTINGS.iter().zip(self.texts()).try_for_each(|((column, _), text)| {
            text.map_or(Ok(()), |text| read.take(column, &text)).map_err(|error| (*column, error))
        })
    }

    /// The texts of the columns [`SETTINGS`], passwords among them.
    pub(super) fn texts(&self) -> [Option<String>; SETTINGS.len()] {
        fn text<T: ToString>(value: &Option<T>) -> Option<String> {
            value.as_ref().map(T::to_string)
        }
        let password = |value: &Option<Secret>| value.as_ref().map(|secret| secret.expose().to_owned());
        [
            text(&self.way),
            text(&self.context),
            text(&self.technology),
            text(&self.ssh_port),
            text(&self.ssh_user),
            password(&self.ssh_password),
            text(&self.ami_port),
            text(&self.ami_user),
            password(&self.ami_password),
            text(&self.ari_port),
            text(&self.ari_user),
            password(&self.ari_password),
            text(&self.extensions),
            text(&self.rate_limit),
        ]
    }

    /// Name and value of everything that is set, for people: passwords as `***`.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let texts = SETTINGS.iter().zip(self.texts());
        let hidden = |name: &str, text: String| if name.ends_with("password") { "***".into() } else { text };
        texts.filter_map(|((name, _), text)| Some((*name, hidden(name, text?)))).collect()
    }
}

fn port(text: &str) -> Result<u16, BadValue> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(bad(say!(
            "is `{}`: a port is a number from 1 to 65535",
            "`{}`: порт — число от 1 до 65535",
            shown(text)
        ))),
    }
}

fn rate(text: &str) -> Result<u32, BadValue> {
    match text.parse() {
        Ok(rate) if (0..=1_000_000).contains(&rate) => Ok(rate),
        _ => Err(bad(say!(
            "is `{}`: requests a minute are a number from 0 to 1000000",
            "`{}`: запросов в минуту — число от 0 до 1000000",
            shown(text)
        ))),
    }
}

/// AMI's lines are ended by control characters: none may stand in a password.
fn password(text: &str) -> Result<Secret, BadValue> {
    printable(text, 256)?;
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_goes_to_its_column_and_back() {
        let texts = [
            "auto",
            "inoffice",
            "PJSIP",
            "5059",
            "root",
            "a b",
            "5038",
            "bot",
            "x",
            "8088",
            "bot2",
            "y",
            "100-199,300",
            "60",
        ];
        let mut settings = Overrides::default();
        for ((column, _), text) in SETTINGS.iter().zip(texts) {
            settings.take(column, text).expect(column);
        }
        assert_eq!(settings.texts().map(|text| text.expect("set")), texts);
        let shown = settings.shown();
        assert!(
            shown.contains(&("ssh_port", "5059".into())) && shown.contains(&("ssh_password", "***".into()))
        );
    }

    #[test]
    fn blanks_leave_the_configurations_value() {
        let mut settings = Overrides::default();
        for (column, _) in SETTINGS {
            settings.take(column, "  ").expect(column);
        }
        assert_eq!(settings, Overrides::default());
    }

    #[test]
    fn bad_settings_are_told() {
        for (column, text, told) in [
            ("way", "telnet", "is `telnet`: write ssh, ami, ari or auto"),
            ("technology", "IAX2", "is `IAX2`: write SIP or PJSIP"),
            ("ssh_port", "0", "is `0`: a port is a number from 1 to 65535"),
            ("ami_port", "70000", "is `70000`: a port is a number from 1 to 65535"),
            ("rate_limit", "-1", "is `-1`: requests a minute are a number from 0 to 1000000"),
            ("ami_password", "a\r\nAction: Command", "holds the control character \\u{d}"),
        ] {
            let error = Overrides::default().take(column, text).expect_err(column);
            assert_eq!(error.to_string(), told);
        }
    }

    #[test]
    fn passwords_show_in_no_debug() {
        let mut settings = Overrides::default();
        settings.take("ssh_password", "hunter2").expect("a password");
        assert!(!format!("{settings:?} {:?}", settings.shown()).contains("hunter2"));
    }
}
