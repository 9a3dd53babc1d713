//! The whole program against a real Asterisk and a carrier: `novofon-bot serve` as a child process,
//! what is asked of it over HTTP, and what really arrived at the carrier.
//!
//! One file a behaviour. `scripts/lab` brings up the two Asterisks; where that fails, so do the tests.

mod admission;
#[allow(dead_code, reason = "the tests of enterprises use the rest")]
#[path = "../support/postgres.rs"]
mod cluster;
mod crash;
mod crowd;
mod deaf;
mod doctor;
mod hangup;
mod legs;
mod limits;
mod outcomes;
mod plain_outgoing;
mod postgres;
mod scenario;
mod shutdown;
mod socket_loss;
mod stopping_gracefully;
mod store_away;
#[allow(dead_code, unused_imports, reason = "tests/faults uses the rest")]
mod support;
mod taken_at_the_pbx;
mod trunk_faults;
mod waiting;

/// The newest Asterisk that is to be had. `tests/e2e_16` runs many of these on the oldest.
const LABS: support::lab::Labs = support::lab::Labs {
    asterisk: None,
    tells_sip_status: true,
    shared: ("e2e", ["127.0.0.32", "127.0.0.33"]),
    spoiled: ("e2e-faults", ["127.0.0.34", "127.0.0.35"]),
};
