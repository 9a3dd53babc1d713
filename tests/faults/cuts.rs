//! The events socket cut again and again, under calls in every state and a stream of new ones.

use std::time::Duration;

use crate::{
    judge::{ANSWERS, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, Stream, one_in_each_state, place},
    proxy::Proxy,
    support::{Bot, Call, Lab, SOON, assert_end, until},
};

/// Cuts of one bot; there are two, because each comes back more slowly after each cut.
const CUTS: usize = 25;

async fn cut_again_and_again() {
    let lab = Lab::shared();
    let proxy = Proxy::to(lab.ari_address()).await;
    let url = proxy.url();
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("ari.url", url.as_str()), ("dial.unreachable_timeout", "120")]);
    let mut bot = Bot::start(&lab, &settings).await;
    let before = Before::of(&bot).await;
    let live = one_in_each_state(&bot).await;
    let stream = Stream::start(&bot, Duration::from_millis(400));
    for cut in 0..CUTS {
        // Each time at another moment of what follows a connection.
        let since = bot.log_text().matches("connected to Asterisk").count();
        tokio::time::sleep(Duration::from_millis(37 * (cut as u64 % 11))).await;
        proxy.cut();
        until("it is connected again", Duration::from_secs(30), async || {
            let times = bot.log_text().matches("connected to Asterisk").count();
            if times > since { Ok(()) } else { Err(times) }
        })
        .await;
    }
    let accepted = stream.stop().await;
    for (call, state) in live.iter().zip(crate::load::STATES) {
        assert_eq!(bot.call(&call.id()).await.status(), state, "what lives goes on");
        bot.hang_up(&call.id()).await;
    }
    let calls = bot.until_all_ended(Duration::from_secs(40)).await;
    for (call, end) in live.iter().zip([
        "canceled hung_up api trying",
        "canceled hung_up api ringing",
        "canceled hung_up api early_media",
        "completed hung_up api answered 200 OK",
    ]) {
        let call = bot.call(&call.id()).await;
        assert_end(&bot, &call, end).await;
    }
    let streamed: Vec<Call> = calls.into_iter().filter(|call| accepted.contains(&call.id())).collect();
    assert_eq!(streamed.len(), accepted.len(), "none is lost");
    let whole = assert_all_true(&bot, &streamed, &[]).await;
    eprintln!("{whole} of {} calls went their whole way", streamed.len());
    assert!(whole * 8 > streamed.len(), "only {whole} of {} calls went their way", streamed.len());

    bot.until_ready().await;
    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    let ids: Vec<&str> = accepted.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, Duration::from_secs(20)).await;
    before.assert_back(&bot).await;
}

#[tokio::test]
async fn twenty_five_times() {
    cut_again_and_again().await;
}

#[tokio::test]
async fn and_again() {
    cut_again_and_again().await;
}
