//! An Asterisk whose HTTP answers are no answers.

use serde_json::json;

use crate::{
    asterisk::{Asterisk, Manner},
    bot::Bot,
};

#[tokio::test]
async fn answers_that_are_none() {
    let asterisk = Asterisk::start().await;
    let bot = Bot::start(Some(asterisk.address), &[]).await;
    let _socket = asterisk.socket().await;
    bot.until("it is connected", async || bot.metric("novofon_bot_ari_up").await == 1.0).await;
    let before = bot.begin();
    let manners = [
        Manner::EndlessBody,
        Manner::EndlessChunk,
        Manner::EndlessHead,
        Manner::Redirect,
        Manner::Drip,
        Manner::Silence,
        Manner::Rubbish,
        Manner::Deep,
    ];
    for manner in manners {
        asterisk.behave(manner);
        // Each is answered by a request to place it, and by others to learn what became of it.
        for _ in 0..20 {
            bot.place(&json!({})).await;
        }
        bot.goes_on().await;
        bot.kept_its_memory(&format!("{manner:?}"), before, 200).await;
    }
    asterisk.behave(Manner::Usual);
    let originated = asterisk.originated();
    bot.place(&json!({})).await;
    bot.until("a call is placed in Asterisk", async || asterisk.originated() > originated).await;
}

#[tokio::test]
async fn a_setup_that_never_ends() {
    for manner in [Manner::EndlessBody, Manner::Redirect, Manner::Rubbish] {
        let asterisk = Asterisk::start().await;
        asterisk.behave(manner);
        let bot = Bot::start(Some(asterisk.address), &[]).await;
        let before = bot.begin();
        // It comes back after each failure.
        for _ in 0..2 {
            asterisk.socket().await;
        }
        bot.goes_on().await;
        bot.kept_its_memory(&format!("{manner:?} at the start"), before, 100).await;
        asterisk.behave(Manner::Usual);
        let _good = asterisk.socket().await;
        bot.place(&json!({})).await;
        bot.until("a call is placed in Asterisk", async || asterisk.originated() > 0).await;
    }
}
