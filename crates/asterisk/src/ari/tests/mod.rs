//! The client against an Asterisk of our own making: one listener that speaks HTTP and websocket as Asterisk
//! does, and otherwise does what the test says.

mod asterisk;
mod events;
mod link;
mod requests;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Ari, AriTarget, Link, RestOverSocket, Subscriptions, connect};
use crate::secret::Secret;

/// No condition of these tests takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the given address with short time-outs.
fn target(addr: std::net::SocketAddr) -> AriTarget {
    let url = format!("http://{addr}/pbx").parse().unwrap();
    let mut target = AriTarget::new(url, "bot", Secret::new("s3cret"), "novofon bot");
    target.backoff_min = Duration::from_millis(5);
    target.backoff_max = Duration::from_millis(20);
    target.replaced_wait = Duration::from_millis(400);
    target.resubscribe_interval = Duration::from_millis(20);
    target
}

fn http_only(addr: std::net::SocketAddr) -> AriTarget {
    AriTarget { rest_over_socket: RestOverSocket::Never, ..target(addr) }
}

struct Client {
    ari: Ari,
    links: mpsc::Receiver<Link>,
    stop: CancellationToken,
}

impl Client {
    fn start(target: AriTarget) -> Self {
        let stop = CancellationToken::new();
        let subscriptions = Subscriptions {
            endpoint: Some("PJSIP/novofon".into()),
            allowed_events: vec!["StasisStart".into(), "Dial".into()],
        };
        let (ari, links) = connect(target, subscriptions, stop.clone()).unwrap();
        Self { ari, links, stop }
    }

    async fn next(&mut self) -> Link {
        let link = tokio::time::timeout(PATIENCE, self.links.recv()).await;
        link.expect("nothing came from the client").expect("the supervisor has ended")
    }

    async fn up(&mut self) -> u64 {
        match self.next().await {
            Link::Up { generation, .. } => generation,
            other => panic!("wanted Up, got {other:?}"),
        }
    }

    async fn down(&mut self) -> String {
        match self.next().await {
            Link::Down { reason } => reason,
            other => panic!("wanted Down, got {other:?}"),
        }
    }

    async fn event(&mut self) -> super::Event {
        match self.next().await {
            Link::Event(event, _) => *event,
            other => panic!("wanted an event, got {other:?}"),
        }
    }
}
