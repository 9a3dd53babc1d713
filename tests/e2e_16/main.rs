//! The tests of `tests/e2e` that ask Asterisk for its word, on the oldest Asterisk that the bot is for:
//! Debian bullseye's 16.28, whose channels tell no SIP status.
//!
//! The very same files, with other labs. What this Asterisk can't tell is named where the tables are.

#[path = "../e2e/crash.rs"]
mod crash;
#[path = "../e2e/deaf.rs"]
mod deaf;
#[path = "../e2e/doctor.rs"]
mod doctor;
#[path = "../e2e/hangup.rs"]
mod hangup;
#[path = "../e2e/legs.rs"]
mod legs;
#[path = "../e2e/outcomes.rs"]
mod outcomes;
#[path = "../e2e/plain_outgoing.rs"]
mod plain_outgoing;
#[path = "../e2e/scenario.rs"]
mod scenario;
#[path = "../e2e/socket_loss.rs"]
mod socket_loss;
#[path = "../e2e/stopping_gracefully.rs"]
mod stopping_gracefully;
#[path = "../e2e/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "some of it only the other tests of tests/e2e need")]
mod support;
#[path = "../e2e/taken_at_the_pbx.rs"]
mod taken_at_the_pbx;
#[path = "../e2e/trunk_faults.rs"]
mod trunk_faults;

const LABS: support::lab::Labs = support::lab::Labs {
    asterisk: Some("16"),
    tells_sip_status: false,
    shared: ("e2e-16", ["127.0.0.44", "127.0.0.45"]),
    spoiled: ("e2e-16-faults", ["127.0.0.46", "127.0.0.47"]),
};
