//! The shell that stays, as a real `sh` on this machine, with a script in the place of `asterisk`.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{Join, join},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use super::dial;
use crate::console::{Command, ConsoleError, Shell, ShellStart};

const PATIENCE: Duration = Duration::from_secs(20);

type Pipes = Join<ChildStdout, ChildStdin>;

struct Host {
    child: Child,
    shell: Shell<Pipes>,
    _folder: tempfile::TempDir,
}

impl Host {
    /// `asterisk` does this; its second argument is the command.
    async fn new(asterisk: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if !asterisk.is_empty() {
            let file = folder.path().join("asterisk");
            std::fs::write(&file, format!("#!/bin/sh\n{asterisk}\n")).expect("a script");
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("a mode");
        }
        let start = ShellStart::new();
        let (child, pipes) = login(folder.path(), &start.command());
        let shell = timeout(PATIENCE, Shell::connect(pipes, start)).await.expect("in time").expect("a shell");
        Host { child, shell, _folder: folder }
    }

    async fn run(&mut self, commands: &[Command]) -> Result<Vec<String>, ConsoleError> {
        timeout(PATIENCE, self.shell.run_all(commands)).await.expect("in time")
    }
}

/// As sshd runs it, with a login shell that has something to say first.
fn login(path: &Path, command: &str) -> (Child, Pipes) {
    let path = format!("{}:/usr/bin:/bin", path.display());
    let mut child = tokio::process::Command::new("/bin/sh")
        .args(["-c", &format!("echo 'Welcome to pbx!'; {command}")])
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a shell");
    let pipes = join(child.stdout.take().expect("piped"), child.stdin.take().expect("piped"));
    (child, pipes)
}

const DIALED: &str = "channel originate LOCAL/150@inoffice application Dial LOCAL/+375296254070@inoffice";

#[tokio::test]
async fn each_line_is_one_argument_and_each_answer_its_own() {
    let mut host = Host::new(r#"echo "noise" >&2; printf '%s|%s|%s' "$#" "$1" "$2""#).await;
    let answers = host.run(&[Command::Channels, dial(), Command::Version]).await.expect("answers");
    let texts = ["core show channels concise", DIALED, "core show version"];
    assert_eq!(answers, texts.map(|text| format!("2|-rx|{text}")));
    host.shell.probe().await.expect("still there");
    assert_eq!(host.run(&[Command::Uptime]).await.expect("an answer"), ["2|-rx|core show uptime seconds"]);
}

#[tokio::test]
async fn a_command_that_reads_its_input_leaves_the_next_ones_alone() {
    let mut host = Host::new(r#"cat; echo "$2""#).await;
    let answers = host.run(&[Command::Version, Command::Channels]).await.expect("answers");
    assert_eq!(answers, ["core show version\n", "core show channels concise\n"]);
}

#[tokio::test]
async fn a_long_answer_is_read_whole() {
    let mut host = Host::new("i=0; while [ $i -lt 20000 ]; do echo channel-$i; i=$((i+1)); done").await;
    let answers = host.run(&[Command::Channels]).await.expect("answers");
    assert_eq!(answers[0].lines().count(), 20_000);
    assert!(answers[0].ends_with("channel-19999\n"));
}

/// Run by itself, the command tells why; to repeat it is safe.
#[tokio::test]
async fn without_asterisk_nothing_had_an_effect() {
    for asterisk in ["", "echo 'Unable to connect' >&2; exit 1"] {
        let mut host = Host::new(asterisk).await;
        let error = host.run(&[dial()]).await.expect_err("nobody there");
        assert!(matches!(error, ConsoleError::NoEffect { .. }), "{error}");
        assert!(!host.shell.is_usable());
    }
}

#[tokio::test]
async fn an_order_that_ended_otherwise_is_uncertain_and_a_look_is_not() {
    let mut host = Host::new("kill -9 $$").await;
    let error = host.run(&[dial()]).await.expect_err("killed");
    assert!(error.may_have_acted(), "{error}");
    let mut host = Host::new("kill -9 $$").await;
    let error = host.run(&[Command::Channels]).await.expect_err("killed");
    assert!(!error.may_have_acted(), "{error}");
    // What comes behind a failure is run too.
    let mut host = Host::new("case $2 in core*) exit 1;; esac").await;
    let error = host.run(&[Command::Channels, dial()]).await.expect_err("the look failed");
    assert!(error.may_have_acted(), "{error}");
}

#[tokio::test]
async fn a_shell_that_has_ended_is_found_out_before_an_order_is_given() {
    let mut host = Host::new("true").await;
    host.child.kill().await.expect("it ends");
    let error = timeout(PATIENCE, host.shell.probe()).await.expect("in time").expect_err("it is gone");
    assert!(matches!(error, ConsoleError::NoEffect { .. }), "{error}");
    let error = host.run(&[dial()]).await.expect_err("it is gone");
    assert!(matches!(error, ConsoleError::NoEffect { .. }), "{error}");
}

#[tokio::test]
async fn a_host_that_runs_something_else_is_no_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = ShellStart::new();
    let (_child, pipes) = login(folder.path(), "echo 'This account has no shell.'");
    let error = timeout(PATIENCE, Shell::connect(pipes, start)).await.expect("in time").expect_err("none");
    assert!(matches!(error, ConsoleError::Connect { .. }), "{error}");
}
