//! `core show channels concise`: one line a channel, with 14 fields between `!`. The command was called deprecated
//! up to 18, and is there, unchanged, in 22.
//!
//! A caller's number or name may hold anything, line breaks too (seen on 16.28 and 22.10.1): then his channel's line is
//! several, and one of them may look like a channel's. What can be put together again is; a list in which two lines are
//! of one channel is not believed at all.

use std::{collections::HashSet, str::FromStr, time::Duration};

use super::{
    ChannelName, Command, ConsoleError,
    answer::{is_noise, lost, unclear},
};
use crate::talk::{Seat, heard_by};

/// One channel, as it was at the moment of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// What other commands name it by.
    pub name: ChannelName,
    /// Where in the dialplan it is; empty where it is in none.
    pub context: String,
    /// What it runs, or was dialed as.
    pub extension: String,
    /// Within the extension, from 1.
    pub priority: i32,
    /// At the moment of the answer.
    pub state: ChannelState,
    /// `Dial` and `ChanSpy` where one runs; `AppDial` of a channel that a Dial made, `AppDial2` of one that an
    /// originate made, until its application starts.
    pub application: Option<String>,
    /// What the application was given: `LOCAL/+375296254070@inoffice`. A `!` in it is no matter; a `!` in the
    /// caller's number is taken for a part of it.
    pub data: String,
    /// The number of who is at its end; empty where it isn't known. Whoever calls may have written it.
    pub caller: String,
    /// Since the channel was made, whole seconds.
    pub age: Duration,
    /// It hears and is heard by the others in this bridge.
    pub bridge: Option<String>,
    /// Tells it from one that had the same name before a restart.
    pub unique_id: UniqueId,
}

/// The state of a channel, by Asterisk's words at the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelState {
    /// Neither dialed nor answered.
    Down,
    /// It dials us: of a channel that runs the dialplan, not yet answered.
    Ring,
    /// The other side says that its phone rings.
    Ringing,
    /// Answered.
    Up,
    /// The line is busy.
    Busy,
    /// Any other, by Asterisk's word.
    Other(String),
}

impl ChannelState {
    /// By Asterisk's word, which `core show channel` follows with a number: `Up (6)`.
    pub(super) fn of_word(word: &str) -> Self {
        match word.split(" (").next().unwrap_or(word) {
            "Down" => ChannelState::Down,
            "Ring" => ChannelState::Ring,
            "Ringing" => ChannelState::Ringing,
            "Up" => ChannelState::Up,
            "Busy" => ChannelState::Busy,
            other => ChannelState::Other(other.to_owned()),
        }
    }
}

/// Asterisk's id of a channel: `1795672463.55`, with the system's name and `-` before it where one is set. The
/// number after the point grows by one with each channel of the process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId(String);

impl UniqueId {
    /// As Asterisk writes it. Any text is one: it is never sent.
    pub fn new(text: impl Into<String>) -> Self {
        UniqueId(text.into())
    }

    /// As Asterisk writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many channels this Asterisk had made before; `None` for an id that ARI or AMI chose.
    pub fn sequence(&self) -> Option<u64> {
        self.parts().map(|(_, sequence)| sequence)
    }

    /// When the channel was made, seconds since 1970 by the host's clock.
    pub fn time(&self) -> Option<u64> {
        self.parts().map(|(time, _)| time)
    }

    fn parts(&self) -> Option<(u64, u64)> {
        let (time, sequence) = self.0.rsplit_once('.')?;
        Some((time.rsplit('-').next()?.parse().ok()?, sequence.parse().ok()?))
    }
}

/// All channels of a host at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels {
    /// In Asterisk's order, which is none.
    pub list: Vec<Channel>,
    /// Lines that are no channel as we know them, such as a stranger's with a name of odd characters.
    pub unread: usize,
    /// First and last fields of these lines: where one is a name or an id of a channel, that is there.
    broken: HashSet<String>,
}

