//! Clients that mean no good: guesses in great numbers, and secrets that are statements.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use novofon_bot::enterprises::{Directory, DirectoryError};

use crate::{JUNE, SEED_TABLE, ask, cluster::Cluster, is_connected, number, open, usual};

#[tokio::test]
async fn no_secret_is_a_statement() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    let long = "x".repeat(100_000);
    let tries = [
        "' OR '1'='1",
        "' OR 1=1 --",
        "'; DROP TABLE enterprises; --",
        "$1",
        "\\",
        "' UNION SELECT '1','2','3' --",
        "%",
        "_",
        "d68409d67e3b4b87a6675e76dae74a85' --",
        "d68409d67e3b4b87a6675e76dae74a85 ",
        " d68409d67e3b4b87a6675e76dae74a85",
        "D68409D67E3B4B87A6675E76DAE74A85",
        "d68409d6%",
        "true",
        "NULL",
        "0",
        "a\0b",
        "\0",
        "a\nb",
        "\u{1b}[2J",
        "секрет",
        "🚀",
        "\u{202e}",
        "E'\\x41'",
        "$$x$$",
        "/*",
        "{}",
        "[]",
        "\"",
        "`id`",
        "$(id)",
        &long,
        "",
    ];
    for secret in tries {
        assert_eq!(ask(&directory, secret).await, Ok(None), "{secret:?}");
    }
    assert!(is_connected(&directory));
    assert_eq!(cluster.value("SELECT count(*)::text FROM enterprises").await, "3");
    assert_eq!(number(&directory, JUNE).await.as_deref(), Some("0367"));
}

/// A database of another encoding can't even compare some texts: that is no reason to think it away.
#[tokio::test]
async fn a_secret_that_the_database_cannot_hold_is_nobodys() {
    let cluster = Cluster::start().await;
    cluster
        .run("CREATE DATABASE latin WITH TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        .await;
    let url = cluster.url("owner").replace("/office", "/latin");
    let config = novofon_bot::enterprises::DirectoryConfig {
        url: asterisk::secret::Secret::new(url),
        ..crate::config(&cluster)
    };
    let directory = Directory::open(config).await.expect("a URL");
    let new = novofon_bot::enterprises::NewEnterprise {
        number: "0367".parse().expect("a number"),
        name: "june".parse().expect("a name"),
        ip: "10.88.10.19".parse().expect("a host"),
        settings: Default::default(),
        secret: Some(asterisk::secret::Secret::new(JUNE)),
        alter_table: false,
    };
    directory.add(new).await.expect("added");
    crate::until_connected(&directory).await;
    for secret in ["секрет", "🚀", "секрет 2"] {
        assert_eq!(ask(&directory, secret).await, Ok(None));
    }
    assert!(is_connected(&directory));
    assert_eq!(number(&directory, JUNE).await.as_deref(), Some("0367"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_fill_no_memory_and_keep_nobody_waiting() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());
    let guessing = async {
        let guesses = stream::iter(0..20_000).map(|guess| {
            let directory = directory.clone();
            async move { ask(&directory, &format!("{guess:032x}")).await }
        });
        let begun = Instant::now();
        let answers: Vec<_> = guesses.buffer_unordered(200).collect().await;
        eprintln!("20000 guesses took {:?}", begun.elapsed());
        assert!(answers.iter().all(|answer| matches!(answer, Ok(None) | Err(DirectoryError::Busy))));
    };
    let mut guessing = std::pin::pin!(guessing);
    let mut longest = Duration::ZERO;
    loop {
        let begun = Instant::now();
        tokio::select! {
            biased;
            () = &mut guessing => break,
            june = number(&directory, JUNE) => assert!(june.is_some()),
        }
        longest = longest.max(begun.elapsed());
        assert!(directory.counts().unknown <= 10_000, "{:?}", directory.counts());
        tokio::select! { () = &mut guessing => break, () = tokio::time::sleep(Duration::from_millis(5)) => {} }
    }
    eprintln!("june's longest wait beside them was {longest:?}");
    assert!(longest < Duration::from_millis(500), "{longest:?}");
    assert!(is_connected(&directory));

    // The same guess again and again costs next to nothing.
    let (before, begun) = (cluster.look_ups(), Instant::now());
    let same = stream::iter(0..10_000).map(|_| number(&directory, "the same")).buffer_unordered(500);
    assert!(same.all(async |found| found.is_none()).await);
    let (cost, took) = (cluster.look_ups() - before, begun.elapsed());
    assert!(cost as u128 <= 12 + took.as_millis() / 200, "{cost} in {took:?}");
}

/// Nothing tells of a change of a table that others made, and a client does not stop to try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_was_tried_often_is_let_in_from_the_moment_that_it_is_somebodys() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    for new in 0..10 {
        let secret = format!("secret-{new}");
        for _ in 0..6 {
            assert_eq!(number(&directory, &secret).await, None);
        }
        let impatient = {
            let (directory, secret) = (directory.clone(), secret.clone());
            tokio::spawn(async move { while number(&directory, &secret).await.is_none() {} })
        };
        cluster
            .run(&format!("INSERT INTO enterprises VALUES ('9{new}', 'x', '10.0.0.9', '{secret}', true)"))
            .await;
        let begun = Instant::now();
        assert_eq!(number(&directory, &secret).await, Some(format!("9{new}")), "the first request after it");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        impatient.await.expect("let in too");
    }
}

#[tokio::test]
async fn more_guesses_than_can_wait_are_turned_away() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = Directory::open(usual(&cluster)).await.expect("a URL");
    assert!(number(&directory, JUNE).await.is_some());
    cluster.freeze();
    let guesses = (0..3000).map(|guess| {
        let directory = directory.clone();
        async move { ask(&directory, &format!("{guess:032x}")).await }
    });
    let begun = Instant::now();
    let answers = futures_util::future::join_all(guesses).await;
    let busy = answers.iter().filter(|answer| **answer == Err(DirectoryError::Busy)).count();
    assert!(busy >= 2000, "{busy}");
    assert!(answers.iter().all(Result::is_err));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(number(&directory, JUNE).await.is_some());
}
