//! The bot's modules that are fuzzed and are in no crate of their own, taken in by path.

#[path = "../../src/config/mod.rs"]
pub mod config;
