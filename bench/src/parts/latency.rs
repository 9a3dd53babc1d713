//! How long it takes from an event of Asterisk to the reader of `/api/events`, at 150 calls/s. An entry is
//! sent to readers only when it is on disk, so this is also the time until it is durable, and a bit more.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde::Deserialize;

use super::Place;
use crate::{
    http::Http,
    load::{self, Load},
    report::{Goal, Part},
    sim::{Behaviour, Moment},
};

const RATE: f64 = 150.0;

/// What an entry of the stream shows.
fn moment_of(event: &str, status: Option<&str>) -> Option<Moment> {
    match (event, status) {
        ("trunk_ringing", _) => Some(Moment::TrunkRinging),
        ("trunk_up", _) => Some(Moment::TrunkUp),
        (_, Some("completed")) => Some(Moment::EndProven),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Entry {
    call_id: String,
    event: String,
    status: Option<String>,
}

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("From an event of Asterisk to a reader, at 150 calls/s");
    let ms = Duration::from_millis;
    let behaviour = Behaviour { setup: ms(5), ring: ms(200), talk: Some(ms(400)), ..Behaviour::default() };
    let (sim, bot) = place.simulated("latency", behaviour).await?;
    let warm_up = Load { rate: Some(RATE), connections: 32, time: Duration::from_secs(3) };
    load::run(bot.address, warm_up).await?;
    bot.until_idle(Duration::from_secs(30)).await?;

    let heard: Rc<RefCell<Vec<(String, Moment, Instant)>>> = Rc::default();
    let mut lines = Http::connect(bot.address).await?.stream("/api/events").await?;
    let reader = tokio::task::spawn_local({
        let heard = heard.clone();
        async move {
            loop {
                let line = lines.next().await?;
                let at = Instant::now();
                let Some(data) = line.strip_prefix("data: ") else { continue };
                let entry: Entry = serde_json::from_str(data)?;
                if let Some(what) = moment_of(&entry.event, entry.status.as_deref()) {
                    heard.borrow_mut().push((entry.call_id, what, at));
                }
            }
            #[expect(unreachable_code, reason = "it names the type of the errors above")]
            anyhow::Ok(())
        }
    });
    sim.trace(true);
    let (before, cpu) = (bot.metrics().await?, bot.cpu()?);
    let time = place.seconds(60, 8);
    let placed = load::run(bot.address, Load { rate: Some(RATE), connections: 32, time }).await?;
    bot.until_idle(Duration::from_secs(30)).await?;
    let cpu = bot.cpu()? - cpu;
    tokio::time::sleep(ms(300)).await;
    ensure!(!reader.is_finished(), "the event stream ended");
    reader.abort();
    let (after, seen) = (bot.metrics().await?, sim.trace(false));

    let told: HashMap<(String, Moment), Instant> =
        heard.borrow().iter().map(|(call, what, at)| ((call.clone(), *what), *at)).collect();
    let kinds =
        [(Moment::TrunkRinging, "ringing"), (Moment::TrunkUp, "answered"), (Moment::EndProven, "the end")];
    let mut all = load::histogram();
    let mut missing = 0_u64;
    for (what, name) in kinds {
        let mut one = load::histogram();
        for seen in seen.iter().filter(|seen| seen.what == what) {
            match told.get(&(seen.call.clone(), what)) {
                Some(at) => {
                    let took = at.saturating_duration_since(seen.at).as_micros() as u64;
                    one.saturating_record(took.max(1));
                    all.saturating_record(took.max(1));
                }
                None => missing += 1,
            }
        }
        part.figure(
            format!("event to reader, {name}, p50"),
            one.value_at_quantile(0.5) as f64 / 1000.0,
            "ms",
        );
        part.figure(
            format!("event to reader, {name}, p99"),
            one.value_at_quantile(0.99) as f64 / 1000.0,
            "ms",
        );
    }
    ensure!(!all.is_empty(), "no event came");
    for share in [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999] {
        part.point("event to reader", 100.0 * share, all.value_at_quantile(share) as f64 / 1000.0);
    }
    part.figure("event to reader, all, p50", all.value_at_quantile(0.5) as f64 / 1000.0, "ms");
    part.goal(
        "event to reader, all, p99",
        all.value_at_quantile(0.99) as f64 / 1000.0,
        "ms",
        Goal::LessThan(10.0),
    );
    let name = "novofon_bot_event_to_durable_seconds";
    for (share, word) in [(0.5, "p50"), (0.99, "p99")] {
        let bound = 1000.0 * after.quantile_since(&before, name, share).unwrap_or(f64::NAN);
        let what = format!("event to durable, by the bot's own histogram, {word} at most");
        if share < 0.9 {
            part.figure(what, bound, "ms");
        } else {
            part.goal(what, bound, "ms", Goal::LessThan(10.0));
        }
    }
    part.figure("entries that no reader got", missing as f64, "");
    part.figure("CPU of the bot at this rate", cpu.as_micros() as f64 / placed.accepted as f64, "µs/call");
    part.note(format!(
        "{} calls, {} moments; measured from the writing of the event to the reading of its entry, both in one process; the histogram has steps, so \"at most\"",
        placed.accepted, all.len()
    ));
    bot.stop().await?;
    Ok(part)
}
