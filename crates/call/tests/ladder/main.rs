//! The machine, step by step on fake time: this input, these effects. One file a behaviour.
//!
//! What real events prove is in `tests/traces`; here is what no trace can hold: failures of our own
//! requests, limits, restarts.

mod admission;
mod dialplan;
mod facts;
mod forks;
mod hangup;
mod hearing;
mod limits;
mod office;
mod originate;
mod pbx;
mod restart;
mod scenario;
mod support;
