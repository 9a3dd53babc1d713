//! Carries commands to a host's console: over one connection to its socket, kept open and used in turn, or by
//! processes where there is no way to the socket.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{sync::Mutex as AsyncMutex, time::timeout};

use super::{
    error::{cut_off, late, of_console, of_ssh},
    kept::KeptShell,
};
use crate::{
    hosts::COMMAND,
    office::error::{HostError, HostErrorKind},
};
use asterisk::{
    console::{Batch, Command, Console, ConsoleError, noise_of, without},
    ssh::{Exit, Output, SshError, SshHost, SshStream},
};
use call::{Extension, WayKind};
use lang::{Text, say};

/// A command that has no turn after so long looks for room.
const CROWDED: Duration = Duration::from_millis(200);

/// A socket that was refused is not asked for again for so long.
const NO_SOCKET: Duration = Duration::from_secs(5);

/// A greeting may have a date in it: what was learned is asked for again after so long.
const NOISE: Duration = Duration::from_secs(20);

pub(super) struct Line {
    host: SshHost,
    socket: Option<String>,
    /// Orders do not wait behind looks.
    orders: KeptShell,
    looks: KeptShell,
    /// The one connection to the socket.
    console: AsyncMutex<Option<Console<SshStream>>>,
    refused_at: Mutex<Option<Instant>>,
    /// What is known to come with every answer of a process, and since when.
    noise: AsyncMutex<Option<(Instant, Vec<String>)>>,
}

impl Line {
    pub fn new(host: SshHost, socket: Option<String>) -> Self {
        Line {
            host,
            socket,
            orders: KeptShell::default(),
            looks: KeptShell::default(),
            console: AsyncMutex::new(None),
            refused_at: Mutex::new(None),
            noise: AsyncMutex::new(None),
        }
    }

    pub fn label(&self) -> &str {
        self.host.label()
    }

    /// Connects to the host where there is no connection.
    pub async fn connect(&self) -> Result<(), HostError> {
        self.host.connect().await.map_err(|error| of_ssh(&error))
    }

    /// The orders of an extension before this one took so long that it was not given.
    pub fn too_long(&self, extension: &Extension, waited: Duration) -> HostError {
        HostError {
            kind: HostErrorKind::Overloaded,
            way: Some(WayKind::Ssh),
            is_certain: true,
            words: "Too many commands in progress".to_owned(),
            why: say!(
                "an order for {extension} at {host} waited {waited} for those before it; see whether that Asterisk \
                 stands still",
                "команда для {extension} на {host} ждала предыдущих {waited}; посмотрите, не завис ли тот Asterisk",
                host = Text::same(self.host.label()),
                waited = waited
            ),
        }
    }

    /// A call of the extension is there, and whose it is shows only when the extension has picked up.
    pub fn not_told(&self, extension: &Extension) -> HostError {
        HostError {
            kind: HostErrorKind::Refused,
            way: Some(WayKind::Ssh),
            is_certain: true,
            words: "The call can't be told from others yet".to_owned(),
            why: say!(
                "a call of {extension} rings at {}; whose it is shows when it is picked up",
                "{}: звонит телефон {extension}; чей это звонок, видно, когда снимут трубку",
                self.host.label()
            ),
        }
    }

    /// Whether commands go by the socket, as far as is known.
    pub fn is_by_socket(&self) -> bool {
        self.socket.is_some() && self.refused_at.lock().is_none_or(|at| at.elapsed() > NO_SOCKET)
    }

    /// An order is about to come.
    pub fn expect_order(&self) {
        if !self.is_by_socket() {
            self.orders.expect_order();
        }
    }

    /// Runs the commands one after the other, by the socket if that can be: directly so, if one of them acts.
    pub async fn run(&self, commands: Vec<Command>) -> Result<Vec<String>, HostError> {
        if let Some(answers) = self.run_by_socket(commands.clone()).await {
            return answers;
        }
        self.run_by_process(commands).await
    }

    /// `None` when there is no way to the socket: nothing was run.
    pub async fn run_by_socket(&self, commands: Vec<Command>) -> Option<Result<Vec<String>, HostError>> {
        let path = self.socket.as_deref().filter(|_| self.is_by_socket())?;
        let acts = commands.iter().any(Command::acts);
        let is_sent = AtomicBool::new(false);
        match timeout(COMMAND, self.by_socket(path, &commands, &is_sent)).await {
            Ok(result) => result,
            // One that still waited for its turn was never sent.
            Err(_) => Some(Err(late(&self.host, acts && is_sent.load(Ordering::Relaxed)))),
        }
    }

