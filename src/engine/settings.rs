//! What the engine goes by, in its own types; the configuration is turned into it above.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use call::scenario::Scenario;
use call::{Destinations, Limits};

#[derive(Debug, Clone)]
pub struct Settings {
    pub trunk: Trunk,
    pub dial: Dial,
    /// The names of the API keys: a waiting call of another client is not dialed any more. `None` where there are no keys
    /// and everybody is let in: nobody's key was taken away there.
    pub clients: Option<BTreeSet<String>>,
    pub scenarios: BTreeMap<String, Scenario>,
    /// The one of them for calls of a former run whose own is gone.
    pub default_scenario: String,
    /// How long live calls may go on after a stop was asked for.
    pub stop_timeout: Duration,
    /// Numbers are shown without their middle in the log.
    pub mask_numbers: bool,
}

#[derive(Debug, Clone)]
pub struct Trunk {
    /// The dialplan context of `Local/<number>@<context>`.
    pub context: String,
    /// `PJSIP/novofon`: its channels are the trunk legs.
    pub endpoint: String,
    /// The number shown to callees when a request names none; `None` leaves it to the dialplan.
    pub caller_id: Option<String>,
    /// What a request may ask to be shown.
    pub caller_ids: CallerIds,
}

impl Trunk {
    /// Whether callees may be shown this number, in E.164 form, because a request asks for it.
    pub fn may_show(&self, number: &str) -> bool {
        match &self.caller_ids {
            CallerIds::Any => true,
            CallerIds::Of(numbers) => numbers.contains(number),
        }
    }
}

/// The numbers that a request may ask to be shown; the trunk's own is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerIds {
    Any,
    /// In E.164 form where they are whole numbers, else as they were written.
    Of(BTreeSet<String>),
}

#[derive(Debug, Clone)]
pub struct Dial {
    /// What may be called.
    pub allow: Destinations,
    pub max_concurrent: usize,
    pub calls_per_second: f64,
    /// Least time between two calls to one number; zero is off.
    pub min_gap: Duration,
    pub max_queued: usize,
    pub limits: Limits,
}
