//! What only a store in PostgreSQL can meet: several bots, a server that goes away or stands still, a commit whose answer is
//! lost.

use super::{
    proxy::{Cut, Proxy},
    *,
};

/// As `Store::open`, by a name of the test's.
async fn open_as(url: &str, node: &str) -> Result<(Store, UnboundedReceiver<Notice>), StoreError> {
    let (sender, notices) = mpsc::unbounded_channel();
    let (store, _) = Store::open(Address { url, node: Some(node) }, sender).await?;
    Ok((store, notices))
}

async fn as_node(server: &Cluster, node: &str) -> (Store, UnboundedReceiver<Notice>) {
    open_as(&server.url_with_password("bot"), node).await.expect("the store opens")
}

async fn events_of(store: &Store, call: CallId) -> Vec<String> {
    store.timeline(call).await.expect("read").into_iter().map(|(_, entry)| entry.event).collect()
}

#[tokio::test]
async fn an_open_call_is_its_nodes_and_seen_by_all() {
    let server = server().await;
    let (one, _notices) = as_node(&server, "one").await;
    let (two, _notices) = as_node(&server, "два").await;
    let (first, second) = (call(1, phone(1)), call(2, phone(2)));
    stored(&one, &first).await;
    stored(&two, &second).await;
    assert_eq!(one.open_calls().await.expect("read"), std::slice::from_ref(&first));
    assert_eq!(two.open_calls().await.expect("read"), std::slice::from_ref(&second));
    let all =
        two.list(&Filter::default(), &Page { limit: 10, cursor: None, offset: 0 }).await.expect("listed");
    assert_eq!((all.total, all.calls), (2, vec![second, first.clone()]));
    // What becomes of it is its own bot's to write, and does not change whose it is.
    let over = ended(first.clone(), Status::Busy, Reason::Busy, EndedBy::Callee);
    stored(&one, &over).await;
    assert_eq!(two.call(first.id).await.expect("read"), Some(over));
    assert_eq!(two.delete(first.id).await.expect("deleted"), Deleted::Yes);
    assert_eq!(one.integrity_check().await.expect("checked"), [""; 0]);

    let Err(error) = open_as(&server.url_with_password("bot"), "one").await else { panic!("it was opened") };
    let told = error.told(lang::Lang::Ru);
    assert!(matches!(&error, StoreError::NodeInUse { node, .. } if node == "one"), "{error}");
    assert!(
        !format!("{error} {error:?} {told}").contains(cluster::PASSWORD) && told.contains("store.node"),
        "{told}"
    );
}

/// Two bots take one request in the same moment, each without knowing of the other: one call is dialed.
#[tokio::test]
async fn a_key_that_two_bots_take_at_once_stands_for_one_call() {
    let server = server().await;
    let (one, _notices) = as_node(&server, "one").await;
    let (two, mut told) = as_node(&server, "two").await;
    let (first, second, third) = (call(1, phone(1)), call(2, phone(1)), call(3, phone(2)));
    let with_key = |record: &CallRecord| {
        let created_at = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).expect("a time");
        let (scope, key) = ("crm".to_owned(), "order-7".to_owned());
        let row = IdempotencyRow { scope, key, fingerprint: [7; 32], call_id: record.id, created_at };
        Commit { idempotency: Some(row), ..commit(record, &["queued"]) }
    };
    assert!(submit(&one, with_key(&first)).await);
    let (refused, taken) = (submit(&two, with_key(&second)), submit(&two, commit(&third, &["queued"])));
    assert_eq!((refused.await, taken.await), (false, true));
    assert_eq!(two.call(second.id).await.expect("read"), None);
    assert_eq!(two.idempotency("crm", "order-7").await.expect("read").map(|row| row.call_id), Some(first.id));
    let mut reasons = Vec::new();
    while let Ok(notice) = told.try_recv() {
        if let Notice::Refused(refused) = notice {
            reasons.push((refused.call_id, refused.reason));
        }
    }
    assert!(reasons[0].0 == second.id && reasons[0].1.contains("a call of the node `one`"), "{reasons:?}");
    assert!(!two.is_own(first.id).await.expect("read") && two.is_own(third.id).await.expect("read"));
}

