//! `novofon-bot serve`: the daemon. Joins the configuration, the store, the engine and the API, and
//! takes them down in the right order.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::ConfigArgs;
use crate::{
    api,
    asterisk::ari::{AriTarget, RestOverSocket},
    call::Limits,
    config::{Config, StepConfig, environment},
    engine::{self, Dial, Settings, Trunk},
    logging,
    metrics::Metrics,
    scenario::{Scenario, Step},
    store::Store,
};

/// How long a disk that refuses to write may hold up the stop.
const STORE_GRACE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.as_deref(), environment())?;
    logging::init(&loaded.config.log, |name| std::env::var(name).ok())?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(loaded.config));
    // A request that a client never finishes must not hold up the stop.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let (notices, durable) = mpsc::unbounded_channel();
    let (store, writer) = Store::open(&config.store.url, notices).await?;
    let metrics = Arc::new(Metrics::new());
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("can't listen on {} (http.listen)", config.http.listen))?;
    let engine =
        engine::start(settings(&config), target(&config), store.clone(), durable, metrics.clone()).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %config.http.listen, "ready");

    let shutdown = CancellationToken::new();
    let (_in_force, config) = watch::channel(Arc::new(config));
    let state = api::AppState::new(engine.handle.clone(), store.clone(), metrics, config);
    let api = tokio::spawn(api::serve(listener, state, shutdown.clone()));
    let mut task = engine.task;
    tokio::select! {
        () = signals.stop() => {}
        ended = &mut task => ended.context("the engine failed")?,
    }
    engine.handle.stop().await;
    tokio::select! {
        ended = &mut task => ended.context("the engine failed")?,
        () = signals.stop() => {
            tracing::warn!("told to stop again: live calls are left to Asterisk, the next start finds them");
            engine.abort.cancel();
        }
    }
    shutdown.cancel();
    if let Err(error) = api.await {
        tracing::error!(%error, "the API ended badly");
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

fn settings(config: &Config) -> Settings {
    let dial = &config.dial;
    Settings {
        trunk: Trunk {
            context: config.trunk.context.clone(),
            endpoint: config.trunk.endpoint.clone(),
            caller_id: config.trunk.caller_id.clone(),
        },
        dial: Dial {
            allow: dial.allow.clone(),
            max_concurrent: dial.max_concurrent,
            calls_per_second: dial.calls_per_second,
            min_gap: dial.min_gap,
            max_queued: dial.max_queued,
            limits: Limits {
                queue_timeout: dial.queue_timeout,
                unreachable_timeout: dial.unreachable_timeout,
            },
        },
        scenarios: scenarios(&config.scenarios),
        stop_timeout: config.service.stop_timeout,
        mask_numbers: config.log.mask_numbers,
    }
}

fn scenarios(named: &BTreeMap<String, Vec<StepConfig>>) -> BTreeMap<String, Scenario> {
    let steps_of = |step: &StepConfig| match step {
        StepConfig::Play(media) => media.iter().cloned().map(Step::Play).collect(),
        StepConfig::Wait(time) => vec![Step::Wait(*time)],
        StepConfig::Hangup => vec![Step::Hangup],
    };
    named.iter().map(|(name, steps)| (name.clone(), Scenario::new(steps.iter().flat_map(steps_of)))).collect()
}

fn target(config: &Config) -> AriTarget {
    let ari = &config.ari;
    let mut target =
        AriTarget::new(ari.url.clone(), ari.username.clone(), ari.password.clone(), ari.app.clone());
    target.request_timeout = ari.request_timeout;
    target.rest_over_socket = if ari.rest_over_socket { RestOverSocket::Auto } else { RestOverSocket::Never };
    target
}
