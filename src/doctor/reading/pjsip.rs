//! What Asterisk says about PJSIP: an endpoint's options (over ARI or on the console), contacts,
//! registrations. Formats as of 16.28 and 22.10.

use std::collections::BTreeMap;

use serde_json::Value;

use super::is_true;

/// An endpoint's options by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, String>);

impl Options {
    /// Empty when it is not set.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    pub fn is_on(&self, name: &str) -> bool {
        is_true(self.text(name))
    }

    /// `(alaw|ulaw)` on the console and over ARI, `alaw,ulaw` in a file.
    pub fn codecs(&self) -> Vec<&str> {
        let list = self.text("allow").trim_matches(['(', ')']);
        let codecs = list.split(['|', ',']).map(str::trim);
        codecs.filter(|codec| !codec.is_empty() && *codec != "nothing" && !codec.starts_with('!')).collect()
    }

    /// The answer of `GET /asterisk/config/dynamic/res_pjsip/endpoint/NAME`.
    pub fn of_ari(json: &Value) -> Option<Self> {
        let text = |pair: &Value, name: &str| pair.get(name)?.as_str().map(str::to_owned);
        let pairs = json.as_array()?.iter();
        Some(Options(
            pairs.filter_map(|pair| Some((text(pair, "attribute")?, text(pair, "value")?))).collect(),
        ))
    }

    /// The table below `pjsip show endpoint NAME`; `None` if there is no such endpoint.
    pub fn of_console(text: &str) -> Option<Self> {
        let (_, table) = text.split_once("ParameterName")?;
        let pairs = table.lines().skip(2).filter_map(|line| line.split_once(" : "));
        Some(Options(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()))
    }
}

/// A line of `pjsip show contacts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub aor: String,
    pub uri: String,
    /// `Avail`, `Unavail`, `NonQual`, `Unknown` ...
    pub status: String,
}

/// `  Contact:  novofon/sip:127.0.0.53:5060     ed68eefec7 Avail    6.311`
pub fn contacts(text: &str) -> Vec<Contact> {
    let contact = |line: &str| {
        let mut fields = line.trim().strip_prefix("Contact:")?.split_ascii_whitespace();
        let (aor, uri) = fields.next().filter(|name| !name.starts_with('<'))?.split_once('/')?;
        let status = fields.nth(1)?.to_owned();
        Some(Contact { aor: aor.to_owned(), uri: uri.to_owned(), status })
    };
    text.lines().filter_map(contact).collect()
}

/// A line of `pjsip show registrations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub name: String,
    pub server_uri: String,
    pub auth: String,
    /// `Registered`, `Rejected`, `Unregistered`, `Stopped` ...
    pub status: String,
}

/// ` novofon/sip:127.0.0.53:5060      novofon      Registered        (exp. 590s)`
pub fn registrations(text: &str) -> Vec<Registration> {
    let registration = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (name, server_uri) = fields.next().filter(|name| !name.starts_with('<'))?.split_once('/')?;
        if !server_uri.starts_with("sip") {
            return None;
        }
        let (auth, status) = (fields.next()?, fields.next()?);
        Some(Registration {
            name: name.to_owned(),
            server_uri: server_uri.to_owned(),
            auth: auth.to_owned(),
            status: status.to_owned(),
        })
    };
    text.lines().filter_map(registration).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/doctor/", $name))
        };
    }

    #[test]
    fn a_sound_endpoint_on_the_console_of_22_and_16() {
        for text in [fixture!("22/endpoint_sound.txt"), fixture!("16/endpoint_sound.txt")] {
            let options = Options::of_console(text).expect("an endpoint");
            assert_eq!((options.text("outbound_auth"), options.text("auth")), ("novofon", ""));
            assert_eq!(options.codecs(), ["alaw", "ulaw"]);
            assert_eq!(options.text("from_user"), "0123456");
            assert!(options.is_on("send_pai") && !options.is_on("direct_media"));
        }
    }

    #[test]
    fn auth_in_the_place_of_outbound_auth_shows_on_the_console_and_over_ari() {
        let shown = [
            Options::of_console(fixture!("22/endpoint_inauth.txt")),
            Options::of_console(fixture!("16/endpoint_inauth.txt")),
            Options::of_ari(&serde_json::from_str(fixture!("22/dyn_endpoint_inauth.json")).expect("JSON")),
            Options::of_ari(&serde_json::from_str(fixture!("16/dyn_endpoint_inauth.json")).expect("JSON")),
        ];
        for options in shown {
            let options = options.expect("an endpoint");
            assert_eq!((options.text("auth"), options.text("outbound_auth")), ("novofon", ""));
            assert_eq!(options.codecs(), ["alaw", "ulaw"]);
        }
    }

    #[test]
    fn a_missing_endpoint_is_none() {
        assert_eq!(Options::of_console(fixture!("22/endpoint_missing.txt")), None);
        assert_eq!(Options::of_console(fixture!("16/endpoint_missing.txt")), None);
        assert_eq!(
            Options::of_ari(&serde_json::json!({"message": "Object with id 'novofon' not found"})),
            None
        );
    }

    #[test]
    fn contacts_with_their_state() {
        for (text, status) in [
            (fixture!("22/contacts_sound.txt"), "Avail"),
            (fixture!("16/contacts_sound.txt"), "Avail"),
            (fixture!("22/contacts_gone.txt"), "Unavail"),
            (fixture!("16/contacts_gone.txt"), "Unavail"),
        ] {
            let found = contacts(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].aor.as_str(), found[0].status.as_str()), ("novofon", status));
            assert!(found[0].uri.starts_with("sip:127.0.0.5"));
        }
    }

    #[test]
    fn registrations_with_their_state() {
        for (text, status) in [
            (fixture!("22/registrations_sound.txt"), "Registered"),
            (fixture!("16/registrations_sound.txt"), "Registered"),
            (fixture!("22/registrations_wrongpw.txt"), "Rejected"),
            (fixture!("16/registrations_wrongpw.txt"), "Rejected"),
        ] {
            let found = registrations(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].status, status);
            assert_eq!((found[0].name.as_str(), found[0].auth.as_str()), ("novofon", "novofon"));
        }
        assert_eq!(registrations("No objects found.\n\n"), []);
    }
}
