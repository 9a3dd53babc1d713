//! The load generator: `POST /api/calls/initiate` over kept connections, at a rate that does not wait for
//! answers, or as fast as a number of connections allows.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::http::Http;

#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests per second; `None`: as many as the connections can.
    pub rate: Option<f64>,
    pub connections: usize,
    pub time: Duration,
}

#[derive(Debug, Clone)]
pub struct Placed {
    pub accepted: u64,
    /// Answered with another status than 201, or not at all.
    pub refused: u64,
    pub seconds: f64,
    /// From the moment when a request was due to its answer, microseconds.
    pub answers: Histogram<u64>,
    /// The first refusal's words.
    pub why: Option<String>,
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds that fit")
}

/// Numbers that differ, all within the Russian plan.
pub fn number(n: u64) -> String {
    format!("+7952{:07}", n % 10_000_000)
}

/// Must run within a `LocalSet`.
pub async fn run(address: SocketAddr, load: Load) -> anyhow::Result<Placed> {
    let next = Rc::new(Cell::new(0_u64));
    let (accepted, refused) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u64)));
    let answers = Rc::new(RefCell::new(histogram()));
    let why = Rc::new(RefCell::new(None));
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Http::connect(address).await?);
    }
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for mut http in connections {
        let (next, accepted, refused) = (next.clone(), accepted.clone(), refused.clone());
        let (answers, why) = (answers.clone(), why.clone());
        tasks.push(tokio::task::spawn_local(async move {
            loop {
                let n = next.get();
                let due = match load.rate {
                    Some(rate) => Duration::from_secs_f64(n as f64 / rate),
                    None => begin.elapsed(),
                };
                if due >= load.time {
                    return;
                }
                next.set(n + 1);
                if begin.elapsed() < due {
                    tokio::time::sleep_until((begin + due).into()).await;
                }
                let body = format!(r#"{{"phone":"{}"}}"#, number(n));
                let answer = http.request("POST", "/api/calls/initiate", &body).await;
                let took = (begin.elapsed() - due).as_micros() as u64;
                answers.borrow_mut().saturating_record(took.max(1));
                let bad = match answer {
                    Ok(answer) if answer.status == 201 => {
                        accepted.set(accepted.get() + 1);
                        continue;
                    }
                    Ok(answer) => format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
                    Err(error) => format!("{error:#}"),
                };
                refused.set(refused.get() + 1);
                why.borrow_mut().get_or_insert(bad);
                match Http::connect(address).await {
                    Ok(again) => http = again,
                    Err(_) => return,
                }
            }
        }));
    }
    for task in tasks {
        task.await?;
    }
    let why = why.borrow().clone();
    let answers = answers.borrow().clone();
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Placed { accepted: accepted.get(), refused: refused.get(), seconds, answers, why })
}
