//! One command in one channel, from its request to its exit status. It owns the judgement whether the command may
//! have run; it must not know connections' beginnings, nor try anything again.
//!
//! A task of its own reads the channel: russh stops a whole connection, keepalive and all, when one channel is not
//! read, so the reading must not depend on whether the caller polls its future.

use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{Lease, OpenChannel};
use super::error::{Fate, SshError};

/// More is read and dropped. A list of 10,000 channels takes 1.5 MB.
const MAX_STDOUT: usize = 4 << 20;
const MAX_STDERR: usize = 64 << 10;

/// A command that has exited may have left a child that keeps its output open; it is not waited for longer than
/// this since the last byte.
const AFTER_EXIT: Duration = Duration::from_secs(1);

/// How long the host may take to close a channel before this side does. The slot is not free before.
const CLOSING: Duration = Duration::from_millis(500);

/// What a command left. Its texts may hold anything, secrets too: they are for the caller, not for a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    /// At most 4 MiB of it.
    pub stdout: Vec<u8>,
    /// At most 64 KiB of it.
    pub stderr: Vec<u8>,
    /// How the command ended.
    pub exit: Exit,
    /// There was more than is kept here, or the connection was lost after the exit status came.
    pub truncated: bool,
}

/// How a command ended, by the host's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Its exit status: 0 for success, 127 from a shell that knows no such command.
    Code(u32),
    /// Ended by this signal, such as `KILL`.
    Signal(String),
    /// The host closed the channel and said nothing.
    Unknown,
}

impl Output {
    /// Whether it ended with status 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// With U+FFFD for what is not UTF-8.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// As [`Output::stdout_text`].
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stdout, stderr, exit, truncated } = self;
        let (stdout, stderr) = (stdout.len(), stderr.len());
        write!(
            f,
            "Output {{ stdout: {stdout} bytes, stderr: {stderr} bytes, exit: {exit:?}, truncated: {truncated} }}"
        )
    }
}

pub(super) struct Patience {
    pub(super) deadline: Instant,
    /// The whole limit, for the error's text.
    pub(super) limit: Duration,
}

/// Runs a command. When this future is dropped, the command is ended at the host as well as it can be.
pub(super) async fn run(
    channel: OpenChannel,
    slot: OwnedSemaphorePermit,
    host: &str,
    command: &str,
    patience: Patience,
) -> Result<Output, SshError> {
    let (read, write, lease) = channel.split();
    let host = host.to_owned();
    let job = Job { read, write, slot, lease, host: host.clone(), patience, progress: Progress::default() };
    let (tell, told) = oneshot::channel();
    tokio::spawn(job.run(command.to_owned(), tell));
    // Only a runtime that shuts down drops the task.
    told.await.unwrap_or_else(|_| Err(SshError::Lost { host, why: stopped(), fate: Fate::MaybeRun }))
}

fn stopped() -> String {
    "the program stops".into()
}

struct Job {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    // Before the lease: whoever is told of the lease's end finds the slot free.
    slot: OwnedSemaphorePermit,
    lease: Lease,
    host: String,
    patience: Patience,
    progress: Progress,
}

#[derive(Default)]
struct Progress {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<Exit>,
    truncated: bool,
    eof: bool,
    closed: bool,
}

impl Job {
    async fn run(mut self, command: String, mut tell: oneshot::Sender<Result<Output, SshError>>) {
        let result = tokio::select! {
            result = self.converse(command) => Some(result),
            () = tell.closed() => None,
        };
        let runs_on = matches!(result, None | Some(Err(SshError::CommandTimeout { .. })));
        let refused = matches!(result, Some(Err(SshError::CommandRefused { .. })));
        if let Some(result) = result {
            // The caller may have gone in this moment; there is nobody else to tell.
            let _unheard = tell.send(result);
        }
        if runs_on {
            // sshd passes it to the command since OpenSSH 7.9, unless the user is root.
            let _ended = self.write.signal(Sig::TERM).await;
        }
        self.close(if refused { Duration::ZERO } else { CLOSING }).await;
        if runs_on && !self.progress.closed {
            self.lease.is_stuck();
        }
        drop(self.slot);
        drop(self.lease);
    }

