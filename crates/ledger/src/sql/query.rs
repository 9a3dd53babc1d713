//! A statement that grows: text and values, with the placeholders of its database.

use std::fmt::Display;

use sqlx::{Postgres, QueryBuilder, Sqlite};
use uuid::Uuid;

use super::Dialect;

pub(crate) enum Query {
    Sqlite(QueryBuilder<Sqlite>),
    Postgres(QueryBuilder<Postgres>),
}

/// A value on its way into a statement. Whole numbers have 64 bits in both databases.
pub(crate) enum Value {
    Whole(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
    Id(Uuid),
}

impl Query {
    pub fn new(dialect: Dialect, sql: &str) -> Self {
        match dialect {
            Dialect::Sqlite => Query::Sqlite(QueryBuilder::new(sql)),
            Dialect::Postgres => Query::Postgres(QueryBuilder::new(sql)),
        }
    }

    pub fn push(&mut self, sql: impl Display) -> &mut Self {
        match self {
            Query::Sqlite(query) => drop(query.push(sql)),
            Query::Postgres(query) => drop(query.push(sql)),
        }
        self
    }

    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        match (&mut *self, value.into()) {
            (Query::Sqlite(query), Value::Whole(value)) => drop(query.push_bind(value)),
            (Query::Sqlite(query), Value::Real(value)) => drop(query.push_bind(value)),
            (Query::Sqlite(query), Value::Text(value)) => drop(query.push_bind(value)),
            (Query::Sqlite(query), Value::Bytes(value)) => drop(query.push_bind(value)),
            (Query::Sqlite(query), Value::Id(value)) => drop(query.push_bind(value)),
            (Query::Postgres(query), Value::Whole(value)) => drop(query.push_bind(value)),
            (Query::Postgres(query), Value::Real(value)) => drop(query.push_bind(value)),
            (Query::Postgres(query), Value::Text(value)) => drop(query.push_bind(value.map(without_nul))),
            (Query::Postgres(query), Value::Bytes(value)) => drop(query.push_bind(value)),
            (Query::Postgres(query), Value::Id(value)) => drop(query.push_bind(value)),
        }
        self
    }

    /// `(value, value)`; of an empty list no database makes anything.
    pub fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        for (index, value) in values.into_iter().enumerate() {
            self.push(if index == 0 { "(" } else { ", " }).bind(value);
        }
        self.push(")")
    }

    /// `VALUES (value, value), (value, value)`
    pub fn rows(&mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.push(if index == 0 { "VALUES " } else { ", " }).list(row);
        }
        self
    }
}

/// PostgreSQL's texts hold every character but this one, and what a carrier says can't be chosen: its call must be kept all
/// the same.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Whole(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Value::Whole(value)
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Value::Whole(Some(value.into()))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Value::Whole(Some(value.into()))
    }
}

impl From<Option<u16>> for Value {
    fn from(value: Option<u16>) -> Self {
        Value::Whole(value.map(i64::from))
    }
}

impl From<Option<u32>> for Value {
    fn from(value: Option<u32>) -> Self {
        Value::Whole(value.map(i64::from))
    }
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Value::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(Some(value.to_owned()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(Some(value))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Value::Text(value.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Value::Text(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Value::Id(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::Bytes(value)
    }
}
