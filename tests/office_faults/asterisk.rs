//! A host whose Asterisk is stopped, killed or frozen, with calls and without; sshd goes on.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    hang::is_true,
    support::{Firm, Lab, Part, SOON, Site, timed, until},
};

const DESKS: [&str; 3] = ["150", "151", "152"];

#[tokio::test]
async fn stopped_and_killed() {
    let lab = Lab::hold(&[Part::June]).await;
    let firms = ["ssh", "ami", "ari"].map(|way| Firm::of("june", way));
    let site = Site::start(&lab, &firms.each_ref(), &[]).await;
    for fault in ["asterisk-stop", "asterisk-kill"] {
        // Each by a phone of its own, so that the one that is only asked can tell its call.
        let talks = firms.iter().zip(DESKS).map(|(firm, desk)| site.talks(firm, desk));
        let ids = join_all(talks).await;
        lab.fault(fault, "june").await;

        let phones = firms.each_ref().map(|_| lab.number("june", "0211"));
        let orders =
            firms.iter().zip(DESKS).zip(&phones).map(|((firm, desk), phone)| site.fails(firm, desk, phone));
        let (answers, took) = timed(join_all(orders)).await;
        println!(
            "{fault}, {took:.1?}: {:?}",
            answers.iter().map(super::support::client::Answer::detail).collect::<Vec<_>>()
        );
        assert!(took < SOON, "{took:?}");

        lab.fault("asterisk-start", "june").await;
        for answer in &answers {
            // An order whose connection broke may have been carried out: that is asked of the next Asterisk.
            let record = site.record_of(answer).await;
            println!("{record:?}");
            is_true(&record, 0);
        }
        join_all(firms.iter().map(|firm| site.until_works(firm, Duration::from_secs(60)))).await;
        for id in &ids {
            // There was a talk, and it is over; how, nobody could see.
            let call = site.main.until_ended(id, Duration::from_secs(60)).await;
            assert_eq!(call.status(), "completed", "{call:?}");
        }
        assert_eq!(lab.arrivals(&phones.each_ref()).await, [0, 0, 0], "what failed is not dialed later");
        until("the console's socket is used again", Duration::from_secs(40), async || {
            let log = lab.sshd_log("june");
            site.works(&firms[0]).await;
            let processes = log.count("Starting session");
            if processes == 0 { Ok(()) } else { Err(format!("{processes} processes")) }
        })
        .await;
    }
}

#[tokio::test]
async fn frozen() {
    let lab = Lab::hold(&[Part::July]).await;
    let firms = ["ssh", "ami", "ari"].map(|way| Firm::of("july", way));
    let site = Site::start(&lab, &firms.each_ref(), &[]).await;
    let ids = join_all(firms.iter().zip(DESKS).map(|(firm, desk)| site.talks(firm, desk))).await;
    lab.fault("asterisk-freeze", "july").await;

    let phones = firms.each_ref().map(|_| lab.number("july", "0211"));
    let orders = firms.iter().zip(&phones).map(|(firm, phone)| timed(site.fails(firm, "1500", phone)));
    let answers = join_all(orders).await;
    for (firm, (answer, took)) in firms.iter().zip(&answers) {
        println!("{}, {took:.1?}: {}", firm.way, answer.detail());
        assert!(*took < Duration::from_secs(20), "{}: {took:?}", firm.way);
    }
    // The calls of before have not ended, as far as anybody knows.
    for id in &ids {
        assert_eq!(site.main.call(id).await.status(), "answered");
    }

    lab.fault("asterisk-thaw", "july").await;
    for ((firm, (answer, _)), phone) in firms.iter().zip(&answers).zip(&phones) {
        let record = site.record_of(answer).await;
        let [arrived] = lab.arrivals(&[phone]).await[..] else { unreachable!("one was asked for") };
        println!("{}: {arrived} calls came, the record says {record:?}", firm.way);
        is_true(&record, arrived);
    }
    join_all(firms.iter().map(|firm| site.until_works(firm, Duration::from_secs(60)))).await;
    for id in &ids {
        assert_eq!(site.main.call(id).await.status(), "answered", "they talk on");
        assert_eq!(site.main.hang_up(id).await.status, 200);
        assert_eq!(site.main.until_ended(id, SOON).await.status(), "completed");
    }
    lab.until_free("july").await;
}
