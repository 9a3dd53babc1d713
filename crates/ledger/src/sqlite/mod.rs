//! The store in one file of SQLite: how it is opened, held against a second daemon, copied and brought up to date.

pub(super) mod backup;
pub(super) mod connection;
pub(super) mod file;
pub(super) mod open;
mod upgrade;
