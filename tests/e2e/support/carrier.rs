//! The carrier's own log: what really reached it, whatever the bot says.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use serde_json::Value;

/// One call as the carrier has it.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub sip_call_id: String,
    /// Its last answer, if it gave one.
    pub code: Option<u64>,
}

/// The log from one moment on.
#[derive(Clone)]
pub struct Carrier {
    log: PathBuf,
    since: u64,
}

impl Carrier {
    pub fn new(log: &str) -> Self {
        let log = PathBuf::from(log);
        let since = log.metadata().map(|m| m.len()).unwrap_or_default();
        Carrier { log, since }
    }

    fn lines(&self) -> Vec<Value> {
        let mut file = File::open(&self.log).expect("the carrier's log");
        file.seek(SeekFrom::Start(self.since)).expect("the log only grows");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("the log is UTF-8");
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }

    /// The calls that reached the carrier with this caller id: number and SIP Call-ID of each.
    pub fn calls_from(&self, caller: &str) -> Vec<(String, String)> {
        self.calls(|line| line["pai"] == caller)
    }

    /// Every call that reached the carrier, by its caller id.
    pub fn by_caller(&self) -> HashMap<String, Vec<Arrival>> {
        let lines = self.lines();
        let finals: HashMap<&str, u64> = lines
            .iter()
            .filter(|line| line["ev"] == "final")
            .filter_map(|line| Some((line["call_id"].as_str()?, line["code"].as_u64()?)))
            .collect();
        let mut arrivals: HashMap<String, Vec<Arrival>> = HashMap::new();
        for line in lines.iter().filter(|line| line["ev"] == "call") {
            let sip_call_id = line["call_id"].as_str().unwrap_or_default();
            let arrival =
                Arrival { sip_call_id: sip_call_id.to_owned(), code: finals.get(sip_call_id).copied() };
            arrivals.entry(line["pai"].as_str().unwrap_or_default().to_owned()).or_default().push(arrival);
        }
        arrivals
    }

    /// How many calls came with this SIP Call-ID.
    pub fn arrivals(&self, sip_call_id: &str) -> usize {
        self.calls(|line| line["call_id"] == sip_call_id).len()
    }

    /// Whether the carrier wrote this of the call: `cancel`, `bye`, `final`, `challenged`.
    pub fn saw(&self, event: &str, sip_call_id: &str) -> bool {
        self.lines().iter().any(|line| line["ev"] == event && line["call_id"] == sip_call_id)
    }

    /// How many lines of a kind there are for one number.
    pub fn count(&self, event: &str, number: &str) -> usize {
        self.lines().iter().filter(|line| line["ev"] == event && line["number"] == number).count()
    }

    fn calls(&self, which: impl Fn(&Value) -> bool) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let lines = self.lines();
        let calls = lines.iter().filter(|line| line["ev"] == "call" && which(line));
        calls.map(|line| (word(&line["number"]), word(&line["call_id"]))).collect()
    }
}
