//! The things that Asterisk has, as it writes them. Unknown fields are ignored and absent ones are empty or
//! `None`: versions 16 to 23 differ in them. Times are Asterisk's own text.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Party {
    pub name: String,
    pub number: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DialplanPosition {
    pub context: String,
    pub exten: String,
    pub app_name: String,
    pub app_data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    pub id: String,
    /// `PJSIP/novofon-00000001`.
    #[serde(default)]
    pub name: String,
    /// `Down`, `Ring`, `Ringing`, `Up` ...
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub caller: Party,
    #[serde(default)]
    pub dialplan: DialplanPosition,
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
    pub id: String,
    /// The ids of its channels.
    #[serde(default)]
    pub channels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Playback {
    pub id: String,
    #[serde(default)]
    pub media_uri: String,
    #[serde(default)]
    pub next_media_uri: Option<String>,
    /// `channel:ID` or `bridge:ID`.
    #[serde(default)]
    pub target_uri: String,
    /// `queued`, `playing`, `continuing`, `done`, `failed`.
    #[serde(default)]
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    pub technology: String,
    pub resource: String,
    /// `unknown`, `offline`, `online`.
    #[serde(default)]
    pub state: Option<String>,
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