/// Whoever has read up to a number has seen everything before it, also what another bot was just about to write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_numbers_is_that_of_commits() {
    const CALLS: u32 = 60;
    let server = server().await;
    let mut writers = tokio::task::JoinSet::new();
    let (reader, _notices) = as_node(&server, "reader").await;
    let mut stores = Vec::new();
    for node in ["one", "two", "three"] {
        stores.push(as_node(&server, node).await.0);
    }
    for store in stores {
        writers.spawn(async move {
            for n in 0..CALLS {
                assert!(submit(&store, commit(&call(n, phone(n)), &["queued", "dialing"])).await);
            }
            store.close().await;
        });
    }
    let (mut seen, mut looks) = (Vec::new(), 0);
    let until = Instant::now() + Duration::from_secs(60);
    while seen.len() < 3 * 2 * CALLS as usize && Instant::now() < until {
        let last = seen.last().copied().unwrap_or(0);
        let next = reader.timeline_after(None, last, 1000).await.expect("read");
        seen.extend(next.iter().map(|(seq, ..)| *seq));
        looks += 1;
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("it writes");
    }
    assert!(
        seen.iter().copied().eq(1..=i64::from(3 * 2 * CALLS)),
        "{looks} looks saw {} entries",
        seen.len()
    );
    assert!(looks > 2, "{looks}");
}

async fn through_a_proxy(server: &Cluster) -> (String, Proxy) {
    let direct = server.url_with_password("bot");
    let at = direct.split('@').nth(1).expect("an address").split('/').next().expect("it").to_owned();
    let proxy = Proxy::before(at.clone()).await;
    (direct.replace(&at, &proxy.address.to_string()), proxy)
}

/// Cut at the very COMMIT: it is told once, and it is there once, whether the server had made it or not.
#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_looked_up() {
    for cut in [Cut::Before, Cut::After] {
        let server = server().await;
        let (url, proxy) = through_a_proxy(&server).await;
        let (store, mut notices) = open_as(&url, "one").await.expect("the store opens");
        let first = call(1, phone(1));
        assert!(submit(&store, commit(&first, &["queued"])).await);
        notices.recv().await.expect("a notice");

        proxy.cut(cut);
        let second = call(2, phone(2));
        assert!(submit(&store, commit(&second, &["queued", "dialing"])).await, "{cut:?}");
        assert!(proxy.is_cut() && store.stats().retries > 0, "{cut:?}: {:?}", store.stats());
        let Some(Notice::Committed(told)) = notices.recv().await else { panic!("a commit") };
        let numbers: Vec<_> = told[0].entries.iter().map(|(seq, _)| *seq).collect();
        assert_eq!((told[0].record.id, numbers), (second.id, vec![2, 3]), "{cut:?}");
        assert_eq!(events_of(&store, second.id).await, ["queued", "dialing"], "{cut:?}: written once");
        assert!(notices.try_recv().is_err(), "{cut:?}: told once");

        // And goes on as ever.
        let third = call(3, phone(3));
        assert!(submit(&store, commit(&third, &["queued"])).await);
        assert_eq!(store.last_seq().await.expect("read"), 4);
        assert_eq!((store.health(), store.integrity_check().await.expect("checked")), (Health::Ok, vec![]));
    }
}

/// A way that forgets its connections closes none of them, and tells nobody.
#[tokio::test]
async fn readers_whose_connections_lead_nowhere_get_new_ones() {
    let server = server().await;
    let (url, proxy) = through_a_proxy(&server).await;
    let (store, _notices) = open_as(&url, "one").await.expect("the store opens");
    let record = call(1, phone(1));
    stored(&store, &record).await;
    for _ in 0..3 {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (store, id) = (store.clone(), record.id);
                tokio::spawn(async move { store.call(id).await })
            })
            .collect();
        for reader in readers {
            assert!(reader.await.expect("it does not panic").expect("read").is_some());
        }
        proxy.swallow();
    }
}

#[tokio::test]
async fn a_server_that_was_killed_delays_and_loses_nothing() {
    let mut server = server().await;
    let (store, _notices) = as_node(&server, "one").await;
    stored(&store, &call(0, phone(0))).await;
    server.kill();
    let calls: Vec<_> = (1..20).map(|n| call(n, phone(n))).collect();
    let waiting: Vec<_> = calls.iter().map(|record| submit(&store, commit(record, &["queued"]))).collect();
    until(&store, |health| matches!(health, Health::Away { reason, .. } if reason.contains("refused"))).await;
    assert!(store.refuses().is_some());
    let begun = Instant::now();
    assert!(matches!(store.call(calls[0].id).await, Err(StoreError::Read { .. })));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());

    server.start_server();
    for done in waiting {
        assert!(done.await);
    }
    assert_eq!((store.health(), store.backlog()), (Health::Ok, 0));
    for record in &calls {
        assert_eq!(events_of(&store, record.id).await, ["queued"], "written once");
    }
}

