//! novofon-bot places phone calls through Asterisk and says truthfully what became of them.

pub mod api;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod engine;
pub mod enterprises;
pub mod hosts;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod seldom;
pub mod trouble;
pub mod trunks;
