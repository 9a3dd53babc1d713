//! A running API for a test: the real server on a free port, the real store in a folder of its own.

mod engine;
mod sse;

use std::{collections::HashMap, path::Path, sync::Arc};

use asterisk::secret::Secret;
use ledger::{Store, WriterHandle};
use novofon_bot::{
    api::{self, AppState},
    config::Config,
    engine::{AriState, EngineState, StoreState, channel},
    metrics::Metrics,
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub use engine::{FakeEngine, entry, until};
pub use sse::EventStream;

/// What the command line of this machine sends.
pub const TOKEN: &str = "token-of-this-start";

pub struct Bot {
    pub address: std::net::SocketAddr,
    pub engine: FakeEngine,
    pub store: Store,
    pub config: watch::Sender<Arc<Config>>,
    pub state: AppState,
    pub folder: Arc<TempDir>,
    client: reqwest::Client,
    stop: CancellationToken,
    server: JoinHandle<()>,
    writer: WriterHandle,
}

impl Bot {
    pub async fn start() -> Bot {
        Bot::with(&[]).await
    }

    /// With these settings, as in the environment: `("HTTP__RATE_LIMIT", "5")`.
    pub async fn with(settings: &[(&str, &str)]) -> Bot {
        Bot::on(Arc::new(tempfile::tempdir().expect("a temporary folder")), settings).await
    }

    /// On the store that a bot before left in this folder.
    pub async fn on(folder: Arc<TempDir>, settings: &[(&str, &str)]) -> Bot {
        let (notices, told) = mpsc::unbounded_channel();
        let url = format!("sqlite://{}", folder.path().join("bot.db").display());
        // Few changes may wait, so that lagging is easily come by.
        let (store, writer) = Store::open_lagging(&url, notices, 4).await.expect("a store");
        let up = EngineState {
            ari: AriState::Up { version: "22.10.1".into() },
            ari_trouble: None,
            store: StoreState::Up,
            live: 0,
            queued: 0,
            stopping: false,
        };
        let (handle, port) = channel(up, 64);
        let engine = FakeEngine::start(port, store.clone(), told);
        let (config, config_receiver) = watch::channel(Arc::new(config(folder.path(), settings)));
        let state = AppState::new(handle, store.clone(), Arc::new(Metrics::new()), config_receiver)
            .with_token(&Secret::new(TOKEN));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let server = tokio::spawn(api::serve(listener, state.clone(), stop.clone()));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Bot { address, engine, store, config, state, folder, client, stop, server, writer }
    }

    /// Stops as a daemon does; gives the folder for the next start.
    pub async fn stop(self) -> Arc<TempDir> {
        self.stop.cancel();
        self.server.await.expect("the server does not panic");
        self.store.close().await;
        assert!(self.writer.ended().await);
        self.folder
    }

    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    pub fn set_config(&self, settings: &[(&str, &str)]) {
        self.config.send_replace(Arc::new(config(self.folder.path(), settings)));
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// The request to call this number.
    pub fn initiate(&self, phone: &str) -> RequestBuilder {
        self.post("/api/calls/initiate").json(&json!({"phone": phone}))
    }

    /// A call that was placed.
    pub async fn placed(&self) -> Value {
        Answer::of(self.initiate("+79522675444")).await.expect(201)
    }

    pub async fn events(&self, path: &str) -> EventStream {
        EventStream::open(self.get(path)).await
    }
}

fn config(folder: &Path, settings: &[(&str, &str)]) -> Config {
    let file = folder.join("config.toml");
    std::fs::write(&file, "").expect("the folder can be written");
    let mut all = HashMap::from([
        ("NOVOFON_BOT_ARI__USERNAME".to_owned(), "bot".to_owned()),
        ("NOVOFON_BOT_ARI__PASSWORD".to_owned(), "secret".to_owned()),
    ]);
    all.extend(settings.iter().map(|(key, value)| (format!("NOVOFON_BOT_{key}"), (*value).to_owned())));
    Config::load(Some(&file), all.into_iter()).expect("a good configuration").config
}

/// The object with `...` in place of what differs from run to run.
pub fn masked(object: &Value, members: &[&str]) -> Value {
    let mut object = object.clone();
    for member in members {
        assert!(object[member].is_string(), "{member}: {object}");
        object[member] = json!("...");
    }
    object
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("the server answers")).await
    }

    pub async fn read(response: Response) -> Answer {
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("a whole body"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The code of a problem, whose shape is checked as well.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], status, "{self:?}");
        let code = json["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned();
        assert_eq!(json["type"], format!("urn:novofon-bot:problem:{code}"));
        for member in ["title", "detail"] {
            assert!(json[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
        let header = self.header("retry-after").map(|seconds| seconds.parse().expect("seconds"));
        assert_eq!(json["retry_after"].as_u64(), header, "{self:?}");
        code
    }
}
