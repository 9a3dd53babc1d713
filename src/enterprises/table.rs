//! The table `enterprises` as it is found: an existing one has the columns `number, name, ip, secret, active` and maybe
//! none of ours. Owns the statement that finds an enterprise by its secret, and the reading of a row. It must not know
//! when the table is asked.

use std::sync::Arc;

use super::{
    database::{Connection, Row},
    enterprise::{Enterprise, Overrides, SETTINGS},
    error::{DirectoryError, Failure},
    value::{BadValue, Host, Number, bad, shown},
};
use lang::say;

/// The table where it is ours, without what only PostgreSQL has.
pub(super) const CREATE: &str = include_str!("table.sql");
/// PostgreSQL's trigger for [`CHANNEL`].
pub(super) const NOTIFY: &str = include_str!("notify.sql");
/// Where the trigger tells the number of an enterprise that has changed; an empty one means all.
pub(super) const CHANNEL: &str = "novofon_bot_enterprises";

/// Columns that must be there.
const SEED: [&str; 5] = ["number", "name", "ip", "secret", "active"];

/// Name, category (`pg_type.typcategory`) and type of each column that may be read, whatever schema it is in.
const POSTGRES_COLUMNS: &str = "SELECT CAST(a.attname AS text), CAST(t.typcategory AS text), \
    pg_catalog.format_type(a.atttypid, NULL) \
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid \
    WHERE a.attrelid = to_regclass('enterprises') AND a.attnum > 0 AND NOT a.attisdropped \
    AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')";

const POSTGRES_TRIGGER: &str = "SELECT CAST(tgname AS text) FROM pg_catalog.pg_trigger \
    WHERE tgrelid = to_regclass('enterprises') AND tgname = 'novofon_bot_enterprises_changed' AND tgenabled <> 'D'";

const SQLITE_COLUMNS: &str = "SELECT CAST(name AS text), 'S', 'text' FROM pragma_table_info('enterprises')";

/// What the table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The enterprises of one secret, `$1`.
    pub find: Arc<str>,
    /// Everybody: whether active, then the columns of `find`.
    pub list: Arc<str>,
    /// Changes are told on [`CHANNEL`].
    pub tells: bool,
    /// Our columns that are there, in the order of `find`.
    settings: Vec<&'static str>,
    /// Our columns that are missing.
    pub missing: Vec<&'static str>,
    /// `number` and `ip` as PostgreSQL calls their types, where a text has to be cast to them.
    casts: [Option<String>; 2],
    /// `ip` is of a network type, whose text carries the length of a mask.
    ip_has_mask: bool,
}

impl Layout {
    /// Looks the table up; `None` if there is none.
    pub async fn look(connection: &mut Connection) -> Result<Option<Layout>, Failure> {
        let postgres = connection.is_postgres();
        let columns = if postgres { POSTGRES_COLUMNS } else { SQLITE_COLUMNS };
        let columns = connection.rows(columns.into(), &[]).await?;
        if columns.is_empty() {
            return Ok(None);
        }
        let tells = postgres && !connection.rows(POSTGRES_TRIGGER.into(), &[]).await?.is_empty();
        Self::of(&columns, tells).map(Some)
    }

    fn of(columns: &[Row], tells: bool) -> Result<Layout, Failure> {
        let text = |column: &Row, at: usize| column.get(at).cloned().flatten().unwrap_or_default();
        let kind = |name: &str| {
            let column = columns.iter().find(|column| text(column, 0) == name)?;
            Some((text(column, 1), text(column, 2)))
        };
        let lacking: Vec<&str> = SEED.into_iter().filter(|name| kind(name).is_none()).collect();
        if !lacking.is_empty() {
            return Err(Failure::other(say!(
                "the table `enterprises` has no column {} that this user may read",
                "в таблице `enterprises` нет столбцов {}, которые этот пользователь может читать",
                lacking.join(", ")
            )));
        }
        // A secret of another type would need a cast, and not every secret that a client sends could be cast.
        let (secret, called) = kind("secret").unwrap_or_default();
        if secret != "S" {
            return Err(Failure::other(say!(
                "`enterprises.secret` is of type {called}: it must be a text",
                "`enterprises.secret` — типа {called}, а нужен текст"
            )));
        }
        let (settings, missing): (Vec<_>, Vec<_>) =
            SETTINGS.map(|(name, _)| name).into_iter().partition(|name| kind(name).is_some());
        let cast = |name: &str| kind(name).filter(|(category, _)| category != "S").map(|(_, called)| called);
        let shown = ["number", "name", "ip"].iter().chain(&settings);
        let shown: Vec<String> = shown.map(|name| format!("CAST({name} AS text)")).collect();
        let shown = shown.join(", ");
        Ok(Layout {
            find: format!("SELECT {shown} FROM enterprises WHERE secret = $1 AND active = true").into(),
            list: format!("SELECT CAST(active AS text), {shown} FROM enterprises ORDER BY 2").into(),
            tells,
            casts: [cast("number"), cast("ip")],
            ip_has_mask: kind("ip").is_some_and(|(category, _)| category == "I"),
            settings,
            missing,
        })
    }

