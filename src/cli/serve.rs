//! `novofon-bot serve`: the daemon. Joins the configuration, the store, the engine and the API, and
//! takes them down in the right order.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinError,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    ConfigArgs,
    listen::listen,
    office::Office,
    reload::InForce,
    settings::{settings, target},
    systemd, token,
};
use crate::{
    api,
    config::{Config, environment},
    doctor,
    engine::{self, Engine, EngineHandle},
    logging,
    metrics::Metrics,
};
use lang::Lang;
use ledger::{Address, Store};

/// How long a disk that refuses to write may hold up the stop.
const STORE_GRACE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &ConfigArgs, lang: Lang) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.as_deref(), environment())?;
    logging::init(&loaded.config.log, |name| std::env::var(name).ok())?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(loaded.config, args.config.as_deref(), lang));
    // A request that a client never finishes must not hold up the stop.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

/// What an operator must know who puts a proxy before the bot, or shares the machine.
fn tell_of_risks(config: &Config) {
    if config.http.api_keys.is_empty() {
        tracing::warn!(
            listen = %config.http.listen,
            "there are no API keys: every program of this machine may place calls, and requests that come through a \
             proxy are refused; set http.api_keys"
        );
    }
    for open in doctor::open_files(config) {
        let path = open.path.display();
        tracing::warn!(
            "others on this machine can read or write {path} (mode {:o}): chmod go-rwx {path}",
            open.mode
        );
    }
}

async fn serve(config: Config, path: Option<&Path>, lang: Lang) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let mut hangups = signal(SignalKind::hangup())?;
    let (notices, durable) = mpsc::unbounded_channel();
    let (store, writer) = systemd::not_ready_yet(Store::open(
        Address { url: config.store.url.expose(), node: config.store.node.as_deref() },
        notices,
    ))
    .await?;
    store.keep_days(config.store.keep_days);
    let metrics = Arc::new(Metrics::new());
    let listener = listen(config.http.listen, "http.listen", lang).await?;
    let mut dialer = match target(&config) {
        // A bot for offices alone dials nothing; but what it took when it had an Asterisk is brought to its end.
        None if store.live_calls().iter().all(|call| call.request.office().is_some()) => None,
        target => {
            Some(engine::start(settings(&config), target, store.clone(), durable, metrics.clone()).await?)
        }
    };
    let engine = dialer.as_ref().map_or_else(EngineHandle::nobody, |dialer| dialer.handle.clone());
    // Until the stop: then it is nobody's any more.
    let (token, kept) = token::make(&config);
    tell_of_risks(&config);

    let shutdown = CancellationToken::new();
    let (sender, config) = watch::channel(Arc::new(config));
    let in_force = InForce { config: sender, engine: engine.clone(), store: store.clone() };
    let state =
        api::AppState::new(engine.clone(), store.clone(), metrics.clone(), config.clone()).with_token(&token);
    let office = Office::start(&config.borrow().clone(), &store, &metrics, lang).await?;
    let (state, office) = office.serve(state, &shutdown);
    let api = tokio::spawn(api::serve(listener, state, shutdown.clone()));
    let watchdog = tokio::spawn(systemd::feed_watchdog(engine.clone()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %config.borrow().http.listen, "ready");
    systemd::ready();
    loop {
        tokio::select! {
            () = signals.stop() => break,
            Some(()) = hangups.recv() => {
                systemd::reloading();
                in_force.reload(path).await;
                systemd::ready();
            }
            ended = end_of(&mut dialer) => ended.context("the engine failed")?,
        }
    }
    let stop_timeout = config.borrow().service.stop_timeout;
    systemd::stopping(stop_timeout);
    engine.stop().await;
    if dialer.is_some() {
        tokio::select! {
            ended = end_of(&mut dialer) => ended.context("the engine failed")?,
            () = signals.stop() => {
                tracing::warn!("told to stop again: live calls are left to Asterisk, the next start finds them");
                dialer.iter().for_each(|dialer| dialer.abort.cancel());
            }
        }
    }
    watchdog.abort();
    // Before the address is free for others.
    drop(kept);
    shutdown.cancel();
    for api in std::iter::once(api).chain(office) {
        if let Err(error) = api.await {
            tracing::error!(%error, "an API ended badly");
        }
    }
    if timeout(STORE_GRACE, store.close()).await.is_err() {
        tracing::error!(
            "the store did not take its last steps in time; the next start asks Asterisk for these calls"
        );
        return Ok(());
    }
    writer.ended().await;
    tracing::info!("stopped");
    Ok(())
}

/// The end of the engine, if there is one.
async fn end_of(dialer: &mut Option<Engine>) -> Result<(), JoinError> {
    match dialer {
        Some(dialer) => (&mut dialer.task).await,
        None => std::future::pending().await,
    }
}

/// The signals that mean stop.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
