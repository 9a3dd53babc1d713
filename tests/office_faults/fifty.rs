//! Fifty requests at once to one host, by each way: each is answered, each is one call at the phones.

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::{Firm, Lab, Log, Part, Phone, SOON, Site, end, timed, watch};

const REQUESTS: usize = 50;

const DESKS: [&str; 4] = ["150", "151", "152", "1500"];

/// Fewer than the phones, so that the limit is met.
const COMMANDS: usize = 3;

async fn fifty(site: &Site, firm: &Firm, ends: &[&str]) {
    // The numbers are busy: each call is over soon.
    let phones: Vec<Phone> = (0..REQUESTS).map(|_| site.lab.number(firm.office, "0486")).collect();
    let calls =
        phones.iter().enumerate().map(|(n, phone)| timed(site.call(firm, DESKS[n % DESKS.len()], phone)));
    let answers = join_all(calls).await;
    let took: Vec<Duration> = answers.iter().map(|(_, took)| *took).collect();
    println!(
        "{} at {}: p95 {:.0?}, {:.0?} at most",
        firm.way,
        firm.office,
        watch::p95(&took),
        took.iter().max()
    );
    let mut ids = Vec::new();
    for (answer, _) in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        ids.push(answer.call_id());
    }
    for id in &ids {
        let call = site.main.until_ended(id, Duration::from_secs(60)).await;
        assert!(ends.contains(&end(&call).as_str()), "{}: {call:?}", end(&call));
    }
    let phones: Vec<&Phone> = phones.iter().collect();
    assert_eq!(site.lab.arrivals(&phones).await, [1; REQUESTS], "each number is dialed once");
}

/// The most sessions that were open at once, and how many connections there were.
fn sessions(log: &Log) -> (usize, usize) {
    let (mut open, mut most) = (0_usize, 0);
    let text = log.text();
    for line in text.lines() {
        if line.starts_with("Starting session") {
            open += 1;
        } else if line.starts_with("Close session") {
            open = open.saturating_sub(1);
        }
        most = most.max(open);
    }
    (most, text.matches("Accepted ").count())
}

#[tokio::test]
async fn by_ssh() {
    let lab = Lab::hold(&[Part::June, Part::July]).await;
    let (june, july) = (Firm::of("june", "ssh"), Firm::of("july", "ssh"));
    let by_socket = Site::start(&lab, &[&june], &[]).await;
    let commands = COMMANDS.to_string();
    let settings = [("office.ssh_socket", ""), ("office.ssh_commands", commands.as_str())];
    let by_process = Site::start(&lab, &[&july], &settings).await;
    let logs = ["june", "july"].map(|office| lab.sshd_log(office));
    // A host that is only asked shows that both phones were called and nobody talked, and not why.
    let ends = [
        "unknown not_connected unknown none",
        "unknown not_connected unknown sent",
        "unknown not_connected unknown trying",
        "unknown outcome_lost unknown none",
    ];
    tokio::join!(fifty(&by_socket, &june, &ends), fifty(&by_process, &july, &ends));
    let [at_june, at_july] = logs.each_ref().map(sessions);
    assert_eq!(at_june, (0, 1), "one connection, and no process");
    assert!(at_july.0 <= COMMANDS && at_july.1 == 1, "{at_july:?}");
}

#[tokio::test]
async fn by_ami_and_ari() {
    let lab = Lab::hold(&[Part::June, Part::July]).await;
    let (june, july) = (Firm::of("june", "ami"), Firm::of("july", "ari"));
    let site = Site::start(&lab, &[&june, &july], &[]).await;
    // The cause may be told before the status, and the status not at all.
    let ends = ["busy busy callee trying 486 17", "busy busy callee sent - 17"];
    tokio::join!(fifty(&site, &june, &ends), fifty(&site, &july, &ends));
    for office in ["june", "july"] {
        lab.until_free(office).await;
    }
    let open = site.client(&june).get("/api/status").await.json()["live_calls"].clone();
    assert_eq!(open, 0, "within {SOON:?}");
}
