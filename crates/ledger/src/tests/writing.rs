//! Commits, notices, deletion, idempotency keys.

use super::*;
use call::Metadata;

on_both!(
    every_value_of_a_record_and_an_entry_is_read_back,
    an_offices_call_is_read_back_with_what_its_attempt_knows_of_it,
    many_submitters_share_transactions,
    steps_of_one_call_keep_their_order_and_the_last_record_stands,
    seq_grows_over_deletion_and_restart,
    only_an_ended_call_is_deleted_and_all_of_it,
    a_key_lives_for_a_day_and_survives_a_restart,
    the_key_of_a_withdrawn_call_is_its_repetitions,
    expired_keys_are_removed_in_steps,
    numbers_dialed_lately,
);

async fn every_value_of_a_record_and_an_entry_is_read_back(on: On) {
    let fixture = Fixture::new(on).await;
    let metadata = serde_json::json!({ "order": 7, "name": "Ёж \"' \0" }).to_string();
    let request = OutgoingCall {
        caller_id: Some("+74951234567".to_owned()),
        custom_metadata: Metadata::of_store(&metadata).ok(),
        ..outgoing(phone(1))
    };
    let record = of(1, request);
    stored(&fixture.store, &record).await;
    assert_eq!(fixture.store.call(record.id).await.expect("read").as_ref(), Some(&record));

    let later = |seconds| Some(start() + TimeDelta::seconds(seconds));
    let mut refused = record.clone();
    refused.begin_attempt(start());
    (refused.last.status, refused.last.reason) = (Status::Failed, Some(Reason::AsteriskRefused));
    let last = Attempt {
        number: 2,
        status: Status::Rejected,
        reached: call::Reached::EarlyMedia,
        reason: Some(Reason::Declined),
        ended_by: Some(EndedBy::Callee),
        sip_code: Some(603),
        sip_text: Some("Decline".to_owned()),
        q850_cause: Some(21),
        dialed_at: later(1),
        ringing_at: later(2),
        answered_at: later(3),
        ended_at: later(4),
        ring_seconds: Some(1.25),
        talk_seconds: Some(0.1),
        sip_call_id: Some("abc@carrier".to_owned()),
        trunk_channel: Some("1790000000.17".to_owned()),
        ..Attempt::to_come()
    };
    let record = CallRecord {
        earlier: refused.attempts().cloned().collect(),
        last,
        scenario_result: Some("interrupted".to_owned()),
        scenario_steps: 2,
        hangup: Some((EndedBy::Api, Reason::HungUp)),
        ..record
    };
    let mut silent = entry("silence");
    (silent.status, silent.data) = (None, None);
    let mut with_entries = commit(&record, &["declined"]);
    with_entries.entries.push(silent.clone());
    assert!(submit(&fixture.store, with_entries).await);
    assert_eq!(fixture.store.call(record.id).await.expect("read"), Some(record.clone()));
    assert_eq!(fixture.store.timeline(record.id).await.expect("read"), [(1, entry("declined")), (2, silent)]);
}

async fn an_offices_call_is_read_back_with_what_its_attempt_knows_of_it(on: On) {
    let fixture = Fixture::new(on).await;
    for n in [0, 2] {
        let mut record = of(n, OfficeCall { client: Some("10.0.0.7".to_owned()), ..office(n, phone(n)) });
        record.begin_attempt(start());
        stored(&fixture.store, &record).await;
        assert_eq!(fixture.store.call(record.id).await.expect("read").as_ref(), Some(&record));
        record.last.way = Some(WayKind::Ssh);
        record.last.linked_id = Some("1790000000.1".to_owned());
        record.last.sides = Some(["1790000000.1".to_owned(), "1790000000.2".to_owned()]);
        assert!(submit(&fixture.store, commit(&record, &["leg_up"])).await);
        assert_eq!(fixture.store.call(record.id).await.expect("read"), Some(record));
    }
}

async fn many_submitters_share_transactions(on: On) {
    let fixture = Fixture::new(on).await;
    let waiting: Vec<_> = (0..300)
        .map(|n| submit(&fixture.store, commit(&call(n, phone(n)), &["queued", "dialing"])))
        .collect();
    for done in waiting {
        assert!(done.await);
    }
    let stats = fixture.store.stats();
    assert_eq!(stats.commits, 300);
    assert!(stats.transactions < 30, "{stats:?}");
    let all = fixture.store.timeline_after(None, 0, 1000).await.expect("read");
    assert_eq!(all.len(), 600);
    assert!(all.iter().map(|(seq, ..)| *seq).eq(1..=600));
}

