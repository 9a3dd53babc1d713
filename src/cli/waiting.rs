//! What `call` says while nothing happens to a call that has not begun: why it waits, and for how long already. Knows
//! nothing of what is shown of the call itself.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::{client::Client, output::note, text::Text, wire::Entry};
use call::Status;

/// A call that begins does so within a fraction of this.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two remarks.
const AGAIN: Duration = Duration::from_secs(10);
/// A remark is not worth more of the time of a daemon that is busy.
const ASKING: Duration = Duration::from_secs(1);

pub struct Waiting {
    since: Instant,
    /// `None`: the call has begun, and its timeline tells the rest.
    next: Option<Instant>,
}

impl Waiting {
    pub fn begin() -> Self {
        let since = Instant::now();
        Waiting { since, next: Some(since + PATIENCE) }
    }

    /// A call waits in the queue, and once more with its intent stored, where Asterisk went away in that moment.
    pub fn see(&mut self, entry: &Entry) {
        let waits = matches!(
            entry.status.as_ref().and_then(super::wire::Word::known),
            Some(Status::Queued | Status::Dialing)
        );
        self.next = waits.then(|| Instant::now() + PATIENCE);
    }

    /// Comes back when something is to be said; never, when nothing is. May be dropped while it waits.
    pub async fn is_long(&self) {
        match self.next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    pub async fn tell(&mut self, client: &Client, text: Text) {
        self.next = Some(Instant::now() + AGAIN);
        let Ok(Ok(trouble)) = timeout(ASKING, client.trouble_of_asterisk()).await else { return };
        let seconds = self.since.elapsed().as_secs();
        note(&match trouble {
            Some(why) => text.waits_for_asterisk(seconds, &why),
            None => text.waits_for_its_turn(seconds),
        });
    }
}
