//! The enterprises' database stopped, started, restarted and frozen while clients ask.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::{Firm, Lab, Part, SOON, Site, timed, until, watch};

const NOBODY: &str = "0123456789abcdef0123456789abcdef";

/// Longer than an answer of the database is believed.
const MEANWHILE: Duration = Duration::from_secs(2);

/// Asks as a known enterprise for a while, each time well; how long each took.
async fn known_goes_on(site: &Site, known: &Firm, time: Duration) -> Vec<Duration> {
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let (answer, time) = timed(site.ask(&known.secret, "/api/calls?limit=1")).await;
        assert_eq!(answer.status, 200, "a known enterprise is turned away: {}", answer.text);
        took.push(time);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    took
}

async fn until_database(site: &Site, word: &str) -> serde_json::Value {
    until(&format!("the database is {word}"), SOON, async || {
        let status = site.ask("", "/api/status").await.json();
        if status["database"] == word { Ok(status) } else { Err(status.to_string()) }
    })
    .await
}

/// The database does not answer: who is known goes on, others are told so.
async fn is_away(site: &Site, known: &Firm, unknown: &Firm) {
    let begun = known_goes_on(site, known, MEANWHILE).await;
    let status = until_database(site, "disconnected").await;
    let why = status["database_error"].as_str().expect("it says why");
    assert!(!why.is_empty() && status["database_away_since"].is_string(), "{status}");
    watch::assert_tells_no_secret("the status", &status.to_string(), &site.secrets());
    // One who is in the table and was never heard of, and one who is not: nobody can tell them apart now.
    for secret in [unknown.secret.as_str(), NOBODY] {
        let answer = site.ask(secret, "/api/calls").await;
        assert_eq!((answer.status, answer.detail().as_str()), (503, "Database connection error"));
        assert!(answer.header("retry-after").is_some());
    }
    let later = known_goes_on(site, known, MEANWHILE).await;
    site.works(known).await;
    println!(
        "a known enterprise: {:?} at first (at most {:?}), then {:?}",
        watch::median(&begun),
        begun.iter().max(),
        watch::median(&later)
    );
    for took in [&begun, &later] {
        assert!(watch::median(took) < Duration::from_millis(100), "{took:?}");
        assert!(took.iter().all(|took| *took < Duration::from_secs(2)), "{took:?}");
    }
}

#[tokio::test]
async fn stopped_restarted_and_frozen() {
    let lab = Lab::hold(&[Part::June, Part::Postgres]).await;
    let firms = [(); 4].map(|()| Firm::of("june", "ssh"));
    let [known, first, second, third] = &firms;
    let site = Site::on_postgres(&lab, &firms.each_ref(), &[]).await;
    site.works(known).await;
    until_database(&site, "connected").await;

    lab.fault("pg-stop", "pg").await;
    is_away(&site, known, first).await;
    lab.fault("pg-start", "pg").await;
    until_database(&site, "connected").await;
    assert_eq!(site.ask(&first.secret, "/api/calls").await.status, 200, "it is known again by itself");
    assert_eq!(site.ask(NOBODY, "/api/calls").await.status, 401);

    // In the middle of requests, which do not notice.
    let (_, took) = tokio::join!(lab.fault("pg-restart", "pg"), known_goes_on(&site, known, MEANWHILE));
    assert!(watch::median(&took) < Duration::from_millis(100), "{took:?}");
    until_database(&site, "connected").await;
    assert_eq!(site.ask(&second.secret, "/api/calls").await.status, 200);

    lab.fault("pg-freeze", "pg").await;
    is_away(&site, known, third).await;
    lab.fault("pg-thaw", "pg").await;
    until_database(&site, "connected").await;
    assert_eq!(site.ask(&third.secret, "/api/calls").await.status, 200);
}
