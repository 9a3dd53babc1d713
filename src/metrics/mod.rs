//! What the program counts and measures, for Prometheus. One registry, shared by the engine and the
//! API; each floor writes its own families and none reads them. Times are in seconds.

mod office;

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use call::{Reason, Status};

pub use office::OfficeMetrics;

/// Content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndLabels {
    status: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: &'static str,
    /// The route's pattern, never the path: ids would make a series each.
    pub route: String,
    pub status: u16,
}

pub struct Metrics {
    registry: Registry,
    pub office: OfficeMetrics,
    calls_ended: Family<EndLabels, Counter>,
    /// Calls in `dialing`, `ringing`, `early_media` or `answered`.
    pub calls_live: Gauge,
    pub calls_queued: Gauge,
    /// 1 while the events socket is up.
    pub ari_up: Gauge,
    pub ari_reconnects: Counter,
    /// Times that Asterisk was found not to tell what it was asked to tell.
    pub ari_deaf: Counter,
    /// 1 while the store can be written.
    pub store_up: Gauge,
    /// From handing a step to the store until it is on disk.
    pub store_commit: Histogram,
    /// From an event's arrival until what it led to is on disk.
    pub event_to_durable: Histogram,
    /// How long Asterisk takes to answer an originate.
    pub originate: Histogram,
    /// From a request to initiate a call until the call is on disk, waiting for the call left out.
    pub initiate: Histogram,
    pub http_request: Family<RequestLabels, Histogram, fn() -> Histogram>,
    /// Open event streams.
    pub event_streams: Gauge,
    /// Events that could not be read.
    pub events_undecodable: Counter,
    /// Inputs for calls that do not live: late or foreign events.
    pub inputs_stray: Counter,
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("novofon_bot"),
            office: OfficeMetrics::default(),
            calls_ended: Family::default(),
            calls_live: Gauge::default(),
            calls_queued: Gauge::default(),
            ari_up: Gauge::default(),
            ari_reconnects: Counter::default(),
            ari_deaf: Counter::default(),
            store_up: Gauge::default(),
            store_commit: seconds(),
            event_to_durable: seconds(),
            originate: seconds(),
            initiate: seconds(),
            http_request: Family::new_with_constructor(seconds),
            event_streams: Gauge::default(),
            events_undecodable: Counter::default(),
            inputs_stray: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        self.office.register(r);
        r.register("calls_ended", "Calls that ended since the start", self.calls_ended.clone());
        r.register("calls_live", "Calls that were dialed and have not ended", self.calls_live.clone());
        r.register("calls_queued", "Calls that wait for their turn", self.calls_queued.clone());
        r.register("ari_up", "Whether the events socket of Asterisk is up", self.ari_up.clone());
        r.register("ari_reconnects", "Times the events socket was made anew", self.ari_reconnects.clone());
        r.register("ari_deaf", "Times Asterisk was found not to tell all of a call", self.ari_deaf.clone());
        r.register("store_up", "Whether the store can be written", self.store_up.clone());
        r.register("event_streams", "Open event streams", self.event_streams.clone());
        r.register(
            "events_undecodable",
            "Events of Asterisk that could not be read",
            self.events_undecodable.clone(),
        );
        r.register("inputs_stray", "Inputs for calls that do not live", self.inputs_stray.clone());
        let mut timed = |name: &str, help: &str, histogram: &Histogram| {
            r.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        };
        timed("store_commit", "From a step to its being on disk", &self.store_commit);
        timed("event_to_durable", "From an event to what it led to being on disk", &self.event_to_durable);
        timed("originate", "How long Asterisk takes to answer an originate", &self.originate);
        timed("initiate", "From a request to the call being on disk", &self.initiate);
        r.register_with_unit(
            "http_request",
            "From a request's head to its answer's head",
            Unit::Seconds,
            self.http_request.clone(),
        );
    }

    /// Counts the end of a call.
    pub fn call_ended(&self, status: Status, reason: Reason) {
        let labels = EndLabels { status: status.as_str(), reason: reason.as_str() };
        self.calls_ended.get_or_create(&labels).inc();
    }

    /// Everything, as OpenMetrics text.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Bounds of all histograms, seconds: close where the goals are.
const SECONDS: [f64; 20] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    10.0, 30.0, 60.0,
];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_by_status_and_reason() {
        let metrics = Metrics::new();
        metrics.call_ended(Status::Busy, Reason::Busy);
        metrics.call_ended(Status::Busy, Reason::Busy);
        metrics.originate.observe(0.002);
        let text = metrics.encode().expect("a String takes all");
        assert!(text.contains(r#"novofon_bot_calls_ended_total{status="busy",reason="busy"} 2"#), "{text}");
        assert!(text.contains("novofon_bot_originate_seconds_count 1"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
