//! What is acknowledged is on disk: a process is killed in the middle of writing, a disk is locked.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use tokio::task::JoinSet;

use super::*;

on_both!(
    kill_9_loses_nothing_that_was_acknowledged,
    a_lock_delays_and_loses_nothing,
    a_failure_in_the_middle_of_a_transaction_leaves_no_half,
    what_can_never_be_written_holds_up_nobody,
);

impl On {
    /// Keeps everybody from writing, and lets them read.
    fn lock(self) -> &'static str {
        match self {
            On::Sqlite => "BEGIN EXCLUSIVE",
            On::Postgres => "BEGIN; LOCK TABLE timeline IN EXCLUSIVE MODE",
        }
    }

    /// What the database says of such a lock.
    fn is_locked(self) -> &'static str {
        match self {
            On::Sqlite => "locked",
            On::Postgres => "lock timeout",
        }
    }

    /// Refuses one kind of entry for ever.
    fn poison(self) -> &'static str {
        match self {
            On::Sqlite => {
                "CREATE TRIGGER poison BEFORE INSERT ON timeline WHEN new.event = 'poison' \
                 BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            }
            On::Postgres => {
                "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'not this one'; END $$; \
                 CREATE TRIGGER poison BEFORE INSERT ON timeline FOR EACH ROW WHEN (new.event = 'poison') \
                 EXECUTE FUNCTION poison()"
            }
        }
    }
}

/// Set in the child: the store it writes to.
const CHILD: &str = "NOVOFON_BOT_TEST_STORE";

async fn kill_9_loses_nothing_that_was_acknowledged(on: On) {
    // The test starts itself as the process that is killed.
    if let Ok(url) = std::env::var(CHILD) {
        return write_until_killed(&url).await;
    }
    let place = Place::new(on).await;
    let engine = if on == On::Sqlite { "sqlite" } else { "postgres" };
    let name = format!("tests::durability::{engine}::kill_9_loses_nothing_that_was_acknowledged");
    let mut last = 0;
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("the test's own binary"))
            .args(["--exact", &name, "--nocapture"])
            .env(CHILD, place.url())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        // What it says before the kill and what was still in the pipe: all of it was acknowledged.
        let acknowledged = |line: String| line.strip_prefix("stored ").map(str::to_owned);
        let mut ids: Vec<String> = lines.by_ref().filter_map(acknowledged).take(200 + round * 77).collect();
        child.kill().expect("SIGKILL");
        child.wait().expect("it is dead");
        ids.extend(lines.filter(|line| line.len() == "stored ".len() + 36).filter_map(acknowledged));

        assert!(ids.len() >= 200, "the child wrote {} calls", ids.len());

        let (store, _notices) = open(&place.url()).await;
        for id in &ids {
            let id: CallId = id.parse().expect("an id");
            let call = store.call(id).await.expect("read").expect("acknowledged, so it is there");
            assert_eq!(call.last.status, Status::Dialing);
            let events: Vec<_> =
                store.timeline(id).await.expect("read").into_iter().map(|(_, e)| e.event).collect();
            assert_eq!(events, ["queued", "dialing"], "a step is there as a whole, once");
        }
        assert!(store.last_seq().await.expect("read") >= last + 2 * ids.len() as i64, "seq grows");
        last = store.last_seq().await.expect("read");
        assert_eq!(store.integrity_check().await.expect("read"), [""; 0]);
        store.close().await;
    }
}

async fn write_until_killed(url: &str) {
    let (store, _notices) = open(url).await;
    let mut writers = JoinSet::<()>::new();
    for n in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            loop {
                let mut record = call(n, phone(n));
                stored_with(&store, &record, "queued").await;
                record.last.status = Status::Dialing;
                stored_with(&store, &record, "dialing").await;
                println!("stored {}", record.id);
            }
        });
    }
    writers.join_next().await.expect("there are writers").expect("they write until they are killed");
}

async fn stored_with(store: &Store, record: &CallRecord, event: &str) {
    assert!(submit(store, commit(record, &[event])).await);
}

async fn a_lock_delays_and_loses_nothing(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let mut stranger = fixture.stranger().await;
    stranger.run(on.lock()).await.expect("locked");

    let calls: Vec<_> = (0..20).map(|n| call(n, phone(n))).collect();
    let waiting: Vec<_> = calls.iter().map(|record| submit(store, commit(record, &["queued"]))).collect();
    until(store, |health| matches!(health, Health::Away { reason, .. } if reason.contains(on.is_locked())))
        .await;
    assert_eq!(store.backlog(), 20);
    assert_eq!(store.call(calls[0].id).await.expect("reads go on"), None);

    stranger.run("COMMIT").await.expect("unlocked");
    for done in waiting {
        assert!(done.await);
    }
    assert_eq!((store.health(), store.backlog()), (Health::Ok, 0));
    assert!(store.stats().retries > 0);
    for record in &calls {
        assert_eq!(store.call(record.id).await.expect("read").as_ref(), Some(record));
        assert_eq!(store.timeline(record.id).await.expect("read").len(), 1, "written once");
    }
}

