//! A console that is none: what arrives there, and what is made of an end, a flood and a silence.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::console::{Command, Console, ConsoleError, LONGEST_ANSWER};

const GREETING: &str = "pbx/2341/22.10.1\n";

fn dial() -> Command {
    Command::Dial {
        extension: "9".repeat(10).parse().expect("digits"),
        number: format!("+{}", "9".repeat(20)).parse().expect("a number"),
        context: "c".repeat(79).parse().expect("a context"),
    }
}

async fn open() -> (Console<DuplexStream>, DuplexStream) {
    let (near, mut far) = duplex(8 << 20);
    far.write_all(GREETING.as_bytes()).await.expect("room");
    (Console::connect(near).await.expect("a greeting"), far)
}

/// Reads what a real one reads: whatever is there, in at most 512 bytes, and answers each command.
async fn serve(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), answers: &[&str]) -> Vec<String> {
    let mut heard = Vec::new();
    let mut answers = answers.iter();
    let mut buffer = [0; 512];
    while answers.len() > 0 || heard.len() % 2 == 1 {
        let count = stream.read(&mut buffer).await.expect("a read");
        assert_eq!(buffer[..count].last(), Some(&0), "a read ends with a command's end");
        for command in buffer[..count].split(|byte| *byte == 0).filter(|command| !command.is_empty()) {
            let command = String::from_utf8_lossy(command).into_owned();
            let answer = match heard.len() % 2 {
                0 => (*answers.next().expect("an answer left")).to_owned(),
                _ => format!(
                    "No such command '{command}' (type 'core show help {command}' for other possible commands)\n"
                ),
            };
            heard.push(command);
            stream.write_all(answer.as_bytes()).await.expect("a write");
        }
    }
    heard
}

#[tokio::test]
async fn commands_over_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("asterisk.ctl");
    let listener = UnixListener::bind(&path).expect("a socket");
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(GREETING.as_bytes()).await.expect("a write");
        let answers = ["System uptime: 30\nLast reload: 30\n", "", "", "a!b\n"];
        serve(&mut stream, &answers).await
    });
    let mut console =
        Console::connect(UnixStream::connect(&path).await.expect("connected")).await.expect("open");
    let greeting = console.greeting();
    assert_eq!((greeting.pid, greeting.version.as_str(), greeting.host.as_str()), (2341, "22.10.1", "pbx"));
    assert_eq!(console.run(&Command::Uptime).await.as_deref(), Ok("System uptime: 30\nLast reload: 30\n"));
    // The longest that there is, in one message.
    let around = [Command::Channels, dial(), Command::Channels];
    assert_eq!(console.run_all(&around).await, Ok(vec![String::new(), String::new(), "a!b\n".to_owned()]));
    assert!(console.is_usable());
    let heard = peer.await.expect("the peer");
    let commands: Vec<&str> = heard.iter().step_by(2).map(String::as_str).collect();
    let text = dial().to_string();
    assert_eq!(
        commands,
        ["core show uptime seconds", "core show channels concise", &text, "core show channels concise"]
    );
}

