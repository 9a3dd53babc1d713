//! Asterisk's console: one command, its answer as text, bounded in time and size.
//!
//! It runs a program with arguments, never a shell. What the answers mean is read elsewhere.

use std::{io, os::unix::net::UnixStream, process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use asterisk::console::plain;

const PATIENCE: Duration = Duration::from_secs(10);

/// The longest dialplan that is read.
const LONGEST_ANSWER: u64 = 512 << 10;

/// Where a packaged Asterisk has its console.
const SOCKETS: [&str; 2] = ["/run/asterisk/asterisk.ctl", "/var/run/asterisk/asterisk.ctl"];

/// How to reach a console: `asterisk -C /opt/pbx/asterisk.conf`, as a program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console(Vec<String>);

impl Console {
    /// From a command line as a person writes it, quotes and all. `None` if the quotes don't close or
    /// there is nothing in it.
    pub fn parse(text: &str) -> Option<Self> {
        let words = shlex::split(text)?;
        (!words.is_empty()).then_some(Console(words))
    }

    /// This machine's own Asterisk, if we may talk to it.
    pub fn of_this_machine() -> Option<Self> {
        let answers = SOCKETS.iter().any(|socket| UnixStream::connect(socket).is_ok());
        answers.then(|| Console(vec!["asterisk".to_owned()]))
    }

    /// What the console answers to a command. The error is for people.
    pub async fn ask(&self, command: &str) -> Result<String, String> {
        let Console(words) = self;
        let run = async {
            let mut child = Command::new(&words[0])
                .args(&words[1..])
                .args(["-rx", command])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let (out, err) = tokio::try_join!(bounded(stdout), bounded(stderr))?;
            io::Result::Ok((child.wait().await?, out, err))
        };
        match timeout(PATIENCE, run).await {
            Err(_) => Err(format!("`{}` gave no answer within {PATIENCE:?}", words[0])),
            Ok(Err(error)) => Err(format!("`{}`: {error}", words[0])),
            Ok(Ok((status, out, err))) => match status.success() && !out.starts_with("Unable to connect") {
                true => Ok(out),
                false => {
                    let said = if err.trim().is_empty() { out } else { err };
                    let said = said.lines().next_back().unwrap_or_default().to_owned();
                    Err(format!("`{}`: {status}: {said}", words[0]))
                }
            },
        }
    }
}

/// A stream's text up to the limit; a program that writes more is cut off by its closing pipe.
async fn bounded(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> io::Result<String> {
    let Some(stream) = stream else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut bytes).await?;
    Ok(plain(&String::from_utf8_lossy(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would_and_none_is_run() {
        let console = Console::parse("asterisk -C '/opt/my pbx/asterisk.conf' $(rm -rf /);").expect("words");
        assert_eq!(console.0[..3], ["asterisk", "-C", "/opt/my pbx/asterisk.conf"]);
        assert_eq!(console.0[3], "$(rm");
        assert_eq!(Console::parse("asterisk 'unclosed"), None);
        assert_eq!(Console::parse("  "), None);
    }

    #[tokio::test]
    async fn the_command_is_one_argument() {
        let echo = Console::parse("echo -n").expect("words");
        assert_eq!(echo.ask("pjsip show endpoint; x").await.as_deref(), Ok("-rx pjsip show endpoint; x"));
    }

    #[tokio::test]
    async fn endless_output_is_cut_and_failures_are_told() {
        let flood = Console::parse("sh -c 'yes 0123456789'").expect("words");
        assert!(flood.ask("x").await.is_err(), "killed by its closed pipe");
        let missing = Console::parse("/nonexistent/asterisk").expect("words").ask("x").await;
        assert!(missing.is_err_and(|error| error.contains("/nonexistent/asterisk")));
        let refusing =
            Console::parse("sh -c 'echo no such console >&2; exit 3'").expect("words").ask("x").await;
        assert!(refusing.is_err_and(|error| error.contains("no such console")));
    }
}
