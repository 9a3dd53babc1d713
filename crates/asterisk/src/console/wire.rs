//! The console's socket. Its peer sends one line when a client connects, then takes commands that end with a NUL,
//! one after the other, and writes their answers with nothing to tell where one ends. Measured on Asterisk 16.28
//! and 22.10.1, and read in `main/asterisk.c` (`netconsole`).
//!
//! So every command is followed by a second one that does not exist and has a name of its own: the refusal names
//! it, and is the end of the answer. Asterisk runs the commands of one connection in their order, and a console
//! that did not ask for log messages (`logger mute`) gets none, so nothing else comes between.

use rand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Command, ConsoleError, answer::lost};

/// Answers of more bytes than this, all of one message together, are not read: 30,000 channels.
pub(super) const LONGEST_ANSWER: usize = 4 << 20;

/// Asterisk reads up to 512 bytes at a time. When one read ends within a command after a whole one, it goes on with
/// what an earlier command left in its buffer, and runs that: pieces of an old `channel originate` (measured).
/// A message below this size is read as a whole if it was written as a whole.
const LONGEST_MESSAGE: usize = 511;

const LONGEST_GREETING: usize = 512;

/// An open console. Not to be shared: one command at a time.
///
/// A command that is given up (the future of [`run`](Self::run) dropped, an error) leaves the connection in the
/// middle of an answer; from then on every command fails with [`ConsoleError::NoEffect`], and another is needed.
/// Whether the one that was given up was carried out is then as unknown as after [`ConsoleError::Uncertain`].
#[derive(Debug)]
pub struct Console<S> {
    stream: S,
    greeting: Greeting,
    /// The beginning of all marks of this connection, which no text of Asterisk contains by chance.
    mark: String,
    marks: u64,
    /// An answer was left half read.
    broken: bool,
}

/// What a console says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The name of Asterisk's machine, as `hostname` says it.
    pub host: String,
    /// The process of Asterisk: another one after a restart.
    pub pid: u32,
    /// As `22.10.1+dfsg+~cs6.17.60671434-1`.
    pub version: String,
}

