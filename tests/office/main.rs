//! The office API as a whole: `novofon-bot serve` as a child process, two enterprises with an Asterisk and an
//! sshd each, a PostgreSQL, and phones that are really connected, or not, whatever is said about them.
//!
//! One file a behaviour. `scripts/offices` brings the laboratory up, which needs root; where that fails, so do the
//! tests.

mod connect;
mod cut;
mod deaf;
mod doctor;
mod legs;
mod limits;
mod monitor;
mod nginx;
#[path = "../support/nginx_process.rs"]
mod nginx_process;
mod older;
mod outcomes;
mod own;
mod patience;
mod restart;
mod subscribers;
#[allow(dead_code, reason = "tests/office_faults uses the rest")]
mod support;
mod takeover;
mod transfers;

const LAB: support::lab::Site =
    support::lab::Site { name: "office", first: "127.0.3.2", environment: &[], tells_sip_status: true };
