//! What reached the simulated carrier of the lab: its own log, counted by the number that a call carries.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::Place;

pub struct Carrier {
    log: PathBuf,
    /// What came before is of no interest.
    from: usize,
}

#[derive(Deserialize)]
struct Line {
    ev: String,
    #[serde(default)]
    pai: String,
}

impl Carrier {
    pub fn new(place: &Place) -> anyhow::Result<Self> {
        let log = PathBuf::from(place.lab("CARRIER_LOG")?);
        let from = fs::metadata(&log)?.len() as usize;
        Ok(Carrier { log, from })
    }

    /// Calls with this caller id since the beginning.
    pub fn calls(&self, caller: &str) -> anyhow::Result<u64> {
        let bytes = fs::read(&self.log)?;
        let text = String::from_utf8_lossy(bytes.get(self.from..).unwrap_or_default());
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        Ok(lines.filter(|line| line.ev == "call" && line.pai == caller).count() as u64)
    }

    /// As [`Carrier::calls`], once as many as these have come, or after 5 s.
    pub async fn calls_when(&self, caller: &str, expected: u64) -> anyhow::Result<u64> {
        let begin = Instant::now();
        loop {
            let calls = self.calls(caller)?;
            if calls >= expected || begin.elapsed() > Duration::from_secs(5) {
                return Ok(calls);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
