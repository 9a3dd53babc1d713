//! A shell at the host that stays and runs `asterisk -rx` for each line that it is given, over any stream to its input
//! and output. It saves the session, the shell and the round trip that each command has otherwise; the process of
//! `asterisk -rx` remains.
//!
//! A line is one argument for `asterisk -rx` and never read by a shell. What the process writes to its stderr is
//! dropped: whoever wants to know why a command failed runs it by itself.

use rand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    Command, ConsoleError, LONGEST_ANSWER,
    answer::{NOT_RUN, lost},
    noise::plain,
};

/// What begins such a shell, and how its stream is to be read.
#[derive(Debug, Clone)]
pub struct ShellStart {
    mark: String,
}

impl ShellStart {
    /// One start, for one shell: it chooses the mark that ends each answer.
    #[allow(clippy::new_without_default, reason = "no two are the same")]
    pub fn new() -> Self {
        ShellStart { mark: format!("end-of-answer-{:016x}", rand::rng().random::<u64>()) }
    }

    /// The command for the user's login shell at the host, whatever shell that is.
    pub fn command(&self) -> String {
        let mark = &self.mark;
        format!(
            "exec sh -c 'echo {mark} 0; while IFS= read -r line; do \
             [ -z \"$line\" ] || asterisk -rx \"$line\" 2>/dev/null </dev/null; echo \"{mark} $?\"; done'"
        )
    }
}

/// One that runs. As with a [`Console`](super::Console): one command at a time, and of no use any more after an error
/// or a future that was dropped.
#[derive(Debug)]
pub struct Shell<S> {
    stream: S,
    mark: String,
    /// What was read and not yet used.
    rest: Vec<u8>,
    broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shell<S> {
    /// Waits for its first word. A host that runs something else in place of the command never says it, so bound the
    /// wait.
    ///
    /// # Errors
    /// [`ConsoleError::Connect`] when the stream ends before it, or says more than 4 MiB.
    pub async fn connect(stream: S, start: ShellStart) -> Result<Self, ConsoleError> {
        let mut shell = Shell { stream, mark: start.mark, rest: Vec::new(), broken: true };
        // What the user's login shell said before, a greeting of `.bashrc`, is nothing to us.
        shell.answer().await.map_err(|why| ConsoleError::Connect { why })?;
        shell.broken = false;
        Ok(shell)
    }

    /// False after an error or a future that was dropped: another shell is needed.
    pub fn is_usable(&self) -> bool {
        !self.broken
    }

    /// Whether it is still there, at the cost of a round trip. Nothing is run.
    ///
    /// # Errors
    /// Always [`ConsoleError::NoEffect`]; the shell is of no use after it.
    pub async fn probe(&mut self) -> Result<(), ConsoleError> {
        let no_effect = |why| ConsoleError::NoEffect { what: "an empty line".to_owned(), why };
        if self.broken {
            return Err(no_effect("an earlier command was given up".to_owned()));
        }
        self.broken = true;
        self.send(b"\n").await.map_err(|error| no_effect(error.to_string()))?;
        self.answer().await.map_err(no_effect)?;
        self.broken = false;
        Ok(())
    }

    /// Runs the commands one after the other.
    ///
    /// # Errors
    /// [`ConsoleError::NoEffect`] when none of them had an effect; to run them in another way tells why. Else
    /// [`ConsoleError::Uncertain`].
    pub async fn run_all(&mut self, commands: &[Command]) -> Result<Vec<String>, ConsoleError> {
        let acting = commands.iter().position(Command::acts);
        let acts = acting.is_some();
        let what = || commands.get(acting.unwrap_or(0)).map(Command::told).unwrap_or_default();
        if self.broken {
            return Err(lost(what(), "an earlier command was given up".to_owned(), false));
        }
        self.broken = true;
        let mut message = String::new();
        for command in commands {
            message.push_str(&format!("{command}\n"));
        }
        // The stream takes so little as a whole or not at all.
        self.send(message.as_bytes()).await.map_err(|error| lost(what(), error.to_string(), false))?;
        let mut answers = Vec::with_capacity(commands.len());
        for at in 0..commands.len() {
            let (said, status) = self.answer().await.map_err(|why| lost(what(), why, acts))?;
            if status != 0 {
                let why = format!("`asterisk -rx` ended with status {status}");
                // Those after it are run as well.
                let may_act = commands[at + 1..].iter().any(Command::acts)
                    || acting.is_some_and(|acting| acting < at || !NOT_RUN.contains(&status));
                return Err(lost(what(), why, may_act));
            }
            answers.push(said);
        }
        self.broken = false;
        Ok(answers)
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// What was said up to the next mark, and the status after it.
    async fn answer(&mut self) -> Result<(String, u32), String> {
        let mut searched: usize = 0;
        loop {
            let from = searched.saturating_sub(self.mark.len());
            let found =
                self.rest[from..].windows(self.mark.len()).position(|window| window == self.mark.as_bytes());
            if let Some(at) = found.map(|at| from + at)
                && let Some(end) = self.rest[at..].iter().position(|byte| *byte == b'\n').map(|end| at + end)
            {
                let status = String::from_utf8_lossy(&self.rest[at + self.mark.len()..end]).trim().parse();
                let said = plain(&String::from_utf8_lossy(&self.rest[..at]));
                self.rest.drain(..=end);
                return status.map(|status| (said, status)).map_err(|_| "a status that is none".to_owned());
            }
            searched = found.map_or(self.rest.len(), |at| from + at);
            if self.rest.len() > LONGEST_ANSWER {
                return Err(format!("the answer is longer than {} MiB", LONGEST_ANSWER >> 20));
            }
            match self.stream.read_buf(&mut self.rest).await {
                Ok(0) => return Err("the shell at the host ended".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