    async fn converse(&mut self, command: String) -> Result<Output, SshError> {
        let late = sleep_until(self.patience.deadline);
        tokio::pin!(late);
        if self.write.exec(true, command).await.is_err() {
            return Err(self.lost(Fate::NotSent));
        }
        // An error shows below.
        let _ended = self.write.eof().await;
        let mut quiet = None;
        loop {
            let exited = async {
                match quiet {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = self.read.wait() => {
                    let Some(message) = message else { return self.at_end() };
                    if matches!(message, ChannelMsg::Failure) {
                        return Err(SshError::CommandRefused { host: self.host.clone() });
                    }
                    self.progress.take(message);
                    if self.progress.is_done() {
                        return Ok(self.progress.output());
                    }
                    if self.progress.exit.is_some() {
                        quiet = Some(Instant::now() + AFTER_EXIT);
                    }
                }
                () = exited => {
                    self.progress.truncated = true;
                    return Ok(self.progress.output());
                }
                () = &mut late => {
                    return Err(SshError::CommandTimeout {
                        host: self.host.clone(), limit: self.patience.limit, fate: Fate::MaybeRun,
                    });
                }
            }
        }
    }

    /// The connection has ended; a command whose exit is known was not lost with it.
    fn at_end(&mut self) -> Result<Output, SshError> {
        if self.progress.exit.is_none() {
            return Err(self.lost(Fate::MaybeRun));
        }
        self.progress.truncated |= !self.progress.eof;
        Ok(self.progress.output())
    }

    fn lost(&self, fate: Fate) -> SshError {
        SshError::Lost { host: self.host.clone(), why: self.lease.why(), fate }
    }

    /// Waits for the host to close the channel, for that leaves nothing behind; in the end it is closed from here.
    async fn close(&mut self, patience: Duration) {
        let closed_there = async {
            while !self.progress.closed {
                match self.read.wait().await {
                    None | Some(ChannelMsg::Close) => self.progress.closed = true,
                    Some(_) => {}
                }
            }
        };
        if timeout(patience, closed_there).await.is_err() {
            self.lease.closed_here();
            let _ended = self.write.close().await;
        }
    }
}

impl Progress {
    fn take(&mut self, message: ChannelMsg) {
        match message {
            ChannelMsg::Data { data } => self.truncated |= keep(&mut self.stdout, &data, MAX_STDOUT),
            ChannelMsg::ExtendedData { data, .. } => {
                self.truncated |= keep(&mut self.stderr, &data, MAX_STDERR);
            }
            ChannelMsg::ExitStatus { exit_status } => self.exit = Some(Exit::Code(exit_status)),
            ChannelMsg::ExitSignal { signal_name, .. } => self.exit = Some(Exit::Signal(signal(signal_name))),
            ChannelMsg::Eof => self.eof = true,
            ChannelMsg::Close => {
                self.eof = true;
                self.closed = true;
            }
            _ => {}
        }
    }

    fn is_done(&self) -> bool {
        self.closed || (self.eof && self.exit.is_some())
    }

    fn output(&mut self) -> Output {
        Output {
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            exit: self.exit.clone().unwrap_or(Exit::Unknown),
            truncated: self.truncated,
        }
    }
}

/// `true`: not all of it fitted.
fn keep(kept: &mut Vec<u8>, data: &[u8], most: usize) -> bool {
    let room = most - kept.len();
    kept.extend_from_slice(&data[..data.len().min(room)]);
    data.len() > room
}

fn signal(signal: Sig) -> String {
    match signal {
        Sig::Custom(name) => super::error::from_host(&name),
        known => format!("{known:?}"),
    }
}
