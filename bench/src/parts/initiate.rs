//! `POST /api/calls/initiate`, with its call durable, beside a bare originate over a kept connection: until
//! the answer, on a real Asterisk and on a simulated one, and until the originate has reached Asterisk.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use url::Url;

use super::Place;
use crate::{
    bot::{Bot, Setup},
    http::Http,
    load, pin,
    report::{Goal, Part},
    sim::{Behaviour, Moment},
};

/// The carrier answers it and hangs up at once.
const PHONE: &str = "+79005550210";

/// Between two requests, so that none meets the calls of the one before.
const PAUSE: Duration = Duration::from_millis(40);

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("POST initiate beside a bare originate");
    let pairs = if place.short { 50 } else { 500 };
    on_sim(place, &mut part, pairs).await?;
    on_asterisk(place, &mut part, pairs).await?;
    part.note(format!("{pairs} of each, in turn, one at a time, {} ms apart", PAUSE.as_millis()));
    Ok(part)
}

async fn on_sim(place: &Place, part: &mut Part, pairs: usize) -> anyhow::Result<()> {
    let (sim, bot) = place.simulated("initiate", Behaviour::default()).await?;
    let ari: SocketAddr = crate::sim::spawn(&sim, "127.0.0.1:0".parse()?).await?;
    let mut bare = Http::connect(ari).await?;
    let mut api = Http::connect(bot.address).await?;
    place_once(&mut api).await?;
    sim.trace(true);
    let (mut by_bot, mut by_hand) = (load::histogram(), load::histogram());
    // The id of each call, and when it was asked for.
    let mut asked: Vec<(bool, String, Instant)> = Vec::new();
    for _ in 0..pairs {
        let begin = Instant::now();
        let id = place_once(&mut api).await?;
        by_bot.saturating_record(begin.elapsed().as_micros() as u64);
        asked.push((true, id, begin));
        tokio::time::sleep(PAUSE).await;
        let id = uuid::Uuid::now_v7().to_string();
        let begin = Instant::now();
        originate(&mut bare, &id, "/ari/channels").await?;
        by_hand.saturating_record(begin.elapsed().as_micros() as u64);
        asked.push((false, id, begin));
        tokio::time::sleep(PAUSE).await;
    }
    bot.until_idle(Duration::from_secs(10)).await?;
    let arrived: HashMap<String, Instant> = sim
        .trace(false)
        .into_iter()
        .filter(|seen| seen.what == Moment::Originate)
        .map(|seen| (seen.call, seen.at))
        .collect();
    let (mut bot_arrives, mut bare_arrives) = (load::histogram(), load::histogram());
    for (is_bot, id, begin) in asked {
        let at = arrived.get(&id).context("an originate did not arrive")?;
        let took = at.saturating_duration_since(begin).as_micros() as u64;
        if is_bot { &mut bot_arrives } else { &mut bare_arrives }.saturating_record(took.max(1));
    }
    figures(part, "simulated Asterisk, until the answer", &by_bot, &by_hand);
    figures(part, "simulated Asterisk, until the originate arrives", &bot_arrives, &bare_arrives);
    bot.stop().await
}

async fn on_asterisk(place: &Place, part: &mut Part, pairs: usize) -> anyhow::Result<()> {
    // Asterisk has threads on both cores.
    pin(None)?;
    let (url, user, password) =
        (place.lab("PBX_ARI_URL")?, place.lab("PBX_ARI_USER")?, place.lab("PBX_ARI_PASSWORD")?);
    let setup = Setup {
        program: &place.program,
        folder: &place.fresh("initiate-real")?,
        core: None,
        ari_url: url,
        ari_user: user,
        ari_password: password,
        caller_id: "+79520000005",
        steps: "[{ wait = 60 }]",
        concurrency: 100,
        rate: 1000.0,
    };
    let bot = Bot::start(&setup).await?;
    let address = *Url::parse(url)?.socket_addrs(|| None)?.first().context("no address of Asterisk")?;
    let mut bare = Http::connect(address).await?.with_basic_auth(user, password);
    let mut api = Http::connect(bot.address).await?;
    let (mut by_bot, mut by_hand) = (load::histogram(), load::histogram());
    for _ in 0..pairs {
        let begin = Instant::now();
        place_once(&mut api).await?;
        by_bot.saturating_record(begin.elapsed().as_micros() as u64);
        tokio::time::sleep(PAUSE).await;
        let id = uuid::Uuid::now_v7().to_string();
        let begin = Instant::now();
        originate(&mut bare, &id, "/ari/channels").await?;
        by_hand.saturating_record(begin.elapsed().as_micros() as u64);
        tokio::time::sleep(PAUSE).await;
    }
    bot.until_idle(Duration::from_secs(30)).await?;
    figures(part, "real Asterisk, until the answer", &by_bot, &by_hand);
    bot.stop().await
}

fn figures(part: &mut Part, what: &str, by_bot: &Histogram<u64>, by_hand: &Histogram<u64>) {
    let ms = |times: &Histogram<u64>, share| times.value_at_quantile(share) as f64 / 1000.0;
    part.figure(format!("{what}: bare originate, p50"), ms(by_hand, 0.5), "ms");
    part.figure(format!("{what}: the bot, p50"), ms(by_bot, 0.5), "ms");
    part.figure(format!("{what}: the bot, p99"), ms(by_bot, 0.99), "ms");
    let added = ms(by_bot, 0.5) - ms(by_hand, 0.5);
    part.goal(format!("{what}: added at p50"), added, "ms", Goal::LessThan(2.0));
}

/// Places a call at the bot; its id.
async fn place_once(api: &mut Http) -> anyhow::Result<String> {
    let body = format!(r#"{{"phone":"{PHONE}"}}"#);
    let answer = api.request("POST", "/api/calls/initiate", &body).await?;
    ensure!(answer.status == 201, "the bot refused: {}", String::from_utf8_lossy(&answer.body));
    let call: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(call["id"].as_str().context("a call without an id")?.to_owned())
}

/// The bot's own application is there to hear of it, and hangs nothing up that it does not know.
async fn originate(bare: &mut Http, id: &str, path: &str) -> anyhow::Result<()> {
    let body = format!(
        r#"{{"endpoint":"Local/{PHONE}@outgoing","app":"bench_bot","timeout":70,"channelId":"{id}","otherChannelId":"{id};2","variables":{{"NOVOFON_CALLER_ID":"+79520000006"}}}}"#
    );
    let answer = bare.request("POST", path, &body).await?;
    ensure!(answer.status == 200, "Asterisk refused: {}", String::from_utf8_lossy(&answer.body));
    Ok(())
}
