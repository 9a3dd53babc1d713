//! Asterisk's command line: typed commands, and what its answers say. It travels over the console's own socket
//! (`asterisk.ctl`), over whatever stream leads to it, or as an `asterisk -rx` that somebody else runs, or a shell that stays (`shell`).
//!
//! It owns the texts in both directions. It must not know how a host is reached, what a call means, or time:
//! the caller bounds every wait.
//!
//! What is seen here are channels and nothing else: who rings, who is up, who hears whom. Why a leg ended is not
//! to be learned from the command line. A console can be made to show Asterisk's verbose messages, which do name
//! busy phones, but such a console also fills every log file of that host that takes verbose messages, whatever
//! level the file was set to (measured on 16.28 and 22.10.1), and its messages are dropped without a trace when
//! it reads slowly. So none is made.
//!
//! ```no_run
//! use asterisk::console::{Channels, Command, Console, ordered};
//! use std::time::Duration;
//! use tokio::{net::UnixStream, time::timeout};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! const PATIENCE: Duration = Duration::from_secs(5);
//! let stream = UnixStream::connect("/var/run/asterisk/asterisk.ctl").await?;
//! let mut console = timeout(PATIENCE, Console::connect(stream)).await??;
//! println!("Asterisk {}", console.greeting().version);
//!
//! let dial = Command::Dial { extension: "150".parse()?, number: "200".parse()?, context: "internal".parse()? };
//! // A look, an originate and a look, with nothing between them.
//! let commands = [Command::Channels, dial, Command::Channels];
//! let answers = timeout(PATIENCE, console.run_all(&commands)).await??;
//! let [before, ordered_answer, after] = answers.as_slice() else { unreachable!("an answer a command") };
//! ordered(&commands[1], ordered_answer)?;
//! let (before, after) = (Channels::parse(before)?, Channels::parse(after)?);
//! for channel in after.originated(&before, "150", "internal") {
//!     println!("{} has linkedid {}", channel.name, channel.unique_id.as_str());
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod batch;
mod channels;
mod command;
mod details;
mod error;
mod family;
mod names;
mod noise;
mod shell;
mod wire;

#[cfg(test)]
mod tests;

pub use answer::{HangupAnswer, endpoints, hangup_answer, of_exec, ordered, uptime, version};
pub use batch::Batch;
pub use channels::{Channel, ChannelState, Channels, UniqueId};
pub use command::Command;
pub use details::ChannelDetails;
pub use error::ConsoleError;
pub use family::{Family, Look};
pub use names::{BadName, ChannelName, Context, Device, Exten, LocalHalf};
pub use noise::{noise_of, plain, without};
pub use shell::{Shell, ShellStart};
use wire::LONGEST_ANSWER;
pub use wire::{Console, Greeting};
