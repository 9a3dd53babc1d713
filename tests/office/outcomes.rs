//! How calls end that nobody talked in: what the phones do, and what the record says of it. AMI and ARI tell why;
//! over SSH there is nothing to be seen of that, and nothing is claimed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::{
    LAB,
    support::{Bot, Client, Desk, Lab, Way, by_each_way, end},
};

/// What the extension's phone does | the end, with reached. The number is never dialed.
const DESKS: [(&str, &str); 3] = [
    ("busy", "failed extension_busy extension none"),
    ("decline", "failed extension_declined extension none"),
    ("off", "failed extension_unavailable pbx none"),
];

/// Last digits of the number | status reason ended_by reached sip_code q850_cause
const NUMBERS: &[(&str, &str)] = &[
    ("0486", "busy busy callee trying 486 17"),
    ("1486", "busy busy callee ringing 486 17"),
    ("0600", "busy busy callee trying 600 17"),
    ("0603", "rejected declined callee trying 603 21"),
    ("1603", "rejected declined callee ringing 603 21"),
    ("0404", "failed number_invalid carrier trying 404 1"),
    ("0403", "failed carrier_forbidden carrier trying 403 21"),
    ("0480", "unavailable unavailable carrier trying 480 19"),
    ("1480", "no_answer no_answer carrier ringing 480 19"),
    ("0503", "failed carrier_overloaded carrier trying 503 34"),
];

/// The same where Asterisk tells no SIP status: nothing but the cause is known, and that the carrier had the call
/// at all only if it rang. Such an Asterisk can't play 600 and 603 either.
const NUMBERS_WITHOUT_STATUS: &[(&str, &str)] = &[
    ("0486", "busy busy callee sent - 17"),
    ("1486", "busy busy callee ringing - 17"),
    // 603 has the same cause: who refuses at once may be the carrier, after ringing it is the callee.
    ("0403", "failed carrier_refused carrier sent - 21"),
    ("1403", "rejected declined callee ringing - 21"),
    ("0404", "failed number_invalid carrier sent - 1"),
    ("0480", "unavailable unavailable carrier sent - 19"),
    ("1480", "no_answer no_answer carrier ringing - 19"),
    ("0503", "failed carrier_overloaded carrier sent - 34"),
];

/// What Asterisk ends by itself, and a 487 that nobody asked for. The front of the carrier plays these.
const ODD: &[(&str, &str)] = &[
    ("3180", "failed codec_mismatch pbx ringing 200 58"),
    ("3200", "failed codec_mismatch pbx trying 200 58"),
    ("3000", "completed codec_mismatch pbx answered - 16"),
    ("1487", "no_answer no_answer carrier ringing 487 127"),
];

/// The same where Asterisk tells no SIP status: its own BYE looks like the phone's, and any refusal may be behind 127.
const ODD_WITHOUT_STATUS: &[(&str, &str)] = &[
    ("3180", "failed codec_mismatch pbx ringing 200 58"),
    ("3200", "failed codec_mismatch pbx sent 200 58"),
    ("3000", "completed hung_up callee answered - 16"),
    ("1487", "unknown outcome_lost carrier ringing - 127"),
];

const NOT_SEEN: &str = "unknown not_connected unknown";
/// By a process each, a call may be over before the first look finds it.
const LOST: &str = "unknown outcome_lost unknown";

/// The end is this one, and the timeline is shown if it is not.
pub async fn assert_end(client: &Client, id: &str, expected: &str) {
    let call = client.until_ended(id).await;
    let got = end(&call);
    assert!(is_end(&got, expected), "expected {expected}, got {got}\n{}", client.story(id).await);
}

fn is_end(got: &str, expected: &str) -> bool {
    got == expected || expected.starts_with(NOT_SEEN) && got.starts_with(LOST)
}

/// A phone, a bot that reaches its office by this way, and a client.
pub async fn ready(way: Way, settings: &[(&str, &str)]) -> (Desk, Bot, Client) {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, way, settings).await;
    let client = bot.client(desk.office);
    (desk, bot, client)
}

async fn what_the_extension_does(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    let number = desk.number("0200");
    for (behaviour, told) in DESKS {
        desk.does(behaviour).await;
        let call = client.place(&desk.name, &number).await;
        let expected = if way.tells_all() { told.to_owned() } else { format!("{NOT_SEEN} none") };
        assert_end(&client, &call, &expected).await;
    }
    desk.does("answer").await;
    assert_eq!(number.arrivals().await, 0, "the number was dialed without the extension");
}

