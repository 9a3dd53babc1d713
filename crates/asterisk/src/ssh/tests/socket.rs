//! Sockets at the host, and commands that stay, as streams here.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Office, PATIENCE, until};
use crate::ssh::{Fate, SshError};

fn sockets(office: &Office) -> usize {
    office.sshd.seen.count(|seen| &seen.sockets)
}

#[tokio::test]
async fn what_is_written_arrives_and_what_is_answered_comes_back() {
    let office = Office::open().await;
    let mut stream = office.host.open_socket("/echo").await.unwrap();
    stream.write_all(b"core show channels\n").await.unwrap();
    let mut answer = [0; 19];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"core show channels\n");
    assert_eq!(office.host.figures().sockets_open, 1);

    // More than any window or buffer in between, both ways at once.
    let sent: Vec<u8> = (0..6_000_000_u32).map(|number| number as u8).collect();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&copy).await.unwrap();
        writer.shutdown().await.unwrap();
        writer
    });
    let mut received = Vec::new();
    timeout(PATIENCE, reader.read_to_end(&mut received)).await.expect("the end comes").unwrap();
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
    drop((reader, writing.await.unwrap()));
    until("it is closed", async || office.host.figures().sockets_open == 0 && sockets(&office) == 0).await;
    assert_eq!(office.connections(), 1);
}

#[tokio::test]
async fn a_dropped_stream_is_closed_at_the_host() {
    let office = Office::open().await;
    let stream = office.host.open_socket("/echo").await.unwrap();
    until("it is open", async || sockets(&office) == 1).await;
    drop(stream);
    until("it is closed", async || sockets(&office) == 0 && office.host.figures().sockets_open == 0).await;
}

#[tokio::test]
async fn a_socket_that_cannot_be_opened_says_what_to_look_at() {
    let office = Office::open().await;
    let error = office.host.open_socket("/none").await.unwrap_err();
    assert!(matches!(error, SshError::ChannelRefused { .. }), "{error}");
    assert_eq!(error.fate(), Fate::NotSent);
    let text = error.to_string();
    assert!(text.contains("/none") && text.contains("AllowStreamLocalForwarding"), "{text}");
    office.run("echo").await.expect("the connection is still good");
}

/// An end would look like an answer that is complete.
#[tokio::test]
async fn a_lost_connection_is_an_error_and_not_an_end() {
    let office = Office::open().await;
    let mut stream = office.host.open_socket("/echo").await.unwrap();
    stream.write_all(b"half").await.unwrap();
    let mut half = [0; 4];
    stream.read_exact(&mut half).await.unwrap();
    office.sshd.cut();
    let error = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(error.to_string().contains("the ssh connection was lost"), "{error}");
    until("writing fails too", async || {
        stream.write_all(b"x").await.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    })
    .await;
}

/// russh alone stops the whole connection after a hundred messages that nobody read.
#[tokio::test]
async fn a_stream_that_nobody_reads_stops_no_other_and_fails_in_the_end() {
    let office = Office::open().await;
    let mut unread = office.host.open_socket("/flood").await.unwrap();
    until("the host has said more than anybody keeps", async || {
        for _ in 0..20 {
            let slow = timeout(Duration::from_secs(10), office.run("echo")).await;
            slow.expect("commands go on").unwrap();
        }
        office.host.figures().sockets_open == 0
    })
    .await;
    let mut rest = Vec::new();
    let error = timeout(PATIENCE, unread.read_to_end(&mut rest)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("left unread"), "{error}");
}

#[tokio::test]
async fn a_command_that_stays_is_spoken_to_and_ends_with_its_stream() {
    let office = Office::open().await;
    let mut stream = office.host.open_command("cat").await.unwrap();
    for line in [&b"one\n"[..], b"two\n"] {
        stream.write_all(line).await.unwrap();
        let mut answer = [0; 4];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer, line);
    }
    assert_eq!(office.host.figures().commands_running, 1);
    office.run("echo beside it").await.expect("there are more sessions");
    drop(stream);
    until("its session is over", async || office.sshd.seen.sessions() == 0).await;
    until("its turn is free", async || office.host.figures().commands_running == 0).await;
    assert_eq!(office.connections(), 1);
}

#[tokio::test]
async fn a_command_that_the_host_refuses_is_an_error_and_not_an_end() {
    let office = Office::open().await;
    let mut stream = office.host.open_command("refuse this").await.unwrap();
    let error = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("refuses"), "{error}");
}
