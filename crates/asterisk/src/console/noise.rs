//! What comes with every answer of a host's `asterisk -rx` and is none of it: the greeting of a wrapper or of `.bashrc`,
//! say. It is learned from a command whose answer is known. And what a terminal would do with an answer.

use super::{Command, answer::is_noise};

/// No host's greeting is longer.
const LEARNED: usize = 64;

/// What an answer to `core show version` holds besides the version.
pub fn noise_of(version: &str) -> Vec<String> {
    let is_version = |line: &str| line.starts_with("Asterisk ") && line.contains(" built by ");
    let lines = version.lines().map(str::trim);
    lines.filter(|line| !is_noise(line) && !is_version(line)).take(LEARNED).map(str::to_owned).collect()
}

/// An answer without these lines.
pub fn without(answer: &str, noise: &[String]) -> String {
    let is_other = |line: &&str| !noise.iter().any(|known| known == line.trim());
    answer.split_inclusive('\n').filter(is_other).collect()
}

/// Without colours and carriage returns.
pub fn plain(answer: &str) -> String {
    let mut plain = String::with_capacity(answer.len());
    let mut chars = answer.chars();
    while let Some(c) = chars.next() {
        match c {
            // `ESC [ 1;32m`: up to the letter. `ESC c` and the like are two characters.
            '\u{1b}' if chars.next() == Some('[') => {
                // Its end is the last that is taken.
                let _ = chars.by_ref().find(|c| ('@'..='~').contains(c));
            }
            '\u{1b}' | '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}

impl Command {
    /// Whether an answer has what is neither this command's nor known to be noise: worth learning what that host says to
    /// every command.
    pub fn is_odd(&self, answer: &str) -> bool {
        let mut others = answer.lines().filter(|line| !is_noise(line));
        match self {
            Command::Dial { .. } | Command::Spy { .. } => others.next().is_some(),
            Command::Channels => others.any(|line| line.matches('!').count() < 13),
            Command::Channel(_) => others
                .next()
                .is_some_and(|line| !line.contains("-- General --") && !line.contains("is not a known")),
            // Their answers are found among other lines.
            Command::Hangup(_) | Command::Version | Command::Uptime | Command::Endpoints(_) => false,
        }
    }
}
