//! An sshd that accepts and then says nothing: before the login, and in the middle of a command.

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::{FAILED, Firm, Lab, Part, Site, timed};

/// The limits, with room for a busy machine: 10 s to connect, 15 s for a command.
const CONNECT: std::ops::Range<Duration> = Duration::from_secs(9)..Duration::from_secs(14);
const COMMAND: std::ops::Range<Duration> = Duration::from_secs(9)..Duration::from_secs(20);

#[tokio::test]
async fn sshd_stands_still() {
    let lab = Lab::hold(&[Part::June, Part::July]).await;
    let (june, july) = (Firm::of("june", "ssh"), Firm::of("july", "ssh"));
    let site = Site::start(&lab, &[&june, &july], &[]).await;
    // A connection that is there goes on when nobody new is let in.
    site.works(&june).await;
    lab.fault("ssh-hang-new", "june").await;
    site.works(&june).await;
    lab.fault("ssh-hang", "june").await;
    lab.fault("ssh-hang", "july").await;

    let in_the_middle = async {
        let phones: Vec<_> = (0..3).map(|_| lab.number("june", "0211")).collect();
        let (answers, took) =
            timed(join_all(phones.iter().map(|phone| site.fails(&june, "150", phone)))).await;
        let told: Vec<String> = answers.iter().map(super::support::client::Answer::detail).collect();
        println!("in the middle of a command, {took:.1?}: {told:?}");
        assert!(COMMAND.contains(&took), "{took:?}");
        (phones, answers)
    };
    let before = async {
        let phones: Vec<_> = (0..3).map(|_| lab.number("july", "0211")).collect();
        let (answers, took) =
            timed(join_all(phones.iter().map(|phone| site.fails(&july, "150", phone)))).await;
        println!("before the login, {took:.1?}");
        assert!(CONNECT.contains(&took), "{took:?}");
        for answer in &answers {
            assert_eq!(answer.detail(), format!("{FAILED}SSH command failed: Connection timeout"));
            assert_eq!(site.record_of(answer).await, ["failed", "host_unreachable", "none"]);
        }
        phones
    };
    let ((in_the_middle, answers), before) = tokio::join!(in_the_middle, before);

    lab.fault("ssh-thaw", "june").await;
    lab.fault("ssh-thaw", "july").await;
    let minute = Duration::from_secs(60);
    tokio::join!(site.until_works(&june, minute), site.until_works(&july, minute));
    // What certainly was not ordered is not dialed, and nothing is dialed twice.
    let before: Vec<_> = before.iter().collect();
    assert_eq!(lab.arrivals(&before).await, [0, 0, 0]);
    let arrived = lab.arrivals(&in_the_middle.iter().collect::<Vec<_>>()).await;
    for (answer, arrived) in answers.iter().zip(&arrived) {
        let record = site.record_of(answer).await;
        println!("{arrived} calls came, the record says {record:?}");
        is_true(&record, *arrived);
    }
}

/// Whether the record of an order whose answer was lost is not contradicted by what came to the phone.
pub fn is_true([status, reason, reached]: &[String; 3], arrived: u64) {
    assert!(arrived <= 1, "it was dialed {arrived} times");
    match (status.as_str(), reached.as_str()) {
        ("unknown", _) => {}
        ("completed", "answered") => assert_eq!(arrived, 1),
        ("failed", "none") => assert_eq!(arrived, 0, "{reason}"),
        other => panic!("{other:?} {reason}, and {arrived} calls came"),
    }
}
