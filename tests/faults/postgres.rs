//! The bot with its store in PostgreSQL, under a steady stream of calls: by turns the bot is killed, the server is killed,
//! stopped or stands still. Every call is compared with the carrier's log, as with the file.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    cluster::Cluster,
    judge::{ANSWERS, assert_all_true},
    load::{SCENARIOS, Stream, place},
    support::{Bot, Call, Lab, SOON, assert_end},
};

/// `POSTGRES_ROUNDS=100` for longer.
const ROUNDS: usize = 6;

const STREAMS: usize = 3;

/// What happens in a round.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// `kill -9` of the bot.
    Bot,
    /// As a machine without power.
    ServerKilled,
    ServerStopped,
    /// For longer than a look-up of the bot, and shorter than its patience.
    ServerFrozen,
    /// The bot is killed while the server stands still: its session goes on when the server does.
    BothFrozen,
    /// For longer than the bot's patience.
    ServerFrozenLong,
}

const FAULTS: [Fault; 6] = [
    Fault::Bot,
    Fault::ServerKilled,
    Fault::ServerStopped,
    Fault::ServerFrozen,
    Fault::BothFrozen,
    Fault::ServerFrozenLong,
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

async fn carry_out(fault: Fault, bot: &mut Bot, server: &mut Cluster, random: &mut StdRng) {
    let mut moment = |most: f64| Duration::from_secs_f64(random.random_range(0.0..most));
    match fault {
        Fault::Bot => {
            bot.kill();
            bot.launch();
        }
        Fault::ServerKilled => {
            server.kill();
            tokio::time::sleep(moment(1.0)).await;
            server.start_server();
        }
        Fault::ServerStopped => {
            server.stop();
            tokio::time::sleep(moment(1.0)).await;
            server.start_server();
        }
        Fault::ServerFrozen => {
            server.freeze();
            tokio::time::sleep(moment(3.0)).await;
            server.thaw();
        }
        Fault::BothFrozen => {
            server.freeze();
            tokio::time::sleep(moment(0.5)).await;
            bot.kill();
            server.thaw();
            bot.launch();
        }
        Fault::ServerFrozenLong => {
            server.freeze();
            tokio::time::sleep(Duration::from_secs(11) + moment(3.0)).await;
            server.thaw();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_and_its_server_by_turns() {
    let seed = number("FAULTS_SEED").unwrap_or_else(|| RandomState::new().hash_one("postgres"));
    eprintln!("FAULTS_SEED={seed} gives the same moments again");
    let rounds = number("POSTGRES_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).expect("a few"));
    let mut random = StdRng::seed_from_u64(seed);
    let (lab, mut server) = (Lab::shared(), Cluster::with("GRANT CREATE ON DATABASE office TO bot").await);
    let url = server.url_with_password("bot");
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("dial.max_concurrent", "100"), ("dial.calls_per_second", "100")]);
    settings.push(("store.url", &url));
    let mut bot = Bot::start(&lab, &settings).await;
    let streams = [(); STREAMS].map(|()| Stream::start(&bot, Duration::from_millis(250)));
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_secs_f64(random.random_range(0.1..1.5))).await;
        let fault = FAULTS[round % FAULTS.len()];
        eprintln!("{round}: {fault:?}");
        carry_out(fault, &mut bot, &mut server, &mut random).await;
        bot.until_ready().await;
    }
    let answered: u64 = streams.iter().map(Stream::answered).sum();
    let mut accepted = Vec::new();
    for stream in streams {
        accepted.extend(stream.stop().await);
    }
    let calls = bot.until_all_ended(Duration::from_secs(100)).await;
    let known: Vec<String> = calls.iter().map(Call::id).collect();
    for id in &accepted {
        assert!(known.contains(id), "a call that was accepted is lost: {id}");
    }
    let whole = assert_all_true(&bot, &calls, &["canceled store_unavailable bot none"]).await;
    let unknown = calls.iter().filter(|call| call.status() == "unknown").count();
    eprintln!(
        "{rounds} rounds, {answered} answers, {} calls: {whole} went their whole way, {unknown} are unknown",
        calls.len()
    );
    assert!(calls.len() >= rounds * 3, "only {} calls", calls.len());
    assert!(whole >= calls.len() / 2, "only {whole} of {} calls went their way", calls.len());

    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    let ids: Vec<&str> = known.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, Duration::from_secs(30)).await;
    let wrong = "SELECT CAST(count(*) AS TEXT) FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before \
                 FROM novofon_bot.timeline) AS numbers WHERE seq <> before + 1";
    assert_eq!(server.value(wrong).await, "0", "no number is given for nothing");
}
