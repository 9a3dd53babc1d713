//! What can go wrong with the directory of enterprises, said so that an operator knows what to do. Nothing here may hold
//! a secret or a password: the errors of the database's client are turned into texts at once, for their `Debug` shows
//! the values of a row.

use chrono::{DateTime, SecondsFormat, Utc};

use lang::{Lang, Text, Told, say};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The URL is not repeated: it may hold a password.
    #[error(
        "the URL of the enterprises' database can't be used: {problem}; give it as postgres://user@host:5432/database, \
         the password in a file of its own, or as sqlite:///var/lib/novofon-bot/enterprises.db"
    )]
    Url { problem: Text },

    /// Whether an unknown secret is anybody's can't be told; a known enterprise has outlived its grace.
    #[error(
        "the enterprises' database is away since {}: {why}",
        since.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    Away { since: DateTime<Utc>, why: Text },

    /// Unknown secrets wait for the database in such numbers that more are not taken: somebody is guessing.
    #[error("too many unknown secrets are being looked up; ask again in a second")]
    Busy,

    #[error("enterprise `{number}` can't be used: {problem}; correct its row in the table `enterprises`")]
    Unfit { number: String, problem: Text },

    #[error("cannot {what}: {why}; nothing was changed")]
    Refused { what: Text, why: Text },

    #[error(
        "there is an enterprise `{number}` already; choose another number, or see `novofon-bot enterprise list`"
    )]
    Taken { number: String },

    #[error("there is no enterprise `{number}`; see `novofon-bot enterprise list`")]
    NoSuch { number: String },

    #[error(
        "{rows} rows have the number `{number}`, and only one can be meant; correct the table `enterprises`"
    )]
    Several { number: String, rows: u64 },

    #[error(
        "the table `enterprises` is not ours and has no column for {}; leave out those options, or let the columns be \
         added with --alter-table",
        columns.join(", ")
    )]
    NoColumns { columns: Vec<&'static str> },
}

impl Told for DirectoryError {
    fn told(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::Url { problem } => format!(
                "адрес базы предприятий не годится: {}; нужен postgres://имя@хост:5432/база, а пароль — в отдельном \
                 файле, или sqlite:///var/lib/novofon-bot/enterprises.db",
                problem.ru
            ),
            Self::Away { since, why } => {
                let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
                format!("база предприятий недоступна с {since}: {}", why.ru)
            }
            Self::Busy => "проверяется слишком много неизвестных ключей; повторите через секунду".to_owned(),
            Self::Unfit { number, problem } => format!(
                "предприятие `{number}` не использовать: {}; исправьте его строку в таблице `enterprises`",
                problem.ru
            ),
            Self::Refused { what, why } => format!("не удалось {}: {}; ничего не изменено", what.ru, why.ru),
            Self::Taken { number } => format!(
                "предприятие `{number}` уже есть; возьмите другой номер или посмотрите `novofon-bot enterprise list`"
            ),
            Self::NoSuch { number } => {
                format!("предприятия `{number}` нет; все — в `novofon-bot enterprise list`")
            }
            Self::Several { number, rows } => {
                format!("строк с номером `{number}` — {rows}, а нужна одна; исправьте таблицу `enterprises`")
            }
            Self::NoColumns { columns } => format!(
                "таблица `enterprises` не наша, и столбцов {} в ней нет; уберите эти параметры или разрешите добавить \
                 столбцы: --alter-table",
                columns.join(", ")
            ),
        }
    }
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub why: Text,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection is of no more use; a new one may be.
    Connection,
    /// The table is no longer what it was when the statement was made.
    Table,
    /// No row can hold these values. SQLSTATE class 22.
    Values,
    /// A rule of the table forbids it. SQLSTATE class 23.
    Rule,
    Other,
}

impl Failure {
    pub fn other(why: Text) -> Self {
        Self { why, kind: Kind::Other }
    }

    pub fn of(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(error) = error else {
            let kind = match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::WorkerCrashed => Kind::Connection,
                _ => Kind::Other,
            };
            return Self { why: Text::same(deepest(error)), kind };
        };
        let code = error.code().unwrap_or_default();
        // SQLite's codes are numbers of one to four digits, PostgreSQL's have five characters.
        let kind = match (code.len(), code.get(..2).unwrap_or_default()) {
            // A crash or an end of the server, or of this session by its administrator.
            (5, "08" | "57") if code != "57014" => Kind::Connection,
            // "cached plan must not change result type" and whatever names a thing that is not there.
            (5, "0A" | "42") => Kind::Table,
            (5, "22") => Kind::Values,
            (5, "23") => Kind::Rule,
            // SQLITE_ERROR is what SQLite says of a missing table or column.
            _ if code == "1" => Kind::Table,
            _ if error.is_unique_violation() || error.is_check_violation() => Kind::Rule,
            _ => Kind::Other,
        };
        // The server speaks the language of its own `lc_messages`.
        let said = error.message();
        Self { why: say!("{said}", "ответ базы: {said}"), kind }
    }
}

/// The upper errors only say that something failed.
fn deepest(error: &sqlx::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_ends_with_what_to_do() {
        let error = DirectoryError::NoColumns { columns: vec!["context", "ssh_port"] };
        assert!(error.to_string().contains("no column for context, ssh_port; leave out"), "{error}");
        let since = DateTime::from_timestamp(1_700_000_000, 5).expect("a time");
        let error = DirectoryError::Away { since, why: Text::same("Connection refused (os error 111)") };
        assert!(
            error
                .to_string()
                .starts_with("the enterprises' database is away since 2023-11-14T22:13:20Z: Conn")
        );
        assert_eq!(
            error.told(Lang::Ru),
            "база предприятий недоступна с 2023-11-14T22:13:20Z: в соединении отказано"
        );
    }
}
