//! Commands over the shared connection: their results, their turns, their time, and what is left of them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::sshd::Mood;
use super::{Office, PATIENCE, until};
use crate::ssh::{Exit, Fate, SshError, SshFigures, SshState};

#[tokio::test]
async fn a_command_brings_its_output_its_errors_and_its_exit_status() {
    let office = Office::open().await;
    assert_eq!(office.host.state(), SshState::NeverConnected);
    assert_eq!(office.connections(), 0, "nothing is connected before it is needed");

    let output = office.run("echo Success").await.unwrap();
    assert_eq!(output.stdout_text(), "Success");
    assert!(output.success() && output.stderr.is_empty() && !output.truncated);

    let output = office.run("fail no such extension").await.unwrap();
    assert_eq!((output.stderr_text().as_str(), output.exit.clone()), ("no such extension", Exit::Code(3)));
    assert!(!output.success());

    let output = office.run("vanish").await.unwrap();
    assert_eq!(output.exit, Exit::Unknown);
    assert!(matches!(office.host.state(), SshState::Connected { .. }));
    assert_eq!(office.connections(), 1);
}

#[tokio::test]
async fn an_output_does_not_show_itself_in_logs() {
    let office = Office::open().await;
    let output = office.run("echo secret=1234").await.unwrap();
    assert!(!format!("{output:?}").contains("1234"));
}

#[tokio::test]
async fn fifty_requests_at_once_make_one_connection_and_eight_sessions_at_most() {
    let office = Office::open().await;
    let results = join_all((0..50).map(|number| {
        let host = office.host.clone();
        async move { host.exec(&format!("echo {number}")).await }
    }))
    .await;
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap().stdout_text(), number.to_string());
    }
    assert_eq!(office.connections(), 1);
    assert!(office.sshd.seen.count(|seen| &seen.most_sessions) <= 8);
    assert_eq!(office.host.figures().connects, 1);
}

#[tokio::test]
async fn who_came_first_is_next_and_who_finds_the_queue_full_is_turned_away_at_once() {
    let office = Office::with(|target| {
        target.limits.commands_at_once = 1;
        target.limits.waiting = 2;
    })
    .await;
    let mut running = Vec::new();
    for number in 0..3 {
        let host = office.host.clone();
        running.push(tokio::spawn(async move { host.exec(&format!("wait {number}")).await }));
        until("it is in the queue", async || {
            let SshFigures { commands_running, waiting, .. } = office.host.figures();
            commands_running == 1 && waiting == number && office.commands().len() == 1
        })
        .await;
    }
    let busy = office.error("echo 4").await;
    assert_eq!(busy, SshError::Busy { host: office.host.label().to_owned(), limit: 3 });
    assert_eq!(busy.fate(), Fate::NotSent);

    for (number, running) in running.into_iter().enumerate() {
        office.runs(number + 1).await;
        office.sshd.seen.go.notify_one();
        running.await.unwrap().unwrap();
    }
    assert_eq!(office.commands(), ["wait 0", "wait 1", "wait 2"]);
    assert_eq!(office.sshd.seen.count(|seen| &seen.most_sessions), 1);
}

#[tokio::test]
async fn the_time_limit_tells_a_command_that_hangs_from_one_that_never_had_its_turn() {
    let office = Office::with(|target| {
        target.limits.commands_at_once = 1;
        target.limits.command = Duration::from_millis(1500);
    })
    .await;
    office.host.connect().await.unwrap();
    let (hangs, waits) = tokio::join!(office.run("hang"), office.run("echo"));
    let hangs = hangs.unwrap_err();
    assert!(matches!(hangs, SshError::CommandTimeout { fate: Fate::MaybeRun, .. }), "{hangs}");
    assert_eq!(hangs.in_short(), "Command timeout");
    let waits = waits.unwrap_err();
    assert!(matches!(waits, SshError::QueueTimeout { .. }), "{waits}");
    assert_eq!(waits.fate(), Fate::NotSent);
    assert_eq!(office.commands(), ["hang"]);

    until("the hanging command gave its turn back", async || office.run("echo").await.is_ok()).await;
    until("its session at the host is closed", async || office.sshd.seen.sessions() == 0).await;
    assert_eq!(office.connections(), 1, "one command that hangs is no reason to leave the connection");
}

