//! Many calls at once: each has its right end, each arrived once, and the bounds hold meanwhile.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Bot, Call, Lab, SOON, assert_arrived, wrong_words};

/// Number of digits NN, or a whole number that counts, and the end.
const MIX: [(&str, &str); 8] = [
    ("+7952001{nnnn}", "completed scenario_ended bot answered 200 OK"),
    ("+7952002{nnnn}", "completed scenario_ended bot answered 200 OK"),
    ("+79005550201", "completed scenario_ended bot answered 200 OK"),
    ("+79005550486", "busy busy callee trying 486 Busy Here"),
    ("+79005551480", "no_answer no_answer carrier ringing 480 Temporarily Unavailable"),
    ("+79005550404", "failed number_invalid carrier trying 404 Not Found"),
    ("+79005551603", "rejected declined callee ringing 603 Decline"),
    ("+79005550403", "failed carrier_forbidden carrier trying 403 Forbidden"),
];

const HANG_UP: (&str, &str) = ("scenarios.default.steps", "[{hangup=true}]");

/// Memory of a bot with 200 live calls, MiB, in a build without optimization.
const MOST_MEMORY: u64 = 200;

#[tokio::test]
async fn two_hundred_calls_at_once() {
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &[HANG_UP]).await;
    let calls: Vec<(String, &str)> = (0..200)
        .map(|n| {
            let (number, end) = MIX[n % MIX.len()];
            (number.replace("{nnnn}", &format!("{n:04}")), end)
        })
        .collect();
    let placed = join_all(calls.iter().map(async |(number, _)| bot.place_to(number).await)).await;
    let most = bot.memory();
    bot.until_all_ended(Duration::from_secs(25)).await;

    let mut expected: HashMap<&str, usize> = HashMap::new();
    let mut wrong = Vec::new();
    for (call, (number, end)) in placed.iter().zip(&calls) {
        let call = bot.call(&call.id()).await;
        wrong.extend(wrong_words(&bot, &call, end).await);
        assert_arrived(&bot, &call);
        *expected.entry(number).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), calls.len(), wrong.join("\n"));
    for (number, count) in expected {
        assert_eq!(bot.reached(number), count, "{number} at the carrier");
    }
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 200);

    assert_eq!(bot.metric("novofon_bot_calls_live").await, 0.0);
    assert_eq!(bot.metric("novofon_bot_calls_queued").await, 0.0);
    assert_eq!(bot.metric("novofon_bot_calls_ended_total").await, 200.0);
    let memory = most.max(bot.memory());
    assert!(memory < MOST_MEMORY, "{memory} MiB");
    let ids: Vec<String> = placed.iter().map(Call::id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, SOON).await;
}

/// More calls than slots: never more at once at the PBX, first come first served.
#[tokio::test]
async fn no_more_at_once_than_there_are_slots() {
    const SLOTS: usize = 10;
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &[HANG_UP, ("dial.max_concurrent", "10")]).await;
    let number = |n| if n % 2 == 0 { format!("+7952003{n:04}") } else { "+79005550486".to_owned() };
    let placing = async { join_all((0..200).map(async |n| bot.place_to(&number(n)).await)).await };

    // The PBX itself is counted, meanwhile.
    let asterisk = lab.asterisk();
    let counting = async {
        let mut most = 0;
        loop {
            let listed = asterisk.channels().await;
            let calls: BTreeSet<&str> = listed
                .iter()
                .filter(|channel| {
                    channel["connected"]["number"] == *bot.caller
                        || channel["caller"]["number"] == *bot.caller
                })
                .filter(|channel| {
                    channel["name"].as_str().is_some_and(|name| name.starts_with("PJSIP/novofon-"))
                })
                .filter_map(|channel| channel["id"].as_str())
                .collect();
            most = most.max(calls.len());
            let (live, queued) =
                (bot.metric("novofon_bot_calls_live").await, bot.metric("novofon_bot_calls_queued").await);
            assert!(live <= SLOTS as f64, "{live} live calls");
            if most > 0 && live + queued == 0.0 {
                return most;
            }
        }
    };
    let (placed, most) = tokio::join!(placing, tokio::time::timeout(Duration::from_secs(40), counting));
    let most = most.expect("all end in time");
    assert!((2..=SLOTS).contains(&most), "{most} trunk legs at once");

    // A slot is free a moment before its call's end is on disk.
    let calls = bot.until_all_ended(SOON).await;
    assert_eq!((calls.len(), placed.len()), (200, 200));
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 200);
    let mut in_order: Vec<&Call> = calls.iter().collect();
    in_order.sort_by_key(|call| call.id());
    assert!(in_order.is_sorted_by_key(|call| call.time("dialed_at")), "first come, first served");
    // At the moment of each dialing, at most the other slots were taken.
    for call in &calls {
        let at = call.time("dialed_at");
        let taken = calls.iter().filter(|c| c.time("dialed_at") < at && c.time("ended_at") > at).count();
        assert!(taken < SLOTS, "{taken} calls lived when {} was dialed", call.id());
    }
}

#[tokio::test]
async fn no_faster_than_the_rate() {
    let bot = Bot::start(&Lab::shared(), &[HANG_UP, ("dial.calls_per_second", "10")]).await;
    join_all((0..35).map(async |_| bot.place(json!({"phone": "+79005550486"})).await)).await;
    let calls = bot.until_all_ended(Duration::from_secs(15)).await;
    let mut dialed: Vec<_> = calls.iter().map(|call| call.time("dialed_at")).collect();
    dialed.sort();
    for window in dialed.windows(12) {
        let took = window[11] - window[0];
        assert!(took.num_milliseconds() >= 1000, "12 calls within {took}");
    }
    let whole = dialed[34] - dialed[0];
    assert!(whole.num_milliseconds() < 5000, "the rate is used: 35 calls took {whole}");
    assert_eq!(bot.reached("+79005550486"), 35);
}
