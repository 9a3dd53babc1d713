//! Keeps one events connection for ever: connects, prepares it, says that it is up, and when it is lost says so
//! once and tries again. It owns the order of these steps; it must not know what the events mean.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::client::{Ari, LinkState};
use super::error::AriError;
use super::http::Http;
use super::link::Link;
use super::loss::Loss;
use super::subscriptions::Subscriptions;
use super::target::{AriTarget, RestOverSocket, TargetError};
use super::{rest, socket};
use crate::backoff::Backoff;
use crate::link::{News, Told};

/// Events that wait for the listener. When it is full, the socket is not read until there is room.
const LINK_CAPACITY: usize = 8192;

/// When the application is first looked after; then less and less often, down to once a ping.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// Starts the supervisor of one target. It ends, and the receiver with it, when `stop` is cancelled or the
/// receiver is dropped.
///
/// At most 8192 links wait for the listener; then the socket is not read until it takes some.
///
/// # Errors
/// The target can never work. That Asterisk is away is no error: the first link is [`Link::Down`] then.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn connect(
    target: AriTarget,
    subscriptions: Subscriptions,
    stop: CancellationToken,
) -> Result<(Ari, mpsc::Receiver<Link>), TargetError> {
    target.events_url()?;
    let (state, seen) = watch::channel(LinkState::default());
    let subscriptions = Arc::new(subscriptions);
    let ari = Ari::new(Arc::new(target.clone()), Http::new(&target)?, seen, subscriptions.clone());
    let (links, listener) = mpsc::channel(LINK_CAPACITY);
    let supervisor = Supervisor {
        ari: ari.clone(),
        target,
        subscriptions,
        stop,
        links,
        state,
        generation: 0,
        last_id: Arc::default(),
        told: Told::default(),
    };
    tokio::spawn(supervisor.run());
    Ok((ari, listener))
}

struct Supervisor {
    ari: Ari,
    target: AriTarget,
    subscriptions: Arc<Subscriptions>,
    stop: CancellationToken,
    links: mpsc::Sender<Link>,
    state: watch::Sender<LinkState>,
    generation: u64,
    last_id: Arc<AtomicU64>,
    told: Told,
}

