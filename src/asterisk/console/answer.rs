//! What the short answers say. The texts are those of Asterisk 16.28 and 22.10.1, which agree.

use std::time::Duration;

use super::{Command, ConsoleError};

/// An originate was taken: its answer is empty. That is all it says. A context that does not exist, an extension
/// without a phone, an application that is not loaded: each is answered so too (measured), and ends the call a
/// moment later.
pub fn ordered(command: &Command, answer: &str) -> Result<(), ConsoleError> {
    match answer.trim().is_empty() {
        true => Ok(()),
        false => Err(ConsoleError::refused(&command.told(), answer)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangupAnswer {
    /// It was asked to end. Its end is seen when it is gone from the channels.
    Requested,
    /// There is no such channel, or no longer.
    NoSuchChannel,
}

pub fn hangup_answer(command: &Command, answer: &str) -> Result<HangupAnswer, ConsoleError> {
    match answer.trim() {
        text if text.starts_with("Requested Hangup on channel") => Ok(HangupAnswer::Requested),
        text if text.ends_with("is not a known channel") => Ok(HangupAnswer::NoSuchChannel),
        text => Err(ConsoleError::refused(&command.told(), text)),
    }
}

/// `22.10.1+dfsg+~cs6.17.60671434-1`: as the package calls itself.
pub fn version(answer: &str) -> Result<String, ConsoleError> {
    let word = answer.trim().strip_prefix("Asterisk ").and_then(|rest| rest.split_whitespace().next());
    word.map(str::to_owned).ok_or_else(|| ConsoleError::refused(&Command::Version.told(), answer))
}

/// Since the start of that Asterisk.
pub fn uptime(answer: &str) -> Result<Duration, ConsoleError> {
    let line = answer.lines().find_map(|line| line.strip_prefix("System uptime: "));
    let seconds = line.and_then(|line| line.trim().parse().ok());
    let refused = || ConsoleError::refused(&Command::Uptime.told(), answer);
    seconds.map(Duration::from_secs).ok_or_else(refused)
}

/// The exit statuses of a command that a shell could not run, and that of an `asterisk -rx` that reached no Asterisk.
pub(super) const NOT_RUN: [u32; 3] = [1, 126, 127];

/// The answer of an `asterisk -rx` that was run elsewhere, from what its process left. `status` is its exit
/// status, `None` when a signal ended it.
///
/// Measured: 0 whenever the command reached Asterisk, whatever it answered; 1 where no Asterisk runs; killed by
/// SIGPIPE (141 where a shell stands between) before anything was asked when all 128 consoles are taken.
pub fn of_exec(
    command: &Command,
    status: Option<u32>,
    signal: Option<&str>,
    stdout: &[u8],
    stderr: &[u8],
) -> Result<String, ConsoleError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let what = command.told();
    match (status, signal) {
        (Some(0), _) => Ok(text(stdout)),
        (Some(141), _) | (None, Some("PIPE")) => Err(ConsoleError::Full),
        // 137, say, of one that was killed after Asterisk had heard it.
        (Some(status), _) if command.acts() && !NOT_RUN.contains(&status) => {
            Err(lost(what, format!("`asterisk -rx` ended with status {status}"), true))
        }
        (Some(_), _) => {
            // A missing configuration is told before the reason.
            let (out, err) = (text(stdout), text(stderr));
            let said = err.lines().chain(out.lines()).find(|line| line.contains("Unable to connect"));
            let said = said.unwrap_or(if err.trim().is_empty() { &out } else { &err });
            Err(ConsoleError::refused(&what, said))
        }
        (None, signal) => {
            let signal =
                signal.map_or_else(|| "an end without a status".to_owned(), |name| format!("signal {name}"));
            let why = format!("`asterisk -rx` was ended by {signal}");
            Err(lost(what, why, command.acts()))
        }
    }
}

pub(super) fn lost(what: String, why: String, acts: bool) -> ConsoleError {
    match acts {
        true => ConsoleError::Uncertain { what, why },
        false => ConsoleError::NoEffect { what, why },
    }
}