async fn steps_of_one_call_keep_their_order_and_the_last_record_stands(on: On) {
    let mut fixture = Fixture::new(on).await;
    let (mut a, b) = (call(1, phone(1)), call(2, phone(2)));
    let store = fixture.store.clone();
    store.submit(commit(&a, &["queued"]));
    store.submit(commit(&b, &["queued"]));
    a.last.status = Status::Dialing;
    store.submit(commit(&a, &["dialing", "trying"]));
    a.last.status = Status::Ringing;
    assert!(submit(&store, commit(&a, &["ringing"])).await);

    let mut notes = Vec::new();
    while notes.iter().map(|note: &Arc<Change>| note.entries.len()).sum::<usize>() < 5 {
        notes.extend(fixture.committed().await);
    }
    let seqs: Vec<_> = notes.iter().flat_map(|note| note.entries.iter().map(|(seq, _)| *seq)).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5], "notices tell the entries in the order of their numbers");
    let last = notes.iter().rfind(|note| note.record.id == a.id).expect("a notice of the first call");
    assert_eq!(*last.record, a);
    assert_eq!(store.call(a.id).await.expect("read"), Some(a.clone()));
    let timeline = store.timeline(a.id).await.expect("read");
    let events: Vec<_> = timeline.iter().map(|(_, entry)| &*entry.event).collect();
    assert_eq!(events, ["queued", "dialing", "trying", "ringing"]);

    let after = store.timeline_after(Some(a.id), timeline[1].0, 1).await.expect("read");
    assert_eq!(
        after.iter().map(|(_, id, entry)| (*id, &*entry.event)).collect::<Vec<_>>(),
        [(a.id, "trying")]
    );
}

async fn seq_grows_over_deletion_and_restart(on: On) {
    let fixture = Fixture::new(on).await;
    assert_eq!(fixture.store.last_seq().await.expect("read"), 0);
    let first = ended(call(1, phone(1)), Status::Busy, Reason::Busy, EndedBy::Callee);
    assert!(submit(&fixture.store, commit(&first, &["queued", "busy"])).await);
    assert_eq!(fixture.store.delete(first.id).await.expect("deleted"), Deleted::Yes);
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.store.last_seq().await.expect("read"), 2);
    let second = call(2, phone(2));
    assert!(submit(&fixture.store, commit(&second, &["queued"])).await);
    assert_eq!(fixture.store.timeline(second.id).await.expect("read")[0].0, 3);
}

async fn only_an_ended_call_is_deleted_and_all_of_it(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let live = call(1, phone(1));
    let mut first = commit(&live, &["queued"]);
    first.idempotency = Some(key("k", live.id, Utc::now()));
    store.submit(first);
    assert_eq!(store.delete(live.id).await.expect("asked"), Deleted::NotEnded);
    assert!(store.call(live.id).await.expect("read").is_some());

    let done = ended(live, Status::Completed, Reason::HungUp, EndedBy::Callee);
    store.submit(commit(&done, &["ended"]));
    assert_eq!(store.delete(done.id).await.expect("asked"), Deleted::Yes, "its end waited in front of it");
    assert_eq!(store.call(done.id).await.expect("read"), None);
    assert_eq!(store.timeline(done.id).await.expect("read"), []);
    let used = store.idempotency("crm", "k").await.expect("read").map(|row| row.call_id);
    assert_eq!(used, Some(done.id), "its key stays used for its time");
    assert!(store.counts_by_status().await.expect("read").is_empty());
    assert_eq!(store.delete(done.id).await.expect("asked"), Deleted::NotFound);
}

fn key(key: &str, call_id: CallId, at: DateTime<Utc>) -> IdempotencyRow {
    let created_at = DateTime::from_timestamp_micros(at.timestamp_micros()).expect("a time");
    IdempotencyRow { scope: "crm".to_owned(), key: key.to_owned(), fingerprint: [7; 32], call_id, created_at }
}

