//! The things that Asterisk has, as it writes them. Unknown fields are ignored and absent ones are empty or
//! `None`: versions 16 to 23 differ in them. Times are Asterisk's own text.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Somebody at the end of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Party {
    /// Empty when it isn't known. Who calls writes it as he likes.
    pub name: String,
    /// Empty when it isn't known. Who calls may have written it.
    pub number: String,
}

/// Where a channel is in the dialplan, and what it runs there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DialplanPosition {
    /// The context's name.
    pub context: String,
    /// The extension within it.
    pub exten: String,
    /// The application that runs, such as `Dial`; empty when none does, and in versions that don't tell it.
    pub app_name: String,
    /// What that application was given: `PJSIP/79522675444@novofon,60`.
    pub app_data: String,
}

/// A channel, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// What requests and events name it by: the id that was asked for, or one of Asterisk's own as `1763716353.4`,
    /// with the system's name and `-` before it where asterisk.conf sets one.
    pub id: String,
    /// `PJSIP/novofon-00000001`.
    #[serde(default)]
    pub name: String,
    /// `Down`, `Ring`, `Ringing`, `Up` ...
    #[serde(default)]
    pub state: String,
    /// Who is at its other end: who calls, or whose number was dialed. The name beside a dialed number is that of the
    /// caller id that the call was given (measured on 22.10.1 and 16.28).
    #[serde(default)]
    pub caller: Party,
    /// Where it is in the dialplan.
    #[serde(default)]
    pub dialplan: DialplanPosition,
    /// When it was made: `2026-11-21T09:12:33.001+0000`.
    #[serde(default)]
    pub creationtime: String,
    /// The SIP Call-ID of a PJSIP channel; newer versions only.
    #[serde(default, deserialize_with = "non_empty")]
    pub protocol_id: Option<String>,
    /// The variables that ari.conf's `channelvars` lists.
    #[serde(default, deserialize_with = "texts")]
    pub channelvars: BTreeMap<String, String>,
}

/// A bridge: its channels hear each other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Bridge {
    /// The id that was asked for, or one of Asterisk's own.
    pub id: String,
    /// The ids of its channels.
    #[serde(default)]
    pub channels: Vec<String>,
}

/// What is played to a channel or a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Playback {
    /// The id that was asked for.
    pub id: String,
    /// What plays now: `sound:hello-world`.
    #[serde(default)]
    pub media_uri: String,
    /// What plays after it; `None` at the last.
    #[serde(default)]
    pub next_media_uri: Option<String>,
    /// `channel:ID` or `bridge:ID`.
    #[serde(default)]
    pub target_uri: String,
    /// `queued`, `playing`, `continuing`, `done`, `failed`.
    #[serde(default)]
    pub state: String,
}

/// A phone or a trunk, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// Its driver: `PJSIP`, `SIP`.
    pub technology: String,
    /// Its name among those of its driver: `novofon`.
    pub resource: String,
    /// `unknown`, `offline`, `online`.
    /// `None` where Asterisk says none.
    #[serde(default)]
    pub state: Option<String>,
    /// The ids of its channels that there are now.
    #[serde(default)]
    pub channel_ids: Vec<String>,
}

/// A map of texts. Asterisk writes strings; whoever posts a user event by ARI may write anything.
pub(super) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let values = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    let text = |value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Ok(values.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// Asterisk writes an empty text where it has nothing to say.
pub(super) fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}