/// sshd may be left with one session at a time: nobody keeps it from the others.
#[tokio::test]
async fn with_one_session_at_a_time() {
    let (desk, _bot, client) = ready(Way::Exec, &[("office.ssh_commands", "1")]).await;
    let began = Instant::now();
    let numbers = ["0200", "0200", "0486"].map(|digits| desk.number(digits));
    for number in &numbers[..2] {
        let call = client.place_answered(&desk.name, number).await.id();
        client.hang_up(&call).await;
        client.until_ended(&call).await;
        desk.until_free().await;
    }
    client.place_and_wait(&desk.name, &numbers[2]).await;
    // One that had to wait for its turn in vain would have taken 15 s alone.
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    for number in &numbers {
        assert_eq!(number.arrivals().await, 1);
    }
}

async fn what_the_number_does(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    let numbers = if LAB.tells_sip_status { NUMBERS } else { NUMBERS_WITHOUT_STATUS };
    let ends = join_all(numbers.iter().map(async |(digits, told)| {
        let number = desk.number(digits);
        let call = client.place_and_wait(&desk.name, &number).await;
        let expected = match way.tells_all() {
            true => (*told).to_owned(),
            // What was seen of it in passing depends on when it was looked at.
            false => format!("{NOT_SEEN} {}", call.text("reached")),
        };
        let story = client.story(&call.id()).await;
        let arrivals = number.arrivals().await;
        let is_right = is_end(&end(&call), &expected) && arrivals == 1;
        (!is_right).then(|| {
            format!("{digits}: {arrivals} calls came\nexpected {expected}\n     got {}\n{story}", end(&call))
        })
    }))
    .await;
    let wrong: Vec<String> = ends.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "by {way:?}: {}", wrong.join("\n"));
}

async fn what_the_number_does_oddly(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    let numbers = if LAB.tells_sip_status { ODD } else { ODD_WITHOUT_STATUS };
    let ends = join_all(numbers.iter().map(async |(digits, told)| {
        let number = desk.at(&format!("+7900555{digits}"));
        let call = client.place_and_wait(&desk.name, &number).await;
        let got = end(&call);
        // Of a call that was up for some milliseconds a look may have seen more or less.
        let not_seen = format!("{NOT_SEEN} {}", call.text("reached"));
        let is_right = match way.tells_all() {
            true => got == *told,
            false => {
                is_end(&got, &not_seen) || *digits == "3000" && got == "completed hung_up unknown answered"
            }
        };
        let story = client.story(&call.id()).await;
        (!is_right).then(|| format!("{digits}: expected {told}\n     got {got}\n{story}"))
    }))
    .await;
    let wrong: Vec<String> = ends.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "by {way:?}: {}", wrong.join("\n"));
}

/// It rings and rings, and somebody ends that: us on behalf of the client, or the caller.
async fn what_ends_the_ringing(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    let number = desk.number("0180");
    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "ringing").await;
    client.hang_up(&call).await;
    number.until_free().await;
    desk.until_free().await;
    let cause = if way.tells_all() { " - 16" } else { "" };
    assert_end(&client, &call, &format!("canceled hung_up api ringing{cause}")).await;

    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "ringing").await;
    desk.hang_up().await;
    let expected = match way.tells_all() {
        true => "canceled hung_up extension ringing - 16".to_owned(),
        false => format!("{NOT_SEEN} ringing"),
    };
    assert_end(&client, &call, &expected).await;
    number.until_free().await;

    // The extension's own phone still rings.
    desk.does("ring").await;
    let call = client.place(&desk.name, &number).await;
    desk.until_rings().await;
    client.hang_up(&call).await;
    desk.until_free().await;
    assert_end(&client, &call, "canceled hung_up api none").await;
    assert_eq!(number.arrivals().await, 2);
}

/// The dialplan has a time of its own for the extension (20 s in the laboratory), and no entry for `9`.
async fn what_the_dialplan_does(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    desk.does("ring").await;
    let number = desk.number("0200");
    let rings = client.place(&desk.name, &number).await;
    let nobody = client.make_call("9", &number, &[]).await;
    if nobody.status == 200 {
        let expected = if way.tells_all() {
            "failed extension_unavailable pbx none".to_owned()
        } else {
            format!("{NOT_SEEN} none")
        };
        assert_end(&client, &nobody.call_id(), &expected).await;
    } else {
        assert_eq!(nobody.status, 500, "{}", nobody.text);
        assert_end(&client, nobody.header("x-call-id").expect("its record"), "failed host_refused pbx none")
            .await;
    }
    let expected = if way.tells_all() {
        "failed extension_no_answer pbx none".to_owned()
    } else {
        format!("{NOT_SEEN} none")
    };
    assert_end(&client, &rings, &expected).await;
    assert_eq!(number.arrivals().await, 0);
}

by_each_way!(
    what_the_extension_does,
    what_the_number_does,
    what_the_number_does_oddly,
    what_ends_the_ringing,
    what_the_dialplan_does,
);