#[tokio::test]
async fn a_dropped_request_gives_back_its_turn_and_closes_its_session() {
    let office = Office::with(|target| target.limits.commands_at_once = 2).await;
    let requests: Vec<_> = (0..2)
        .map(|_| {
            let host = office.host.clone();
            tokio::spawn(async move { host.exec("hang").await })
        })
        .collect();
    office.runs(2).await;
    for request in &requests {
        request.abort();
    }
    assert!(office.run("echo").await.is_ok());
    until("no session is left at the host", async || office.sshd.seen.sessions() == 0).await;
    assert_eq!(office.host.figures().commands_running, 0);
}

/// russh itself would forget it, and the host would keep it until the connection ends.
#[tokio::test]
async fn a_session_that_is_opened_after_its_request_was_dropped_is_closed_again() {
    let office = Office::open().await;
    office.host.connect().await.unwrap();
    office.sshd.mood(Mood::HoldSessions);
    let host = office.host.clone();
    let request = tokio::spawn(async move { host.exec("echo").await });
    until("the host was asked for a session", async || office.sshd.held() == 1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    office.sshd.answer_held().await;
    until("the session is closed", async || office.sshd.seen.sessions() == 0).await;
    assert_eq!(office.commands(), Vec::<String>::new(), "nothing ran in it");
}

#[tokio::test]
async fn a_host_that_allows_fewer_sessions_serves_all_the_same() {
    let office = Office::open().await;
    office.sshd.seen.max_sessions.store(2, Ordering::SeqCst);
    let results = join_all((0..30).map(|_| office.run("echo"))).await;
    for result in results {
        result.unwrap();
    }
    assert_eq!(office.connections(), 1);
}

#[tokio::test]
async fn a_host_without_sessions_or_commands_says_so() {
    let office = Office::open().await;
    let refused = office.error("refuse").await;
    assert!(matches!(refused, SshError::CommandRefused { .. }), "{refused}");
    assert_eq!(refused.fate(), Fate::NotSent);
    assert!(office.run("echo").await.is_ok(), "the connection is still good");

    let office = Office::open().await;
    office.sshd.seen.max_sessions.store(0, Ordering::SeqCst);
    let refused = office.error("echo").await;
    assert!(matches!(refused, SshError::ChannelRefused { .. }), "{refused}");
    assert_eq!(refused.fate(), Fate::NotSent);
}

#[tokio::test]
async fn an_unused_connection_is_closed_and_made_again_when_it_is_needed() {
    let office = Office::with(|target| target.limits.idle = Duration::from_millis(50)).await;
    office.run("echo").await.unwrap();
    until("it is closed", async || office.sshd.seen.count(|seen| &seen.connected) == 0).await;
    assert!(matches!(office.host.state(), SshState::Unused { .. }), "{:?}", office.host.state());
    office.run("echo").await.unwrap();
    assert_eq!(office.connections(), 2);
}

#[tokio::test]
async fn a_connection_with_a_running_command_is_not_unused() {
    let office = Office::with(|target| target.limits.idle = Duration::from_millis(50)).await;
    let host = office.host.clone();
    let running = tokio::spawn(async move { host.exec("wait").await });
    office.runs(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    office.sshd.seen.go.notify_one();
    running.await.unwrap().unwrap();
    assert_eq!(office.connections(), 1);
}

#[tokio::test]
async fn closing_lets_the_running_command_end_and_takes_no_other() {
    let office = Office::open().await;
    let host = office.host.clone();
    let running = tokio::spawn(async move { host.exec("wait").await });
    office.runs(1).await;
    let host = office.host.clone();
    let closing = tokio::spawn(async move { host.close().await });
    until("it is closed", async || office.host.state() == SshState::Closed).await;
    let refused = office.error("echo").await;
    assert!(matches!(refused, SshError::Closed { .. }), "{refused}");
    office.sshd.seen.go.notify_one();
    running.await.unwrap().expect("it was running already");
    timeout(PATIENCE, closing).await.expect("it ends").unwrap();
    until("the host sees the end", async || office.sshd.seen.count(|seen| &seen.connected) == 0).await;
}

#[tokio::test]
async fn the_last_clone_takes_the_connection_with_it() {
    let Office { sshd, host, target, _folder } = Office::open().await;
    host.exec("echo").await.unwrap();
    let clone = host.clone();
    drop(host);
    assert!(clone.exec("echo").await.is_ok());
    drop((clone, target));
    until("the connection is closed", async || sshd.seen.count(|seen| &seen.connected) == 0).await;
}
