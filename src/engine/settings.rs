//! What the engine goes by, in its own types; the configuration is turned into it above.

use std::{collections::BTreeMap, time::Duration};

use crate::{call::Limits, scenario::Scenario};

#[derive(Debug, Clone)]
pub struct Settings {
    pub trunk: Trunk,
    pub dial: Dial,
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
}

#[derive(Debug, Clone)]
pub struct Dial {
    /// E.164 prefixes that may be called.
    pub allow: Vec<String>,
    pub max_concurrent: usize,
    pub calls_per_second: f64,
    /// Least time between two calls to one number; zero is off.
    pub min_gap: Duration,
    pub max_queued: usize,
    pub limits: Limits,
}
