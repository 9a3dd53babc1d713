//! Which PostgreSQL a URL names. The URL may hold a password: nothing here shows it, and what can't be read of it is not
//! repeated.

use std::{fmt, str::FromStr};

use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use crate::StoreError;
use lang::{Text, say};

/// The options of a URL. The client would ignore others, and log them with their values.
const URL_OPTIONS: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "port",
    "user",
    "application_name",
];

/// The store's own option: the schema with its tables.
const SCHEMA: &str = "schema";

const DEFAULT_SCHEMA: &str = "novofon_bot";

#[derive(Clone)]
pub(crate) struct Target {
    pub options: PgConnectOptions,
    /// A name that needs no quotes.
    pub schema: String,
}

/// Whether a store's URL names a database of PostgreSQL.
pub fn is_postgres(url: &str) -> bool {
    matches!(url.split_once(':'), Some(("postgres" | "postgresql", _)))
}

/// How PostgreSQL is reached by a `postgres://` URL. `password` goes before one in it.
///
/// # Errors
/// What is wrong with it, without a word of it.
pub fn postgres_options(url: &str, password: Option<&str>) -> Result<PgConnectOptions, Text> {
    let parsed = url::Url::parse(url).map_err(|error| Text::same(error.to_string()))?;
    if let Some((name, _)) = parsed.query_pairs().find(|(name, _)| !URL_OPTIONS.contains(&&**name)) {
        let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
        return Err(say!("it has the unknown option `{shown}`", "в нём неизвестный параметр `{shown}`"));
    }
    let Ok(mut options) = PgConnectOptions::from_str(url) else {
        return Err(say!(
            "one of its options has a value that is none",
            "у одного из его параметров негодное значение"
        ));
    };
    if let Some(password) = password {
        options = options.password(password);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("novofon-bot");
    }
    Ok(options.disable_statement_logging())
}

/// A store's URL for people: as it is, but for a password.
pub fn shown_url(url: &str) -> String {
    if !is_postgres(url) {
        return url.to_owned();
    }
    let hidden = "postgres://***".to_owned();
    // What can't be used may hold a password anywhere.
    let (Ok(_), Ok(mut parsed)) = (Target::parse(url), url::Url::parse(url)) else { return hidden };
    if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
        return hidden;
    }
    parsed.to_string()
}

impl Target {
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |problem: Text| StoreError::Url { problem };
        let mut parsed = url::Url::parse(url).map_err(|error| refuse(Text::same(error.to_string())))?;
        let mut schema = DEFAULT_SCHEMA.to_owned();
        let pairs: Vec<(String, String)> =
            parsed.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        parsed.set_query(None);
        for (name, value) in pairs {
            match &*name {
                SCHEMA => schema = value,
                _ => drop(parsed.query_pairs_mut().append_pair(&name, &value)),
            }
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if !begins || schema.len() > 63 || !schema.chars().all(is_plain) || schema.starts_with("pg_") {
            return Err(refuse(say!(
                "its `schema` must be a name of small letters, digits and `_`",
                "его `schema` — имя из маленьких латинских букв, цифр и `_`"
            )));
        }
        let options = postgres_options(parsed.as_str(), None).map_err(refuse)?;
        if options.get_database().is_none() {
            return Err(refuse(say!("it names no database", "базы в нём нет")));
        }
        Ok(Target { options, schema })
    }
}

/// For people: which database, without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.options.get_database().unwrap_or(self.options.get_username());
        match self.options.get_socket() {
            Some(folder) => write!(f, "PostgreSQL {database} at {}", folder.display())?,
            None => {
                let (host, port) = (self.options.get_host(), self.options.get_port());
                write!(f, "PostgreSQL {database} at {host}:{port}")?;
            }
        }
        match &*self.schema {
            DEFAULT_SCHEMA => Ok(()),
            schema => write!(f, ", schema {schema}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_without_its_password() {
        let target =
            Target::parse("postgres://bot:hunter2@10.0.0.5:6432/calls?sslmode=require").expect("a URL");
        let shown = "PostgreSQL calls at 10.0.0.5:6432";
        assert_eq!(format!("{target} {target:?}"), format!("{shown} {shown}"));
        assert_eq!(target.schema, "novofon_bot");
        let other = Target::parse("postgres://bot@db/calls?schema=second").expect("a URL");
        assert_eq!(other.to_string(), "PostgreSQL calls at db:5432, schema second");
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
            ("postgres://bot:hunter2@db/calls?schema=two", "postgres://bot:***@db/calls?schema=two"),
            ("postgres://bot@db:5433/calls", "postgres://bot@db:5433/calls"),
            ("postgres://bot:hunter2@db", "postgres://***"),
            ("postgres://bot@db/calls?password=hunter2", "postgres://***"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }

    #[test]
    fn a_bad_url_is_refused_and_not_repeated() {
        for bad in [
            "postgres://bot:hunter2@host:port/db",
            "postgres://bot@host/db?passwort=hunter2",
            "postgres://bot:hunter2@host/db?sslmode=hunter2",
            "postgres://bot:hunter2@ho st/db",
            "postgres://bot:hunter2@host",
            "postgres://bot:hunter2@host/db?schema=Hunter2",
            "postgres://bot:hunter2@host/db?schema=x;drop",
            "postgres://bot:hunter2@host/db?schema=pg_catalog",
            "postgres://bot:hunter2@host/db?schema=",
        ] {
            let error = Target::parse(bad).expect_err(bad);
            assert!(matches!(error, StoreError::Url { .. }), "{bad}");
            assert!(!format!("{error} {error:?}").to_lowercase().contains("hunter2"), "{bad}: {error}");
        }
    }
}
