//! The store in one file of SQLite: how it is opened, held against a second daemon, written, copied and brought up to date.

pub(super) mod backup;
pub(super) mod codes;
pub(super) mod connection;
mod engine;
pub(super) mod file;
pub(super) mod open;
mod room;
mod transaction;
mod upgrade;
