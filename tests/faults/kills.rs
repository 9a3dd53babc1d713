//! The bot killed a hundred times at any moment, under a steady stream of calls, always on the same store.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    judge::{ANSWERS, assert_all_true},
    load::{SCENARIOS, Stream, place},
    support::{Bot, Lab, SOON, assert_end},
};

const KILLS: usize = 100;

/// Clients that place calls beside each other.
const STREAMS: usize = 3;

/// The longest life after its start: long enough to have calls in every state.
const LONGEST: Duration = Duration::from_millis(800);

#[tokio::test]
async fn a_hundred_times() {
    let seed = std::env::var("FAULTS_SEED").ok().map_or_else(
        || RandomState::new().hash_one("kills"),
        |seed| seed.parse().expect("FAULTS_SEED is a number"),
    );
    eprintln!("FAULTS_SEED={seed} gives the same moments again");
    let mut random = StdRng::seed_from_u64(seed);
    let lab = Lab::shared();
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("dial.max_concurrent", "100"), ("dial.calls_per_second", "100")]);
    let mut bot = Bot::start(&lab, &settings).await;
    let streams = [(); STREAMS].map(|()| Stream::start(&bot, Duration::from_millis(250)));
    for kill in 0..KILLS {
        // Every fourth does not even live until it answers.
        if kill % 4 != 0 {
            bot.until_live().await;
        }
        tokio::time::sleep(LONGEST.mul_f64(random.random_range(0.0..1.0))).await;
        bot.kill();
        bot.launch();
    }
    bot.until_ready().await;
    let answered: u64 = streams.iter().map(Stream::answered).sum();
    let mut accepted = Vec::new();
    for stream in streams {
        accepted.extend(stream.stop().await);
    }
    let calls = bot.until_all_ended(Duration::from_secs(100)).await;
    let known: Vec<String> = calls.iter().map(crate::support::Call::id).collect();
    for id in &accepted {
        assert!(known.contains(id), "a call that was accepted is lost: {id}");
    }
    let whole = assert_all_true(&bot, &calls, &[]).await;
    let unknown = calls.iter().filter(|call| call.status() == "unknown").count();
    eprintln!(
        "{KILLS} kills, {answered} answers, {} calls: {whole} went their whole way, {unknown} are unknown",
        calls.len()
    );
    // Most meet a kill at some moment of their life; there must be enough of them for it to mean anything.
    assert!(calls.len() >= KILLS, "only {} calls", calls.len());
    assert!(whole >= KILLS / 4, "only {whole} of {} calls went their way", calls.len());

    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    let ids: Vec<&str> = known.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, Duration::from_secs(30)).await;
}
