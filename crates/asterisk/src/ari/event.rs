//! The events of the socket, typed, one struct a type. Parsing is one pass over the text without an intermediate
//! document, because at full load tens of thousands arrive in a second. It must not judge what an event means.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::model::{Bridge, Channel, Endpoint, Playback, non_empty, texts};

/// What Asterisk tells of channels, playbacks and endpoints. Which types come is chosen by
/// [`Subscriptions`](super::Subscriptions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A channel has entered the application. For those that are in it already none comes again after a reconnect.
    StasisStart(StasisStart),
    /// A channel has left the application. It never comes for a call that nobody answered: it had not entered
    /// (measured on 22.10.1).
    StasisEnd(ChannelEvent),
    /// A channel has another state. `Ringing` and `Up` of a trunk's own channel are what the carrier said.
    ChannelStateChange(ChannelEvent),
    /// A channel is in a bridge now.
    ChannelEnteredBridge(ChannelBridgeEvent),
    /// A channel is in that bridge no longer.
    ChannelLeftBridge(ChannelBridgeEvent),
    /// The end of a channel was asked for, by its own side or by a program.
    ChannelHangupRequest(ChannelHangupRequest),
    /// A channel is gone, and this is the last word about it. The order among the channels of one call is not fixed
    /// (measured on 22.10.1: up to some milliseconds apart).
    ChannelDestroyed(ChannelDestroyed),
    /// A key was pressed; told when it is let go.
    ChannelDtmfReceived(ChannelDtmfReceived),
    /// `UserEvent()` of a dialplan, or what somebody posted by ARI.
    ChannelUserevent(ChannelUserevent),
    /// A channel dials another: the beginning, each news of it, and how it ended.
    Dial(Box<Dial>),
    /// The first media of a playback begins.
    PlaybackStarted(PlaybackEvent),
    /// The next media of the same playback begins.
    PlaybackContinuing(PlaybackEvent),
    /// A playback is over: its state is `done`, also when it was stopped, or `failed`, as of a sound that is not there
    /// (measured on 22.10.1 and 16.28).
    PlaybackFinished(PlaybackEvent),
    /// Never comes as a link: the client takes it as the loss of the connection.
    ApplicationReplaced(ApplicationReplaced),
    /// The registration of a peer has changed.
    PeerStatusChange(PeerStatusChange),
    /// An address of an endpoint answers Asterisk's own questions (`qualify`) now, or no longer, or is new or gone.
    ContactStatusChange(ContactStatusChange),
    /// An endpoint is `online` now, or no longer. It stays `online` with a wrong password for the trunk (measured
    /// on 22.10.1).
    EndpointStateChange(EndpointStateChange),
    /// A type that this client has no use for.
    Other {
        /// Its name on the wire, at most 64 characters.
        kind: String,
    },
}

/// See [`Event::StasisStart`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StasisStart {
    /// When it happened, by Asterisk's clock and in its words: `2026-11-21T09:12:33.123+0000`. Empty where it says
    /// none.
    #[serde(default)]
    pub timestamp: String,
    /// The arguments that the application was given, `app_args` of an [`Originate`](super::Originate) among them.
    #[serde(default)]
    pub args: Vec<String>,
    /// As it is now.
    pub channel: Channel,
}

/// StasisEnd, ChannelStateChange: a channel as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelEvent {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// As it is now; of a StasisEnd, as it left.
    pub channel: Channel,
}

/// See [`Event::ChannelEnteredBridge`] and [`Event::ChannelLeftBridge`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelBridgeEvent {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// Who entered or left.
    pub channel: Channel,
    /// As it is with the channel that entered, or without the one that left.
    pub bridge: Bridge,
}

/// See [`Event::ChannelHangupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelHangupRequest {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// Whose end was asked for. It is still there.
    pub channel: Channel,
    /// Q.850.
    /// `None` where the event has none; 32 when ARI hung it up (measured on 22.10.1 and 16.28).
    #[serde(default)]
    pub cause: Option<i32>,
    /// The SIP status on a PJSIP channel; absent before late 2025.
    #[serde(default)]
    pub tech_cause: Option<i32>,
    /// Whether Asterisk calls it a soft hangup, one that the channel's own thread carries out; `None` where it
    /// doesn't say.
    #[serde(default)]
    pub soft: Option<bool>,
}

