//! The wall clock stepped by an hour under live calls: it is only written down. What decides is the
//! monotonic clock, which no step moves.

use std::{fs, path::PathBuf, time::Duration};

use chrono::{TimeDelta, Utc};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    judge::{ANSWERS, MIX, assert_all_true},
    load::{SCENARIOS, new_caller, one_in_each_state, place},
    support::{Bot, Call, Lab, SOON, assert_end},
};

/// The machine's clock as the bot alone sees it.
struct Clock(PathBuf);

impl Clock {
    fn step(&self, to: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, to).expect("the clock");
        fs::rename(new, &self.0).expect("the clock");
    }
}

async fn bot_with_a_clock(lab: &Lab) -> (Bot, Clock) {
    let mut settings = SCENARIOS.to_vec();
    settings.push(("store.keep_days", "1"));
    let mut bot = Bot::stopped(lab, &settings);
    let clock = Clock(bot.folder().join("clock"));
    clock.step("+0");
    for (name, value) in [
        ("LD_PRELOAD", Lab::faketime().as_str()),
        ("FAKETIME_TIMESTAMP_FILE", clock.0.to_str().expect("UTF-8")),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ] {
        bot.set(name, value);
    }
    bot.launch();
    bot.until_ready().await;
    (bot, clock)
}

/// Within so many seconds, and no hour more or less.
fn assert_about(call: &Call, name: &str, seconds: std::ops::Range<f64>) {
    let value = call.seconds(name);
    assert!(seconds.contains(&value), "{name} is {value}, not within {seconds:?}: {call:?}");
}

fn assert_no_odd_durations(calls: &[Call]) {
    for call in calls {
        for name in ["ring_seconds", "talk_seconds", "duration"] {
            if let Some(value) = call.field(name).as_f64() {
                assert!((0.0..120.0).contains(&value), "{name} is {value}: {call:?}");
            }
        }
    }
}

/// Calls in every state, some with a limit that runs out after the step.
async fn stepped(to: &str, by: TimeDelta) {
    let lab = Lab::shared();
    let (mut bot, clock) = bot_with_a_clock(&lab).await;
    let former = place(&bot, ANSWERS).await;
    bot.until_ended(&former.id(), SOON).await;
    let live = one_in_each_state(&bot).await;
    let begin = Instant::now();
    let talks =
        json!({"phone": "+79005550201", "caller_id": new_caller(), "scenario": "stay", "max_duration": 6});
    let talks = bot.place(talks).await;
    bot.until_status(&talks.id(), "answered").await;
    let rings = json!({"phone": "+79005550180", "caller_id": new_caller(), "ring_timeout": 6});
    let rings = bot.place(rings).await;
    bot.until_status(&rings.id(), "ringing").await;
    clock.step(to);

    let after = place(&bot, ANSWERS).await;
    let apart = after.time("created_at") - Utc::now() - by;
    assert!(apart.abs() < TimeDelta::seconds(30), "the bot does not see the step: {after:?}");
    let talked = bot.until_ended(&talks.id(), Duration::from_secs(15)).await;
    assert!(begin.elapsed() >= Duration::from_secs(6), "ended after {:?}", begin.elapsed());
    assert_end(&bot, &talked, "completed max_duration limit answered 200 OK").await;
    assert_about(&talked, "talk_seconds", 5.9..9.0);
    let rang = bot.until_ended(&rings.id(), Duration::from_secs(15)).await;
    assert_end(&bot, &rang, "no_answer ring_timeout limit ringing").await;
    assert_about(&rang, "ring_seconds", 5.0..9.0);
    for kind in MIX {
        place(&bot, kind).await;
    }
    for (call, state) in live.iter().zip(crate::load::STATES) {
        assert_eq!(bot.call(&call.id()).await.status(), state, "no step of a clock ends a call");
    }

    if by < TimeDelta::zero() {
        // What the former run wrote lies in the future now.
        bot.crash().await;
        for (call, state) in live.iter().zip(crate::load::STATES) {
            assert_eq!(bot.call(&call.id()).await.status(), state, "it goes on as it was");
        }
    }
    for call in &live {
        bot.hang_up(&call.id()).await;
    }
    let calls = bot.until_all_ended(Duration::from_secs(20)).await;
    assert_eq!(calls.len(), 1 + 4 + 2 + 1 + MIX.len(), "nothing is a day old");
    assert_no_odd_durations(&calls);
    let ends =
        ["canceled hung_up api", "completed hung_up api", "completed max_duration", "no_answer ring_timeout"];
    assert_all_true(&bot, &calls, &ends).await;
}

#[tokio::test]
async fn an_hour_forward() {
    stepped("+3600", TimeDelta::hours(1)).await;
}

#[tokio::test]
async fn an_hour_back() {
    stepped("-3600", TimeDelta::hours(-1)).await;
}
