//! Hosts that are down, hang or die: what is sent again and what never is, and that a dead host costs little.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::sshd::Mood;
use super::{Office, until};
use crate::ssh::{BreakerLimits, Fate, SshError, SshHost, SshState, Stage};

/// Pauses long enough to be seen, short enough to be waited for.
fn breaker(failures: u32) -> BreakerLimits {
    let (first, most) = (Duration::from_millis(300), Duration::from_secs(1));
    BreakerLimits { failures, first, most, ..BreakerLimits::default() }
}

#[tokio::test]
async fn a_command_that_may_have_run_is_never_sent_again() {
    let office = Office::open().await;
    let lost = office.error("drop").await;
    assert!(matches!(lost, SshError::Lost { fate: Fate::MaybeRun, .. }), "{lost}");
    assert_eq!(lost.in_short(), "Connection lost");
    assert!(lost.to_string().contains("look at the host"), "{lost}");
    assert_eq!(office.commands(), ["drop"]);
    assert_eq!(office.connections(), 1);

    office.run("echo").await.unwrap();
    assert_eq!(office.connections(), 2, "the next one gets a new connection");
}

#[tokio::test]
async fn a_command_that_was_not_sent_is_sent_once_over_a_new_connection() {
    let office = Office::with(|target| target.limits.answer = Duration::from_millis(200)).await;
    office.run("echo 1").await.unwrap();
    office.sshd.freeze();
    assert_eq!(office.run("echo 2").await.unwrap().stdout_text(), "2");
    assert_eq!(office.commands(), ["echo 1", "echo 2"]);
    assert_eq!(office.connections(), 2);
    office.run("echo 3").await.unwrap();
    assert_eq!(office.connections(), 2, "the frozen one is not used again");
}

#[tokio::test]
async fn a_host_that_freezes_every_connection_is_given_up_after_the_second() {
    let office = Office::with(|target| target.limits.answer = Duration::from_millis(100)).await;
    office.sshd.mood(Mood::Freeze);
    let lost = office.error("echo").await;
    assert!(matches!(lost, SshError::Lost { fate: Fate::NotSent, .. }), "{lost}");
    assert_eq!(office.connections(), 2);
    assert_eq!(office.commands(), Vec::<String>::new());
}

#[tokio::test]
async fn a_silent_death_is_noticed_without_any_command() {
    let office = Office::with(|target| target.limits.keepalive = Duration::from_millis(100)).await;
    office.run("echo").await.unwrap();
    office.sshd.freeze();
    until("the death is noticed", async || matches!(office.host.state(), SshState::Down { .. })).await;
    let SshState::Down { why, .. } = office.host.state() else { unreachable!("it was just seen") };
    assert!(why.contains("no longer answers (keepalive)"), "{why}");
    until("the connection is closed", async || office.sshd.seen.count(|seen| &seen.connected) == 0).await;
}

#[tokio::test]
async fn a_lost_connection_is_told_by_the_state_and_made_again_by_the_next_command() {
    let office = Office::open().await;
    office.run("echo").await.unwrap();
    office.sshd.cut();
    until("the loss is noticed", async || matches!(office.host.state(), SshState::Down { .. })).await;
    let SshState::Down { why, .. } = office.host.state() else { unreachable!("it was just seen") };
    assert!(why.contains("was lost"), "{why}");
    office.run("echo").await.unwrap();
    assert!(matches!(office.host.state(), SshState::Connected { .. }));
}

#[tokio::test]
async fn an_sshd_that_accepts_and_hangs_costs_the_connect_limit_and_leaves_nothing_open() {
    let office = Office::with(|target| target.limits.connect = Duration::from_millis(300)).await;
    office.sshd.mood(Mood::HangAfterAccept);
    let begun = Instant::now();
    let results = join_all((0..10).map(|_| office.run("echo"))).await;
    for result in results {
        let late = result.unwrap_err();
        assert!(matches!(late, SshError::ConnectTimeout { stage: Stage::Handshake, .. }), "{late}");
        assert_eq!((late.in_short(), late.fate()), ("Connection timeout", Fate::NotSent));
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "all waited for the same attempt");
    assert_eq!(office.connections(), 1);
    until("the connection is closed from here", async || office.sshd.seen.count(|seen| &seen.connected) == 0)
        .await;
}