/// See [`Event::ChannelDestroyed`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelDestroyed {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// As it was at its end.
    pub channel: Channel,
    /// Q.850; 0 when nothing set one.
    #[serde(default)]
    pub cause: i32,
    /// Asterisk's English for the cause, such as `Call Rejected`.
    #[serde(default)]
    pub cause_txt: String,
    /// The SIP status on a PJSIP channel; absent before late 2025.
    /// Where Asterisk itself gave up, it says 480 or 487 though the carrier may have answered nothing (measured on
    /// 22.10.1).
    #[serde(default)]
    pub tech_cause: Option<i32>,
}

/// See [`Event::ChannelDtmfReceived`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelDtmfReceived {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// Whose key it was.
    pub channel: Channel,
    /// One of `0` to `9`, `*`, `#` and `A` to `D`.
    pub digit: String,
    /// How long it was pressed, in milliseconds.
    #[serde(default)]
    pub duration_ms: i64,
}

/// See [`Event::ChannelUserevent`]. Anybody who may write the dialplan or post by ARI can make one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelUserevent {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// The channel whose dialplan wrote it; `None` when ARI posted it without one.
    #[serde(default)]
    pub channel: Option<Channel>,
    /// The name that its writer gave it.
    pub eventname: String,
    /// The headers that the dialplan gave, and `eventname` again.
    #[serde(default, deserialize_with = "texts")]
    pub userevent: BTreeMap<String, String>,
}

/// See [`Event::Dial`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dial {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// The channel that dials: of a call out by a Local channel its `;2` half. `None` when an originate dials.
    #[serde(default)]
    pub caller: Option<Channel>,
    /// The channel that is dialed. The id of a trunk's is Asterisk's choice: this event tells whose call it is.
    pub peer: Channel,
    /// Empty at the start of the dial, then `RINGING`, `PROGRESS`, `ANSWER`, `BUSY` ...
    /// At the end it misleads: 403, 404, 480, 488, 500, 603 and a wrong trunk password all are `NOANSWER` (measured
    /// on 22.10.1).
    #[serde(default)]
    pub dialstatus: String,
    /// What was dialed, without the technology: `79522675444@novofon`.
    #[serde(default, deserialize_with = "non_empty")]
    pub dialstring: Option<String>,
    /// Where the peer redirects to.
    #[serde(default, deserialize_with = "non_empty")]
    pub forward: Option<String>,
    /// The channel that was made for the redirect.
    #[serde(default)]
    pub forwarded: Option<Channel>,
}

/// A playback as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlaybackEvent {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// Which one, and what it plays.
    pub playback: Playback,
}

/// Another program took the application's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApplicationReplaced {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
}

/// See [`Event::PeerStatusChange`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PeerStatusChange {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// Whose peer it is.
    pub endpoint: Endpoint,
    /// What is known of it now.
    pub peer: Peer,
}

/// The registration of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Peer {
    /// Asterisk's word: `Registered`, `Unregistered`, `Reachable`, `Unreachable` ...
    pub peer_status: String,
    /// Why, where Asterisk says it.
    #[serde(default)]
    pub cause: Option<String>,
}

/// See [`Event::ContactStatusChange`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactStatusChange {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// Whose address it is.
    pub endpoint: Endpoint,
    /// The address, and whether it answers.
    pub contact_info: ContactInfo,
}

/// One address at which an endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactInfo {
    /// `sip:150@10.88.10.42:5060`: where it is.
    pub uri: String,
    /// `Reachable`, `Unreachable`, `NonQualified` ...
    pub contact_status: String,
    /// The address of record (`aor` of pjsip.conf) that it belongs to.
    #[serde(default)]
    pub aor: String,
}

/// See [`Event::EndpointStateChange`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EndpointStateChange {
    /// As [`StasisStart::timestamp`].
    #[serde(default)]
    pub timestamp: String,
    /// As it is now.
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
            Self::ChannelLeftBridge(_) => "ChannelLeftBridge",
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

    /// Reads one text frame of the events socket. An answer to a request is [`Event::Other`] here.
    ///
    /// # Errors
    /// It is no JSON object with a `type`, or lacks what its type always has.
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
        "ChannelLeftBridge" => Event::ChannelLeftBridge(Deserialize::deserialize(json)?),
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
