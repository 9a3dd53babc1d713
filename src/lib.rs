//! novofon-bot places phone calls through Asterisk and says truthfully what became of them.
pub mod call;
pub mod store;
