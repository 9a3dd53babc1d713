//! Requests on their way to the writer of one connection. It owns the one question that matters when the connection dies:
//! was the request written or not. It must not know sockets, nor what is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// The askers' end: cheap to clone, dead when its connection is.
#[derive(Debug)]
pub(crate) struct Orders<K, A>(mpsc::Sender<Order<K, A>>);

/// A request that is to be written, with the id that its answer has, and who waits for that.
#[derive(Debug)]
pub(crate) struct Order<K, A> {
    id: K,
    text: String,
    claim: Arc<Claim>,
    reply: oneshot::Sender<A>,
}

/// Why there is no answer, for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Not a byte of it was written, and none will be.
    NotSent(String),
    MaybeSent(String),
}

/// Who was first: the writer that takes the request, or the asker that gives it up. One of them wins, so that a
/// request that was reported as not sent is never sent afterwards.
#[derive(Debug, Default)]
struct Claim(AtomicU8);

const QUEUED: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Claim {
    fn settle(&self, state: u8) -> bool {
        self.0.compare_exchange(QUEUED, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl<K, A> Clone for Orders<K, A> {
    fn clone(&self) -> Self {
        Orders(self.0.clone())
    }
}

impl<K, A> Orders<K, A> {
    /// Of one connection. `queue`: so many requests wait for its writer; more of them wait their turn in `send`.
    pub fn new(queue: usize) -> (Self, mpsc::Receiver<Order<K, A>>) {
        let (orders, inbox) = mpsc::channel(queue);
        (Orders(orders), inbox)
    }

    /// The connection is no more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Has it written, and waits for its answer. `lost`: what is said when the connection ends meanwhile.
    pub async fn send(&self, id: K, text: String, patience: Duration, lost: &str) -> Result<A, Unanswered> {
        let claim = Arc::new(Claim::default());
        let (reply, answer) = oneshot::channel();
        let order = Order { id, text, claim: claim.clone(), reply };
        let exchange = async {
            self.0.send(order).await.ok()?;
            answer.await.ok()
        };
        let why = match tokio::time::timeout(patience, exchange).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => lost.to_owned(),
            Err(_) => format!("no answer within {patience:?}"),
        };
        Err(if claim.settle(GIVEN_UP) { Unanswered::NotSent(why) } else { Unanswered::MaybeSent(why) })
    }
}

impl<K, A> Order<K, A> {
    /// What to write now, and who is to have the answer to this id; nothing when the asker has gone.
    pub fn take(self) -> Option<(K, String, oneshot::Sender<A>)> {
        (!self.reply.is_closed() && self.claim.settle(TAKEN)).then_some((self.id, self.text, self.reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_connection_that_dies_leaves_written_requests_uncertain_and_queued_ones_not_sent() {
        let (orders, mut inbox) = Orders::<u8, ()>::new(8);
        let die = async {
            let written = inbox.recv().await.expect("the first").take().expect("its asker waits");
            drop((inbox, written));
        };
        let send = |text: &str| orders.send(1, text.to_owned(), PATIENCE, "lost");
        let (written, queued, ()) = tokio::join!(send("a"), send("b"), die);
        assert_eq!(written, Err(Unanswered::MaybeSent("lost".into())));
        assert_eq!(queued, Err(Unanswered::NotSent("lost".into())));
        assert!(orders.is_closed());
        assert_eq!(send("c").await, Err(Unanswered::NotSent("lost".into())));
    }

    #[tokio::test]
    async fn a_request_reported_as_not_sent_is_never_sent_afterwards() {
        let (orders, mut inbox) = Orders::<u8, ()>::new(8);
        let given_up = orders.send(1, "a".into(), Duration::from_millis(10), "lost").await;
        assert_eq!(given_up, Err(Unanswered::NotSent("no answer within 10ms".into())));
        assert!(inbox.try_recv().expect("it waits").take().is_none());
    }
}
