//! A host that is gone: nothing listens there, or packets to it are never answered.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{AT_ONCE, FAILED, Firm, Lab, Part, Phone, SOON, Site, timed, until, watch};

#[tokio::test]
async fn nobody_listens_and_then_they_are_back() {
    let lab = Lab::hold(&[Part::June, Part::July]).await;
    let firms = ["ssh", "ami", "ari", "auto"].map(|way| Firm::of("june", way));
    let other = Firm::of("july", "ssh");
    let all: Vec<&Firm> = firms.iter().chain([&other]).collect();
    let site = Site::start(&lab, &all, &[]).await;
    // There are connections that the host takes with it.
    join_all(all.iter().map(|firm| site.works(firm))).await;
    let before = others_latency(&site, &other, 10).await;

    lab.fault("host-down", "june").await;
    let (during, ids) = tokio::join!(others_latency(&site, &other, 20), refused(&site, &firms));
    let (before, during) = (watch::median(&before), watch::median(&during));
    println!("another enterprise: {before:?} before, {during:?} meanwhile");
    assert!(during <= (before * 4).max(AT_ONCE), "{before:?} before, {during:?} meanwhile");
    for id in &ids {
        let call = site.main.until_ended(id, SOON).await;
        let end = ["status", "reason", "ended_by", "reached"].map(|name| call.text(name));
        assert_eq!(end, ["failed", "host_unreachable", "pbx", "none"], "{call:?}");
    }
    let log = site.log_text();
    assert!(
        log.contains("check that sshd runs there and listens on this port"),
        "the operator is told what to do"
    );

    lab.fault("host-up", "june").await;
    join_all(firms.iter().map(|firm| site.until_works(firm, Duration::from_secs(60)))).await;
}

/// How long orders of another enterprise take.
async fn others_latency(site: &Site, other: &Firm, times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..times {
        let phone = site.lab.number("july", "0486");
        let (answer, time) = timed(site.call(other, "150", &phone)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        took.push(time);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    took
}

/// The orders to the dead host, and the ids of their records.
async fn refused(site: &Site, firms: &[Firm]) -> Vec<String> {
    let words = ["SSH command failed: Connection refused", "AMI action failed: ", "ARI request failed: ", ""];
    let (mut ids, mut phones) = (Vec::new(), Vec::new());
    for (firm, words) in firms.iter().zip(words) {
        let mut took = Vec::new();
        for _ in 0..8 {
            let phone = site.lab.number("june", "0211");
            let (answer, time) = timed(site.call(firm, "150", &phone)).await;
            assert_eq!(answer.status, 500, "{}", answer.text);
            assert!(
                answer.detail().starts_with(&format!("{FAILED}{words}")),
                "{}: {}",
                firm.way,
                answer.text
            );
            phones.push(phone);
            ids.push(answer.header("x-call-id").expect("there is a record").to_owned());
            took.push(time);
        }
        println!("{}: {took:.1?}", firm.way);
        assert!(took.iter().all(|time| *time < Duration::from_secs(5)), "{}: {took:?}", firm.way);
        // After the first ones nobody waits for what is known to be dead.
        let quickest = took[3..].iter().min().expect("there are some");
        assert!(*quickest < Duration::from_millis(100), "{}: {took:?}", firm.way);
        assert!(watch::median(&took[3..]) < AT_ONCE, "{}: {took:?}", firm.way);
    }
    let phones: Vec<&Phone> = phones.iter().collect();
    assert!(site.lab.arrivals(&phones).await.iter().all(|calls| *calls == 0), "a number was dialed");
    ids
}

/// A port whose connections are never answered: there are more of them than its queue takes.
struct Nowhere {
    _queue: Vec<TcpStream>,
    _listener: tokio::net::TcpListener,
    address: SocketAddr,
}

impl Nowhere {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let own = std::process::id().to_be_bytes();
        let ip = IpAddr::from([127, 128 | own[1] & 63, own[2], own[3]]);
        socket.bind(SocketAddr::new(ip, 0)).expect("a port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("it is bound");
        let mut queue = Vec::new();
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
        {
            queue.push(stream);
            assert!(queue.len() < 10, "the queue takes all that comes");
        }
        Nowhere { _queue: queue, _listener: listener, address }
    }
}

#[tokio::test]
async fn packets_go_nowhere() {
    let lab = Lab::hold(&[]).await;
    let nowhere = Nowhere::new().await;
    let (ip, port) = (nowhere.address.ip().to_string(), nowhere.address.port());
    let firms = ["ssh", "ami", "ari"].map(|way| Firm { way, ..Firm::at(&ip, port) });
    let other = Firm::at("127.0.0.1", 9);
    let all: Vec<&Firm> = firms.iter().chain([&other]).collect();
    let site = Site::start(&lab, &all, &[]).await;
    let phone = lab.number("june", "0211");

    let words = [
        "SSH command failed: Connection timeout",
        "AMI action failed: Connection failed",
        "ARI request failed: Connection failed",
    ];
    let dead = join_all(firms.iter().zip(words).map(async |(firm, words)| {
        // Many at once wait for one attempt, and not one after the other.
        let (answers, took) = timed(join_all((0..10).map(|_| site.call(firm, "150", &phone)))).await;
        for answer in answers {
            assert_eq!(answer.status, 500, "{}", answer.text);
            assert_eq!(answer.detail(), format!("{FAILED}{words}"), "{}", firm.way);
        }
        took
    }));
    let others = async {
        let mut took = Vec::new();
        for _ in 0..40 {
            let (answer, time) = timed(site.call(&other, "150", &phone)).await;
            assert_eq!(answer.status, 500, "{}", answer.text);
            took.push(time);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        watch::median(&took)
    };
    let (dead, others) = tokio::join!(dead, others);
    println!(
        "dead hosts answer in {dead:.1?} (ssh, ami, ari), another enterprise's meanwhile in {others:.1?}"
    );
    assert!(dead.iter().all(|took| *took < Duration::from_secs(16)), "{dead:?}");
    assert!(others < AT_ONCE, "another enterprise waits {others:?}");

    // Sooner or later nobody waits any more.
    for firm in &firms {
        until("a dead host costs nothing", Duration::from_secs(60), async || {
            let (_, took) = timed(site.call(firm, "150", &phone)).await;
            if took < Duration::from_millis(100) { Ok(()) } else { Err(format!("{}: {took:?}", firm.way)) }
        })
        .await;
    }
}
