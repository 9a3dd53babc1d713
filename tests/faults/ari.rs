//! ARI slow, refusing, or answering what is no answer: nothing is dialed twice for it, and nothing is said
//! of a call but what is known.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{
    judge::{ANSWERS, BUSY, DECLINES, MIX, RINGS_AND_ANSWERS, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, one_in_each_state, place, request},
    proxy::{Faults, Proxy, RUBBISH, Rubbish},
    support::{Bot, Call, Lab, SOON, assert_end, until},
};

/// Where requests travel.
const OVER_HTTP: (&str, &str) = ("ari.rest_over_socket", "false");
const OVER_SOCKET: (&str, &str) = ("ari.rest_over_socket", "true");

/// What a call can't say better than this, when nobody knows what became of it.
const AWAY: [&str; 1] = ["failed asterisk_unreachable"];

async fn bot_behind_a_proxy(way: (&str, &str)) -> (Lab, Proxy, Bot) {
    let lab = Lab::shared();
    let proxy = Proxy::to(lab.ari_address()).await;
    let url = proxy.url();
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("ari.url", url.as_str()), way]);
    let bot = Bot::start(&lab, &settings).await;
    (lab, proxy, bot)
}

async fn until_nothing_left(lab: &Lab, bot: &Bot) {
    let ids: Vec<String> = bot.calls().await.iter().map(Call::id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, Duration::from_secs(20)).await;
}

/// Cuts every connection, and waits for the next one.
async fn cut(bot: &Bot, proxy: &Proxy) {
    let times = || bot.log_text().matches("connected to Asterisk").count();
    let before = times();
    proxy.cut();
    until("it is connected again", Duration::from_secs(60), async || {
        if times() > before { Ok(()) } else { Err("not yet") }
    })
    .await;
}

