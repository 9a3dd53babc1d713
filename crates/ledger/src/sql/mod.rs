//! SQL that both engines understand: one query, one row, one connection, whichever database they are of. What only one of
//! them knows is in `sqlite/` and `postgres/`. It must not know the tables.

mod connection;
mod query;
mod readers;
mod row;

pub(crate) use connection::{Connection, no_answer};
pub(crate) use query::Query;
pub(crate) use readers::Readers;
pub(crate) use row::{Row, json, moment, required, whole, word};

/// Which database's words a statement is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}
