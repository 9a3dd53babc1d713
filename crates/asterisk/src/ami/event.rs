//! The events, typed. It owns which events this client has a use for; it must not judge what they mean.

use super::model::{Bridge, Channel, Reader, Unreadable};
use super::wire::Block;

/// What Asterisk tells of channels, in the names of its own events. Which come is chosen by
/// [`Interest`](super::Interest): those of calls by `Call`, FullyBooted by `System`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A channel was made.
    Newchannel(Channel),
    /// A channel has another state now.
    Newstate(Channel),
    /// A channel has another name, as after some transfers; its unique id stays.
    Rename(Rename),
    /// A channel is being dialed.
    DialBegin(Dial),
    /// It rings, or there is early media.
    DialState(Dial),
    /// How the dial ended, the answer included. Of a phone that is not registered there is none (measured on 16.28
    /// and 22.10.1).
    DialEnd(Dial),
    /// A channel is in a bridge now: it hears the others that are in it, and they hear it.
    BridgeEnter(BridgeEvent),
    /// A channel is in that bridge no longer.
    BridgeLeave(BridgeEvent),
    /// On a channel with a phone behind it: the phone hung up. On a half of a Local channel it tells nothing.
    HangupRequest(Hangup),
    /// Somebody else asked for the end of the channel: a program, or another channel.
    SoftHangupRequest(Hangup),
    /// The channel is gone.
    Hangup(Hangup),
    /// What became of an Originate, whoever sent it.
    OriginateResponse(OriginateResponse),
    /// Which two halves are one Local channel.
    LocalBridge(LocalPair),
    /// The halves are about to be hung up, while the call goes on without them.
    LocalOptimizationEnd(LocalPair),
    /// A channel begins to listen to another.
    ChanSpyStart(Spy),
    /// It listens no longer.
    ChanSpyStop(Spy),
    /// Asterisk has loaded all its modules. It also comes once after each login, to a user with `read=system` whose
    /// mask has it (measured on 16.28 and 22.10.1).
    FullyBooted,
    /// Never comes as a link: with it the client knows why Asterisk closes the connection.
    Shutdown(Shutdown),
    /// A type that this client has no use for; only when asked for.
    Other(Block),
}

/// See [`Event::DialBegin`], [`Event::DialState`] and [`Event::DialEnd`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// `None` when nobody's channel dials: a call that was originated.
    pub caller: Option<Channel>,
    /// The channel that is dialed.
    pub peer: Channel,
    /// `None` at the beginning.
    pub status: Option<DialStatus>,
    /// Of the beginning: `150@inoffice`.
    pub dial_string: Option<String>,
    /// Of the end: where the peer redirects to.
    pub forward: Option<String>,
}

/// `DialStatus`; the first three are not the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialStatus {
    /// Its phone rings.
    Ringing,
    /// The other side works on it; nothing rings yet.
    Proceeding,
    /// Early media.
    Progress,
    /// It was answered: by a phone, a voice mail, or the dialplan of a Local channel.
    Answer,
    /// SIP 486, say.
    Busy,
    /// The caller gave up, or another peer was faster.
    Cancel,
    /// It says nothing about a person: 403, 404, 480 and 603 are `NOANSWER` too (measured on 16.28 and 22.10.1).
    NoAnswer,
    /// SIP 503, say.
    Congestion,
    /// There was no way to dial it.
    ChanUnavail,
    /// Any other word of Asterisk's, at most 64 characters.
    Other(String),
}

/// See [`Event::Rename`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Which channel it is, before and after.
    pub uniqueid: String,
    /// Its name up to now.
    pub old_name: String,
    /// Its name from now on.
    pub new_name: String,
}

/// See [`Event::BridgeEnter`] and [`Event::BridgeLeave`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeEvent {
    /// As it is with the channel that entered, or without the one that left.
    pub bridge: Bridge,
    /// Who entered or left.
    pub channel: Channel,
}

/// See [`Event::Hangup`], [`Event::HangupRequest`] and [`Event::SoftHangupRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hangup {
    /// As it was at that moment.
    pub channel: Channel,
    /// Q.850; 0 when nothing set one. A HangupRequest of 16 may have none.
    pub cause: Option<u16>,
    /// Asterisk's English for the cause, such as `Normal Clearing`. A HangupRequest has none.
    pub cause_text: Option<String>,
    /// The SIP status on a PJSIP channel; 16 has none. When it was Asterisk that gave up, 22 may say 480 though
    /// nobody did (measured); it is true when a HangupRequest of the same channel came.
    pub tech_cause: Option<u16>,
}

/// See [`Event::OriginateResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginateResponse {
    /// Of the Originate, whichever connection sent it.
    pub action_id: Option<String>,
    /// The channel was answered, and does now what its Originate asked for.
    pub answered: bool,
    /// 4 answered, 3 Originate's own time-out, 5 busy, 8 congestion, 0 all else.
    pub reason: u32,
    /// On failure the dial string, with no channel of that name.
    pub channel: String,
    /// The ChannelId that was asked for, whether there was a channel or not; without one, `None` when none could be made.
    pub uniqueid: Option<String>,
}

/// The two halves of a Local channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPair {
    /// `Local/...;1`.
    pub one: Channel,
    /// `Local/...;2`.
    pub two: Channel,
}

/// See [`Event::ChanSpyStart`] and [`Event::ChanSpyStop`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spy {
    /// The channel that listens.
    pub spyer: Channel,
    /// The one that is listened to; `None` where the event names none.
    pub spyee: Option<Channel>,
}

/// Asterisk is about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shutdown {
    /// It starts again at once.
    pub restart: bool,
}

