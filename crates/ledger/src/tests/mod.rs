//! The store as its users see it, on real files and on a real PostgreSQL: what stands in an `on_both!` holds for both.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../../../tests/support/postgres.rs"]
mod cluster;
mod copying;
mod durability;
mod keeping;
mod listing;
mod opening;
mod postgres;
mod proxy;
mod writing;

use chrono::{TimeDelta, Utc};
use std::path::Path;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

use super::*;
use call::{
    Attempt, DialString, EndedBy, MonitorMode, OfficeCall, OutgoingCall, Reason, Request, Source, Status,
    Technology, Tenant, WayKind, What,
};
use cluster::Cluster;
use lang::Told;
use sql::Connection;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Sqlite,
    Postgres,
}

/// Makes two tests of each of these functions, one on each database: what a store promises, it promises on both.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::On::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::On::Postgres).await;
            })*
        }
    };
}
use on_both;

/// A store of a test's own.
struct Fixture {
    store: Store,
    notices: UnboundedReceiver<Notice>,
    place: Place,
}

/// Where it is kept.
enum Place {
    Folder(TempDir),
    /// A schema of a server.
    Server(Arc<Cluster>, String),
}

impl Place {
    async fn new(on: On) -> Self {
        match on {
            On::Sqlite => Place::Folder(tempfile::tempdir().expect("a folder for the test")),
            On::Postgres => Place::of(Arc::new(server().await), "novofon_bot"),
        }
    }

    fn of(server: Arc<Cluster>, schema: &str) -> Self {
        Place::Server(server, schema.to_owned())
    }

    fn url(&self) -> String {
        match self {
            Place::Folder(folder) => url(folder),
            Place::Server(server, schema) => format!("{}?schema={schema}", server.url_with_password("bot")),
        }
    }
}

/// A server whose user `bot` may make schemas.
async fn server() -> Cluster {
    Cluster::with("GRANT CREATE ON DATABASE office TO bot").await
}

impl Fixture {
    async fn new(on: On) -> Self {
        Self::at(Place::new(on).await).await
    }

    async fn at(place: Place) -> Self {
        let (store, notices) = open(&place.url()).await;
        Fixture { store, notices, place }
    }

    async fn reopened(self) -> Self {
        self.store.close().await;
        Self::at(self.place).await
    }

    fn url(&self) -> String {
        self.place.url()
    }

    /// The folder of its file.
    fn folder(&self) -> &Path {
        match &self.place {
            Place::Folder(folder) => folder.path(),
            Place::Server(..) => panic!("there is no file"),
        }
    }

    async fn committed(&mut self) -> Vec<Arc<Change>> {
        match self.notices.recv().await {
            Some(Notice::Committed(batch)) => batch,
            other => panic!("{other:?} is no commit"),
        }
    }

    /// Another program's connection to the same store.
    async fn stranger(&self) -> Connection {
        stranger(&self.url()).await
    }
}

async fn stranger(url: &str) -> Connection {
    use sqlx::Connection as _;
    if is_postgres(url) {
        let target = crate::postgres::target::Target::parse(url).expect("a URL");
        return crate::postgres::session::connect(&target, "").await.expect("a second connection");
    }
    sqlx::SqliteConnection::connect(url).await.expect("a second connection").into()
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}/bot.db", folder.path().display())
}

async fn open(url: &str) -> (Store, UnboundedReceiver<Notice>) {
    let (sender, notices) = mpsc::unbounded_channel();
    let (store, _) = Store::open(url, sender).await.expect("the store opens");
    (store, notices)
}

/// The start of the tests' time; long ago enough for nothing to depend on the clock.
fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("a time")
}

fn phone(n: u32) -> DialString {
    format!("+7952{n:07}").parse().expect("E.164")
}

fn outgoing(phone: DialString) -> OutgoingCall {
    OutgoingCall {
        phone,
        caller_id: None,
        scenario: "default".to_owned(),
        ring_timeout: 60,
        max_duration: 600,
        custom_metadata: None,
        requested_by: Some("crm".to_owned()),
    }
}

fn call(n: u32, phone: DialString) -> CallRecord {
    of(n, outgoing(phone))
}

fn of(n: u32, request: impl Into<Request>) -> CallRecord {
    CallRecord::new(CallId(Uuid::now_v7()), request, start() + TimeDelta::seconds(n.into()))
}

fn enterprise_number(n: u32) -> String {
    format!("{n:04}")
}

/// Of the first two enterprises a call to the number, of others a monitoring.
fn office(n: u32, phone: DialString) -> OfficeCall {
    let target = "160".parse().expect("digits");
    OfficeCall {
        what: if n < 2 { What::Dial(phone) } else { What::Listen { target, mode: MonitorMode::Whisper } },
        tenant: Tenant { number: enterprise_number(n), name: "june".to_owned() },
        host: "127.0.0.1".to_owned(),
        extension: "150".parse().expect("digits"),
        context: "inoffice".to_owned(),
        technology: Technology::Pjsip,
        client: None,
        ring_timeout: 60,
        max_duration: 600,
    }
}

fn ended(mut call: CallRecord, status: Status, reason: Reason, by: EndedBy) -> CallRecord {
    (call.last.status, call.last.reason, call.last.ended_by) = (status, Some(reason), Some(by));
    call
}

fn entry(event: &str) -> Entry {
    Entry {
        at: start(),
        source: Source::Sip,
        event: event.to_owned(),
        text: format!("the carrier said {event}"),
        status: Some(Status::Ringing),
        data: Some(serde_json::json!({ "cause": 17 })),
        attempt: Some(2),
    }
}

fn commit(record: &CallRecord, events: &[&str]) -> Commit {
    Commit {
        record: Arc::new(record.clone()),
        entries: events.iter().map(|event| entry(event)).collect(),
        idempotency: None,
        urgent: false,
        done: None,
    }
}

/// Submits and tells when it is on disk; false when it was refused.
fn submit(store: &Store, mut commit: Commit) -> impl Future<Output = bool> + use<> {
    let (done, on_disk) = oneshot::channel();
    commit.done = Some(done);
    store.submit(commit);
    async move { on_disk.await.is_ok() }
}

async fn stored(store: &Store, record: &CallRecord) {
    assert!(submit(store, commit(record, &[])).await);
}

/// Waits for a state of the store's health.
async fn until(store: &Store, wanted: impl Fn(&Health) -> bool) {
    store.watch_health().wait_for(|health| wanted(health)).await.expect("the writer lives");
}
