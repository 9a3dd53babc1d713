//! A few commands as one line for a remote shell, so that a look, an originate and a look cost one round trip and
//! one process of the shell. Each is the `asterisk -rx` of [`Command::shell`], with a line after it that tells its
//! status.

use std::fmt::Write;

use rand::Rng;

use super::{Command, ConsoleError, answer::lost, of_exec};

/// What to run, and how to read what comes back.
#[derive(Debug, Clone)]
pub struct Batch {
    commands: Vec<Command>,
    /// Begins the line after each answer; nothing of Asterisk's contains it by chance.
    mark: String,
}

impl Batch {
    /// The commands, in the order in which they shall be run.
    pub fn new(commands: Vec<Command>) -> Self {
        Batch { commands, mark: format!("end-of-answer-{:016x}", rand::rng().random::<u64>()) }
    }

    /// The line for a POSIX shell.
    pub fn shell(&self) -> String {
        let mut line = String::new();
        for command in &self.commands {
            let end = if line.is_empty() { "" } else { "; " };
            let _ = write!(line, "{end}{}; echo \"{} $?\"", command.shell(), self.mark);
        }
        line
    }

    /// The answers, each as [`of_exec`] reads it, from what the shell left.
    ///
    /// # Errors
    /// The first failure; [`ConsoleError::Uncertain`] when the output ends early and the command whose answer is
    /// missing acts, or a later one.
    pub fn answers(&self, stdout: &[u8], stderr: &[u8]) -> Result<Vec<String>, ConsoleError> {
        let text = String::from_utf8_lossy(stdout);
        let mut rest = text.as_ref();
        let mut answers = Vec::with_capacity(self.commands.len());
        for (at, command) in self.commands.iter().enumerate() {
            let marked = rest.split_once(self.mark.as_str()).and_then(|(answer, after)| {
                let (status, after) = after.split_once('\n')?;
                Some((answer, status.trim().parse().ok()?, after))
            });
            let Some((answer, status, after)) = marked else {
                let acting = self.commands[at..].iter().find(|command| command.acts());
                let said = String::from_utf8_lossy(stderr);
                let why = match said.lines().next() {
                    Some(line) => format!("the output ended early, with `{}`", line.escape_debug()),
                    None => "the output ended early".to_owned(),
                };
                return Err(lost(acting.unwrap_or(command).told(), why, acting.is_some()));
            };
            answers.push(of_exec(command, Some(status), None, answer.as_bytes(), stderr)?);
            rest = after;
        }
        Ok(answers)
    }
}
