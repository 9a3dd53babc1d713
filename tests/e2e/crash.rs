//! `kill -9` at any moment, then a start on the same store: no call is dialed twice, none stays open,
//! none is lost.

use std::time::Duration;

use serde_json::json;

use crate::support::{Bot, Call, Lab, SOON, assert_arrived, assert_end};

const STAY: (&str, &str) = ("scenarios.default.steps", "[{wait=600}]");
const HANG_UP: (&str, &str) = ("scenarios.default.steps", "[{hangup=true}]");

/// A bot that was killed with its one call in `state`, and the call.
async fn killed_in(lab: &Lab, setting: (&str, &str), number: &str, state: &str, event: &str) -> (Bot, Call) {
    let mut bot = Bot::start(lab, &[setting]).await;
    let call = bot.place_to(number).await;
    bot.until_event(&call.id(), event).await;
    let call = bot.until_status(&call.id(), state).await;
    bot.kill();
    (bot, call)
}

/// Starts the killed bot again; the call that it had must not be dialed a second time.
async fn restart(bot: &mut Bot, id: &str) {
    bot.launch();
    bot.until_ready().await;
    bot.until_event(id, "restarted").await;
}

async fn assert_nothing_left(lab: &Lab, bot: &Bot, id: &str, number: &str) {
    lab.asterisk().until_free_of(&[id], &bot.caller, SOON).await;
    assert!(bot.calls().await.iter().all(Call::has_ended), "a call is open");
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 1, "dialed again");
    assert_eq!(bot.reached(number), 1);
}

/// Killed in `state`, started again, hung up over the API: the call went on all the time.
async fn goes_on(number: &str, state: &str, event: &str, expected: &str) {
    let lab = Lab::shared();
    let (mut bot, call) = killed_in(&lab, STAY, number, state, event).await;
    restart(&mut bot, &call.id()).await;
    assert_eq!(bot.call(&call.id()).await.status(), state, "it goes on as it was");
    bot.hang_up(&call.id()).await;
    let ended = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &ended, expected).await;
    assert_nothing_left(&lab, &bot, &call.id(), number).await;
}

#[tokio::test]
async fn in_dialing() {
    goes_on("+79005550100", "dialing", "trunk_created", "canceled hung_up api trying").await;
}

/// Nothing in Asterisk tells any more that it was dialed: only the stored intent does.
#[tokio::test]
async fn in_dialing_and_gone_meanwhile() {
    let (number, lab) = ("+79005550100", Lab::shared());
    let (mut bot, call) = killed_in(&lab, STAY, number, "dialing", "trunk_created").await;
    lab.asterisk().hang_up(&json!({"id": call.id()})).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    restart(&mut bot, &call.id()).await;
    let ended = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &ended, "unknown outcome_lost unknown sent").await;
    assert_nothing_left(&lab, &bot, &call.id(), number).await;
}

#[tokio::test]
async fn in_ringing() {
    goes_on("+79005550180", "ringing", "trunk_ringing", "canceled hung_up api ringing").await;
}

#[tokio::test]
async fn in_early_media() {
    goes_on("+79005550183", "early_media", "trunk_early_media", "canceled hung_up api early_media").await;
}

#[tokio::test]
async fn in_answered() {
    goes_on("+79005550201", "answered", "trunk_up", "completed hung_up api answered 200 OK").await;
}

#[tokio::test]
async fn an_answer_after_the_restart_is_seen() {
    let lab = Lab::shared();
    let (mut bot, call) = killed_in(&lab, HANG_UP, "+79005550180", "ringing", "trunk_ringing").await;
    restart(&mut bot, &call.id()).await;
    lab.pick_up(&call.text("novofon_call_id")).await;
    let ended = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &ended, "completed scenario_ended bot answered 200 OK").await;
    assert_nothing_left(&lab, &bot, &call.id(), "+79005550180").await;
}

/// Asterisk hangs up at once when a call is answered for an application that is not there. Nobody saw
/// it, so nobody claims it.
#[tokio::test]
async fn an_answer_while_it_was_down_is_not_made_up() {
    let lab = Lab::shared();
    let (mut bot, call) = killed_in(&lab, STAY, "+79005550180", "ringing", "trunk_ringing").await;
    lab.pick_up(&call.text("novofon_call_id")).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    restart(&mut bot, &call.id()).await;
    let ended = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &ended, "unknown outcome_lost unknown ringing").await;
    assert_nothing_left(&lab, &bot, &call.id(), "+79005550180").await;
}

/// The callee ends the call while the bot is down.
async fn ended_meanwhile(number: &str, state: &str, event: &str, expected: &str) {
    let lab = Lab::shared();
    let (mut bot, call) = killed_in(&lab, STAY, number, state, event).await;
    let sip_call_id = call.text("novofon_call_id");
    if state == "answered" {
        lab.put_down(&sip_call_id).await;
    } else {
        lab.refuse(&sip_call_id).await;
    }
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    restart(&mut bot, &call.id()).await;
    let ended = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &ended, expected).await;
    assert_nothing_left(&lab, &bot, &call.id(), number).await;
}

#[tokio::test]
async fn an_end_nobody_saw_is_unknown() {
    let expected = "unknown outcome_lost unknown ringing";
    ended_meanwhile("+79005550180", "ringing", "trunk_ringing", expected).await;
}

