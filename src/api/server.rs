//! Carries the connections: how many there may be, how slow a client may be, and how they end.
//!
//! axum's own server sets no time for a request's head, so hyper is driven directly; HTTP/1.1 only,
//! which makes one connection one request at a time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{Request, Uri},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use tracing::{debug, error, warn};

use super::{AppState, impatient::Impatient, router};
use crate::config::Config;
use call::PhoneNumber;

/// The most time for a request's head to come whole, and for a kept-alive connection to be used again.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// For requests in progress when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// After the system refused a connection for want of something (file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The address that a connection came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// How much a listener takes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub connections: usize,
    /// For a client to take what it is sent.
    pub write_timeout: Duration,
}

impl Bounds {
    pub fn of(config: &Config) -> Self {
        Bounds { connections: config.http.max_connections, write_timeout: config.http.request_timeout }
    }
}

/// Serves the bot's own API until `shutdown`; then takes no connection any more and lets requests in progress
/// end. Streams and waits end at once.
pub async fn serve(listener: TcpListener, mut state: AppState, shutdown: CancellationToken) {
    state.stopping = shutdown.clone();
    // Reading the numbering plans takes a moment, which the first call shall not wait for; what the
    // number is does not matter.
    std::thread::spawn(|| PhoneNumber::parse("+79522675444", "RU"));
    let bounds = Bounds::of(&state.config());
    run(listener, router(state), bounds, shutdown).await;
}

/// Carries the connections of one listener until `shutdown`, and the requests in progress to their end.
pub async fn run(listener: TcpListener, app: Router, bounds: Bounds, shutdown: CancellationToken) {
    let Bounds { connections: most, write_timeout } = bounds;
    let head_timeout = write_timeout.min(HEAD_TIMEOUT);
    let slots = Arc::new(Semaphore::new(most));
    // Not hyper-util's builder and its own graceful end: with upgrades that one reads the first bytes of a
    // connection without any time limit.
    let (connections, draining) = (TaskTracker::new(), CancellationToken::new());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout);

    let accept_all = async {
        let mut is_full = false;
        loop {
            // Told once, until there is some room again: under a load that keeps it full each slot is taken at once.
            match slots.available_permits() {
                0 if !is_full => {
                    is_full = true;
                    warn!(most, "all connections are in use; new ones wait (http.max_connections)");
                }
                free if free > most / 10 => is_full = false,
                _ => {}
            }
            let slot = slots.clone().acquire_owned().await.expect("it is never closed");
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(e) if is_of_the_client(&e) => continue,
                Err(e) => {
                    error!(error = %e, "cannot accept a connection; trying on");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if let Err(e) = stream.set_nodelay(true) {
                debug!(error = %e, "a connection can't be set to send at once");
            }
            let service =
                TowerToHyperService::new(app.clone().map_request(move |mut request: Request<_>| {
                    request.extensions_mut().insert(Peer(peer));
                    without_last_slash(request.uri_mut());
                    request
                }));
            let stream = Impatient::new(stream, write_timeout);
            let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
            let draining = draining.clone();
            connections.spawn(async move {
                let mut connection = std::pin::pin!(connection);
                let ended = tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = draining.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(e) = ended {
                    debug!(error = %e, "a connection ended early");
                }
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = accept_all => {}
    }
    drop(listener);
    draining.cancel();
    connections.close();
    if tokio::time::timeout(STOP_TIMEOUT, connections.wait()).await.is_err() {
        warn!("some requests were still in progress when the server stopped");
    }
}

/// Both older programs were FastAPI's, which leads a client from `/api/calls/initiate/` to the path without the slash. A
/// redirect loses the body or the key with some clients, so the request is taken as it was meant.
fn without_last_slash(uri: &mut Uri) {
    // The page to try the API has files of its own.
    let Some(path) =
        uri.path().strip_suffix('/').filter(|path| !path.is_empty() && !path.starts_with("/docs"))
    else {
        return;
    };
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    // It was a path, and a part of a path is one too.
    parts.path_and_query = format!("{path}{query}").parse().ok();
    if let Ok(shorter) = Uri::from_parts(parts) {
        *uri = shorter;
    }
}

/// Errors that say something about one connection only (accept(2)).
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(error.kind(), E::ConnectionAborted | E::ConnectionReset | E::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slash_is_no_part_of_a_path() {
        for (from, to) in [
            ("/api/calls/initiate/", "/api/calls/initiate"),
            ("/api/makecallexternal/?code=150&phone=%2B375/", "/api/makecallexternal?code=150&phone=%2B375/"),
            ("http://bot/api/calls/", "http://bot/api/calls"),
            ("/api/calls", "/api/calls"),
            ("/docs/", "/docs/"),
            ("/", "/"),
            ("//", "/"),
        ] {
            let mut uri: Uri = from.parse().expect("a path");
            without_last_slash(&mut uri);
            assert_eq!(uri.to_string(), to);
        }
    }
}
