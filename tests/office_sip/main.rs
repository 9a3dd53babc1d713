//! The tests of `tests/office` whose subject are phones, on hosts as the users have them: the phones are those of
//! chan_sip, which the newest Asterisk that can be had for it, Debian bullseye's 16.28, still has.
//!
//! The very same files, with another laboratory. What this Asterisk can't tell is named where the tables are.

#[path = "../office/connect.rs"]
mod connect;
#[path = "../office/deaf.rs"]
mod deaf;
#[path = "../office/legs.rs"]
mod legs;
#[path = "../office/monitor.rs"]
mod monitor;
#[path = "../office/outcomes.rs"]
mod outcomes;
#[path = "../office/subscribers.rs"]
mod subscribers;
#[path = "../office/support/mod.rs"]
#[allow(dead_code, reason = "some of it only the other tests of tests/office need")]
mod support;
#[path = "../office/takeover.rs"]
mod takeover;
#[path = "../office/transfers.rs"]
mod transfers;

const LAB: support::lab::Site = support::lab::Site {
    name: "office-sip",
    first: "127.0.5.2",
    environment: &[("LAB_ASTERISK", "16"), ("OFFICES_TECHNOLOGY", "SIP")],
    tells_sip_status: false,
};
