//! What can go wrong at the command line, without words: those are in [`super::text`].

use std::{error::Error, io, path::PathBuf, process::ExitCode};

use uuid::Uuid;

use super::{
    text::Text,
    wire::{self, Problem},
};

/// Refused, unreachable, or asked for wrongly.
pub const TROUBLE: u8 = 2;

#[derive(Debug)]
pub enum Failure {
    /// An address that is none, and what is wrong with it.
    Address {
        url: String,
        why: AddressFault,
    },
    /// The configuration that was named can't be read.
    Config(String),
    KeyFile {
        path: PathBuf,
        why: String,
    },
    /// A key that no header can carry.
    Key,
    Time {
        option: &'static str,
        value: String,
    },
    /// Nothing was sent. `note` tells why this address was taken.
    Unreachable {
        url: String,
        why: String,
        note: Option<String>,
        /// The token file of a bot that was killed.
        left_behind: Option<PathBuf>,
    },
    /// The daemon wants a key; none was given, and in these files no token for it can be read.
    NoKey {
        files: Vec<PathBuf>,
    },
    /// The daemon does not know the token that lies here.
    StaleToken {
        path: PathBuf,
        process: u32,
    },
    /// Something may have been sent, and no answer came.
    Broken {
        url: String,
        why: String,
    },
    /// The daemon refused.
    Refused(Box<Problem>),
    /// An answer that this daemon does not give.
    Strange {
        url: String,
        why: String,
    },
    /// Whether the call was placed is not known.
    Uncertain {
        why: String,
    },
    /// The daemon stayed away while a call was followed.
    GaveUp {
        id: Uuid,
        why: String,
    },
    /// Our own output can't be written.
    Output(io::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFault {
    NoUrl,
    Credentials,
}

impl Failure {
    /// Says it on stderr; the reader of stdout having gone away is nothing to say.
    pub fn report(&self, text: Text) -> ExitCode {
        if let Failure::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            // What a shell shows for a program that SIGPIPE ended.
            return ExitCode::from(141);
        }
        super::output::note(&format!("novofon-bot: {}", text.failure(self)));
        ExitCode::from(TROUBLE)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// The deepest cause of an error of the HTTP client: the upper ones only say that a request failed.
pub fn cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    wire::clean(&error.to_string())
}