async fn with_key(store: &Store, row: &IdempotencyRow) {
    let mut record = call(1, phone(1));
    record.id = row.call_id;
    let mut commit = commit(&record, &[]);
    commit.idempotency = Some(row.clone());
    assert!(submit(store, commit).await);
}

async fn a_key_lives_for_a_day_and_survives_a_restart(on: On) {
    let fixture = Fixture::new(on).await;
    let id = || CallId(Uuid::now_v7());
    let young = key("young", id(), Utc::now() - TimeDelta::hours(23));
    let old = key("old", id(), Utc::now() - TimeDelta::hours(25));
    with_key(&fixture.store, &young).await;
    with_key(&fixture.store, &old).await;
    let fixture = fixture.reopened().await;
    let store = &fixture.store;
    assert_eq!(store.idempotency("crm", "young").await.expect("read").as_ref(), Some(&young));
    assert_eq!(store.idempotency("other", "young").await.expect("read"), None);
    assert_eq!(store.idempotency("crm", "old").await.expect("read"), None);

    let other = key("young", id(), Utc::now());
    with_key(store, &other).await;
    assert_eq!(store.idempotency("crm", "young").await.expect("read"), Some(young), "a living key stands");
    let again = key("old", id(), Utc::now());
    with_key(store, &again).await;
    assert_eq!(store.idempotency("crm", "old").await.expect("read"), Some(again), "an old one gives way");
}

/// The client of the first was told that the store did not take it, and came again with the same key; the disk writes
/// both at once when it comes back. The key must stand for the one that is dialed.
async fn the_key_of_a_withdrawn_call_is_its_repetitions(on: On) {
    for together in [true, false] {
        let fixture = Fixture::new(on).await;
        let store = &fixture.store;
        let [withdrawn, repeated] = [call(1, phone(1)), call(2, phone(1))];
        let rows = [&withdrawn, &repeated].map(|call| key("order", call.id, Utc::now()));
        let end = ended(withdrawn.clone(), Status::Canceled, Reason::StoreUnavailable, EndedBy::Bot);
        let mut commits = vec![commit(&withdrawn, &[]), commit(&end, &[]), commit(&repeated, &[])];
        commits[0].idempotency = Some(rows[0].clone());
        commits[2].idempotency = Some(rows[1].clone());
        if together {
            let written: Vec<_> = commits.into_iter().map(|commit| submit(store, commit)).collect();
            for written in written {
                assert!(written.await);
            }
        } else {
            for commit in commits {
                assert!(submit(store, commit).await);
            }
        }
        assert_eq!(store.idempotency("crm", "order").await.expect("read"), Some(rows[1].clone()));
    }
}

async fn expired_keys_are_removed_in_steps(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.store.close().await;
    let mut db = fixture.stranger().await;
    for n in 0..300 {
        let row = key(&n.to_string(), CallId(Uuid::now_v7()), start() + TimeDelta::seconds(n));
        let mut query = db.query("");
        idempotency::push_insert(&mut query, &row, row.created_at);
        db.execute(query).await.expect("inserted");
    }
    let now = start() + idempotency::LIFE + TimeDelta::seconds(289);
    assert!(idempotency::purge(&mut db, now).await.expect("purged"), "one step does not remove them all");
    assert!(!idempotency::purge(&mut db, now).await.expect("purged"));
    let query = db.query("SELECT key FROM idempotency ORDER BY created_at");
    let left = db.all(query).await.expect("read");
    let left: Vec<String> = left.iter().map(|row| row.get("key").expect("a key")).collect();
    assert_eq!(left, ["290", "291", "292", "293", "294", "295", "296", "297", "298", "299"]);
}

async fn numbers_dialed_lately(on: On) {
    let fixture = Fixture::new(on).await;
    for (number, dialed) in [(1, Some(10)), (1, Some(20)), (2, Some(5)), (3, None), (4, Some(12))] {
        let mut record = call(0, phone(number));
        record.last.dialed_at = dialed.map(|seconds| start() + TimeDelta::seconds(seconds));
        stored(&fixture.store, &record).await;
    }
    let mut recent = fixture.store.recent_numbers(start() + TimeDelta::seconds(10)).await.expect("read");
    recent.sort();
    let at = |seconds| start() + TimeDelta::seconds(seconds);
    assert_eq!(recent, [(phone(1), at(20)), (phone(4), at(12))]);
}