#[tokio::test]
async fn many_questions_go_in_several_messages() {
    let (mut console, mut far) = open().await;
    let names: Vec<String> = (0..40).map(|n| format!("Local/+375296254070@inoffice-{n:08x};1")).collect();
    let peer = tokio::spawn(async move { serve(&mut far, &["one\n"; 40]).await });
    let commands: Vec<Command> =
        names.iter().map(|name| Command::Channel(name.parse().expect("a name"))).collect();
    assert_eq!(console.run_all(&commands).await, Ok(vec!["one\n".to_owned(); 40]));
    assert!(console.is_usable());
    let heard = peer.await.expect("the peer");
    let asked: Vec<String> = heard.into_iter().step_by(2).collect();
    assert_eq!(asked, names.iter().map(|name| format!("core show channel {name}")).collect::<Vec<_>>());
    assert_eq!(console.run_all(&[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn real_greetings_are_read() {
    let greetings = [
        (include_str!("../../../../../tests/fixtures/console/16/greeting"), "16.28.0~dfsg-0+deb11u4"),
        (
            include_str!("../../../../../tests/fixtures/console/22/greeting"),
            "22.10.1+dfsg+~cs6.17.60671434-1",
        ),
    ];
    for (greeting, version) in greetings {
        let (near, mut far) = duplex(512);
        far.write_all(greeting.as_bytes()).await.expect("room");
        let console = Console::connect(near).await.expect("a console");
        assert_eq!(console.greeting().version, version);
    }
}

/// A stream that gives up to seven bytes at a time.
struct Trickle(DuplexStream);

impl AsyncRead for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut few = to.take(7);
        let result = Pin::new(&mut self.0).poll_read(cx, &mut few);
        let filled = few.filled().to_vec();
        to.put_slice(&filled);
        result
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn an_end_is_recognized_wherever_the_stream_is_cut() {
    let (near, mut far) = duplex(1 << 20);
    far.write_all(GREETING.as_bytes()).await.expect("room");
    let mut console = Console::connect(Trickle(near)).await.expect("a greeting");
    // Of each length, so that the mark is cut at each place.
    let answers: Vec<String> = (0..14).map(|length| "x".repeat(length)).collect();
    let peer = tokio::spawn({
        let answers = answers.clone();
        async move {
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            serve(&mut far, &answers).await
        }
    });
    for answer in answers {
        let got = timeout(Duration::from_secs(5), console.run(&Command::Channels)).await.expect("an end");
        assert_eq!(got, Ok(answer));
    }
    peer.await.expect("the peer");
}

#[tokio::test]
async fn what_is_no_console_is_told_at_once() {
    for (first, expected) in [
        ("No more connections allowed\n", "128 at most"),
        ("SSH-2.0-OpenSSH_9.2\n", "it begins with `SSH-2.0-OpenSSH_9.2`"),
        ("", "ended before its first line"),
        (&"x".repeat(5000), "does not end"),
    ] {
        let (near, mut far) = duplex(8192);
        far.write_all(first.as_bytes()).await.expect("room");
        drop(far);
        let error = Console::connect(near).await.expect_err("no console").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn an_end_in_the_middle_leaves_an_order_uncertain_and_a_look_without_effect() {
    for (command, uncertain) in [(dial(), true), (Command::Channels, false)] {
        let (mut console, mut far) = open().await;
        let peer = tokio::spawn(async move {
            let mut buffer = [0; 512];
            let _ = far.read(&mut buffer).await;
            far.write_all(b"half an answ").await.expect("room");
        });
        let error = console.run(&command).await.expect_err("cut off");
        assert_eq!(error.may_have_acted(), uncertain, "{error}");
        assert!(error.to_string().contains("ended before the answer did"), "{error}");
        peer.await.expect("the peer");
        // And what was never sent is not said to be uncertain.
        let error = console.run(&dial()).await.expect_err("broken");
        assert!(!error.may_have_acted() && !console.is_usable(), "{error}");
    }
}

#[tokio::test]
async fn a_closed_connection_has_not_carried_out_anything() {
    let (mut console, far) = open().await;
    drop(far);
    let error = console.run(&dial()).await.expect_err("closed");
    assert!(matches!(error, ConsoleError::NoEffect { .. }), "{error}");
}

#[tokio::test]
async fn a_command_given_up_spoils_the_connection() {
    let (mut console, far) = open().await;
    assert!(timeout(Duration::from_millis(20), console.run(&Command::Channels)).await.is_err());
    assert!(!console.is_usable());
    // The late answer must not be taken for that of the next command.
    let error = console.run(&Command::Version).await.expect_err("spoiled");
    assert!(error.to_string().contains("given up"), "{error}");
    drop(far);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let (mut console, mut far) = open().await;
    let peer = tokio::spawn(async move {
        let piece = [b'x'; 65536];
        let mut sent = 0;
        while far.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    let error = console.run(&Command::Channels).await.expect_err("too long");
    assert!(error.to_string().contains("longer than 4 MiB"), "{error}");
    drop(console);
    assert!(peer.await.expect("the peer") < LONGEST_ANSWER + (9 << 20));
}

/// A busy host has more channels to be asked for than one message has room.
#[tokio::test]
async fn looks_take_as_many_messages_as_they_need() {
    let (mut console, mut far) = open().await;
    let name = |n| format!("Local/+375296254070@inoffice-{n:08x};1");
    let looks: Vec<Command> =
        (0..30).map(|n| Command::Channel(name(n).parse().expect("a channel's name"))).collect();
    let answers: Vec<String> = (0..30).map(|n| format!("{n}\n")).collect();
    let words: Vec<&str> = answers.iter().map(String::as_str).collect();
    let (got, heard) = tokio::join!(console.run_all(&looks), serve(&mut far, &words));
    assert_eq!(got.as_ref(), Ok(&answers));
    let asked: Vec<String> = heard.into_iter().step_by(2).collect();
    assert_eq!(asked, looks.iter().map(Command::to_string).collect::<Vec<_>>());
}

#[tokio::test]
async fn more_commands_than_asterisk_reads_at_once_are_not_sent() {
    let (mut console, mut far) = open().await;
    let error = console.run_all(&[dial(), dial()]).await.expect_err("too long");
    assert!(matches!(error, ConsoleError::NoEffect { .. }), "{error}");
    assert!(console.is_usable(), "nothing was sent");
    drop(console);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.expect("a read");
    assert!(sent.is_empty());
}
