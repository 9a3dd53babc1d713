//! The events of the socket, typed, one struct a type. Parsing is one pass over the text without an intermediate
//! document, because at full load tens of thousands arrive in a second. It must not judge what an event means.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::model::{Channel, Endpoint, Playback, non_empty, texts};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    StasisStart(StasisStart),
    StasisEnd(ChannelEvent),
    ChannelStateChange(ChannelEvent),
    ChannelEnteredBridge(ChannelEvent),
    ChannelHangupRequest(ChannelHangupRequest),
    ChannelDestroyed(ChannelDestroyed),
    ChannelDtmfReceived(ChannelDtmfReceived),
    ChannelUserevent(ChannelUserevent),
    Dial(Box<Dial>),
    PlaybackStarted(PlaybackEvent),
    PlaybackContinuing(PlaybackEvent),
    PlaybackFinished(PlaybackEvent),
    /// Never comes as a link: the client takes it as the loss of the connection.
    ApplicationReplaced(ApplicationReplaced),
    PeerStatusChange(PeerStatusChange),
    ContactStatusChange(ContactStatusChange),
    EndpointStateChange(EndpointStateChange),
    /// A type that this client has no use for.
    Other {
        kind: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StasisStart {
    #[serde(default)]
    pub timestamp: String,
    #[serde(default)]
    pub args: Vec<String>,
    pub channel: Channel,
}

/// StasisEnd, ChannelStateChange, ChannelEnteredBridge: a channel as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelEvent {
    #[serde(default)]
    pub timestamp: String,
    pub channel: Channel,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelHangupRequest {
    #[serde(default)]
    pub timestamp: String,
    pub channel: Channel,
    /// Q.850.
    #[serde(default)]
    pub cause: Option<i32>,
    /// The SIP status on a PJSIP channel; absent before late 2025.
    #[serde(default)]
    pub tech_cause: Option<i32>,
    #[serde(default)]
    pub soft: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelDestroyed {
    #[serde(default)]
    pub timestamp: String,
    pub channel: Channel,
    /// Q.850; 0 when nothing set one.
    #[serde(default)]
    pub cause: i32,
    #[serde(default)]
    pub cause_txt: String,
    /// The SIP status on a PJSIP channel; absent before late 2025.
    #[serde(default)]
    pub tech_cause: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelDtmfReceived {
    #[serde(default)]
    pub timestamp: String,
    pub channel: Channel,
    pub digit: String,
    #[serde(default)]
    pub duration_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelUserevent {
    #[serde(default)]
    pub timestamp: String,
    #[serde(default)]
    pub channel: Option<Channel>,
    pub eventname: String,
    /// The headers that the dialplan gave, and `eventname` again.
    #[serde(default, deserialize_with = "texts")]
    pub userevent: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dial {
    #[serde(default)]
    pub timestamp: String,
    #[serde(default)]
    pub caller: Option<Channel>,
    pub peer: Channel,
    /// Empty at the start of the dial, then `RINGING`, `PROGRESS`, `ANSWER`, `BUSY` ...
    #[serde(default)]
    pub dialstatus: String,
    #[serde(default, deserialize_with = "non_empty")]
    pub dialstring: Option<String>,
    /// Where the peer redirects to.
    #[serde(default, deserialize_with = "non_empty")]
    pub forward: Option<String>,
    /// The channel that was made for the redirect.
    #[serde(default)]
    pub forwarded: Option<Channel>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlaybackEvent {
    #[serde(default)]
    pub timestamp: String,
    pub playback: Playback,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApplicationReplaced {
    #[serde(default)]
    pub timestamp: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PeerStatusChange {
    #[serde(default)]
    pub timestamp: String,
    pub endpoint: Endpoint,
    pub peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Peer {
    pub peer_status: String,
    #[serde(default)]
    pub cause: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactStatusChange {
    #[serde(default)]
    pub timestamp: String,
    pub endpoint: Endpoint,
    pub contact_info: ContactInfo,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactInfo {
    pub uri: String,
    /// `Reachable`, `Unreachable`, `NonQualified` ...
    pub contact_status: String,
    #[serde(default)]
    pub aor: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EndpointStateChange {
    #[serde(default)]
    pub timestamp: String,
    pub endpoint: Endpoint,
}

/// The answer to a request that travelled over the socket.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct RestResponse {
    pub(super) request_id: String,
    pub(super) status_code: u16,
    #[serde(default)]
    pub(super) message_body: Option<String>,
}

/// A text frame, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Event(Box<Event>),
    Response(RestResponse),
}

impl Event {
    /// The name on the wire.
    pub fn kind(&self) -> &str {
        match self {
            Self::StasisStart(_) => "StasisStart",
            Self::StasisEnd(_) => "StasisEnd",
            Self::ChannelStateChange(_) => "ChannelStateChange",
            Self::ChannelEnteredBridge(_) => "ChannelEnteredBridge",
            Self::ChannelHangupRequest(_) => "ChannelHangupRequest",
            Self::ChannelDestroyed(_) => "ChannelDestroyed",
            Self::ChannelDtmfReceived(_) => "ChannelDtmfReceived",
            Self::ChannelUserevent(_) => "ChannelUserevent",
            Self::Dial(_) => "Dial",
            Self::PlaybackStarted(_) => "PlaybackStarted",
            Self::PlaybackContinuing(_) => "PlaybackContinuing",
            Self::PlaybackFinished(_) => "PlaybackFinished",
            Self::ApplicationReplaced(_) => "ApplicationReplaced",
            Self::PeerStatusChange(_) => "PeerStatusChange",
            Self::ContactStatusChange(_) => "ContactStatusChange",
            Self::EndpointStateChange(_) => "EndpointStateChange",
            Self::Other { kind } => kind,
        }
    }

    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        match parse(text)? {
            Frame::Event(event) => Ok(*event),
            Frame::Response(_) => Ok(Self::Other { kind: "RESTResponse".into() }),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Frame, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let first = json.deserialize_map(FrameVisitor)?;
    json.end()?;
    match first {
        Scan::Frame(frame) => Ok(frame),
        // Asterisk writes the type first; another order costs a second pass.
        Scan::LateType(kind) => typed(&kind, &mut serde_json::Deserializer::from_str(text)),
    }
}

enum Scan {
    Frame(Frame),
    LateType(String),
}

struct FrameVisitor;

impl<'de> Visitor<'de> for FrameVisitor {
    type Value = Scan;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ARI event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scan, A::Error> {
        let mut first = true;
        let mut late = None;
        while let Some(key) = map.next_key::<Key>()? {
            match (key, first) {
                (Key::Type, true) => {
                    let kind: Kind = map.next_value()?;
                    return typed(&kind.0, MapAccessDeserializer::new(map)).map(Scan::Frame);
                }
                (Key::Type, false) => late = Some(map.next_value::<String>()?),
                (Key::Other, _) => _ = map.next_value::<IgnoredAny>()?,
            }
            first = false;
        }
        late.map(Scan::LateType).ok_or_else(|| serde::de::Error::missing_field("type"))
    }
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Key {
    #[serde(rename = "type")]
    Type,
    #[serde(other)]
    Other,
}

/// Borrowed from the text whenever it has no escapes, and that is always for the names of types.
#[derive(Deserialize)]
struct Kind<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

fn typed<'de, D: Deserializer<'de>>(kind: &str, json: D) -> Result<Frame, D::Error> {
    let event = match kind {
        "RESTResponse" => return RestResponse::deserialize(json).map(Frame::Response),
        "StasisStart" => Event::StasisStart(Deserialize::deserialize(json)?),
        "StasisEnd" => Event::StasisEnd(Deserialize::deserialize(json)?),
        "ChannelStateChange" => Event::ChannelStateChange(Deserialize::deserialize(json)?),
        "ChannelEnteredBridge" => Event::ChannelEnteredBridge(Deserialize::deserialize(json)?),
        "ChannelHangupRequest" => Event::ChannelHangupRequest(Deserialize::deserialize(json)?),
        "ChannelDestroyed" => Event::ChannelDestroyed(Deserialize::deserialize(json)?),
        "ChannelDtmfReceived" => Event::ChannelDtmfReceived(Deserialize::deserialize(json)?),
        "ChannelUserevent" => Event::ChannelUserevent(Deserialize::deserialize(json)?),
        "Dial" => Event::Dial(Deserialize::deserialize(json)?),
        "PlaybackStarted" => Event::PlaybackStarted(Deserialize::deserialize(json)?),
        "PlaybackContinuing" => Event::PlaybackContinuing(Deserialize::deserialize(json)?),
        "PlaybackFinished" => Event::PlaybackFinished(Deserialize::deserialize(json)?),
        "ApplicationReplaced" => Event::ApplicationReplaced(Deserialize::deserialize(json)?),
        "PeerStatusChange" => Event::PeerStatusChange(Deserialize::deserialize(json)?),
        "ContactStatusChange" => Event::ContactStatusChange(Deserialize::deserialize(json)?),
        "EndpointStateChange" => Event::EndpointStateChange(Deserialize::deserialize(json)?),
        other => {
            IgnoredAny::deserialize(json)?;
            // No name of a type is longer; a hostile one must not fill the queue.
            Event::Other { kind: other.chars().take(64).collect() }
        }
    };
    Ok(Frame::Event(Box::new(event)))
}
