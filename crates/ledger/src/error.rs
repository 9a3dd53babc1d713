//! What can go wrong with the store, said so that an operator knows what to do. What the codes of a database mean is its
//! engine's matter.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use lang::{Lang, Text, Told, say, system_in_russian};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "store.url can't be used: {problem}; give it as sqlite:///var/lib/novofon-bot/bot.db or postgres://user:password@host/database"
    )]
    Url { problem: Text },
    #[error("cannot open the store `{store}`: {problem}; {hint}")]
    Open {
        store: String,
        // Boxed: a result carries the size of its largest error.
        problem: Box<Text>,
        hint: Box<Text>,
        #[source]
        source: Option<sqlx::Error>,
    },
    #[error(
        "the store `{store}` is in use by another novofon-bot; stop that one first, or give this one its own store.url"
    )]
    InUse { store: String },
    #[error(
        "the store `{store}` is in use by another novofon-bot as the node `{node}`; stop that one first, or give this one its own store.node (the node of a machine that died is free within half a minute)"
    )]
    NodeInUse { store: String, node: String },
    #[error(
        "the store `{store}` was moved to `{to}` and is not written any more; name that one in store.url"
    )]
    Retired { store: String, to: String },
    #[error(
        "the store `{store}` is not wholly filled from `{from}` yet; run that `novofon-bot store copy` again, to its end"
    )]
    Unfinished { store: String, from: String },
    #[error("there is no store `{store}`; see that FROM is written rightly")]
    Missing { store: String },
    #[error("the store `{store}` is not empty, and nothing of it would be overwritten; name an empty one")]
    NotEmpty { store: String },
    #[error("both are the store `{store}`; name another one to copy to")]
    SameStore { store: String },
    #[error(
        "the store `{store}` has calls of several nodes that have not ended ({}), and a file has one bot; let those bots end their calls first",
        nodes.join(", ")
    )]
    SeveralNodes { store: String, nodes: Vec<String> },
    #[error(
        "the copy differs: {from} {what} in `{store}`, {to} in the copy; nothing was changed, please report it"
    )]
    Differs { store: String, what: &'static str, from: String, to: String },
    #[error(
        "the store `{store}` was written by a newer novofon-bot (schema {version}); start that version, or restore a backup"
    )]
    NewerSchema { store: String, version: i64 },
    #[error("cannot read {what} from the store: {source}; see the health of the store and its disk")]
    Read {
        what: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("cannot write {what} to the store: {source}; nothing was changed, try again")]
    Write {
        what: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("cannot make the backup `{}`: {problem}; {hint}", path.display())]
    Backup { path: PathBuf, problem: Box<Text>, hint: Box<Text> },
    #[error("the store is closed: the daemon stops; try again when it is back")]
    Closed,
}

impl Told for StoreError {
    fn told(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::Url { problem } => {
                format!(
                    "store.url не годится: {}; пишите sqlite:///var/lib/novofon-bot/bot.db или postgres://имя:пароль@хост/база",
                    problem.ru
                )
            }
            Self::Open { store, problem, hint, .. } => {
                format!("хранилище `{store}` не открыть: {}; {}", problem.ru, hint.ru)
            }
            Self::InUse { store } => format!(
                "хранилище `{store}` занято другим novofon-bot; сначала остановите его или дайте этому свой store.url"
            ),
            Self::NodeInUse { store, node } => format!(
                "хранилище `{store}` занято другим novofon-bot под именем узла `{node}`; сначала остановите его или дайте этому свой \
                 store.node (если его машина погибла, узел освободится за полминуты)"
            ),
            Self::Retired { store, to } => format!(
                "хранилище `{store}` перенесено в `{to}`, и в него больше не пишут; укажите в store.url то"
            ),
            Self::Unfinished { store, from } => format!(
                "хранилище `{store}` ещё не заполнено из `{from}`; повторите `novofon-bot store copy` и дайте ему закончить"
            ),
            Self::Missing { store } => {
                format!("хранилища `{store}` нет; проверьте, верно ли записано ОТКУДА")
            }
            Self::NotEmpty { store } => {
                format!("хранилище `{store}` не пустое, а затирать его нельзя; назовите пустое")
            }
            Self::SameStore { store } => {
                format!("и то, и другое — хранилище `{store}`; назовите, куда копировать")
            }
            Self::SeveralNodes { store, nodes } => format!(
                "в хранилище `{store}` не кончились звонки нескольких узлов ({}), а у файла один бот; сначала дайте этим ботам \
                 закончить",
                nodes.join(", ")
            ),
            Self::Differs { store, what, from, to } => format!(
                "копия отличается: {what} в `{store}` — {from}, в копии — {to}; ничего не изменено, сообщите об этом"
            ),
            Self::NewerSchema { store, version } => format!(
                "хранилище `{store}` записал более новый novofon-bot (схема {version}); запустите его или восстановите копию"
            ),
            Self::Read { source, .. } => format!(
                "хранилище не читается: {}; проверьте его состояние и диск",
                system_in_russian(&source.to_string())
            ),
            Self::Write { source, .. } => format!(
                "в хранилище не записать: {}; ничего не изменено, повторите",
                system_in_russian(&source.to_string())
            ),
            Self::Backup { path, problem, hint } => {
                format!("копию `{}` не сделать: {}; {}", path.display(), problem.ru, hint.ru)
            }
            Self::Closed => "хранилище закрыто: бот останавливается; повторите, когда он вернётся".to_owned(),
        }
    }
}

/// A stored value that no version of ours has written.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` holds `{value}`, which is no value of its kind; was the file edited by hand?")]
pub(super) struct BadValue {
    pub column: &'static str,
    pub value: String,
}

impl StoreError {
    /// `open`: what the engine makes of an error of its database.
    pub(super) fn migrate(store: &str, error: MigrateError, open: impl FnOnce(sqlx::Error) -> Self) -> Self {
        match error {
            MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
                StoreError::NewerSchema { store: store.to_owned(), version }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => open(source),
            other => StoreError::Open {
                store: store.to_owned(),
                problem: Box::new(Text::same(other.to_string())),
                hint: Box::new(say!(
                    "its schema is not one that novofon-bot made; restore a backup or use another file",
                    "его схему создал не novofon-bot; восстановите копию или возьмите другой файл"
                )),
                source: None,
            },
        }
    }

    pub(super) fn read(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| StoreError::Read { what, source }
    }
}

impl From<BadValue> for sqlx::Error {
    fn from(bad: BadValue) -> Self {
        sqlx::Error::Decode(bad.into())
    }
}