impl Supervisor {
    async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.keep_connected() => {}
            // A moment later than the connection's own goodbye, for the steps that do not look at `stop`.
            () = async { stop.cancelled().await; sleep(Duration::from_secs(1)).await } => {}
        }
        self.state.send_replace(LinkState::default());
        tracing::debug!("the ARI supervisor has ended");
    }

    async fn keep_connected(&mut self) {
        let mut backoff = Backoff::new(self.target.backoff_min, self.target.backoff_max);
        while !self.stop.is_cancelled() {
            let loss = self.session().await;
            self.state.send_replace(LinkState::default());
            if loss.is_final() {
                return;
            }
            if self.told.was_stable() {
                backoff.reset();
            }
            if self.tell_loss(&loss).await.is_err() {
                return;
            }
            let mut wait = backoff.next_wait();
            if matches!(loss, Loss::Replaced { .. }) {
                // Two programs that take the name from each other must not do so at full speed.
                wait += self.target.replaced_wait;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.links.closed() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// One connection from beginning to end.
    async fn session(&mut self) -> Loss {
        let opened = tokio::select! {
            () = self.stop.cancelled() => return Loss::Stopped,
            opened = self.prepare() => opened,
        };
        let (socket, version, missing) = match opened {
            Ok(opened) => opened,
            Err(loss) => return loss,
        };
        let over_socket =
            self.target.rest_over_socket == RestOverSocket::Auto && rest::supported_by(&version);
        self.generation += 1;
        let generation = self.generation;
        self.state.send_replace(LinkState { up: true, line: over_socket.then(|| socket.line()) });
        tracing::debug!(asterisk = %version, generation, over_socket, "the ARI connection is up");
        self.told = Told::up();
        if self.links.send(Link::Up { asterisk_version: version, generation }).await.is_err() {
            return Loss::Unwatched;
        }
        tokio::select! {
            loss = socket.run(&self.target, &self.links, &self.stop) => loss,
            loss = self.stay_whole(missing) => loss,
            loss = self.stay_known() => loss,
            () = self.links.closed() => Loss::Unwatched,
        }
    }

    async fn prepare(&self) -> Result<(socket::Socket, String, Option<String>), Loss> {
        tracing::debug!(url = %self.target.url_for_people(), app = %self.target.app, "connecting to ARI");
        let socket = socket::open(&self.target, self.last_id.clone()).await?;
        let missing = self.subscribe().await?;
        if missing.is_some() && matches!(self.ari.is_known().await, Ok(false)) {
            return Err(self.forgotten());
        }
        let version = self.ari.info().await.map_err(|error| Loss::of_setup(error, &self.target.username))?;
        Ok((socket, version, missing))
    }

    /// Sets the filter and subscribes; what Asterisk refuses for now comes back as the value, because a connection
    /// without it is still better than none.
    async fn subscribe(&self) -> Result<Option<String>, Loss> {
        let filtered = self.ari.allow_events(&self.subscriptions.allowed_events()).await;
        let subscribed = match &self.subscriptions.endpoint {
            Some(endpoint) => self.ari.subscribe(&format!("endpoint:{endpoint}")).await,
            None => Ok(()),
        };
        let mut missing = Vec::new();
        for result in [filtered, subscribed] {
            match result {
                Ok(()) => {}
                Err(error @ AriError::Refused { status, .. }) if !matches!(status, 401 | 403) => {
                    missing.push(error.to_string());
                }
                Err(error) => return Err(Loss::of_setup(error, &self.target.username)),
            }
        }
        Ok((!missing.is_empty()).then(|| missing.join("; ")))
    }

    /// Looks whether Asterisk still knows the application; it returns when it does not.
    ///
    /// When a connection ends in the very moment that another one takes the name over from it, Asterisk forgets the
    /// name (22.10.1, in 25 of 60 tries): the new socket lives and answers pings, and nothing comes over it, neither
    /// events nor answers. It happens after Asterisk stood still, with the attempts to connect that were given up
    /// meanwhile.
    async fn stay_known(&self) -> Loss {
        let mut pause = FIRST_LOOK;
        loop {
            sleep(pause).await;
            // The socket itself knows best what else may be wrong.
            if matches!(self.ari.is_known().await, Ok(false)) {
                return self.forgotten();
            }
            pause = (pause * 4).min(self.target.ping_interval);
        }
    }

    fn forgotten(&self) -> Loss {
        Loss::Forgotten { app: self.target.app.clone() }
    }

    /// Looks from time to time whether Asterisk still tells what it was asked to tell, tells what is missing, and tries
    /// to get it back; it returns only a loss.
    ///
    /// Another program can set a filter of its own on the application, or end its subscription (`PUT
    /// /applications/APP/eventFilter`, `DELETE .../subscription`), and nothing tells of it. And an endpoint that is gone
    /// from the configuration stays subscribed, is only `offline`, and tells again when it is back (measured on 22.10.1
    /// and 16.28); while it is gone, calls may go out by another one, whose channels nobody hears.
    async fn stay_whole(&self, missing: Option<String>) -> Loss {
        let mut told = None;
        let mut wrong = missing;
        if wrong.is_none() && self.target.all_channels {
            // Before anybody changes it.
            wrong = self.whats_wrong().await;
        }
        loop {
            if let Some(what) = &wrong
                && told.as_ref() != Some(what)
            {
                tracing::debug!(%what, "the ARI connection is up, but not whole");
                if self.links.send(Link::Degraded { what: what.clone() }).await.is_err() {
                    return Loss::Unwatched;
                }
                told.clone_from(&wrong);
                // Most often it is mended at once.
                wrong = self.mend(wrong.clone()).await;
            }
            if wrong.is_none() && told.take().is_some() {
                tracing::debug!("the ARI connection is whole again");
                if self.links.send(Link::Restored).await.is_err() {
                    return Loss::Unwatched;
                }
            }
            match wrong {
                Some(_) => {
                    sleep(self.target.resubscribe_interval).await;
                    wrong = self.mend(wrong).await;
                }
                None => {
                    sleep(self.target.look_interval).await;
                    wrong = self.whats_wrong().await;
                }
            }
        }
    }

    /// Asks for all of it again; what is missing after that. Where nothing can be learned, it stays as it was.
    async fn mend(&self, wrong: Option<String>) -> Option<String> {
        match self.subscribe().await {
            Ok(None) => {
                self.subscribe_to_all().await;
                self.whats_wrong().await
            }
            Ok(refused) => refused,
            // The socket itself knows best whether it lives.
            Err(loss) => {
                tracing::debug!(%loss, "could not ask again");
                wrong
            }
        }
    }

    /// Where the application is told of all channels, this changes nothing. What is refused is found missing again. Answers
    /// come over the socket, so the filter must be right.
    async fn subscribe_to_all(&self) {
        let sources: &[&str] = if self.target.all_channels { &["channel:", "bridge:"] } else { &[] };
        for source in sources {
            if let Err(error) = self.ari.subscribe(source).await {
                tracing::debug!(%error, source, "could not subscribe again");
            }
        }
    }

    /// What Asterisk does not tell, though it was asked to. Where it can't be asked, nothing is known to be wrong.
    async fn whats_wrong(&self) -> Option<String> {
        let endpoint = self.subscriptions.endpoint.as_deref();
        if self.ari.is_to_be_told() {
            match self.ari.application().await {
                Ok(Some(application)) => {
                    if let Some(what) = self.ari.lacking(&application) {
                        return Some(what);
                    }
                }
                // Whether Asterisk has forgotten it is found by a look of its own.
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "could not look at the application");
                    return None;
                }
            }
        }
        let gone = match endpoint {
            Some(name) => matches!(self.ari.is_configured(name).await, Ok(false)),
            None => false,
        };
        gone.then(|| {
            let name = endpoint.unwrap_or_default();
            format!(
                "Asterisk has no endpoint {name} any more: if the trunk has another name now, set `trunk.endpoint`; \
                 what becomes of calls can't be seen until then"
            )
        })
    }

    async fn tell_loss(&mut self, loss: &Loss) -> Result<(), mpsc::error::SendError<Link>> {
        let reason = loss.to_string();
        let link = match self.told.lose(&reason) {
            News::Nothing => {
                tracing::debug!(%reason, "still no ARI connection");
                return Ok(());
            }
            News::StillDown => {
                tracing::debug!(%reason, "still no ARI connection, for another reason");
                Link::StillDown { reason }
            }
            News::Down => {
                tracing::debug!(%reason, "no ARI connection; trying again until there is one");
                Link::Down { reason }
            }
        };
        self.links.send(link).await
    }
}
