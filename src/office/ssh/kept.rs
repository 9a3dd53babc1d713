//! The shell that stays at a host, for commands by processes: the first one is run by itself and has the shell opened
//! behind it, the next ones find it. Whoever finds it busy or not there runs a process of his own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::{sleep, timeout},
};

use super::error::{late, of_console};
use crate::{hosts::COMMAND, office::error::HostError};
use asterisk::{
    console::{Command, ConsoleError, Shell, ShellStart},
    ssh::{SshHost, SshStream},
};

/// A shell that nobody used for so long is ended.
const IDLE: Duration = Duration::from_secs(300);

/// A host where none could be begun (its user may have no shell) is not asked again for so long.
const REFUSED: Duration = Duration::from_secs(600);

/// To begin.
const BEGIN: Duration = Duration::from_secs(3);

/// To say that it is still there. One that is slower is not waited for.
const THERE: Duration = Duration::from_secs(1);

/// One that answered so lately is still there.
const FRESH: Duration = Duration::from_millis(250);

/// One that is busy may be saying that it is still there, which takes a moment.
const MOMENT: Duration = Duration::from_millis(4);

#[derive(Default)]
pub(super) struct KeptShell {
    shell: Arc<AsyncMutex<Option<Open>>>,
    refused_at: Arc<Mutex<Option<Instant>>>,
}

struct Open {
    shell: Shell<SshStream>,
    used: Instant,
}

impl Open {
    /// Whether it answers, or has just answered.
    async fn is_there(&mut self) -> bool {
        if self.used.elapsed() < FRESH {
            return true;
        }
        let is_there = matches!(timeout(THERE, self.shell.probe()).await, Ok(Ok(())));
        self.used = Instant::now();
        is_there
    }
}

impl KeptShell {
    /// `None`: there is none, it is busy, or it failed before it had any effect.
    pub async fn run(&self, host: &SshHost, commands: &[Command]) -> Option<Result<Vec<String>, HostError>> {
        let mut kept = timeout(MOMENT, self.shell.clone().lock_owned()).await.ok()?;
        // Taken out: given up in the middle of an answer, it is not used again.
        let mut open = kept.take()?;
        let acts = commands.iter().any(Command::acts);
        // An order must not go into a connection that died unseen: nobody could tell whether it arrived.
        if acts && !open.is_there().await {
            return None;
        }
        match timeout(COMMAND, open.shell.run_all(commands)).await {
            Ok(Ok(answers)) => {
                open.used = Instant::now();
                *kept = Some(open);
                Some(Ok(answers))
            }
            // Run by itself, it tells why.
            Ok(Err(ConsoleError::NoEffect { .. })) => None,
            Ok(Err(error)) => Some(Err(of_console(&error))),
            Err(_) => Some(Err(late(host, acts))),
        }
    }

    /// An order is about to come: whether the shell is there is asked meanwhile.
    pub fn expect_order(&self) {
        let Ok(mut kept) = self.shell.clone().try_lock_owned() else { return };
        if kept.as_ref().is_none_or(|open| open.used.elapsed() < FRESH) {
            return;
        }
        tokio::spawn(async move {
            if let Some(mut open) = kept.take()
                && open.is_there().await
            {
                *kept = Some(open);
            }
        });
    }

    /// Ends one that nobody uses: somebody has no session.
    pub fn make_room(&self) {
        if let Ok(mut kept) = self.shell.try_lock() {
            *kept = None;
        }
    }

    /// Opens one behind a command that had to do without, if that leaves a session for others.
    pub fn open(&self, host: &SshHost) {
        if host.free_commands() < 2 {
            return;
        }
        if self.refused_at.lock().is_some_and(|at| at.elapsed() < REFUSED) {
            return;
        }
        // One task at a time: it holds the lock until the shell is there.
        let Ok(kept) = self.shell.clone().try_lock_owned() else { return };
        if kept.is_some() {
            return;
        }
        tokio::spawn(begin(host.clone(), kept, self.refused_at.clone()));
        tokio::spawn(end_idle(Arc::downgrade(&self.shell)));
    }
}

async fn begin(
    host: SshHost,
    mut kept: OwnedMutexGuard<Option<Open>>,
    refused_at: Arc<Mutex<Option<Instant>>>,
) {
    let start = ShellStart::new();
    // What is wrong with the connection, the next command meets and tells.
    let Ok(stream) = host.open_command(&start.command()).await else { return };
    match timeout(BEGIN, Shell::connect(stream, start)).await {
        Ok(Ok(shell)) => *kept = Some(Open { shell, used: Instant::now() }),
        Ok(Err(_)) | Err(_) => {
            *refused_at.lock() = Some(Instant::now());
            tracing::debug!(
                host = host.label(),
                "no shell stays there; each command has a session of its own"
            );
        }
    }
}

/// Ends the shell when nobody uses it any more; the task ends with it.
async fn end_idle(kept: std::sync::Weak<AsyncMutex<Option<Open>>>) {
    let mut wait = IDLE;
    loop {
        sleep(wait).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut kept = kept.lock().await;
        match kept.as_ref().map(|open| open.used.elapsed()) {
            None => return,
            Some(unused) if unused >= IDLE => {
                *kept = None;
                return;
            }
            Some(unused) => wait = IDLE - unused,
        }
    }
}
