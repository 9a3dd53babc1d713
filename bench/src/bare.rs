//! A bare ARI loop: an events socket and originates, and nothing else. It places the next call as soon as
//! one has ended, and forgets it. It speaks by the bot's own client, so that only what the bot adds differs.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use asterisk::ari::{self, AriTarget, Event, Link, Originate, Subscriptions};
use asterisk::secret::Secret;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;
use witness::EVENTS;

pub struct Target<'a> {
    pub url: &'a str,
    pub user: &'a str,
    pub password: &'a str,
}

/// What the loop hears of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// The same events as the bot, those of the trunk among them.
    All,
    /// The least that a loop can do with: the answer and the end of its own channel.
    Least,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Looped {
    pub placed: u64,
    pub refused: u64,
    pub answered: u64,
    pub ended: u64,
    pub seconds: f64,
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Places calls for so long, that many at a time, and waits for the last to end.
pub async fn run(
    target: &Target<'_>,
    hears: Hears,
    phone: &str,
    caller: &str,
    at_once: usize,
    time: Duration,
) -> anyhow::Result<Looped> {
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    let url = Url::parse(target.url)?;
    let ari_target = AriTarget::new(url, target.user, Secret::new(target.password), "bench_bare");
    let subscriptions = match hears {
        Hears::All => Subscriptions {
            endpoint: Some("PJSIP/novofon".into()),
            allowed_events: EVENTS.iter().map(|kind| (*kind).to_owned()).collect(),
        },
        Hears::Least => Subscriptions {
            endpoint: None,
            allowed_events: vec!["StasisStart".into(), "ChannelDestroyed".into()],
        },
    };
    let (ari, mut links) = ari::connect(ari_target, subscriptions, stop.clone())?;
    loop {
        match tokio::time::timeout(PATIENCE, links.recv()).await? {
            Some(Link::Up { .. }) => break,
            Some(_) => {}
            None => bail!("no connection to Asterisk"),
        }
    }
    let (failed, mut failures) = mpsc::unbounded_channel::<String>();
    let (mut open, mut looped) = (HashSet::new(), Looped::default());
    let begin = Instant::now();
    while begin.elapsed() < time || !open.is_empty() {
        while begin.elapsed() < time && open.len() < at_once {
            let id = uuid::Uuid::now_v7().to_string();
            open.insert(id.clone());
            looped.placed += 1;
            let call = Originate {
                endpoint: format!("Local/{phone}@outgoing"),
                caller_id: Some(caller.to_owned()),
                timeout_secs: Some(70),
                other_channel_id: Some(format!("{id};2")),
                channel_id: id,
                variables: BTreeMap::from([("NOVOFON_CALLER_ID".to_owned(), caller.to_owned())]),
                ..Originate::default()
            };
            let (ari, failed) = (ari.clone(), failed.clone());
            tokio::task::spawn_local(async move {
                if ari.originate(&call).await.is_err() {
                    let _ = failed.send(call.channel_id);
                }
            });
        }
        let link = tokio::select! {
            Some(id) = failures.recv() => {
                open.remove(&id);
                looped.refused += 1;
                continue;
            }
            link = tokio::time::timeout(PATIENCE, links.recv()) => link?,
        };
        match link {
            Some(Link::Event(event, _)) => match *event {
                Event::StasisStart(start) => looped.answered += u64::from(open.contains(&start.channel.id)),
                Event::ChannelDestroyed(gone) => looped.ended += u64::from(open.remove(&gone.channel.id)),
                _ => {}
            },
            Some(Link::Down { reason }) => bail!("the events socket of the bare loop was lost: {reason}"),
            Some(_) => {}
            None => bail!("the bare loop's connection ended"),
        }
    }
    ensure!(looped.placed > 0, "the bare loop placed nothing");
    looped.seconds = begin.elapsed().as_secs_f64();
    Ok(looped)
}
