//! How soon a change is felt, and what a busy client costs.

use asterisk::secret::Secret;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use novofon_bot::enterprises::DirectoryConfig;

use crate::{JUNE, SEED_TABLE, Stalls, ask, cluster::Cluster, hears_changes, number, open, until};

/// A second, and what the questions themselves take.
const A_SECOND: Duration = Duration::from_millis(1100);

#[tokio::test]
async fn a_revoked_secret_dies_within_a_second() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    for (revoke, restore) in [
        (
            "UPDATE enterprises SET active = false WHERE number = '0367'",
            "UPDATE enterprises SET active = true",
        ),
        (
            "UPDATE enterprises SET secret = 'another'",
            "UPDATE enterprises SET secret = 'd68409d67e3b4b87a6675e76dae74a85'",
        ),
        ("DELETE FROM enterprises WHERE number = '0367'", "SELECT 1"),
    ] {
        until("june", async || number(&directory, JUNE).await.is_some()).await;
        // Asked all the time, which is when an answer lives longest.
        let stalls = Stalls::measured();
        cluster.run(revoke).await;
        let took = until("the end of june", async || number(&directory, JUNE).await.is_none()).await;
        assert!(took < A_SECOND + stalls.longest(), "{revoke}: {took:?}");
        cluster.run("DELETE FROM enterprises WHERE number <> '0367'").await;
        cluster.run(restore).await;
    }
}

#[tokio::test]
async fn a_client_that_comes_back_after_a_while_is_asked_for_first() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());
    cluster.run("UPDATE enterprises SET active = false").await;
    tokio::time::sleep(A_SECOND).await;
    assert_eq!(number(&directory, JUNE).await, None, "the first answer already knows it");
}

#[tokio::test]
async fn a_thousand_requests_at_once_cost_one_query() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    let begun = Instant::now();
    let answers = join_all((0..1000).map(|_| number(&directory, JUNE))).await;
    eprintln!("1000 answers at once in {:?}", begun.elapsed());
    assert!(answers.iter().all(|answer| answer.as_deref() == Some("0367")));
    assert_eq!((directory.counts().queries, cluster.look_ups()), (1, 1));
    join_all((0..1000).map(|_| number(&directory, "nobody's"))).await;
    assert_eq!((directory.counts().queries, cluster.look_ups()), (2, 2));
}

#[tokio::test]
async fn a_busy_client_costs_two_queries_a_second() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    let (begun, mut asked, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < Duration::from_secs(3) {
        let one = Instant::now();
        assert!(number(&directory, JUNE).await.is_some());
        longest = longest.max(one.elapsed());
        asked += 1;
        tokio::task::yield_now().await;
    }
    let queries = cluster.look_ups();
    eprintln!("{asked} answers in 3 s by {queries} queries, the longest took {longest:?}");
    assert!((4..=8).contains(&queries), "{queries} queries for {asked} answers");
}

#[tokio::test]
async fn a_change_of_our_own_table_is_felt_at_once() {
    let cluster = Cluster::start().await;
    let owner = DirectoryConfig {
        // Only what is heard can end it so soon.
        life: Duration::from_secs(600),
        unknown_life: Duration::from_secs(600),
        ..DirectoryConfig::new(Secret::new(cluster.url("owner")))
    };
    let owner = DirectoryConfig { password: crate::config(&cluster).password, ..owner };
    let directory = novofon_bot::enterprises::Directory::open(owner).await.expect("a URL");
    let new = novofon_bot::enterprises::NewEnterprise {
        number: "0367".parse().expect("a number"),
        name: "june".parse().expect("a name"),
        ip: "10.88.10.19".parse().expect("a host"),
        settings: Default::default(),
        secret: None,
        alter_table: false,
    };
    let added = directory.add(new).await.expect("added");
    assert!(added.made_table);
    until("the listener", async || hears_changes(&directory)).await;
    assert!(directory.identify(&added.secret).await.expect("an answer").is_some());
    assert_eq!(number(&directory, "new").await, None);

    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        cluster.run("UPDATE enterprises SET active = false").await;
        let took = until("the end", async || ask(&directory, added.secret.expose()).await == Ok(None)).await;
        slowest = slowest.max(took);
        cluster.run("UPDATE enterprises SET active = true").await;
        until("the return", async || ask(&directory, added.secret.expose()).await != Ok(None)).await;
    }
    eprintln!("a change is felt after {slowest:?} at most");
    assert!(slowest < Duration::from_millis(300), "{slowest:?}");
    cluster.run("UPDATE enterprises SET secret = 'new'").await;
    until("the new secret", async || number(&directory, "new").await.is_some()).await;
    cluster.run("TRUNCATE enterprises").await;
    until("nobody", async || number(&directory, "new").await.is_none()).await;
}