    /// Refuses columns of ours that the table lacks.
    pub fn must_have(&self, names: impl Iterator<Item = &'static str>) -> Result<(), DirectoryError> {
        let columns: Vec<_> = names.filter(|name| self.missing.contains(name)).collect();
        if columns.is_empty() { Ok(()) } else { Err(DirectoryError::NoColumns { columns }) }
    }

    /// Where a statement has a number, its `at`th value.
    pub fn number(&self, at: usize) -> String {
        cast(at, &self.casts[0])
    }

    pub fn ip(&self, at: usize) -> String {
        cast(at, &self.casts[1])
    }

    /// Reads a row of `find`.
    pub fn read(&self, row: &Row) -> Result<Enterprise, DirectoryError> {
        let text = |at: usize| row.get(at).and_then(Option::as_deref);
        let told = text(0).map_or_else(|| "(no number)".to_owned(), shown);
        let unfit = |column: &str, error: BadValue| DirectoryError::Unfit {
            number: told.clone(),
            problem: say!("its `{column}` {it}", "его `{column}`: {it}", it = error),
        };
        let is_null = || bad(say!("is NULL", "NULL"));
        // A column of a fixed width comes with blanks at its end.
        let number = text(0).ok_or_else(is_null).and_then(|text| text.trim_end().parse::<Number>());
        let number = number.map_err(|e| unfit("number", e))?;
        let name = text(1).unwrap_or_default().trim_end().parse().map_err(|e| unfit("name", e))?;
        let ip = text(2).ok_or_else(is_null).and_then(|text| self.host(text)).map_err(|e| unfit("ip", e))?;
        let mut settings = Overrides::default();
        for (at, column) in self.settings.iter().enumerate() {
            if let Some(text) = text(3 + at) {
                settings.take(column, text).map_err(|e| unfit(column, e))?;
            }
        }
        Ok(Enterprise { number, name, ip, settings })
    }

    /// The one enterprise of a secret; several can't be told apart, and one of them would get the other's calls.
    pub fn read_one(&self, rows: &[Row]) -> Option<Result<Enterprise, DirectoryError>> {
        let (first, others) = rows.split_first()?;
        let Some(other) = others.iter().find(|other| *other != first) else { return Some(self.read(first)) };
        let number = |row: &Row| shown(row.first().cloned().flatten().unwrap_or_default().trim_end());
        Some(Err(DirectoryError::Unfit {
            number: number(first),
            problem: say!(
                "enterprise `{}` has the same secret",
                "тот же ключ у предприятия `{}`",
                number(other)
            ),
        }))
    }

    fn host(&self, text: &str) -> Result<Host, BadValue> {
        let text = text.trim();
        match text.split_once('/') {
            Some((address, _mask)) if self.ip_has_mask => address.parse(),
            _ => text.parse(),
        }
    }
}

fn cast(at: usize, kind: &Option<String>) -> String {
    match kind {
        Some(kind) => format!("CAST(CAST(${at} AS text) AS {kind})"),
        None => format!("${at}"),
    }
}

