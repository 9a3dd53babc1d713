//! The last calls and the live ones, as the store has them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use call::{CallId, CallRecord, EndedBy, OutgoingCall, Reason, Status};
use chrono::{TimeDelta, Utc};
use ledger::{Commit, Store};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::bench::Bench;

/// Writes calls into the bench's store, as the daemon would have.
async fn remember(bench: &Bench, records: Vec<CallRecord>) {
    let (notices, _kept) = mpsc::unbounded_channel();
    let (store, writer) = Store::open(bench.setting("store.url"), notices).await.expect("a store");
    for record in records {
        let (done, is_done) = oneshot::channel();
        store.submit(Commit {
            record: Arc::new(record),
            entries: Vec::new(),
            idempotency: None,
            urgent: true,
            done: Some(done),
        });
        is_done.await.expect("durable");
    }
    store.close().await;
    writer.ended().await;
}

fn call(minutes_ago: i64, reason: Option<Reason>) -> CallRecord {
    let request = OutgoingCall {
        phone: "+79522675444".parse().expect("E.164"),
        caller_id: None,
        scenario: "default".to_owned(),
        ring_timeout: 60,
        max_duration: 3600,
        custom_metadata: None,
        requested_by: None,
    };
    let at = Utc::now() - TimeDelta::minutes(minutes_ago);
    let mut record = CallRecord::new(CallId(Uuid::now_v7()), request, at);
    if let Some(reason) = reason {
        record.last.status = Status::Failed;
        record.last.reason = Some(reason);
        record.last.ended_by = Some(EndedBy::Carrier);
        record.last.ended_at = Some(at);
    }
    record
}

#[tokio::test]
async fn most_of_the_last_calls_failed_for_one_reason() {
    let bench = Bench::new();
    let reason = Some(Reason::CarrierForbidden);
    let mut records: Vec<CallRecord> = (1..=8).map(|minutes| call(minutes, reason)).collect();
    records.extend((20..=21).map(|minutes| call(minutes, Some(Reason::HungUp))));
    remember(&bench, records).await;
    let report = bench.doctor(&[]);
    report
        .fails(&["last_calls"])
        .says("last_calls", "80 % of the last 24 hours (8 of 10) ended with carrier_forbidden");
    report.says("last_calls", "check the balance");
}

#[tokio::test]
async fn yesterdays_failures_are_forgotten() {
    let bench = Bench::new();
    remember(&bench, vec![call(60 * 30, Some(Reason::TrunkAuthFailed))]).await;
    bench.doctor(&[]).fails(&[]);
}

#[tokio::test]
async fn a_live_call_that_should_have_ended() {
    let bench = Bench::new();
    remember(&bench, vec![call(60 * 12, None), call(1, None)]).await;
    bench.doctor(&[]).fails(&["live_calls"]).says("live_calls", "1 of 2 should have ended");
}

#[tokio::test]
async fn failures_that_are_over_are_only_warned_of() {
    let bench = Bench::new();
    let mut records: Vec<CallRecord> =
        (20..28).map(|minutes| call(minutes, Some(Reason::CarrierForbidden))).collect();
    records.push(call(1, Some(Reason::HungUp)));
    remember(&bench, records).await;
    bench.doctor(&[]).warns(&["last_calls"]).says("last_calls", "88 % of the last 24 hours (8 of 9)");
}

/// A talk that the daemon was killed in, looked at a day later.
#[tokio::test]
async fn a_talk_that_nobody_ended() {
    let mut bench = Bench::new();
    bench.set("scenarios.default.steps", "[{wait=600}]").start();
    assert_eq!(bench.call("+79005550200", Some("answered")).await.1["status"], "answered");
    bench.stop();
    bench.doctor(&[]).fails(&[]).says("live_calls", "1, none older than it may be");
    let report = crate::clock::doctor_ahead(&bench, 24 * 3600);
    report
        .fails(&["live_calls"])
        .says("live_calls", "1 of 1 should have ended long ago, the oldest is of 20");
    report.says("live_calls", "start the daemon");
    // The daemon closes it, as doctor promises: it asks Asterisk, which has nothing of it any more.
    bench.pbx.console("channel request hangup all");
    bench.start();
    let begun = Instant::now();
    while crate::clock::doctor_ahead(&bench, 24 * 3600).level("live_calls") != "ok" {
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays open");
    }
}
