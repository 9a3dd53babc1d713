//! The store in a schema of PostgreSQL, which several bots may share: how it is opened, which calls are whose, and how a
//! commit whose answer was lost is told from one that was not made.

pub(super) mod codes;
mod engine;
pub(super) mod open;
pub(super) mod readers;
pub(super) mod session;
pub(super) mod target;
pub(super) mod upgrade;