/// What is said where there is no table.
pub(super) fn no_table() -> Failure {
    Failure::other(say!(
        "there is no table `enterprises`, or this user may not read it; `novofon-bot enterprise add` makes it",
        "таблицы `enterprises` нет, или этому пользователю её не прочитать; её создаёт `novofon-bot enterprise add`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, category: &str, called: &str) -> Row {
        [name, category, called].map(|text| Some(text.to_owned())).into()
    }

    fn older() -> Vec<Row> {
        let texts = ["number", "name", "ip", "secret"].map(|name| column(name, "S", "text"));
        texts.into_iter().chain([column("active", "B", "boolean")]).collect()
    }

    fn row(texts: &[Option<&str>]) -> Row {
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn the_older_query_is_asked_of_the_older_table() {
        let layout = Layout::of(&older(), false).expect("fit");
        assert_eq!(
            &*layout.find,
            "SELECT CAST(number AS text), CAST(name AS text), CAST(ip AS text) FROM enterprises \
             WHERE secret = $1 AND active = true"
        );
        assert_eq!(layout.missing.len(), SETTINGS.len());
    }

    #[test]
    fn a_table_that_lacks_something_says_what() {
        let mut columns = older();
        columns.retain(|column| column[0].as_deref() != Some("ip"));
        let failure = Layout::of(&columns, false).expect_err("no ip");
        assert_eq!(failure.why.en, "the table `enterprises` has no column ip that this user may read");
        let mut columns = older();
        columns[3] = column("secret", "U", "uuid");
        let failure = Layout::of(&columns, false).expect_err("a uuid");
        assert_eq!(failure.why.en, "`enterprises.secret` is of type uuid: it must be a text");
    }

    #[test]
    fn an_insane_row_is_told_with_its_number() {
        let mut columns = older();
        columns.extend([column("ssh_port", "N", "integer"), column("context", "S", "text")]);
        let layout = Layout::of(&columns, false).expect("fit");
        let whole = row(&[Some("0367"), Some("june"), Some("10.88.10.19"), Some("inoffice"), Some("5059")]);
        let read = layout.read(&whole).expect("sane");
        assert_eq!((read.settings.ssh_port, read.ip.as_str()), (Some(5059), "10.88.10.19"));
        for (at, text, told) in [
            (0, None, "enterprise `(no number)` can't be used: its `number` is NULL"),
            (1, Some("a\u{1b}[2J"), "its `name` holds the control character \\u{1b}"),
            (2, None, "enterprise `0367` can't be used: its `ip` is NULL"),
            (2, Some("10.88.10.19/32"), "its `ip` is `10.88.10.19/32`, which is no host"),
            (2, Some("$(reboot)"), "which is no host"),
            (3, Some("in office"), "its `context` holds ` `"),
            (4, Some("-1"), "its `ssh_port` is `-1`: a port is"),
        ] {
            let mut row = whole.clone();
            row[at] = text.map(str::to_owned);
            let error = layout.read(&row).expect_err(told).to_string();
            assert!(
                error.contains(told) && error.ends_with("correct its row in the table `enterprises`"),
                "{error}"
            );
        }
        assert!(layout.read(&Row::new()).is_err());
    }

    #[test]
    fn a_mask_is_taken_off_where_the_type_has_one() {
        let mut columns = older();
        columns[2] = column("ip", "I", "inet");
        let layout = Layout::of(&columns, false).expect("fit");
        for (text, host) in
            [("10.88.10.19/32", "10.88.10.19"), ("10.88.10.19/24", "10.88.10.19"), ("::1/128", "::1")]
        {
            assert_eq!(layout.read(&row(&[Some("1"), None, Some(text)])).expect("sane").ip.as_str(), host);
        }
        assert_eq!(layout.casts, [None, Some("inet".to_owned())]);
    }

    #[test]
    fn a_shared_secret_is_nobodys() {
        let layout = Layout::of(&older(), false).expect("fit");
        let one = row(&[Some("0367"), Some("june"), Some("10.88.10.19")]);
        let two = row(&[Some("0368"), Some("july"), Some("10.88.10.20")]);
        assert!(layout.read_one(&[]).is_none());
        assert!(layout.read_one(&[one.clone(), one.clone()]).expect("rows").is_ok());
        let error = layout.read_one(&[one, two]).expect("rows").expect_err("two").to_string();
        assert!(
            error.starts_with("enterprise `0367` can't be used: enterprise `0368` has the same secret"),
            "{error}"
        );
    }
}
