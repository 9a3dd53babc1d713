//! A row of an answer, and how the values of ours are read out of it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type, postgres::PgRow, sqlite::SqliteRow};

use crate::error::BadValue;

pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub fn get<T>(&self, column: impl ColumnIndex<SqliteRow> + ColumnIndex<PgRow>) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
    }

    /// A text where it lies.
    pub fn text(&self, column: &str) -> Result<Option<&str>, sqlx::Error> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
    }
}

/// Reads a column that holds one of an enum's words.
pub(crate) fn word<T: FromStr>(row: &Row, column: &'static str) -> Result<Option<T>, sqlx::Error> {
    let Some(text) = row.text(column)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| BadValue { column, value: text.to_owned() }.into())
}

pub(crate) fn required<T: FromStr>(row: &Row, column: &'static str) -> Result<T, sqlx::Error> {
    word(row, column)?.ok_or_else(|| BadValue { column, value: "NULL".to_owned() }.into())
}

/// A whole number that must fit into its type.
pub(crate) fn whole<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<Option<T>, sqlx::Error> {
    let Some(value) = row.get::<Option<i64>>(column)? else { return Ok(None) };
    T::try_from(value).map(Some).map_err(|_| BadValue { column, value: value.to_string() }.into())
}

pub(crate) fn json(row: &Row, column: &'static str) -> Result<Option<serde_json::Value>, sqlx::Error> {
    let Some(text) = row.text(column)? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|_| BadValue { column, value: text.to_owned() }.into())
}

pub(crate) fn moment(micros: i64, column: &'static str) -> Result<DateTime<Utc>, sqlx::Error> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| BadValue { column, value: micros.to_string() }.into())
}
