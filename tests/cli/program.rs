//! The program under test, as a user starts it.

use std::process::{Output, Stdio};

use tokio::process::{Child, Command};

use crate::daemon::{Daemon, PATIENCE};

/// The program in a bare environment: English, UTC, no configuration file.
pub fn bare(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
    command.args(args).env_clear().envs([("LANG", "C.UTF-8"), ("TZ", "UTC")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The same, told where the daemon is.
pub fn program(daemon: &Daemon, args: &[&str]) -> Command {
    let mut command = bare(args);
    command.env("NOVOFON_BOT_URL", &daemon.url);
    command
}

/// What it said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

pub async fn run(mut command: Command) -> Said {
    end_of(command.spawn().expect("the program starts")).await
}

pub async fn end_of(child: Child) -> Said {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output());
    let Output { status, stdout, stderr } =
        output.await.expect("the program ends in time").expect("its output is read");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Ctrl-C.
pub async fn interrupt(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    let status = Command::new("kill").args(["-INT", &id]).status().await.expect("kill");
    assert!(status.success());
}