/// It accepts connections and says nothing: longer than our patience, so that the session of before is still there, with our
/// lock, when it goes on.
#[tokio::test]
async fn a_server_that_stands_still_is_away_and_loses_nothing() {
    let server = server().await;
    let (store, mut notices) = as_node(&server, "one").await;
    stored(&store, &call(0, phone(0))).await;
    notices.recv().await.expect("a notice");
    server.freeze();
    let begun = Instant::now();
    let calls: Vec<_> = (1..20).map(|n| call(n, phone(n))).collect();
    let waiting: Vec<_> = calls.iter().map(|record| submit(&store, commit(record, &["queued"]))).collect();
    while store.health() == Health::Ok {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(9), "away after {:?}", begun.elapsed());
    assert_eq!(store.refuses().expect("a reason"), "the database has not answered for 5 s");
    let asked = Instant::now();
    let error = store.call(calls[0].id).await.expect_err("nobody answers").to_string();
    assert!(asked.elapsed() < Duration::from_secs(6) && error.contains("has not answered within"), "{error}");
    until(&store, |health| matches!(health, Health::Away { reason, .. } if reason.contains("within 10 s")))
        .await;
    until(&store, |health| matches!(health, Health::Away { reason, .. } if reason.contains("no connection")))
        .await;

    server.thaw();
    for done in waiting {
        assert!(done.await);
    }
    assert_eq!((store.health(), store.backlog()), (Health::Ok, 0));
    for record in &calls {
        assert_eq!(events_of(&store, record.id).await, ["queued"], "written once");
    }
    let mut told = 0;
    while let Ok(Notice::Committed(batch)) = notices.try_recv() {
        told += batch.len();
    }
    assert_eq!(told, calls.len(), "told once");
}

/// Its session is gone, and another bot had the node before it came back: what it would write is of calls that the other has
/// taken up.
#[tokio::test]
async fn a_node_that_another_bot_has_taken_is_not_written_for() {
    let server = server().await;
    let (store, _notices) = as_node(&server, "one").await;
    stored(&store, &call(1, phone(1))).await;
    server
        .run(
            "UPDATE novofon_bot.nodes SET owner = gen_random_uuid(); \
             SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
        )
        .await;
    let late = call(2, phone(2));
    let waiting = submit(&store, commit(&late, &["queued"]));
    until(&store, |health| {
        matches!(health, Health::Away { reason, .. } if reason.contains("has taken the node `one`") && reason.contains("restart"))
    })
    .await;
    assert_eq!(store.call(late.id).await.expect("read"), None);
    drop(waiting);
}

/// Nobody calls, so nothing is written; a lost session is found out and the lock is taken again all the same.
#[tokio::test]
async fn an_idle_store_takes_its_lock_again() {
    let server = server().await;
    let (_store, _notices) = as_node(&server, "one").await;
    server.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'").await;
    let held = "SELECT CAST(count(*) AS TEXT) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    let until = Instant::now() + Duration::from_secs(20);
    while server.value(held).await != "1" {
        assert!(Instant::now() < until, "the lock is not taken again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A carrier may say anything, and PostgreSQL's texts do not hold everything.
#[tokio::test]
async fn a_text_with_a_nul_is_kept_without_it() {
    let server = server().await;
    let (store, _notices) = as_node(&server, "one").await;
    let mut record = call(1, phone(1));
    record.last.sip_text = Some("Busy\0Here".to_owned());
    stored(&store, &record).await;
    let kept = store.call(record.id).await.expect("read").expect("it is there");
    assert_eq!(kept.last.sip_text.as_deref(), Some("Busy\u{fffd}Here"));
}

/// A database that is others' too: their tables are left alone, and two stores stand side by side.
#[tokio::test]
async fn a_schema_of_its_own_shares_a_database() {
    let server = server().await;
    server.run("CREATE TABLE public.calls (id int); GRANT SELECT ON public.calls TO bot").await;
    let (store, _notices) = as_node(&server, "one").await;
    stored(&store, &call(1, phone(1))).await;
    let other = format!("{}?schema=second", server.url_with_password("bot"));
    let (second, _notices) = open_as(&other, "one").await.expect("another store, with nodes of its own");
    assert_eq!(second.last_seq().await.expect("read"), 0);
    assert_eq!(second.open_calls().await.expect("read"), []);
    assert!(store.size().await.expect("a size") > 0);
    let foreign = "SELECT CAST(count(*) AS TEXT) FROM public.calls";
    assert_eq!(server.value(foreign).await, "0");
}

/// What an operator meets whose user may do nothing, or whose database is none.
#[tokio::test]
async fn a_server_that_does_not_let_us_is_told_with_a_remedy() {
    let server = Cluster::start().await;
    let right = server.url_with_password("bot");
    let cases = [
        (right.clone(), "GRANT CREATE ON DATABASE"),
        (right.replace(cluster::PASSWORD, "wrong-wrong"), "pg_hba.conf"),
        (right.replace("/office", "/nowhere"), "createdb"),
    ];
    for (url, remedy) in cases {
        let Err(error) = open_as(&url, "one").await else { panic!("{remedy}: it was opened") };
        assert!(error.to_string().contains(remedy), "{error}");
        let shown = format!("{error} {error:?} {}", error.told(lang::Lang::Ru));
        assert!(!shown.contains(cluster::PASSWORD) && !shown.contains("wrong-wrong"), "{shown}");
    }
}
