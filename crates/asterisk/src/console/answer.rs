//! What the short answers say. The texts are those of Asterisk 16.28 and 22.10.1, which agree.

use std::time::Duration;

use super::{Command, ConsoleError, noise::plain};
use crate::Driver;

/// An originate was taken: its answer is empty. That is all it says. A context that does not exist, an extension
/// without a phone, an application that is not loaded: each is answered so too (measured), and ends the call a
/// moment later.
///
/// # Errors
/// Refused when the answer is one of Asterisk's refusals. Anything else that is said is uncertain: it may be another's
/// word, and the call be ringing.
pub fn ordered(command: &Command, answer: &str) -> Result<(), ConsoleError> {
    match answer.lines().any(|line| !is_noise(line)) {
        false => Ok(()),
        true => Err(unclear(command, answer)),
    }
}

/// Lines that are not the answer: blank ones, log lines that `asterisk -rx` prints for itself (a host with only `lo`),
/// and what shells and perl say of a locale that the host lacks.
pub(super) fn is_noise(line: &str) -> bool {
    let line = line.trim();
    let is_log = ["WARNING[", "NOTICE[", "ERROR[", "VERBOSE[", "DEBUG["]
        .iter()
        .any(|level| line.find(level).is_some_and(|at| at == 0 || (line.starts_with('[') && at < 40)));
    line.is_empty()
        || is_log
        || line.contains("No ethernet interface found for seeding global EID")
        || line.contains("setlocale: ")
        || line.contains(": no version information available (required by ")
        || BEGINNINGS.iter().any(|known| line.starts_with(known))
}

/// What the client, the loader and sshd's shell say for themselves.
const BEGINNINGS: [&str; 7] = [
    "perl: warning:",
    "ERROR: ld.so: ",
    "Unable to access the running directory",
    "Unable to create socket file directory",
    "Cannot open maximum file descriptor",
    "Unable to open specified master config file",
    "Could not chdir to home directory ",
];

/// What Asterisk says when it does not carry a command out.
fn is_refusal(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("No such command")
        || line.starts_with("Unable to connect to remote asterisk")
        || line.to_ascii_lowercase().starts_with("usage: ")
        // The usage of `channel originate`.
        || line.starts_with("There are two ways to use this command")
        || line.contains("don't have permissions")
        || line.contains("cannot be run during shutdown")
}

/// An answer that is not the one we know. Only Asterisk's own refusals are refusals.
pub(super) fn unclear(command: &Command, answer: &str) -> ConsoleError {
    if let Some(line) = answer.lines().find(|line| is_refusal(line)) {
        return ConsoleError::refused(&command.told(), line);
    }
    let line = answer.lines().map(str::trim).find(|line| !is_noise(line)).unwrap_or_default();
    let shown: String = line.chars().take(120).collect();
    lost(command.told(), format!("its answer is not understood: `{}`", shown.escape_debug()), command.acts())
}

/// What `channel request hangup` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangupAnswer {
    /// It was asked to end. Its end is seen when it is gone from the channels.
    Requested,
    /// There is no such channel, or no longer.
    NoSuchChannel,
}

/// The answer to a [`Command::Hangup`].
///
/// # Errors
/// [`ConsoleError::Refused`] when it is one of Asterisk's refusals, else [`ConsoleError::Uncertain`].
pub fn hangup_answer(command: &Command, answer: &str) -> Result<HangupAnswer, ConsoleError> {
    let says = |is_it: fn(&str) -> bool| answer.lines().map(str::trim).any(is_it);
    if says(|line| line.starts_with("Requested Hangup on channel")) {
        Ok(HangupAnswer::Requested)
    } else if says(|line| line.ends_with("is not a known channel")) {
        Ok(HangupAnswer::NoSuchChannel)
    } else {
        Err(unclear(command, answer))
    }
}

/// `22.10.1+dfsg+~cs6.17.60671434-1`: as the package calls itself.
///
/// The answer to [`Command::Version`].
///
/// # Errors
/// It names no version.
pub fn version(answer: &str) -> Result<String, ConsoleError> {
    let rest = answer.lines().find_map(|line| line.trim().strip_prefix("Asterisk "));
    let word = rest.and_then(|rest| rest.split_whitespace().next());
    word.map(str::to_owned).ok_or_else(|| unclear(&Command::Version, answer))
}

