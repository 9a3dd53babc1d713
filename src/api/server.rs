//! Carries the connections: how many there may be, how slow a client may be, and how they end.
//!
//! axum's own server sets no time for a request's head, so hyper is driven directly; HTTP/1.1 only,
//! which makes one connection one request at a time.

use std::{io, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::{AppState, impatient::Impatient, router};
use crate::call::PhoneNumber;

/// The most time for a request's head to come whole, and for a kept-alive connection to be used again.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// For requests in progress when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// After the system refused a connection for want of something (file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown`; then takes no connection any more and lets requests in progress end.
/// Streams and waits end at once.
pub async fn serve(listener: TcpListener, mut state: AppState, shutdown: CancellationToken) {
    state.stopping = shutdown.clone();
    let (most, write_timeout) = {
        let config = state.config();
        (config.http.max_connections, config.http.request_timeout)
    };
    let head_timeout = write_timeout.min(HEAD_TIMEOUT);
    let slots = Arc::new(Semaphore::new(most));
    let app = router(state);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout);

    // Reading the numbering plans takes a moment, which the first call shall not wait for; what the
    // number is does not matter.
    std::thread::spawn(|| PhoneNumber::parse("+79522675444", "RU"));

    let accept_all = async {
        loop {
            if slots.available_permits() == 0 {
                warn!(most, "all connections are in use; new ones wait (http.max_connections)");
            }
            let slot = slots.clone().acquire_owned().await.expect("it is never closed");
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
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
            let service = TowerToHyperService::new(app.clone());
            let stream = Impatient::new(stream, write_timeout);
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                if let Err(e) = connection.await {
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
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        warn!("some requests were still in progress when the server stopped");
    }
}

/// Errors that say something about one connection only (accept(2)).
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(error.kind(), E::ConnectionAborted | E::ConnectionReset | E::ConnectionRefused)
}
