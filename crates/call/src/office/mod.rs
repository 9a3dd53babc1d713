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

use super::{DialString, Extension, Kind, Tenant};

pub use evidence::{FirstEnd, OfficeEvidence};
pub use machine::{OfficeEffect, OfficeInput, OfficeMachine};
pub use sight::{HostFailure, Sight};

/// What an office asks for, at its own Asterisk.
#[derive(Debug, Clone, PartialEq)]
pub struct OfficeCall {
    pub what: What,
    pub tenant: Tenant,
    /// Where its Asterisk is.
    pub host: String,
    /// Whose phone is called first: the caller's, or the listener's.
    pub extension: Extension,
    pub context: String,
    pub technology: Technology,
    /// Address of the client that asked.
    pub client: Option<String>,
    /// Seconds from `dialing` to our giving up: both sides must be connected by then.
    pub ring_timeout: u32,
    /// Seconds from the answer to our hanging up.
    pub max_duration: u32,
}

impl OfficeCall {
    pub fn kind(&self) -> Kind {
        match self.what {
            What::Dial(_) => Kind::Click,
            What::Listen { .. } => Kind::Monitor,
        }
    }
}

/// What the host does when the extension's phone was picked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Dial(DialString),
    /// Lets it listen to this extension's call.
    Listen {
        target: Extension,
        mode: MonitorMode,
    },
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
}