async fn assert_well_again(bot: &mut Bot, proxy: &Proxy) {
    proxy.set(Faults::default());
    cut(bot, proxy).await;
    bot.until_ready().await;
    let next = place(bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(bot, &next, ANSWERS.end).await;
}

/// Every answer takes five seconds, and each call has its right end all the same.
async fn slow(way: (&str, &str), faults: Faults) {
    let (lab, proxy, mut bot) = bot_behind_a_proxy(way).await;
    let before = Before::of(&bot).await;
    proxy.set(faults);
    // A socket that is open stays as it was.
    cut(&bot, &proxy).await;
    let mut placed = Vec::new();
    for kind in MIX {
        placed.push(place(&bot, kind).await);
    }
    let calls = bot.until_all_ended(Duration::from_secs(75)).await;
    let whole = assert_all_true(&bot, &calls, &[]).await;
    assert_eq!(whole, calls.len(), "slow is not lost");
    assert_well_again(&mut bot, &proxy).await;
    until_nothing_left(&lab, &bot).await;
    before.assert_back(&bot).await;
}

#[tokio::test]
async fn slow_over_http() {
    slow(OVER_HTTP, Faults { wait: Duration::from_secs(5), ..Faults::default() }).await;
}

#[tokio::test]
async fn slow_over_the_socket() {
    let half = Duration::from_millis(2500);
    slow(OVER_SOCKET, Faults { socket_wait: half, ..Faults::default() }).await;
}

/// The originate is carried out, and its answer is something else: the call goes its way, once.
#[tokio::test]
async fn an_originate_that_was_done_is_not_done_again() {
    let (lab, proxy, mut bot) = bot_behind_a_proxy(OVER_HTTP).await;
    for rubbish in RUBBISH {
        proxy.set(Faults { answer: Some(rubbish), only_originates: true, ..Faults::default() });
        let mut placed = Vec::new();
        for kind in [ANSWERS, RINGS_AND_ANSWERS, BUSY, DECLINES] {
            placed.push((place(&bot, kind).await, kind));
        }
        for (call, kind) in placed {
            let call = bot.until_ended(&call.id(), Duration::from_secs(20)).await;
            assert_eq!(call.status(), kind.end.split(' ').next().expect("a word"), "{rubbish:?}: {call:?}");
            assert_end(&bot, &call, kind.end).await;
        }
    }
    assert!(proxy.spoiled() >= 4 * RUBBISH.len(), "{} answers were spoiled", proxy.spoiled());
    let calls = bot.calls().await;
    assert_eq!(assert_all_true(&bot, &calls, &[]).await, calls.len());
    assert_well_again(&mut bot, &proxy).await;
    until_nothing_left(&lab, &bot).await;
}

/// The originate never reached Asterisk: only Asterisk's own refusal proves that.
#[tokio::test]
async fn an_originate_that_was_not_done_is_not_done_later() {
    let (_lab, proxy, mut bot) = bot_behind_a_proxy(OVER_HTTP).await;
    let mut placed = Vec::new();
    for rubbish in RUBBISH {
        proxy.set(Faults {
            answer: Some(rubbish),
            swallow: true,
            only_originates: true,
            ..Faults::default()
        });
        let call = place(&bot, ANSWERS).await;
        bot.until_event(
            &call.id(),
            if rubbish == Rubbish::Broken { "originate_refused" } else { "originate_uncertain" },
        )
        .await;
        placed.push((call, rubbish));
    }
    for (call, rubbish) in placed {
        let end = match rubbish {
            Rubbish::Broken => "failed asterisk_refused pbx none",
            _ => "unknown outcome_lost unknown none",
        };
        let call = bot.until_ended(&call.id(), Duration::from_secs(20)).await;
        assert_end(&bot, &call, end).await;
        assert!(!bot.carrier.by_caller().contains_key(&call.text("caller_id")), "{rubbish:?}");
    }
    assert_well_again(&mut bot, &proxy).await;
    let refused = ["failed asterisk_refused pbx none"];
    assert_all_true(&bot, &bot.calls().await, &refused).await;
}

/// Every request is answered with rubbish, under calls in all states, with a cut of the socket in between.
async fn rubbish_for_everything(way: (&str, &str)) {
    let (lab, proxy, mut bot) = bot_behind_a_proxy(way).await;
    let before = Before::of(&bot).await;
    for rubbish in [Rubbish::Broken, Rubbish::Unavailable, Rubbish::Page, Rubbish::Truncated] {
        let live = one_in_each_state(&bot).await;
        proxy.set(Faults { answer: Some(rubbish), ..Faults::default() });
        let mut placed = Vec::new();
        for kind in [ANSWERS, BUSY, RINGS_AND_ANSWERS] {
            placed.push(bot.initiate(request(kind)).await);
        }
        proxy.cut();
        for call in &live {
            assert_eq!(bot.hang_up(&call.id()).await.status, StatusCode::OK);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_well_again(&mut bot, &proxy).await;
        bot.until_all_ended(Duration::from_secs(40)).await;
        let states = ["trying", "ringing", "early_media", "answered"];
        for (call, reached) in live.iter().zip(states) {
            let call = bot.call(&call.id()).await;
            let end = format!("{} {} {}", call.status(), call.text("reason"), call.text("ended_by"));
            let ends: &[&str] = match reached {
                // So may the talk have ended by itself: whether it was our hang-up, nobody saw.
                "answered" => &["completed hung_up api", "completed outcome_lost unknown"],
                // The hang-up may come before the cut is noticed, or after: then it may have been answered unseen.
                _ => &["canceled hung_up api", "unknown outcome_lost unknown"],
            };
            assert!(ends.contains(&&*end), "{rubbish:?}: {end}: {call:?}");
        }
    }
    let ends = [
        "canceled hung_up api",
        "unknown outcome_lost unknown",
        "completed hung_up api answered",
        "completed outcome_lost unknown answered",
        "failed asterisk_refused pbx none",
    ];
    assert_all_true(&bot, &bot.calls().await, &[&ends[..], &AWAY].concat()).await;
    until_nothing_left(&lab, &bot).await;
    before.assert_back(&bot).await;
}

#[tokio::test]
async fn rubbish_over_http() {
    rubbish_for_everything(OVER_HTTP).await;
}

/// Only what prepares the socket goes over HTTP here.
#[tokio::test]
async fn rubbish_beside_the_socket() {
    rubbish_for_everything(OVER_SOCKET).await;
}