    async fn by_socket(
        &self,
        path: &str,
        commands: &[Command],
        is_sent: &AtomicBool,
    ) -> Option<Result<Vec<String>, HostError>> {
        let mut console = self.console.lock().await;
        let mut is_fresh = false;
        loop {
            // Taken out: given up in the middle of an answer, it is not used again.
            let mut open = match console.take().filter(Console::is_usable) {
                Some(open) => open,
                None => {
                    is_fresh = true;
                    match self.open(path).await {
                        Ok(open) => open,
                        Err(Some(error)) => return Some(Err(error)),
                        Err(None) => return None,
                    }
                }
            };
            is_sent.store(true, Ordering::Relaxed);
            match open.run_all(commands).await {
                Ok(answers) => {
                    *console = Some(open);
                    return Some(Ok(answers));
                }
                // The connection of before was to an Asterisk that is gone.
                Err(ConsoleError::NoEffect { .. }) if !is_fresh => is_sent.store(false, Ordering::Relaxed),
                Err(error) => return Some(Err(of_console(&error))),
            }
        }
    }

    /// `Err(None)`: there is no way to the socket.
    async fn open(&self, path: &str) -> Result<Console<SshStream>, Option<HostError>> {
        let refuse = || {
            *self.refused_at.lock() = Some(Instant::now());
        };
        let stream = match self.host.open_socket(path).await {
            Ok(stream) => stream,
            Err(error @ SshError::ChannelRefused { .. }) => {
                refuse();
                tracing::info!(host = self.host.label(), %error, "commands go by `asterisk -rx`, a process each");
                return Err(None);
            }
            Err(error) => return Err(Some(of_ssh(&error))),
        };
        match Console::connect(stream).await {
            Ok(console) => {
                *self.refused_at.lock() = None;
                Ok(console)
            }
            Err(error) => {
                refuse();
                tracing::info!(host = self.host.label(), %error, "commands go by `asterisk -rx`, a process each");
                Err(None)
            }
        }
    }

    /// What comes with every command of that host is taken out of the answers.
    async fn run_by_process(&self, commands: Vec<Command>) -> Result<Vec<String>, HostError> {
        let answers = self.answers_of_processes(commands.clone()).await?;
        let is_odd = commands.iter().zip(&answers).any(|(command, answer)| command.is_odd(answer));
        if !is_odd {
            return Ok(answers);
        }
        let noise = self.noise().await;
        Ok(answers.iter().map(|answer| without(answer, &noise)).collect())
    }

    /// The greeting of a wrapper, say: told by a command whose answer is known.
    async fn noise(&self) -> Vec<String> {
        let mut learned = self.noise.lock().await;
        if let Some((at, noise)) = learned.as_ref()
            && at.elapsed() < NOISE
        {
            return noise.clone();
        }
        let version = match self.answers_of_processes(vec![Command::Version]).await {
            Ok(answers) => answers.into_iter().next().unwrap_or_default(),
            // Then nothing is known to be noise.
            Err(_) => return Vec::new(),
        };
        let noise = noise_of(&version);
        if !noise.is_empty() {
            tracing::debug!(
                host = self.host.label(),
                lines = noise.len(),
                "each answer of `asterisk -rx` has foreign lines"
            );
        }
        *learned = Some((Instant::now(), noise.clone()));
        noise
    }

    async fn answers_of_processes(&self, commands: Vec<Command>) -> Result<Vec<String>, HostError> {
        let kept = if commands.iter().any(Command::acts) { &self.orders } else { &self.looks };
        if let Some(answers) = kept.run(&self.host, &commands).await {
            return answers;
        }
        let answers = self.run_by_itself(commands).await;
        if answers.is_ok() {
            kept.open(&self.host);
        }
        answers
    }

    /// Runs a command in a session of its own. Where none is free, the shells that nobody uses make room.
    async fn exec(&self, command: &str, acts: bool) -> Result<Output, HostError> {
        let run = self.host.exec(command);
        tokio::pin!(run);
        let output = loop {
            match timeout(CROWDED, &mut run).await {
                Ok(result) => break result.map_err(|error| of_ssh(&error))?,
                Err(_) if self.host.free_commands() == 0 => {
                    self.orders.make_room();
                    self.looks.make_room();
                }
                Err(_) => {}
            }
        };
        if output.truncated { Err(cut_off(&self.host, acts)) } else { Ok(output) }
    }

    async fn run_by_itself(&self, commands: Vec<Command>) -> Result<Vec<String>, HostError> {
        if let [command] = commands.as_slice() {
            let output = self.exec(&command.shell(), command.acts()).await?;
            let (status, signal) = match &output.exit {
                Exit::Code(code) => (Some(*code), None),
                Exit::Signal(name) => (None, Some(name.as_str())),
                Exit::Unknown => (None, None),
            };
            let answer = asterisk::console::of_exec(command, status, signal, &output.stdout, &output.stderr);
            return answer.map(|answer| vec![answer]).map_err(|error| of_console(&error));
        }
        let acts = commands.iter().any(Command::acts);
        let batch = Batch::new(commands);
        let output = self.exec(&batch.shell(), acts).await?;
        batch.answers(&output.stdout, &output.stderr).map_err(|error| of_console(&error))
    }
}
