//! What PostgreSQL's errors mean: what an operator can do, and what passes by itself.

use std::io::ErrorKind;

use crate::StoreError;
use lang::{Text, say};

/// Whether the fault is in the data itself, so that the same write fails for ever. By SQLSTATE's classes: 22 (no value of its
/// type), 23 (a rule of the table), 54000 (larger than an index or a row may be), P0001 (a trigger of somebody refuses it).
pub(super) fn is_permanent(error: &sqlx::Error) -> bool {
    if matches!(error, sqlx::Error::Encode(_)) {
        return true;
    }
    let Some(code) = code(error) else { return false };
    code.starts_with("22") || code.starts_with("23") || matches!(&*code, "54000" | "P0001")
}

/// Whether the server answered that a statement failed: then nothing of its transaction is there. Not so when it goes down
/// (57, but for a cancelled statement), is lost (08) or is broken (XX).
pub(super) fn is_answer(error: &sqlx::Error) -> bool {
    let Some(code) = code(error) else { return matches!(error, sqlx::Error::Encode(_)) };
    code == "57014" || !["57", "08", "XX"].iter().any(|class| code.starts_with(class))
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Why the store could not be opened, with what to do about it.
pub(crate) fn opening(store: &str, source: sqlx::Error) -> StoreError {
    let code = code(&source).unwrap_or_default();
    let (problem, hint) = match (&*code, code.get(..2).unwrap_or_default()) {
        (_, "28") => (
            say!("the server does not let this user in", "сервер не пускает этого пользователя"),
            say!(
                "correct user and password in store.url, or pg_hba.conf of the server",
                "исправьте имя и пароль в store.url или pg_hba.conf сервера"
            ),
        ),
        ("3D000", _) => (
            say!("there is no such database", "такой базы нет"),
            say!("make it: createdb -O USER NAME", "создайте её: createdb -O ПОЛЬЗОВАТЕЛЬ ИМЯ"),
        ),
        ("42501", _) => (
            say!("this user may not do that there", "у этого пользователя нет на это прав"),
            say!(
                "let him make a schema: GRANT CREATE ON DATABASE ... TO ...; or make it for him with AUTHORIZATION",
                "разрешите ему создать схему: GRANT CREATE ON DATABASE ... TO ...; или создайте её для него с AUTHORIZATION"
            ),
        ),
        ("53300", _) => (
            say!("the server has no connection left", "у сервера не осталось соединений"),
            say!("raise max_connections there", "увеличьте там max_connections"),
        ),
        ("25006", _) => (
            say!("the server only reads: it is a standby", "сервер только для чтения: это резервный сервер"),
            say!("name the primary server in store.url", "назовите в store.url основной сервер"),
        ),
        ("", _) => (
            Text::same(deepest(&source)),
            say!(
                "see that the server runs and that store.url names it",
                "проверьте, что сервер работает и что store.url называет его"
            ),
        ),
        _ => (said(&deepest(&source)), say!("see the server's log", "посмотрите журнал сервера")),
    };
    StoreError::Open {
        store: store.to_owned(),
        problem: problem.into(),
        hint: hint.into(),
        source: Some(source),
    }
}

/// The server's own words, in the language of its `lc_messages`.
fn said(words: &str) -> Text {
    say!("{words}", "ответ базы: {words}")
}

/// What is wrong with the database, without the words of its client around it.
pub(super) fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
            "the database's server closed the connection".to_owned()
        }
        sqlx::Error::Io(e) => e.to_string(),
        sqlx::Error::Database(e) => e.message().to_owned(),
        _ => error.to_string(),
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
