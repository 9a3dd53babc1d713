//! novofon-bot places phone calls through Asterisk and says truthfully what became of them.

pub mod api;
pub mod asterisk;
pub mod call;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod engine;
pub mod enterprises;
pub mod lang;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod scenario;
pub mod secret;
pub mod seldom;
pub mod store;
pub mod trouble;
