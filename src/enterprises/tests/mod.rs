//! The directory on a SQLite file; PostgreSQL has `tests/enterprises`.