impl Event {
    /// Which call it belongs to: the linkedid of its channel, which is the ChannelId of the call's Originate (measured
    /// on 16.28 and 22.10.1). OriginateResponse has no linkedid and gives its unique id, which is the same.
    pub fn linkedid(&self) -> Option<&str> {
        let linkedid = match self {
            Self::Newchannel(channel) | Self::Newstate(channel) => &channel.linkedid,
            Self::DialBegin(dial) | Self::DialState(dial) | Self::DialEnd(dial) => &dial.peer.linkedid,
            Self::BridgeEnter(event) | Self::BridgeLeave(event) => &event.channel.linkedid,
            Self::HangupRequest(event) | Self::SoftHangupRequest(event) | Self::Hangup(event) => {
                &event.channel.linkedid
            }
            Self::OriginateResponse(response) => return response.uniqueid.as_deref(),
            Self::LocalBridge(pair) | Self::LocalOptimizationEnd(pair) => &pair.one.linkedid,
            Self::ChanSpyStart(spy) | Self::ChanSpyStop(spy) => &spy.spyer.linkedid,
            Self::Rename(_) | Self::FullyBooted | Self::Shutdown(_) => return None,
            Self::Other(block) => return block.field("Linkedid"),
        };
        Some(linkedid).filter(|linkedid| !linkedid.is_empty()).map(String::as_str)
    }

    /// `None` when it is no event, or one that this client has no type for.
    ///
    /// # Errors
    /// It lacks a field that its type always has.
    pub fn read(block: &Block) -> Result<Option<Self>, Unreadable> {
        let Some(kind) = block.field("Event") else { return Ok(None) };
        let reader = Reader { block, kind };
        Ok(Some(match kind {
            "Newchannel" => Self::Newchannel(reader.channel("")?),
            "Newstate" => Self::Newstate(reader.channel("")?),
            "Rename" => Self::Rename(Rename {
                uniqueid: reader.required("Uniqueid")?.to_owned(),
                old_name: reader.required("Channel")?.to_owned(),
                new_name: reader.required("Newname")?.to_owned(),
            }),
            "DialBegin" => Self::DialBegin(reader.dial()?),
            "DialState" => Self::DialState(reader.dial()?),
            "DialEnd" => Self::DialEnd(reader.dial()?),
            "BridgeEnter" => Self::BridgeEnter(reader.bridge_event()?),
            "BridgeLeave" => Self::BridgeLeave(reader.bridge_event()?),
            "HangupRequest" => Self::HangupRequest(reader.hangup()?),
            "SoftHangupRequest" => Self::SoftHangupRequest(reader.hangup()?),
            "Hangup" => Self::Hangup(reader.hangup()?),
            "OriginateResponse" => Self::OriginateResponse(OriginateResponse {
                action_id: reader.option("ActionID"),
                answered: reader.required("Response")? == "Success",
                reason: reader.number("Reason").unwrap_or_default(),
                channel: reader.text("Channel"),
                uniqueid: reader.option("Uniqueid"),
            }),
            "LocalBridge" => Self::LocalBridge(reader.local_pair()?),
            "LocalOptimizationEnd" => Self::LocalOptimizationEnd(reader.local_pair()?),
            "ChanSpyStart" => Self::ChanSpyStart(reader.spy()?),
            "ChanSpyStop" => Self::ChanSpyStop(reader.spy()?),
            "FullyBooted" => Self::FullyBooted,
            "Shutdown" => Self::Shutdown(Shutdown { restart: reader.flag("Restart") }),
            _ => return Ok(None),
        }))
    }
}

impl Reader<'_> {
    fn dial(&self) -> Result<Dial, Unreadable> {
        Ok(Dial {
            caller: self.channel_if_any("")?,
            peer: self.channel("Dest")?,
            status: self.some("DialStatus").map(DialStatus::of),
            dial_string: self.option("DialString"),
            forward: self.option("Forward"),
        })
    }

    fn bridge_event(&self) -> Result<BridgeEvent, Unreadable> {
        Ok(BridgeEvent { bridge: self.bridge()?, channel: self.channel("")? })
    }

    fn hangup(&self) -> Result<Hangup, Unreadable> {
        Ok(Hangup {
            channel: self.channel("")?,
            cause: self.number("Cause"),
            cause_text: self.option("Cause-txt"),
            tech_cause: self.number("TechCause"),
        })
    }

    fn local_pair(&self) -> Result<LocalPair, Unreadable> {
        Ok(LocalPair { one: self.channel("LocalOne")?, two: self.channel("LocalTwo")? })
    }

    fn spy(&self) -> Result<Spy, Unreadable> {
        Ok(Spy { spyer: self.channel("Spyer")?, spyee: self.channel_if_any("Spyee")? })
    }
}

impl DialStatus {
    fn of(text: &str) -> Self {
        match text {
            "RINGING" => Self::Ringing,
            "PROCEEDING" => Self::Proceeding,
            "PROGRESS" => Self::Progress,
            "ANSWER" => Self::Answer,
            "BUSY" => Self::Busy,
            "CANCEL" => Self::Cancel,
            "NOANSWER" => Self::NoAnswer,
            "CONGESTION" => Self::Congestion,
            "CHANUNAVAIL" => Self::ChanUnavail,
            other => Self::Other(other.chars().take(64).collect()),
        }
    }

    /// Asterisk's own word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ringing => "RINGING",
            Self::Proceeding => "PROCEEDING",
            Self::Progress => "PROGRESS",
            Self::Answer => "ANSWER",
            Self::Busy => "BUSY",
            Self::Cancel => "CANCEL",
            Self::NoAnswer => "NOANSWER",
            Self::Congestion => "CONGESTION",
            Self::ChanUnavail => "CHANUNAVAIL",
            Self::Other(word) => word,
        }
    }
}