async fn a_failure_in_the_middle_of_a_transaction_leaves_no_half(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    // The record can be written, its timeline can't: neither may be seen before both are there.
    let mut stranger = fixture.stranger().await;
    stranger.run("ALTER TABLE timeline RENAME TO hidden").await.expect("renamed");
    let record = call(1, phone(1));
    let waiting = submit(store, commit(&record, &["queued"]));
    until(store, |health| matches!(health, Health::Away { .. })).await;
    assert_eq!(store.call(record.id).await.expect("read"), None, "nothing is written by halves");
    stranger.run("ALTER TABLE hidden RENAME TO timeline").await.expect("renamed back");
    assert!(waiting.await);
    assert_eq!(store.timeline(record.id).await.expect("read").len(), 1);
    stranger.close().await.expect("closed");
}

async fn what_can_never_be_written_holds_up_nobody(on: On) {
    let mut fixture = Fixture::new(on).await;
    let mut stranger = fixture.stranger().await;
    stranger.run(on.poison()).await.expect("a trigger");
    // The lock puts all three in one batch.
    stranger.run(on.lock()).await.expect("locked");
    let calls: Vec<_> = (0..3).map(|n| call(n, phone(n))).collect();
    let waiting: Vec<_> = calls
        .iter()
        .zip(["queued", "poison", "queued"])
        .map(|(record, event)| submit(&fixture.store, commit(record, &[event])))
        .collect();
    until(&fixture.store, |health| *health != Health::Ok).await;
    stranger.run("COMMIT").await.expect("unlocked");

    let mut results = Vec::new();
    for done in waiting {
        results.push(done.await);
    }
    assert_eq!(results, [true, false, true]);
    let mut refused = Vec::new();
    let mut written = Vec::new();
    while refused.len() + written.len() < 3 {
        match fixture.notices.recv().await.expect("a notice") {
            Notice::Committed(batch) => written.extend(batch.into_iter().map(|note| note.record.id)),
            Notice::Refused(note) => refused.push((note.record.id, note.reason)),
        }
    }
    assert_eq!(written, [calls[0].id, calls[2].id]);
    assert_eq!(refused[0].0, calls[1].id);
    assert!(refused[0].1.contains("not this one"), "{}", refused[0].1);
    assert_eq!((fixture.store.stats().refused, fixture.store.backlog()), (1, 0));
    assert_eq!(fixture.store.health(), Health::Ok);
    assert_eq!(fixture.store.call(calls[1].id).await.expect("read"), None, "nothing is written by halves");
}

/// What is written to a file that no start would find is not on disk, whatever SQLite says.
/// A network's disk that hangs says nothing, and gives no error either.
#[tokio::test]
async fn a_disk_that_does_not_answer_is_away() {
    let fixture = Fixture::new(On::Sqlite).await;
    let store = &fixture.store;
    tokio::time::pause();
    let at_work = store.inner.shared.at_work();
    assert_eq!(store.health(), Health::Ok);
    tokio::time::advance(SILENT + Duration::from_secs(1)).await;
    let Health::Away { reason, .. } = store.health() else { panic!("{:?}", store.health()) };
    assert_eq!(
        (reason.as_str(), store.refuses()),
        ("the disk has not answered for 6 s", Some(reason.clone()))
    );
    drop(at_work);
    assert_eq!((store.health(), store.refuses()), (Health::Ok, None));
}

#[tokio::test]
async fn a_removed_or_replaced_file_takes_no_call_until_it_is_back() {
    let fixture = Fixture::new(On::Sqlite).await;
    let (file, aside) = (fixture.folder().join("bot.db"), fixture.folder().join("aside.db"));
    std::fs::rename(&file, &aside).expect("renamed");
    let record = call(1, phone(1));
    let on_disk = submit(&fixture.store, commit(&record, &["queued"]));
    let away = |why: &'static str| move |health: &Health| matches!(health, Health::Away { reason, .. } if reason.contains(why));
    until(&fixture.store, away("removed or renamed")).await;
    std::fs::write(&file, "").expect("another file");
    until(&fixture.store, away("another file stands in its place")).await;
    std::fs::rename(&aside, &file).expect("put back");
    assert!(on_disk.await);
    until(&fixture.store, |health| *health == Health::Ok).await;
    assert_eq!(fixture.store.call(record.id).await.expect("read"), Some(record));
}

/// Nobody calls, so nothing is written; the operator is told all the same.
#[tokio::test]
async fn an_idle_store_notices_that_its_file_is_gone() {
    let fixture = Fixture::new(On::Sqlite).await;
    let (file, aside) = (fixture.folder().join("bot.db"), fixture.folder().join("aside.db"));
    std::fs::rename(&file, &aside).expect("renamed");
    // Sets the next purge to now.
    fixture.store.keep_days(1);
    until(&fixture.store, |health| *health != Health::Ok).await;
    std::fs::rename(&aside, &file).expect("put back");
    until(&fixture.store, |health| *health == Health::Ok).await;
}
