//! Actions on their way over one connection, and answers on their way back: which answer is whose, and when it is whole. It
//! must not know sockets.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::action::Action;
use super::error::AmiError;
use super::wire::Block;
use crate::order::{self, Orders, Unanswered};

/// Actions that wait for the writer; more of them wait their turn in `send`.
const QUEUE: usize = 256;

/// Rows of one list, and all its bytes. A PBX with more channels than that is not one that we serve.
pub(super) const MAX_ROWS: usize = 20_000;
pub(super) const MAX_LIST: usize = 16 << 20;

/// Asterisk's answer, said yes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// As an event about this action names it.
    pub action_id: String,
    /// The answer's own message, the one with `Response`. What else it holds depends on the action.
    pub head: Block,
    /// What was listed, without the event that ends the list.
    pub rows: Vec<Block>,
}

/// An action on its way to the writer of the connection.
pub(super) type Order = order::Order<String, Answer>;

/// The askers' end: cheap to clone, dead when its connection is.
#[derive(Debug, Clone)]
pub(super) struct Line {
    orders: Orders<String, Answer>,
    ids: Arc<Ids>,
}

/// Gives every action of a client an id that no other client's action has: OriginateResponse goes to all.
#[derive(Debug)]
pub(super) struct Ids {
    client: u64,
    last: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { client: rand::random(), last: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> String {
        format!("{:016x}-{}", self.client, self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Whether it is a part of an answer to this client. Who has no view of the connection can't guess such an id.
    pub(super) fn is_answer(&self, block: &Block) -> bool {
        let is_ours = |id: &str| {
            id.split_once('-').is_some_and(|(client, _)| client == format!("{:016x}", self.client))
        };
        // An event about an action of ours goes to all users of the manager interface.
        block.field("ActionID").is_some_and(is_ours) && block.field("Event") != Some("OriginateResponse")
    }
}

/// What came of an action that was written.
#[derive(Debug)]
pub(super) enum Answer {
    Whole(Response),
    TooLong,
}

impl Line {
    pub(super) fn new(ids: Arc<Ids>) -> (Self, mpsc::Receiver<Order>) {
        let (orders, inbox) = Orders::new(QUEUE);
        (Self { orders, ids }, inbox)
    }

    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Its connection is no more.
    pub(super) fn is_dead(&self) -> bool {
        self.orders.is_closed()
    }

    /// Only for an action that was checked.
    pub(super) async fn send(&self, action: &Action, patience: Duration) -> Result<Response, AmiError> {
        let id = self.ids.next();
        let answer =
            self.orders.send(id.clone(), action.text(&id), patience, "the connection was lost").await;
        let what = action.what().to_owned();
        match answer {
            Ok(Answer::Whole(response)) => judge(what, response),
            Ok(Answer::TooLong) => {
                Err(AmiError::MaybeTaken { what, why: format!("its answer has over {MAX_ROWS} rows") })
            }
            Err(Unanswered::NotSent(why)) => Err(AmiError::NotSent { what, why }),
            Err(Unanswered::MaybeSent(why)) => Err(AmiError::MaybeTaken { what, why }),
        }
    }
}

/// Only a word that means yes is one; only Asterisk's `Error` proves that nothing was done.
fn judge(what: String, response: Response) -> Result<Response, AmiError> {
    match response.head.field("Response") {
        Some("Success" | "Follows" | "Goodbye") => Ok(response),
        Some("Error") => {
            // A console command that does not exist says so in its output.
            let message = response.head.field("Output").or_else(|| response.head.field("Message"));
            Err(AmiError::Refused { what, message: one_line(message.unwrap_or("it gives no reason")) })
        }
        other => {
            let word = one_line(other.unwrap_or_default());
            Err(AmiError::MaybeTaken { what, why: format!("the answer is neither yes nor no, but `{word}`") })
        }
    }
}

/// It goes to logs and to a timeline: one line, of a length that a person reads.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// What was written on one connection and is not answered yet. Dropping it tells every asker that the answer will
/// never come.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<String, Waiting>>);

#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<Answer>,
    /// The head of a list whose end has not come.
    list: Option<Response>,
    bytes: usize,
}

impl Pending {
    /// The text to write, or nothing when the asker has gone.
    pub(super) fn take(&self, order: Order) -> Option<String> {
        let (id, text, reply) = order.take()?;
        self.map().insert(id, Waiting { reply, list: None, bytes: 0 });
        Some(text)
    }

    /// Takes what belongs to an action. An event that belongs to none comes back.
    pub(super) fn sort(&self, block: Block) -> Option<Block> {
        let is_event = block.field("Event").is_some() || block.field("Response").is_none();
        let Some(id) = block.field("ActionID").map(str::to_owned) else { return is_event.then_some(block) };
        let mut map = self.map();
        let Some(waiting) = map.get_mut(&id) else {
            // An answer that came too late, the answer to a ping, or an event about an action that has its answer.
            return is_event.then_some(block);
        };
        let list = block.field("EventList").map(str::to_ascii_lowercase);
        match (&mut waiting.list, is_event) {
            (None, false) if list.as_deref() == Some("start") => {
                waiting.list = Some(Response { action_id: id, head: block, rows: Vec::new() });
            }
            (None, false) => {
                let answer = Answer::Whole(Response { action_id: id.clone(), head: block, rows: Vec::new() });
                deliver(&mut map, &id, answer);
            }
            // It came before the answer itself.
            (None, true) => return Some(block),
            (Some(response), _) => match list.as_deref() {
                Some("complete") => {
                    let answer = Answer::Whole(std::mem::take(response));
                    deliver(&mut map, &id, answer);
                }
                Some("cancelled") => {
                    response.head = block;
                    let answer = Answer::Whole(std::mem::take(response));
                    deliver(&mut map, &id, answer);
                }
                _ => {
                    waiting.bytes += block.bytes();
                    response.rows.push(block);
                    if response.rows.len() > MAX_ROWS || waiting.bytes > MAX_LIST {
                        deliver(&mut map, &id, Answer::TooLong);
                    }
                }
            },
        }
        None
    }

    /// Forgets those whose askers have lost patience, so that an Asterisk that never answers costs no memory.
    pub(super) fn forget_the_gone(&self) {
        self.map().retain(|_, waiting| !waiting.reply.is_closed());
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        // A panic elsewhere leaves a whole map: every change of it is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn deliver(map: &mut HashMap<String, Waiting>, id: &str, answer: Answer) {
    if let Some(waiting) = map.remove(id) {
        // The asker may have lost patience in this very moment.
        let _ = waiting.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Certainty;

    fn line() -> (Line, mpsc::Receiver<Order>) {
        Line::new(Arc::new(Ids::new()))
    }

    #[tokio::test]
    async fn an_action_without_an_answer_is_uncertain_and_then_forgotten() {
        let (line, mut inbox) = line();
        let pending = Pending::default();
        let action = Action::new("Ping");
        let write = async { pending.take(inbox.recv().await.unwrap()).unwrap() };
        let (result, _) = tokio::join!(line.send(&action, Duration::from_millis(50)), write);
        assert_eq!(result.unwrap_err().certainty(), Certainty::MaybeSent);
        assert_eq!(pending.map().len(), 1);
        pending.forget_the_gone();
        assert_eq!(pending.map().len(), 0);
    }

    #[test]
    fn no_two_clients_have_the_same_ids() {
        let (one, other) = (Ids::new(), Ids::new());
        let ids: std::collections::BTreeSet<_> = (0..4).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ids.len(), 8);
    }
}
