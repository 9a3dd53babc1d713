//! The office part of `serve`: the enterprises, their calls and their API, where the configuration has them.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::listen::listen;
use crate::{
    api::{self, AppState},
    config::Config,
    enterprises::{Directory, DirectoryState},
    hosts::Hosts,
    metrics::Metrics,
    office::{self, OfficeHandle, Parts},
};
use asterisk::ssh::KnownHosts;
use lang::Lang;
use ledger::Store;

/// What was started, if anything.
pub(super) struct Office(Option<Started>);

struct Started {
    listener: TcpListener,
    handle: OfficeHandle,
    stop: CancellationToken,
}

impl Office {
    pub async fn start(
        config: &Config,
        store: &Store,
        metrics: &Arc<Metrics>,
        lang: Lang,
    ) -> anyhow::Result<Self> {
        let Some(office) = &config.office else { return Ok(Office(None)) };
        let listener = listen(office.listen, "office.listen", lang).await?;
        let directory = Directory::open(office::directory_config(office)).await?;
        let stop = CancellationToken::new();
        tokio::spawn(watch_database(directory.clone(), metrics.clone(), stop.clone()));
        let parts = Parts {
            config: office.clone(),
            hosts: Hosts::new(KnownHosts::new(&office.ssh_known_hosts), stop.clone()),
            directory,
            store: store.clone(),
            metrics: metrics.clone(),
            mask_numbers: config.log.mask_numbers,
        };
        let handle = office::start(parts, stop.clone()).await?;
        tracing::info!(listen = %office.listen, "the office API is ready");
        Ok(Office(Some(Started { listener, handle, stop })))
    }

    /// Serves its API until `shutdown`; the other API can then hang up its calls too.
    pub fn serve(self, state: AppState, shutdown: &CancellationToken) -> (AppState, Option<JoinHandle<()>>) {
        let Some(Started { listener, handle, stop }) = self.0 else { return (state, None) };
        let state = state.with_office(handle.clone());
        let shutdown = shutdown.clone();
        let serving = api::office::serve(listener, state.clone(), handle, shutdown);
        let task = tokio::spawn(async move {
            serving.await;
            // The hosts go on with their calls; the next start looks for them.
            stop.cancel();
        });
        (state, Some(task))
    }
}

/// Whether the database answers, for the metrics; the directory itself tells of it in the log.
async fn watch_database(directory: Directory, metrics: Arc<Metrics>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let is_up = matches!(directory.state(), DirectoryState::Connected { .. });
        metrics.office.database_is_up(is_up);
    }
}