impl Channels {
    /// From the answer to [`Command::Channels`].
    ///
    /// # Errors
    /// A refusal, or a line that is no channel's and no noise: an empty list would mean that all calls are over.
    pub fn parse(answer: &str) -> Result<Self, ConsoleError> {
        let mut channels = Channels::default();
        let mut fragments: Vec<&str> = Vec::new();
        for line in answer.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(channel) = Channel::parse(line) {
                channels.break_off(&mut fragments);
                channels.list.push(channel);
            } else if !is_noise(line) {
                fragments.push(line);
                if let Some(channel) = Channel::parse(&fragments.join("\n")) {
                    fragments.clear();
                    channels.list.push(channel);
                }
            }
        }
        channels.break_off(&mut fragments);
        // A refusal is one line; no channel's line has so few fields. Read as an empty list, calls would end.
        let is_list = |line: &str| line.matches('!').count() > 5;
        if channels.list.is_empty() && channels.unread > 0 && !answer.lines().any(is_list) {
            return Err(unclear(&Command::Channels, answer));
        }
        let of_one = |field: fn(&Channel) -> &str| {
            let mut met = HashSet::new();
            channels.list.iter().map(field).find(|text| !met.insert(*text))
        };
        let twice =
            of_one(|channel| channel.name.as_str()).or_else(|| of_one(|channel| channel.unique_id.as_str()));
        match twice.map(str::to_owned) {
            Some(twice) => {
                let twice: String = twice.chars().take(80).collect();
                let why = format!(
                    "two lines are of the channel `{}`, as when a caller's number has a line break in it: let the trunk or the \
                     dialplan refuse such numbers",
                    twice.escape_debug()
                );
                Err(lost(Command::Channels.told(), why, false))
            }
            None => Ok(channels),
        }
    }

    /// These lines are no channel's.
    fn break_off(&mut self, fragments: &mut Vec<&str>) {
        self.unread += fragments.len();
        let ends = fragments
            .drain(..)
            .flat_map(|line| line.split('!').next().into_iter().chain(line.rsplit('!').next()));
        self.broken.extend(ends.map(str::to_owned));
    }

    /// Whether a channel is there, though its line need not be whole. `name`: as it was when it was last seen whole.
    pub fn has(&self, unique_id: &UniqueId, name: &str) -> bool {
        self.list.iter().any(|channel| channel.unique_id == *unique_id)
            || self.broken.contains(unique_id.as_str())
            || self.broken.contains(name)
    }

    /// The channel of this name, if there is one.
    pub fn named(&self, name: &ChannelName) -> Option<&Channel> {
        self.list.iter().find(|channel| channel.name == *name)
    }

    /// The near halves of Local channels to this place that were not there `before`: what an originate made
    /// between the two looks. More than one if somebody else dialed the same between them.
    pub fn originated<'a>(&'a self, before: &Channels, extension: &str, context: &str) -> Vec<&'a Channel> {
        let known: HashSet<&ChannelName> = before.list.iter().map(|channel| &channel.name).collect();
        let ours = |channel: &&Channel| {
            !known.contains(&channel.name)
                && channel
                    .name
                    .local()
                    .is_some_and(|half| half.near && half.extension == extension && half.context == context)
        };
        self.list.iter().filter(ours).collect()
    }

    /// The channels that this one talks with.
    pub fn heard_by(&self, name: &ChannelName) -> Vec<&Channel> {
        let seats: Vec<_> = (self.list.iter())
            .map(|channel| Seat { channel: channel.name.as_str(), bridge: channel.bridge.as_deref() })
            .collect();
        let heard = heard_by(name.as_str(), &seats);
        self.list.iter().filter(|channel| heard.contains(&channel.name.as_str())).collect()
    }
}

impl Channel {
    /// It runs an application of the dialplan by itself, and was not dialed, or is no more only that: a channel that a Dial or a
    /// queue made runs `AppDial`, `AppQueue`.
    pub fn runs_by_itself(&self) -> bool {
        self.name.local().is_none() && self.application.as_deref().is_some_and(|it| !it.starts_with("App"))
    }

    fn parse(line: &str) -> Option<Self> {
        // The data may contain the separator, so it is what the fields from both sides leave.
        let mut left = line.splitn(7, '!');
        let mut field = || left.next();
        let (name, context, extension) = (field()?, field()?, field()?);
        let (priority, state, application) = (field()?, field()?, field()?);
        let mut right = field()?.rsplitn(8, '!');
        let mut field = || right.next();
        let (unique_id, bridge, age, _ama_flags) = (field()?, field()?, field()?, field()?);
        let (_peer_account, _account, caller, data) = (field()?, field()?, field()?, field()?);
        Some(Channel {
            name: ChannelName::from_str(name).ok()?,
            context: context.to_owned(),
            extension: extension.to_owned(),
            priority: priority.parse().ok()?,
            state: ChannelState::of_word(state),
            application: (application != "(None)").then(|| application.to_owned()),
            data: data.to_owned(),
            caller: caller.to_owned(),
            // "-" where the time of its making is not known.
            age: Duration::from_secs(age.parse().unwrap_or(0)),
            bridge: (!bridge.is_empty()).then(|| bridge.to_owned()),
            unique_id: UniqueId::new(unique_id),
        })
    }
}
