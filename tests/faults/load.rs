//! Calls for the faults to meet: one in each state, and a steady stream. Every call has a caller id of its
//! own, by which the carrier knows it.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    judge::{Kind, MIX},
    support::{Bot, Call, api::Api},
};

/// The default scenario hangs up at once; the other stays on the line.
pub const SCENARIOS: [(&str, &str); 2] =
    [("scenarios.default.steps", "[{hangup=true}]"), ("scenarios.stay.steps", "[{wait=600}]")];

static CALLERS: AtomicU64 = AtomicU64::new(0);

/// A caller id that no other call has, nor one of a test that runs beside this: each process begins somewhere.
pub fn new_caller() -> String {
    static BEGIN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    let number = BEGIN.wrapping_add(CALLERS.fetch_add(1, Ordering::Relaxed));
    format!("+7952{:07}", number % 10_000_000)
}

/// A request for a call of this kind.
pub fn request(kind: Kind) -> Value {
    json!({"phone": kind.number, "caller_id": new_caller()})
}

pub async fn place(bot: &Bot, kind: Kind) -> Call {
    bot.place(request(kind)).await
}

/// A call that comes as far as this, and stays there.
pub async fn stay_in(bot: &Bot, state: &str) -> Call {
    let number = match state {
        "dialing" => "+79005550100",
        "ringing" => "+79005550180",
        "early_media" => "+79005550183",
        "answered" => "+79005550201",
        other => panic!("no number stays in {other}"),
    };
    let request =
        json!({"phone": number, "caller_id": new_caller(), "scenario": "stay", "ring_timeout": 120});
    let call = bot.place(request).await;
    bot.until_event(&call.id(), "trunk_created").await;
    bot.until_status(&call.id(), state).await
}

pub const STATES: [&str; 4] = ["dialing", "ringing", "early_media", "answered"];

/// One call in each state, in the order of [`STATES`].
pub async fn one_in_each_state(bot: &Bot) -> [Call; 4] {
    [
        stay_in(bot, STATES[0]).await,
        stay_in(bot, STATES[1]).await,
        stay_in(bot, STATES[2]).await,
        stay_in(bot, STATES[3]).await,
    ]
}

/// Places calls of [`MIX`] one after the other, whatever comes of it, until it is stopped.
pub struct Stream {
    stop: watch::Sender<bool>,
    task: JoinHandle<Vec<String>>,
    answers: Arc<AtomicU64>,
}

impl Stream {
    pub fn start(bot: &Bot, every: Duration) -> Self {
        let (api, (stop, mut stopped)): (Api, _) = ((**bot).clone(), watch::channel(false));
        let answers = Arc::new(AtomicU64::new(0));
        let counted = answers.clone();
        let task = tokio::spawn(async move {
            let (mut accepted, mut ticks) = (Vec::new(), tokio::time::interval(every));
            for kind in MIX.iter().cycle() {
                tokio::select! {
                    _ = ticks.tick() => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
                let sent = api.send(Method::POST, "/api/calls/initiate", Some(request(*kind)), None).await;
                // The bot may be down, or refuse: the same call is not asked for again.
                let Ok(answer) = sent else { continue };
                counted.fetch_add(1, Ordering::Relaxed);
                if answer.status == StatusCode::CREATED {
                    accepted.push(answer.body["id"].as_str().expect("a call has an id").to_owned());
                }
            }
            accepted
        });
        Stream { stop, task, answers }
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// The ids of the calls that were accepted.
    pub async fn stop(self) -> Vec<String> {
        self.stop.send_replace(true);
        self.task.await.expect("it does not panic")
    }
}
