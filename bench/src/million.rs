//! A store with a million ended calls, written by the bot's own store, so that its rows, its indexes and its
//! counters are what years of service would have left. Made once and kept.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use call::{CallId, CallRecord, EndedBy, Entry, Metadata, OutgoingCall, Reached, Reason, Source, Status};
use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Commit, Store};
use tokio::sync::{mpsc, oneshot};
use uuid::{NoContext, Timestamp, Uuid};

/// The calls lie within so many days before now.
const DAYS: i64 = 300;

/// Different numbers among them.
pub const NUMBERS: u64 = 200_000;

const CROWD: u64 = 4000;

/// A generator of numbers that look random and are the same each time.
fn scatter(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    let n = (n ^ (n >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d);
    n ^ (n >> 33)
}

pub fn phone(n: u64) -> String {
    format!("+7952{:07}", 1_000_000 + scatter(n) % NUMBERS)
}

pub async fn make(path: &Path, calls: u64) -> anyhow::Result<()> {
    let begin = Instant::now();
    let (notices, mut told) = mpsc::unbounded_channel();
    tokio::task::spawn_local(async move { while told.recv().await.is_some() {} });
    let (store, writer) = Store::open(&format!("sqlite://{}", path.display()), notices).await?;
    let first = Utc::now() - TimeDelta::days(DAYS);
    let apart = TimeDelta::days(DAYS) / i32::try_from(calls)?;
    let mut n = 0;
    while n < calls {
        let (done, written) = oneshot::channel();
        let mut done = Some(done);
        let end = calls.min(n + CROWD);
        while n < end {
            let record = record(n, first + apart * n as i32)?;
            let entries = entries(&record);
            let done = if n + 1 == end { done.take() } else { None };
            store.submit(Commit {
                record: Arc::new(record),
                entries,
                idempotency: None,
                urgent: false,
                done,
            });
            n += 1;
        }
        ensure!(written.await.is_ok(), "the store refused a call");
        if n % 100_000 == 0 {
            println!("  {n} of {calls} calls written after {:.0} s", begin.elapsed().as_secs_f64());
        }
    }
    store.close().await;
    writer.ended().await;
    Ok(())
}

fn record(n: u64, at: DateTime<Utc>) -> anyhow::Result<CallRecord> {
    let stamp = Timestamp::from_unix(NoContext, at.timestamp() as u64, at.timestamp_subsec_nanos());
    let request = OutgoingCall {
        phone: phone(n).parse()?,
        caller_id: Some("+79675558164".into()),
        scenario: "default".into(),
        ring_timeout: 60,
        max_duration: 3600,
        custom_metadata: n
            .is_multiple_of(3)
            .then(|| Metadata::of_store(&format!("{{\"order\":{n}}}")).expect("an object")),
        requested_by: Some("crm".into()),
    };
    let mut call = CallRecord::new(CallId(Uuid::new_v7(stamp)), request, at);
    let (status, reason, ended_by, sip) = match scatter(n) % 1000 {
        0..400 => (Status::Completed, Reason::HungUp, EndedBy::Callee, Some((200, "OK"))),
        400..600 => (Status::Completed, Reason::ScenarioEnded, EndedBy::Bot, Some((200, "OK"))),
        600..750 => (Status::NoAnswer, Reason::RingTimeout, EndedBy::Limit, None),
        750..830 => (Status::Busy, Reason::Busy, EndedBy::Callee, Some((486, "Busy Here"))),
        830..900 => (
            Status::Unavailable,
            Reason::Unavailable,
            EndedBy::Carrier,
            Some((480, "Temporarily Unavailable")),
        ),
        900..940 => (Status::Rejected, Reason::Declined, EndedBy::Callee, Some((603, "Decline"))),
        940..970 => (Status::Failed, Reason::NumberInvalid, EndedBy::Carrier, Some((404, "Not Found"))),
        970..980 => (Status::Failed, Reason::CarrierForbidden, EndedBy::Carrier, Some((403, "Forbidden"))),
        980..995 => (Status::Canceled, Reason::HungUp, EndedBy::Api, None),
        _ => (Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown, None),
    };
    let rang = matches!(status, Status::Completed | Status::NoAnswer | Status::Rejected | Status::Canceled);
    let last = &mut call.last;
    last.status = status;
    last.reason = Some(reason);
    last.ended_by = Some(ended_by);
    last.sip_code = sip.map(|(code, _)| code);
    last.sip_text = sip.map(|(_, text)| text.to_owned());
    last.q850_cause = Some(16);
    last.dialed_at = Some(at + TimeDelta::milliseconds(20));
    last.ringing_at = rang.then(|| at + TimeDelta::seconds(2));
    last.ring_seconds = rang.then_some(7.25);
    last.reached = if rang { Reached::Ringing } else { Reached::Trying };
    if status == Status::Completed {
        last.reached = Reached::Answered;
        last.answered_at = Some(at + TimeDelta::seconds(9));
        last.talk_seconds = Some(21.5);
    }
    last.ended_at = Some(at + TimeDelta::seconds(31));
    last.sip_call_id = Some(Uuid::from_u128(u128::from(scatter(n))).to_string());
    last.trunk_channel = Some(format!("1795253819.{n}"));
    if status == Status::Completed {
        call.scenario_result = Some("completed".into());
        call.scenario_steps = 3;
    }
    Ok(call)
}

/// The timeline of such a call, as long as a real one's.
fn entries(call: &CallRecord) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(8);
    let mut add = |seconds, source, event: &str, text: &str, status| {
        let at = call.created_at + TimeDelta::seconds(seconds);
        let data = matches!(source, Source::Sip | Source::Ari)
            .then(|| serde_json::json!({"cause": 16, "tech_cause": null}));
        entries.push(Entry {
            at,
            source,
            event: event.into(),
            text: text.into(),
            status,
            data,
            attempt: None,
        });
    };
    add(0, Source::Api, "queued", "accepted", Some(Status::Queued));
    add(
        0,
        Source::Bot,
        "dialing",
        "the intent to dial is on disk before the originate",
        Some(Status::Dialing),
    );
    add(
        1,
        Source::Ari,
        "trunk_created",
        "the trunk leg was created: channel 1795253819.8, INVITE on its way",
        None,
    );
    if call.last.ringing_at.is_some() {
        add(2, Source::Sip, "trunk_ringing", "the trunk leg rings", Some(Status::Ringing));
    }
    if call.last.answered_at.is_some() {
        add(9, Source::Sip, "trunk_up", "the trunk leg is up", Some(Status::Answered));
    }
    add(30, Source::Ari, "trunk_destroyed", "the trunk channel is gone (cause 16)", None);
    add(30, Source::Dialplan, "report", "the carrier's last word was \"200 OK\"; DIALSTATUS ANSWER", None);
    add(31, Source::Bot, "ended", "the end", Some(call.last.status));
    entries
}

/// How long a store is worth keeping: its calls must lie within the bot's own `keep_days`.
pub const FRESH: Duration = Duration::from_secs(40 * 24 * 3600);
