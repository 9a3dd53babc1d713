//! Faults of everything around the bot, each on a real Asterisk: killed, frozen and slow ones, rubbish
//! in place of answers, a full disk, a wrong clock, and the bot itself killed at any moment. What became of each call is
//! compared with the carrier's own log: none is dialed twice, none stays open, none is said to be what
//! it was not.
//!
//! One file a fault. What the tests stand on is that of `tests/e2e`.

#[allow(dead_code, unused_imports, reason = "the end-to-end tests use the rest")]
#[path = "../e2e/support/mod.rs"]
mod support;

mod ari;
mod clock;
#[allow(dead_code, reason = "the tests of enterprises use the rest")]
#[path = "../support/postgres.rs"]
mod cluster;
mod cuts;
mod disk;
mod forgotten;
mod frozen;
mod ghosts;
mod judge;
mod kills;
mod leaks;
mod load;
mod name_taken;
mod postgres;
mod proxy;
mod restart;
mod trunk;

const LABS: support::lab::Labs = support::lab::Labs {
    asterisk: None,
    tells_sip_status: true,
    shared: ("e2e", ["127.0.0.32", "127.0.0.33"]),
    spoiled: ("faults", ["127.0.0.62", "127.0.0.63"]),
};