#[tokio::test]
async fn an_sshd_that_closes_at_once_says_nothing_of_passwords() {
    let office = Office::open().await;
    office.sshd.mood(Mood::CloseAfterAccept);
    let error = office.error("echo").await;
    assert!(matches!(error, SshError::Handshake { .. }), "{error}");
}

#[tokio::test]
async fn a_dead_host_answers_at_once_after_its_third_failure_and_one_request_finds_it_alive_again() {
    let office = Office::with(|target| target.limits.breaker = breaker(3)).await;
    office.sshd.mood(Mood::CloseAfterAccept);
    for _ in 0..3 {
        let error = office.error("echo").await;
        assert!(matches!(error, SshError::Handshake { .. }), "{error}");
    }
    assert_eq!(office.connections(), 3);
    assert!(matches!(office.host.state(), SshState::Paused { .. }), "{:?}", office.host.state());

    let results = join_all((0..20).map(|_| office.run("echo"))).await;
    for result in results {
        let paused = result.unwrap_err();
        assert!(
            matches!(&paused, SshError::Paused { cause, .. } if matches!(**cause, SshError::Handshake { .. }))
        );
        assert_eq!(paused.fate(), Fate::NotSent);
    }
    assert_eq!(office.connections(), 3, "nobody went to the host");

    until("the pause is over", async || matches!(office.host.state(), SshState::Down { .. })).await;
    office.sshd.mood(Mood::HangAfterAccept);
    let host = office.host.clone();
    let probe = tokio::spawn(async move { host.exec("echo").await });
    until("the probe is under way", async || office.connections() == 4).await;
    let paused = office.error("echo").await;
    assert!(matches!(paused, SshError::Paused { .. }), "the others do not wait for the probe: {paused}");
    office.sshd.cut();
    probe.await.unwrap().unwrap_err();

    office.sshd.mood(Mood::Serve);
    until("it works again", async || office.run("echo").await.is_ok()).await;
    assert_eq!(office.connections(), 5);
}

#[tokio::test]
async fn a_host_that_lets_in_and_then_dies_is_paused_like_one_that_does_not_answer() {
    let office = Office::with(|target| {
        target.limits.breaker = breaker(2);
        target.limits.answer = Duration::from_millis(500);
    })
    .await;
    // The session never opens, and then the connection is gone.
    office.sshd.mood(Mood::Freeze);
    let host = office.host.clone();
    let command = tokio::spawn(async move { host.exec("echo").await });
    for login in 1..=2 {
        until("it is logged in", async || office.sshd.seen.count(|seen| &seen.logins) == login).await;
        office.sshd.cut();
    }
    let lost = command.await.unwrap().unwrap_err();
    assert_eq!(lost.fate(), Fate::NotSent);
    until("it is paused", async || matches!(office.error("echo").await, SshError::Paused { .. })).await;
}

#[tokio::test]
async fn a_refused_connection_says_so() {
    let office = Office::open().await;
    office.sshd.stop().await;
    let error = office.error("echo").await;
    assert_eq!(error, SshError::Refused { host: office.host.label().to_owned() });
    assert_eq!(error.in_short(), "Connection refused");
}

#[tokio::test]
async fn one_dead_host_does_not_slow_another() {
    let dead = Office::open().await;
    dead.sshd.mood(Mood::HangAfterAccept);
    let alive = Office::open().await;
    let host: SshHost = dead.host.clone();
    let stuck = tokio::spawn(async move { host.exec("echo").await });
    until("it hangs", async || dead.connections() == 1).await;
    alive.run("echo").await.unwrap();
    assert!(!stuck.is_finished());
    stuck.abort();
    assert_eq!(dead.sshd.seen.logins.load(Ordering::SeqCst), 0);
}

/// The one who wanted it first may go; the others still get it.
#[tokio::test]
async fn an_attempt_to_connect_does_not_end_with_the_request_that_began_it() {
    let office = Office::open().await;
    let first = {
        let host = office.host.clone();
        tokio::spawn(async move { host.exec("echo 1").await })
    };
    until("it connects", async || office.connections() == 1).await;
    let second = {
        let host = office.host.clone();
        tokio::spawn(async move { host.exec("echo 2").await })
    };
    first.abort();
    second.await.unwrap().unwrap();
    assert_eq!(office.connections(), 1);
}
