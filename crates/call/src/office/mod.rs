//! What an office's call is: a click-to-call or a monitoring, placed at an enterprise's own Asterisk.
//!
//! A click-to-call has two legs: first the desk phone of the extension is called, and when it is picked up the
//! number is dialed from there. States and outcomes are said of the *phone* leg, as those of the bot's own calls
//! are of the trunk leg; what the desk phone does is in the timeline, and is the reason when no number was
//! dialed because of it. A monitoring has one leg, the listener's phone.
//!
//! Pure, as all of `call`. How a host is reached, and how it tells, is not known here.

mod evidence;
mod machine;
mod sight;
mod verdict;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Extension;

pub use evidence::{FirstEnd, OfficeEvidence};
pub use machine::{OfficeEffect, OfficeInput, OfficeMachine};
pub use sight::{HostFailure, Seen, Sight};

/// What makes a call an office's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfficeCall {
    #[serde(flatten)]
    pub kind: OfficeKind,
    /// Number of the enterprise, as `0367`.
    pub enterprise: String,
    pub enterprise_name: String,
    /// Where its Asterisk is.
    pub host: String,
    /// Whose phone is called first: the caller's, or the listener's.
    pub extension: Extension,
    pub context: String,
    pub technology: Technology,
    /// The way that the host took the order by; `None` before it did.
    pub way: Option<WayKind>,
    /// The host's own id of the call (its Linkedid), where it is not the call's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_id: Option<String>,
    /// The ids of the extension's and the number's channel, once they were connected: a later run hangs up no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<[String; 2]>,
    /// Address of the client that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

impl OfficeCall {
    /// The enterprise as a client, where calls and timelines name one. No key's name has such brackets.
    pub fn client_name(&self) -> String {
        format!("{} ({})", self.enterprise_name, self.enterprise)
    }
}

/// What is done at the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", content = "mode", rename_all = "snake_case")]
pub enum OfficeKind {
    /// The extension's phone is called, then the number.
    Call,
    /// The extension's phone is called and listens to another extension's call.
    Monitor(MonitorMode),
}

/// How much a listener takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MonitorMode {
    /// Hears both sides; nobody hears the listener.
    Spy,
    /// The target hears the listener, the other side doesn't.
    Whisper,
    /// Both sides hear the listener.
    Barge,
}

impl MonitorMode {
    pub const ALL: [MonitorMode; 3] = [MonitorMode::Spy, MonitorMode::Whisper, MonitorMode::Barge];

    /// The word of the API's `action`.
    pub fn action(self) -> &'static str {
        match self {
            MonitorMode::Spy => "09",
            MonitorMode::Whisper => "01",
            MonitorMode::Barge => "02",
        }
    }

    /// Its name in the API's answers.
    pub fn name(self) -> &'static str {
        match self {
            MonitorMode::Spy => "подслушивание",
            MonitorMode::Whisper => "суфлирование",
            MonitorMode::Barge => "вмешательство",
        }
    }

    pub fn of_action(action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.action() == action)
    }
}

/// The channel driver of an enterprise's phones: how their channels are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Technology {
    /// chan_sip, up to Asterisk 20.
    #[default]
    #[serde(rename = "SIP")]
    Sip,
    #[serde(rename = "PJSIP")]
    Pjsip,
}

impl Technology {
    pub fn as_str(self) -> &'static str {
        match self {
            Technology::Sip => "SIP",
            Technology::Pjsip => "PJSIP",
        }
    }

    /// The one that phones may have in its place.
    pub fn other(self) -> Self {
        match self {
            Technology::Sip => Technology::Pjsip,
            Technology::Pjsip => Technology::Sip,
        }
    }

    /// The beginning of the names of an extension's channels, `SIP/150`; with a `-` after it, of no other's.
    pub fn device(self, extension: &Extension) -> String {
        format!("{}/{extension}", self.as_str())
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Technology {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word.to_ascii_uppercase().as_str() {
            "SIP" => Ok(Technology::Sip),
            "PJSIP" => Ok(Technology::Pjsip),
            _ => Err(word.to_owned()),
        }
    }
}

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// The console's commands over SSH: the host needs nothing but sshd, and tells least.
    Ssh,
    /// The Asterisk Manager Interface, with events.
    Ami,
    /// The Asterisk REST Interface, with events.
    Ari,
}

impl WayKind {
    pub const ALL: [WayKind; 3] = [WayKind::Ssh, WayKind::Ami, WayKind::Ari];

    pub fn as_str(self) -> &'static str {
        match self {
            WayKind::Ssh => "ssh",
            WayKind::Ami => "ami",
            WayKind::Ari => "ari",
        }
    }
}

impl fmt::Display for WayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WayKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|way| way.as_str() == word).ok_or_else(|| word.to_owned())
    }
}

/// By which way a host is to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WayChoice {
    /// The best of those that are set up and work.
    Auto,
    Only(WayKind),
}

impl WayChoice {
    pub fn as_str(self) -> &'static str {
        match self {
            WayChoice::Auto => "auto",
            WayChoice::Only(way) => way.as_str(),
        }
    }
}

impl fmt::Display for WayChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WayChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(WayChoice::Auto),
            word => word.parse().map(WayChoice::Only),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_api() {
        let words: Vec<_> = MonitorMode::ALL.map(|mode| (mode.action(), mode.name())).into();
        let expected = [("09", "подслушивание"), ("01", "суфлирование"), ("02", "вмешательство")];
        assert_eq!(words, expected);
        assert_eq!(MonitorMode::of_action("02"), Some(MonitorMode::Barge));
        assert_eq!(MonitorMode::of_action("2"), None);
    }

    #[test]
    fn it_is_kept_as_flat_json() {
        let call = OfficeCall {
            kind: OfficeKind::Monitor(MonitorMode::Spy),
            enterprise: "0367".into(),
            enterprise_name: "june".into(),
            host: "10.88.10.19".into(),
            extension: "151".parse().expect("digits"),
            context: "inoffice".into(),
            technology: Technology::Sip,
            way: None,
            linked_id: None,
            sides: None,
            client: None,
        };
        let json = serde_json::to_string(&call).expect("JSON");
        assert!(json.starts_with(r#"{"kind":"monitor","mode":"spy","enterprise":"0367""#), "{json}");
        assert_eq!(serde_json::from_str::<OfficeCall>(&json).expect("what was written"), call);
        let call = OfficeCall { kind: OfficeKind::Call, ..call };
        let json = serde_json::to_string(&call).expect("JSON");
        assert_eq!(serde_json::from_str::<OfficeCall>(&json).expect("what was written"), call);
    }
}
