//! The commands, and their exact texts. One can only be made of typed values, so whatever a client sends reaches
//! neither the console nor a shell as anything but a number, a mode or a name.

use std::fmt;

use super::{ChannelName, Context, Device, Exten};
use crate::{ChanSpy, Driver};

/// What can be asked or ordered. The text for the console is its `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Call the extension's phone, and when it is picked up, the number. Asterisk answers at once, before
    /// anything rings; it gives the phone 30 seconds.
    Dial {
        /// Whose phone rings first.
        extension: Exten,
        /// Who is called then.
        number: Exten,
        /// The dialplan's context that knows both.
        context: Context,
    },
    /// Call the listener's phone, and when it is picked up, let it hear the target's calls, one after the other,
    /// until it hangs up.
    ///
    /// ChanSpy takes every channel whose name begins with the text that it is given, for as long as it runs: with
    /// `SIP/150` it goes on to the next call of 1500 when that of 150 is over (measured on Asterisk 22.10.1). So
    /// it is given `SIP/150-`, with which the names of 150's channels begin and no other's.
    Spy {
        /// Whose phone rings, to listen.
        listener: Exten,
        /// Whose calls are heard.
        target: Device,
        /// Who hears the listener.
        mode: ChanSpy,
        /// The dialplan's context that knows the listener.
        context: Context,
    },
    /// All channels.
    Channels,
    /// One channel with its linkedid and bridge.
    Channel(ChannelName),
    /// Ask for the end of a channel.
    Hangup(ChannelName),
    /// The endpoints of a driver.
    Endpoints(Driver),
    /// Which Asterisk it is.
    Version,
    /// Seconds since the start, which tells a restarted Asterisk from one that goes on.
    Uptime,
}

impl Command {
    /// Its name for errors, which go to logs: without numbers, and without channels, which are named after them.
    pub fn told(&self) -> String {
        match self {
            Command::Dial { extension, context, .. } => {
                format!("channel originate LOCAL/{extension}@{context} application Dial")
            }
            Command::Channel(_) => "core show channel".to_owned(),
            Command::Hangup(_) => "channel request hangup".to_owned(),
            Command::Spy { .. }
            | Command::Channels
            | Command::Endpoints(_)
            | Command::Version
            | Command::Uptime => self.to_string(),
        }
    }

    /// Whether it can do something, so that it must not be repeated when its answer was lost.
    pub fn acts(&self) -> bool {
        matches!(self, Command::Dial { .. } | Command::Spy { .. } | Command::Hangup(_))
    }

    /// What to give to a remote shell: `asterisk -rx "core show version"`. Between these quotes a shell reads
    /// four characters as more than themselves (`"`, `\`, `$` and the backtick), and no command has one.
    pub fn shell(&self) -> String {
        format!("asterisk -rx \"{self}\"")
    }
}

/// The text, as a person would type it at the console.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Dial { extension, number, context } => write!(
                f,
                "channel originate LOCAL/{extension}@{context} application Dial LOCAL/{number}@{context}"
            ),
            Command::Spy { listener, target, mode, context } => write!(
                f,
                "channel originate LOCAL/{listener}@{context} application ChanSpy {target}-,{}",
                mode.options()
            ),
            Command::Channels => f.write_str("core show channels concise"),
            Command::Channel(name) => write!(f, "core show channel {name}"),
            Command::Hangup(name) => write!(f, "channel request hangup {name}"),
            Command::Endpoints(Driver::ChanSip) => f.write_str("sip show peers"),
            Command::Endpoints(Driver::Pjsip) => f.write_str("pjsip show endpoints"),
            Command::Version => f.write_str("core show version"),
            Command::Uptime => f.write_str("core show uptime seconds"),
        }
    }
}
