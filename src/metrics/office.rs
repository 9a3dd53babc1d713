//! What is counted of the offices' calls: by enterprise and by host, of which there are as many as rows in a table.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::seconds;
use call::{CallRecord, OfficeCall, WayKind, What};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LiveLabels {
    enterprise: String,
    host: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    enterprise: String,
    host: String,
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OrderLabels {
    host: String,
    way: &'static str,
    /// `taken`, or what kind of failure it was.
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    enterprise: String,
    /// `call`, `monitor`, `read`.
    kind: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    /// `secret`, `rate`, `number_rate`, `parameters`.
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostLabels {
    host: String,
}

pub struct OfficeMetrics {
    live: Family<LiveLabels, Gauge>,
    ended: Family<EndLabels, Counter>,
    orders: Family<OrderLabels, Histogram, fn() -> Histogram>,
    intents: Histogram,
    requests: Family<RequestLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    tainted: Family<HostLabels, Counter>,
    /// 1 while the enterprises' database can be asked.
    /// There is none before it was asked: a bot without offices has no such database.
    database_up: Family<Vec<(String, String)>, Gauge>,
}

impl Default for OfficeMetrics {
    fn default() -> Self {
        OfficeMetrics {
            live: Family::default(),
            ended: Family::default(),
            orders: Family::new_with_constructor(seconds),
            intents: seconds(),
            requests: Family::default(),
            refused: Family::default(),
            tainted: Family::default(),
            database_up: Family::default(),
        }
    }
}

impl OfficeMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("office_calls_live", "Offices' calls that have not ended", self.live.clone());
        r.register("office_calls_ended", "Offices' calls that ended since the start", self.ended.clone());
        r.register("office_requests", "Requests of enterprises", self.requests.clone());
        r.register("office_refused", "Requests that no enterprise was let in with", self.refused.clone());
        r.register(
            "office_ami_tainted",
            "AMI messages that were not whole: forged by a caller's number, or cut by it",
            self.tainted.clone(),
        );
        r.register(
            "office_database_up",
            "Whether the enterprises' database can be asked",
            self.database_up.clone(),
        );
        r.register_with_unit(
            "office_intent",
            "From a call's acceptance to its being on disk, before the order",
            Unit::Seconds,
            self.intents.clone(),
        );
        r.register_with_unit(
            "office_order",
            "From an order to the host's answer",
            Unit::Seconds,
            self.orders.clone(),
        );
    }

    /// A call begins (1) or is over (-1).
    pub fn live(&self, call: &CallRecord, change: i64) {
        let Some(office) = call.request.office() else { return };
        let labels = LiveLabels {
            enterprise: office.tenant.number.clone(),
            host: office.host.clone(),
            kind: kind_word(office),
        };
        self.live.get_or_create(&labels).inc_by(change);
    }

    pub fn ended(&self, call: &CallRecord) {
        let (Some(office), Some(reason)) = (call.request.office(), call.last.reason) else { return };
        let labels = EndLabels {
            enterprise: office.tenant.number.clone(),
            host: office.host.clone(),
            kind: kind_word(office),
            status: call.last.status.as_str(),
            reason: reason.as_str(),
        };
        self.ended.get_or_create(&labels).inc();
    }

    /// A call is on disk, and may be ordered.
    pub fn intent(&self, time: Duration) {
        self.intents.observe(time.as_secs_f64());
    }

    /// An order was answered, or failed with that result.
    pub fn order(&self, host: &str, way: Option<WayKind>, result: &'static str, time: Duration) {
        let labels = OrderLabels { host: host.to_owned(), way: way.map_or("none", WayKind::as_str), result };
        self.orders.get_or_create(&labels).observe(time.as_secs_f64());
    }

    pub fn request(&self, enterprise: &str, kind: &'static str, status: u16) {
        self.requests.get_or_create(&RequestLabels { enterprise: enterprise.to_owned(), kind, status }).inc();
    }

    pub fn database_is_up(&self, is_up: bool) {
        self.database_up.get_or_create(&Vec::new()).set(is_up.into());
    }

    /// A message of a host's AMI was not whole.
    pub fn tainted(&self, host: &str) {
        self.tainted.get_or_create(&HostLabels { host: host.to_owned() }).inc();
    }

    pub fn refused(&self, why: &'static str) {
        self.refused.get_or_create(&RefusedLabels { why }).inc();
    }
}

fn kind_word(office: &OfficeCall) -> &'static str {
    match office.what {
        What::Dial(_) => "call",
        What::Listen { .. } => "monitor",
    }
}