#[tokio::test]
async fn a_talk_that_ended_meanwhile_was_a_talk() {
    let expected = "completed outcome_lost unknown answered";
    ended_meanwhile("+79005550201", "answered", "trunk_up", expected).await;
}

/// The times of a call go on where they were, not from the restart.
#[tokio::test]
async fn the_longest_talk_is_no_longer_for_a_restart() {
    let lab = Lab::shared();
    let mut bot = Bot::start(&lab, &[STAY]).await;
    let call = bot.place(json!({"phone": "+79005550200", "max_duration": 6})).await;
    bot.until_status(&call.id(), "answered").await;
    let rings_too = bot.place(json!({"phone": "+79005550180", "ring_timeout": 6})).await;
    bot.until_status(&rings_too.id(), "ringing").await;
    bot.crash().await;
    let talked = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &talked, "completed max_duration limit answered 200 OK").await;
    let rang = bot.until_ended(&rings_too.id(), SOON).await;
    assert_end(&bot, &rang, "no_answer ring_timeout limit ringing").await;
    // The ring time-out is of the whole way to an answer, and the carrier may take its time to ring.
    for (call, name, from, limited_from) in [
        (&talked, "talk_seconds", "answered_at", "answered_at"),
        (&rang, "ring_seconds", "ringing_at", "dialed_at"),
    ] {
        let until_the_end = |from| (call.time("ended_at") - call.time(from)).as_seconds_f64();
        let (seconds, by_the_clock, limited) =
            (call.seconds(name), until_the_end(from), until_the_end(limited_from));
        assert!((5.9..8.0).contains(&limited), "{limited} s from {limited_from}");
        assert!((seconds - by_the_clock).abs() < 0.5, "{name} is {seconds}, by the clock {by_the_clock}");
    }
    let (rang, by_the_clock) = (
        talked.seconds("ring_seconds"),
        (talked.time("answered_at") - talked.time("ringing_at")).as_seconds_f64(),
    );
    assert!((rang - by_the_clock).abs() < 0.5, "ring_seconds is {rang}, by the clock {by_the_clock}");
}

#[tokio::test]
async fn queued_calls_are_dialed_once_and_in_their_order() {
    let lab = Lab::shared();
    let mut bot = Bot::start(&lab, &[STAY, ("dial.max_concurrent", "1")]).await;
    let talk = bot.place_to("+79005550201").await;
    let mut waiting = Vec::new();
    for number in ["+79005550486", "+79005550404", "+79005550603"] {
        waiting.push(bot.place_to(number).await);
    }
    bot.until_status(&talk.id(), "answered").await;
    bot.crash().await;
    for call in &waiting {
        assert_eq!(bot.call(&call.id()).await.status(), "queued", "the talk holds the only slot");
    }
    bot.hang_up(&talk.id()).await;
    bot.until_all_ended(SOON).await;
    let mut dialed_at = Vec::new();
    for (call, expected) in waiting.iter().zip([
        "busy busy callee trying 486 Busy Here",
        "failed number_invalid carrier trying 404 Not Found",
        "rejected declined callee trying 603 Decline",
    ]) {
        let call = bot.call(&call.id()).await;
        assert_end(&bot, &call, expected).await;
        assert_eq!(bot.reached(&call.text("phone")), 1);
        dialed_at.push(call.time("dialed_at"));
    }
    assert!(dialed_at.is_sorted(), "{dialed_at:?}");
}

/// Killed again and again while calls come, ring, talk and end: what was accepted is dialed at most
/// once, and has an end.
#[tokio::test]
async fn again_and_again_under_way() {
    const ROUNDS: usize = 3;
    const CALLS: usize = 8;
    let lab = Lab::shared();
    let settings = [HANG_UP, ("dial.max_concurrent", "8"), ("dial.calls_per_second", "20")];
    let mut bot = Bot::start(&lab, &settings).await;
    let mut accepted = Vec::new();
    for round in 0..ROUNDS {
        for n in 0..CALLS {
            accepted.push(bot.place_to(&format!("+79520003{round}{n:02}")).await);
        }
        // Until another number of them is over: each kill meets another moment.
        let some = round * CALLS + 1 + round * 2;
        crate::support::until("some calls have ended", SOON, async || {
            let ended = bot.calls().await.iter().filter(|call| call.has_ended()).count();
            if ended >= some.min(accepted.len()) { Ok(()) } else { Err(ended) }
        })
        .await;
        bot.crash().await;
    }
    let ended = bot.until_all_ended(Duration::from_secs(30)).await;
    assert_eq!(ended.len(), accepted.len(), "none is lost");
    for call in &ended {
        let number = call.text("phone");
        let arrived = bot.reached(&number);
        assert!(arrived <= 1, "{number} was dialed {arrived} times");
        assert!(["completed", "unknown"].contains(&call.status().as_str()), "{call:?}");
        assert!(arrived == 1 || call.status() == "unknown", "{number} never arrived: {call:?}");
        if call.field("novofon_call_id").is_string() {
            assert_arrived(&bot, call);
        }
    }
    let whole = ended.iter().filter(|call| call.status() == "completed").count();
    // Of up to 8 calls under way at each kill nothing more can be promised: a callee who picks up while
    // the bot is away is hung up by Asterisk itself, and nobody sees it.
    assert!(whole >= ROUNDS, "only {whole} of {} were completed", ended.len());
    let ids: Vec<String> = ended.iter().map(Call::id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, SOON).await;
}