/// The names of a driver's endpoints; `None` where Asterisk has no such driver.
///
/// From the answer to [`Command::Endpoints`]. `Some` of an empty list: the driver is there and has none.
///
/// # Errors
/// The answer is cut off, or one of Asterisk's refusals.
pub fn endpoints(driver: Driver, answer: &str) -> Result<Option<Vec<String>>, ConsoleError> {
    if answer.lines().any(|line| line.trim_start().starts_with("No such command")) {
        return Ok(None);
    }
    // `150/150` is a name with a user or a number.
    let name = |row: &str| row.split_whitespace().next()?.split('/').next().map(str::to_owned);
    let lines = || answer.lines().map(str::trim);
    let (is_whole, names) = match driver {
        // Whoever is there is between the head and the sum.
        Driver::ChanSip => (
            lines().any(|line| line.contains(" sip peers [")),
            lines()
                .skip_while(|line| !line.starts_with("Name/username"))
                .skip(1)
                .take_while(|line| !line.contains(" sip peers ["))
                .filter_map(name)
                .collect(),
        ),
        Driver::Pjsip => (
            lines().any(|line| line.starts_with("Objects found:") || line.starts_with("No objects found")),
            lines()
                .filter_map(|line| line.strip_prefix("Endpoint:"))
                // The head: <Endpoint/CID...>
                .filter(|row| !row.trim_start().starts_with('<'))
                .filter_map(name)
                .collect(),
        ),
    };
    match is_whole {
        true => Ok(Some(names)),
        false => Err(unclear(&Command::Endpoints(driver), answer)),
    }
}

/// Since the start of that Asterisk.
///
/// From the answer to [`Command::Uptime`], in whole seconds.
///
/// # Errors
/// It has no such line.
pub fn uptime(answer: &str) -> Result<Duration, ConsoleError> {
    let line = answer.lines().find_map(|line| line.trim().strip_prefix("System uptime: "));
    let seconds = line.and_then(|line| line.trim().parse().ok());
    seconds.map(Duration::from_secs).ok_or_else(|| unclear(&Command::Uptime, answer))
}

/// The exit statuses of a command that a shell could not run, and that of an `asterisk -rx` that reached no Asterisk.
pub(super) const NOT_RUN: [u32; 3] = [1, 126, 127];

/// The answer of an `asterisk -rx` that was run elsewhere, from what its process left. `status` is its exit
/// status, `None` when a signal ended it.
///
/// Measured: 0 whenever the command reached Asterisk, whatever it answered; 1 where no Asterisk runs; killed by
/// SIGPIPE (141 where a shell stands between) before anything was asked when all 128 consoles are taken.
///
/// # Errors
/// [`ConsoleError::Full`] where the process had no console; [`ConsoleError::Refused`] where it was not run or
/// reached no Asterisk, with what it said; [`ConsoleError::Uncertain`] where it was killed, or failed in another
/// way, and the command acts.
pub fn of_exec(
    command: &Command,
    status: Option<u32>,
    signal: Option<&str>,
    stdout: &[u8],
    stderr: &[u8],
) -> Result<String, ConsoleError> {
    let text = |bytes: &[u8]| plain(&String::from_utf8_lossy(bytes));
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
            let said = said.or_else(|| err.lines().chain(out.lines()).find(|line| !is_noise(line)));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As 16.28 and 22.10.1 print them.
    #[test]
    fn the_endpoints_of_each_driver() {
        let found = |driver, answer: &str| endpoints(driver, answer).expect("an answer");
        let (sip, pjsip) = (Driver::ChanSip, Driver::Pjsip);
        let peers = "Name/username             Host              Dyn Forcerport Comedia    ACL Port     Status      Description\n\
            150/june-150              127.0.3.154        D  Auto (No)  No             5060     Unmonitored              \n\
            1500                      (Unspecified)      D  Auto (No)  No             0        UNKNOWN                  \n\
            2 sip peers [Monitored: 0 online, 1 offline Unmonitored: 1 online, 0 offline]\n";
        assert_eq!(found(sip, peers), Some(vec!["150".to_owned(), "1500".to_owned()]));
        let head =
            "\n Endpoint:  <Endpoint/CID.....................................>  <State.....>  <Channels.>\n";
        let rows = " Endpoint:  150/150                                              Not in use    0 of inf\n\n \
            Endpoint:  trunk                                                Not in use    0 of inf\n   \
            Identify:  trunk/trunk\n\n\nObjects found: 2\n\n";
        assert_eq!(found(pjsip, &format!("{head}{rows}")), Some(vec!["150".to_owned(), "trunk".to_owned()]));
        assert_eq!(found(pjsip, "No objects found.\n\n"), Some(vec![]));
        let none =
            "No such command 'sip show peers' (type 'core show help sip show' for other possible commands)\n";
        assert_eq!(found(sip, none), None);
        // What is cut off, or denied to this user, is no list.
        for answer in ["", head, "You don't have permissions to run 'pjsip show endpoints' command\n"] {
            assert!(endpoints(pjsip, answer).is_err(), "{answer}");
        }
        assert!(endpoints(sip, &peers[..300]).is_err());
    }
}
