//! The client against a manager interface of our own making: a listener that speaks as Asterisk does, and otherwise
//! does what the test says; and the reading of what real ones have sent.

mod actions;
mod fixtures;
mod link;
mod login;
mod peer;
mod taint;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Ami, AmiLink, AmiState, AmiTarget, Event, Hold, connect};
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

struct Client {
    ami: Ami,
    links: mpsc::Receiver<AmiLink>,
    stop: CancellationToken,
}

impl Client {
    fn start(target: AmiTarget) -> Self {
        let stop = CancellationToken::new();
        let (ami, links) = connect(target, stop.clone()).unwrap();
        Self { ami, links, stop }
    }

    async fn next(&mut self) -> AmiLink {
        let link = tokio::time::timeout(PATIENCE, self.links.recv()).await;
        link.expect("nothing came from the client").expect("the supervisor has ended")
    }

    async fn up(&mut self) -> u64 {
        match self.next().await {
            AmiLink::Up { generation, .. } => generation,
            other => panic!("wanted Up, got {other:?}"),
        }
    }

    async fn down(&mut self) -> String {
        match self.next().await {
            AmiLink::Down { reason } => reason,
            other => panic!("wanted Down, got {other:?}"),
        }
    }

    async fn event(&mut self) -> Event {
        match self.next().await {
            AmiLink::Event(event, _) => *event,
            other => panic!("wanted an event, got {other:?}"),
        }
    }
}
