//! The way `auto`: the best that works now, and back to a better one when it is there again.

use std::{net::TcpListener, time::Duration};

use crate::support::{Firm, Lab, Part, Site, timed, until};

/// Which way a call went.
async fn way(site: &Site, firm: &Firm) -> String {
    site.works(firm).await.field("office")["way"].as_str().expect("a way").to_owned()
}

#[tokio::test]
async fn by_what_works() {
    let lab = Lab::hold(&[Part::July]).await;
    let firm = Firm::of("july", "auto");
    let site = Site::start(&lab, &[&firm], &[]).await;
    assert_eq!(way(&site, &firm).await, "ari");
    lab.fault("ari-off", "july").await;
    for _ in 0..2 {
        assert_eq!(way(&site, &firm).await, "ami");
    }
    // An operator reads it once, and not with each call.
    let said = "a way to the host does not work; the next one is tried";
    assert_eq!(site.log_text().matches(said).count(), 1);
    lab.fault("ami-off", "july").await;
    assert_eq!(way(&site, &firm).await, "ssh");
    lab.fault("ami-on", "july").await;
    lab.fault("ari-on", "july").await;
    until("calls go by ARI again", Duration::from_secs(60), async || {
        let way = way(&site, &firm).await;
        if way == "ari" { Ok(()) } else { Err(way) }
    })
    .await;
}

#[tokio::test]
async fn a_dead_one_costs_the_first_call_its_time() {
    let lab = Lab::hold(&[Part::July]).await;
    // It accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("it is bound");
    let port = address.port().to_string();
    let host = lab.office("july", "IP").to_owned();
    // On the host's own address, where its AMI would be.
    drop(silent);
    let silent = TcpListener::bind((host.as_str(), address.port())).expect("a port of the host");
    let firm = Firm::of("july", "auto").with("ami_port", &port).with("ari_port", &port);
    let site = Site::start(&lab, &[&firm], &[]).await;
    let phone = lab.number("july", "0486");
    let (first, took_first) = timed(site.call(&firm, "150", &phone)).await;
    let (second, took_second) = timed(site.call(&firm, "150", &phone)).await;
    println!("the first call takes {took_first:.1?}, the second {took_second:.1?}");
    for answer in [first, second] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let call = site.main.until_ended(&answer.call_id(), Duration::from_secs(30)).await;
        assert_eq!(call.field("office")["way"], "ssh", "{call:?}");
    }
    assert!(took_first < Duration::from_secs(25), "{took_first:?}");
    assert!(took_second < Duration::from_secs(2), "{took_second:?}");
    assert_eq!(lab.arrivals(&[&phone]).await, [2]);
    drop(silent);
}