impl Greeting {
    fn parse(line: &str) -> Result<Self, ConsoleError> {
        if line.starts_with("No more connections allowed") {
            return Err(ConsoleError::Full);
        }
        let mut parts = line.splitn(3, '/');
        let greeting = parts.next().zip(parts.next()).zip(parts.next());
        let greeting = greeting.and_then(|((host, pid), version)| {
            let pid = pid.parse().ok()?;
            Some(Greeting { host: host.to_owned(), pid, version: version.to_owned() })
        });
        greeting.ok_or_else(|| {
            let shown: String = line.chars().take(80).collect();
            ConsoleError::Connect { why: format!("it begins with `{}`", shown.escape_debug()) }
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Console<S> {
    /// Takes a connected stream and reads the greeting. A frozen Asterisk accepts and never greets, so bound
    /// the wait.
    ///
    /// # Errors
    /// [`ConsoleError::Full`] when Asterisk has no console left; [`ConsoleError::Connect`] for anything else that
    /// is no greeting.
    pub async fn connect(mut stream: S) -> Result<Self, ConsoleError> {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let failed = |why: String| ConsoleError::Connect { why };
            if line.len() == LONGEST_GREETING {
                return Err(failed("its first line does not end".to_owned()));
            }
            // Byte by byte: the line is short, and comes once.
            match stream.read_u8().await {
                Ok(byte) => line.push(byte),
                Err(_) if line.is_empty() => return Err(failed("it ended before its first line".to_owned())),
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        let greeting = Greeting::parse(String::from_utf8_lossy(&line).trim_end())?;
        let mark = format!("end-of-answer-{:016x}", rand::rng().random::<u64>());
        Ok(Console { stream, greeting, mark, marks: 0, broken: false })
    }

    /// What it said first.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Whether it can take a command.
    pub fn is_usable(&self) -> bool {
        !self.broken
    }

    /// The answer to one command, empty if it has none.
    ///
    /// # Errors
    /// [`ConsoleError::NoEffect`] when the command was not sent or does not act, else [`ConsoleError::Uncertain`].
    /// A refusal of Asterisk's is an answer here: the functions that read answers tell.
    pub async fn run(&mut self, command: &Command) -> Result<String, ConsoleError> {
        let answers = self.run_all(std::slice::from_ref(command)).await?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// The answers to some commands. A few leave as one message and are run one directly after the other, with
    /// nothing of this connection between them: a look, an originate and a look, in one round trip. Where they are
    /// too many for a message, and none acts, it takes several.
    ///
    /// # Errors
    /// [`ConsoleError::NoEffect`] when nothing was run, or nothing that acts was in it; else
    /// [`ConsoleError::Uncertain`]. They name the first command that acts.
    pub async fn run_all(&mut self, commands: &[Command]) -> Result<Vec<String>, ConsoleError> {
        if commands.iter().any(Command::acts) {
            return self.send(commands).await;
        }
        let mut answers = Vec::with_capacity(commands.len());
        while answers.len() < commands.len() {
            let rest = &commands[answers.len()..];
            answers.extend(self.send(&rest[..self.fitting(rest)]).await?);
        }
        Ok(answers)
    }

    /// How many of these, one at least, are not too many for a message.
    fn fitting(&self, commands: &[Command]) -> usize {
        let mark = self.mark.len() + "-18446744073709551615\0".len();
        let mut length = 0;
        let ends = commands.iter().map(|command| {
            length += command.to_string().len() + 1 + mark;
            length
        });
        ends.take_while(|end| *end <= LONGEST_MESSAGE).count().max(1)
    }

    /// One message and its answers.
    async fn send(&mut self, commands: &[Command]) -> Result<Vec<String>, ConsoleError> {
        let acting = commands.iter().find(|command| command.acts());
        let acts = acting.is_some();
        let what = || acting.or(commands.first()).map(Command::told).unwrap_or_default();
        let no_effect = |why: &str| ConsoleError::NoEffect { what: what(), why: why.to_owned() };
        if self.broken {
            return Err(no_effect("an earlier command was given up before its whole answer was read"));
        }
        let mut message = Vec::new();
        let mut marks = Vec::new();
        let mut first_end = None;
        for command in commands {
            self.marks += 1;
            let mark = format!("{}-{}", self.mark, self.marks);
            message.extend_from_slice(format!("{command}\0").as_bytes());
            first_end.get_or_insert(message.len());
            message.extend_from_slice(format!("{mark}\0").as_bytes());
            marks.push(mark);
        }
        if message.len() > LONGEST_MESSAGE {
            return Err(no_effect("too many commands for one message"));
        }

        self.broken = true;
        match self.stream.write(&message).await {
            Ok(sent) if sent == message.len() => {}
            // A piece without its NUL is thrown away by Asterisk when the connection ends.
            Ok(sent) if first_end.is_none_or(|end| sent < end) => {
                return Err(no_effect("the connection took only a piece of it"));
            }
            Ok(_) => return Err(lost(what(), "the connection took only a piece of it".to_owned(), acts)),
            Err(error) => return Err(no_effect(&error.to_string())),
        }
        let answers = match self.stream.flush().await {
            Ok(()) => self.answers(&marks).await,
            Err(error) => Err(error.to_string()),
        };
        let answers = answers.map_err(|why| lost(what(), why, acts))?;
        self.broken = false;
        Ok(answers)
    }

    /// Reads up to the last mark. The error is the reason in words.
    async fn answers(&mut self, marks: &[String]) -> Result<Vec<String>, String> {
        let mut answers = Vec::with_capacity(marks.len());
        let mut bytes = Vec::with_capacity(1024);
        let mut begin = 0;
        let mut searched = 0;
        for mark in marks {
            let end = format!("No such command '{mark}'");
            let (at, next) = loop {
                let from = searched.max(begin);
                if let Some(found) = line_with(&bytes, from, end.as_bytes()) {
                    break found;
                }
                searched = bytes.len().saturating_sub(end.len() + LONGEST_MESSAGE);
                if bytes.len() > LONGEST_ANSWER {
                    return Err(format!("the answer is longer than {} MiB", LONGEST_ANSWER >> 20));
                }
                match self.stream.read_buf(&mut bytes).await {
                    Ok(0) => return Err("the connection ended before the answer did".to_owned()),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            };
            answers.push(String::from_utf8_lossy(&bytes[begin..at]).into_owned());
            begin = next;
            searched = next;
        }
        Ok(answers)
    }
}

/// Where `text` begins, and where its line ends, when the whole of that line is there.
fn line_with(bytes: &[u8], from: usize, text: &[u8]) -> Option<(usize, usize)> {
    let at = from + bytes[from..].windows(text.len()).position(|window| window == text)?;
    let end = bytes[at..].iter().position(|&byte| byte == b'\n')?;
    Some((at, at + end + 1))
}
