//! The client against a manager interface of our own making: a listener that speaks as Asterisk does, and otherwise
//! does what the test says; and the reading of what real ones have sent.

mod actions;
mod fixtures;
mod link;
mod login;
mod peer;
mod subscribers;
mod taint;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::{Ami, AmiLink, AmiState, AmiTarget, Class, Event, Interest, Snapshot, Subscription, connect};
use crate::secret::Secret;

/// No condition of these tests takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the given address that connects at once, stays, and has short waits.
fn target(addr: SocketAddr) -> AmiTarget {
    let mut target = AmiTarget::new(addr.ip().to_string(), "office", Secret::new("s3cret"));
    target.port = addr.port();
    target.idle = None;
    target.boot_wait = Duration::from_millis(100);
    target.backoff_min = Duration::from_millis(5);
    target.backoff_max = Duration::from_millis(20);
    target.refused_wait = Duration::from_millis(400);
    target
}

/// Calls, and what the connection itself hears of.
const CALLS: Interest = Interest::in_classes(&[Class::Call, Class::System]);

/// A client and a subscriber.
struct Client {
    ami: Ami,
    links: Subscription,
    stop: CancellationToken,
}

impl Client {
    fn start(target: AmiTarget) -> Self {
        let stop = CancellationToken::new();
        let ami = connect(target, stop.clone()).unwrap();
        let links = ami.subscribe(CALLS);
        Self { ami, links, stop }
    }

    async fn next(&mut self) -> AmiLink {
        next(&mut self.links).await
    }

    /// With the snapshot that comes next, of no channels.
    async fn up(&mut self) -> u64 {
        let up = match self.next().await {
            AmiLink::Up { generation, .. } => generation,
            other => panic!("wanted Up, got {other:?}"),
        };
        let snapshot = snapshot(&mut self.links).await;
        assert_eq!((snapshot.generation, snapshot.channels.len()), (up, 0));
        up
    }

    async fn down(&mut self) -> String {
        down(&mut self.links).await
    }

    async fn event(&mut self) -> Event {
        event(&mut self.links).await
    }
}

async fn next(links: &mut Subscription) -> AmiLink {
    let link = tokio::time::timeout(PATIENCE, links.next()).await;
    link.expect("nothing came from the client").expect("the supervisor has ended")
}

/// Nothing has come.
fn is_quiet(links: &mut Subscription) -> bool {
    links.next().now_or_never().is_none()
}

async fn event(links: &mut Subscription) -> Event {
    match next(links).await {
        AmiLink::Event(event, _) => Event::clone(&event),
        other => panic!("wanted an event, got {other:?}"),
    }
}

async fn snapshot(links: &mut Subscription) -> Snapshot {
    match next(links).await {
        AmiLink::Snapshot(snapshot) => snapshot,
        other => panic!("wanted a snapshot, got {other:?}"),
    }
}

async fn down(links: &mut Subscription) -> String {
    match next(links).await {
        AmiLink::Down { reason } => reason,
        other => panic!("wanted Down, got {other:?}"),
    }
}
