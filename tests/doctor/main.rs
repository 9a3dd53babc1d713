//! `novofon-bot doctor` on a real Asterisk (scripts/lab): each ✗ is staged, and a sound system has none.
//!
//! All tests share one PBX, which they spoil: a lock makes them go one after the other, whoever runs them.

mod ari;
mod asterisk;
mod bench;
mod calls;
mod config;
mod daemon;
mod dialplan;
mod exposure;
mod sound;
mod store;
mod trunk;
