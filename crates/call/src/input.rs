//! All that can happen to a call. Whatever the wire or the store says becomes one of these.

use super::{Asked, Causes, EndedBy, LegReport, Reason, Timer};

/// One half of the Local channel that the originate creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// `ID`: enters Stasis.
    Near,
    /// `ID;2`: runs the dialplan.
    Far,
}

/// What Asterisk's `Dial` event says of the trunk leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialStep {
    Ringing,
    /// Early media (183 with audio).
    Progress,
    Answer,
    /// The dial has ended without an answer; the word is Asterisk's and often misleads.
    Ended(String),
}

/// State of a channel as `GET /channels` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    Down,
    Ringing,
    Up,
}

/// What Asterisk still has of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    pub near: Option<ChannelState>,
    /// Our half runs the Stasis application.
    pub near_in_stasis: bool,
    pub far: bool,
    /// Its trunk legs that live.
    pub trunks: Vec<FoundTrunk>,
    /// The sound that was asked for, if one was.
    pub playback: Option<FoundPlayback>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPlayback {
    pub id: String,
    /// It has not ended.
    pub playing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTrunk {
    pub channel: String,
    pub name: String,
    pub state: ChannelState,
    pub sip_call_id: Option<String>,
}

/// Why an originate failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginateFailure {
    /// It never left this machine.
    NotSent(String),
    /// Asterisk said no.
    Refused { status: u16, message: String },
    /// It may have been carried out.
    Uncertain(String),
}

/// What was seen of a trunk leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrunkSeen {
    /// `Dial` named it, or a look found it.
    Created {
        name: Option<String>,
        sip_call_id: Option<String>,
    },
    Dial(DialStep),
    State(ChannelState),
    /// The far side ended it: a final answer, or a BYE.
    Hangup(Causes),
    /// Somebody at the PBX ended it: an operator, another program, or Asterisk's own stop.
    HungUpHere,
    /// The channel is gone.
    Destroyed(Causes),
    /// The carrier redirected the call (3xx). `followed`: the dialplan went there, through a channel that is not
    /// the trunk's own leg.
    Redirected {
        to: String,
        followed: bool,
    },
}

impl OriginateFailure {
    /// What Asterisk says (with 500) when it makes no channel at all, for whomever: it is stopping, or out of files or
    /// memory. For a Local channel it says so of nothing else (measured on 22.10.1 and 16.28).
    pub const TAKES_NONE: &str = "Allocation failed";

    pub fn takes_none(&self) -> bool {
        matches!(self, Self::Refused { status: 500.., message } if message == Self::TAKES_NONE)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Asterisk is away, while the call waits in the queue; it is back, and what it told meanwhile is lost.
    AsteriskLost,
    AsteriskBack,
    /// The call's turn has come and a slot is free.
    Admitted,
    /// The intent to dial is on disk.
    IntentStored,
    Originated,
    OriginateFailed(OriginateFailure),
    /// Something was seen of a trunk leg. The dialplan may dial several.
    Trunk {
        /// Asterisk's id of the channel.
        channel: String,
        seen: TrunkSeen,
    },
    /// The dialplan dials a Local channel, behind which there are legs that no event ties to this call; and what is told
    /// of that channel afterwards.
    LocalDialed {
        channel: String,
        step: Option<DialStep>,
    },
    /// `Dial` has put our call through to this channel, which need not be one that it dialed: a ringing leg can be picked
    /// up by somebody else's phone.
    PutThrough {
        channel: String,
        name: String,
        sip_call_id: Option<String>,
    },
    /// Our half entered Stasis.
    Entered,
    /// One of our halves is being hung up. `here`: by somebody at the PBX (an operator, another program, a time limit of
    /// the dialplan, Asterisk's own stop), or by us.
    HalfLeaving {
        half: Half,
        here: bool,
    },
    /// One of our halves is gone; the cause tells whether the dialplan found a route.
    HalfDestroyed {
        half: Half,
        cause: Option<u16>,
    },
    /// Our `[outgoing]` told what the carrier said on one of several legs.
    LegReported(LegReport),
    /// Our `[outgoing]` reported its end. The words are those of one leg.
    Reported {
        dialstatus: String,
        words: LegReport,
    },
    PlaybackStarted {
        playback: String,
    },
    PlaybackFinished {
        playback: String,
        ok: bool,
    },
    /// Asterisk refused to play.
    PlaybackRefused {
        playback: String,
        why: String,
    },
    /// Somebody asks for the end of the call: a client of the API by this name, where he has one.
    Hangup {
        by: EndedBy,
        reason: Reason,
        client: Option<String>,
    },
    /// It may not be dialed any more. Where it was dialed already, that changes nothing.
    Forbidden(Reason),
    /// Asterisk takes calls again, after it refused them all.
    TakenAgain,
    /// What happens in Asterisk is not told for certain at present: what is not seen proves nothing.
    Deaf,
    /// Whether Asterisk tells all that it was asked to tell; where it could not be asked, it is not known that it does.
    HearingTested {
        whole: bool,
    },
    /// The hang-up could not be given to Asterisk, or the question about the channels could not.
    RequestFailed {
        what: Asked,
        why: String,
    },
    /// Asterisk's answer to a question about this call's channels.
    Found(Found),
    Timer(Timer),
}
