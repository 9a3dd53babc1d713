//! What a command that brought no answer means. As with every order to Asterisk, "it had no effect" and "nobody
//! knows" are told apart; when in doubt it is [`ConsoleError::Uncertain`].

/// A command brought no answer, or not the one that it should. Its text says which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// There is no console at the other end of the stream, or it did not greet. Nothing was sent.
    #[error("could not open Asterisk's console: {why}; is it the socket asterisk.ctl of a running Asterisk?")]
    Connect {
        /// The cause, for people.
        why: String,
    },

    /// All 128 consoles of that Asterisk are taken. Nothing was sent.
    #[error(
        "Asterisk's console takes no more connections (128 at most); nothing was sent. See who keeps so many \
         open: `asterisk -r` and `asterisk -rx` on that host"
    )]
    Full,

    /// It was not sent, or it was one that changes nothing.
    #[error(
        "no answer to `{what}` at Asterisk's console: {why}; it had no effect, connect again and repeat it"
    )]
    NoEffect {
        /// The command; over a shell or a batch as [`Command::told`](super::Command::told) has it.
        what: String,
        /// The cause, for people.
        why: String,
    },

    /// It was sent, or may have been, and it acts.
    #[error(
        "it is unknown whether Asterisk's console carried out `{what}`: {why}; look at the channels before \
         repeating it"
    )]
    Uncertain {
        /// As in [`ConsoleError::NoEffect`].
        what: String,
        /// The cause, for people.
        why: String,
    },

    /// `said` is Asterisk's own text, or the remote shell's.
    #[error("Asterisk's console did not carry out `{what}`: {said}; {}", hint(said))]
    Refused {
        /// As in [`ConsoleError::NoEffect`].
        what: String,
        /// Its first line that says something, at most 200 characters.
        said: String,
    },
}

/// What `asterisk -rx` says where no Asterisk runs (16.28 and 22.10.1).
const AWAY: &str = "Unable to connect to remote asterisk";

impl ConsoleError {
    pub(super) fn refused(what: &str, said: &str) -> Self {
        ConsoleError::Refused { what: what.to_owned(), said: shortened(said) }
    }

    /// Whether the command may have been carried out.
    pub fn may_have_acted(&self) -> bool {
        matches!(self, ConsoleError::Uncertain { .. })
    }

    /// The host has no running Asterisk, or not for this user: nobody refused anything.
    pub fn is_asterisk_away(&self) -> bool {
        match self {
            ConsoleError::Connect { .. } => true,
            ConsoleError::Refused { said, .. } => said.contains(AWAY),
            _ => false,
        }
    }
}

/// The first line that says something, bounded, in one line.
fn shortened(said: &str) -> String {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    line.chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect()
}

fn hint(said: &str) -> &'static str {
    let says = |text: &str| said.contains(text);
    if says("No such command 'channel originate") {
        "this Asterisk has not loaded res_clioriginate.so"
    } else if says("No such command") {
        "this Asterisk does not know the command"
    } else if says("don't have permissions") {
        "cli_permissions.conf on that host forbids it to this user"
    } else if says("cannot be run during shutdown") {
        "that Asterisk is stopping (`core abort shutdown` takes it back)"
    } else if says(AWAY) {
        "start Asterisk on that host, and see whether this user may use asterisk.ctl"
    } else if says("not found") || says("No such file") {
        "is Asterisk installed on that host, and `asterisk` in the PATH of this user's commands?"
    } else {
        "see what that host's Asterisk says to the same command by hand"
    }
}
