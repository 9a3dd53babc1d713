//! Requests over the events socket (RESTRequest, RESTResponse). It owns the one question that matters when the
//! socket dies: was the request written or not. It must not know sockets: it hands out frames and takes answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::error::AriError;
use super::event::RestResponse;
use super::request::{Answer, Request};

/// Requests that wait for the writer; more of them wait their turn in `send`.
const QUEUE: usize = 1024;

/// The asker's end: cheap to clone, dead when its connection is.
#[derive(Debug, Clone)]
pub(super) struct RestLine {
    orders: mpsc::Sender<Order>,
    last_id: Arc<AtomicU64>,
}

/// A request on its way to the writer of the connection.
#[derive(Debug)]
pub(super) struct Order {
    id: u64,
    frame: String,
    claim: Arc<Claim>,
    reply: oneshot::Sender<Answer>,
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

impl RestLine {
    /// A line for one connection. Ids go on from `last_id` over all connections, so that a late answer never
    /// finds another request.
    pub(super) fn new(last_id: Arc<AtomicU64>) -> (Self, mpsc::Receiver<Order>) {
        let (orders, inbox) = mpsc::channel(QUEUE);
        (Self { orders, last_id }, inbox)
    }

    pub(super) async fn send(&self, request: &Request, patience: Duration) -> Result<Answer, AriError> {
        request.check()?;
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let claim = Arc::new(Claim::default());
        let (reply, answer) = oneshot::channel();
        let order = Order { id, frame: frame(id, request), claim: claim.clone(), reply };
        let exchange = async {
            self.orders.send(order).await.ok()?;
            answer.await.ok()
        };
        let why = match tokio::time::timeout(patience, exchange).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => "the events socket went down".to_owned(),
            Err(_) => format!("no answer within {patience:?}"),
        };
        match claim.settle(GIVEN_UP) {
            true => Err(request.not_sent(why)),
            false => Err(request.uncertain(why)),
        }
    }
}

fn frame(id: u64, request: &Request) -> String {
    #[derive(Serialize)]
    struct RestRequest<'a> {
        r#type: &'static str,
        request_id: String,
        method: &'a str,
        uri: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_body: Option<&'a str>,
    }
    let frame = RestRequest {
        r#type: "RESTRequest",
        request_id: id.to_string(),
        method: request.method.as_str(),
        uri: &request.uri,
        content_type: request.json.is_some().then_some("application/json"),
        message_body: request.json.as_deref(),
    };
    serde_json::to_string(&frame).expect("a struct of strings")
}

/// What was written on one connection and is not answered yet. Dropping it tells every asker that the answer will
/// never come.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<u64, oneshot::Sender<Answer>>>);

impl Pending {
    /// The frame to write, or nothing when the asker has gone.
    pub(super) fn take(&self, order: Order) -> Option<String> {
        if order.reply.is_closed() || !order.claim.settle(TAKEN) {
            return None;
        }
        self.map().insert(order.id, order.reply);
        Some(order.frame)
    }

    /// Whether somebody waited for it.
    pub(super) fn answer(&self, response: RestResponse) -> bool {
        let asker = response.request_id.parse().ok().and_then(|id: u64| self.map().remove(&id));
        let Some(asker) = asker else { return false };
        let body = response.message_body.unwrap_or_default().into_bytes();
        asker.send(Answer { status: response.status_code, body }).is_ok()
    }

    /// Forgets those whose askers have lost patience, so that an Asterisk that never answers costs no memory.
    pub(super) fn forget_the_gone(&self) {
        self.map().retain(|_, asker| !asker.is_closed());
    }

    fn map(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        // No code panics while it holds the lock, and the map is whole after each operation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an Asterisk understands RESTRequest: 20.14, 21.9, 22.4 and everything from 23. A version that is not
/// plain numbers (`GIT-master-...`, `certified/...`) counts as one that does not.
pub(super) fn supported_by(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '~', '+']);
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
    match (number(), number()) {
        (Some(major), _) if major >= 23 => true,
        (Some(22), Some(minor)) => minor >= 4,
        (Some(21), Some(minor)) => minor >= 9,
        (Some(20), Some(minor)) => minor >= 14,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;
    use crate::ari::Certainty;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn line() -> (RestLine, mpsc::Receiver<Order>) {
        RestLine::new(Arc::default())
    }

    fn request() -> Request {
        Request::new(Method::POST, &["channels"]).json(&serde_json::json!({"endpoint": "Local/1@out"}))
    }

    fn response(id: &str) -> RestResponse {
        RestResponse { request_id: id.into(), status_code: 200, message_body: Some("{}".into()) }
    }

    #[test]
    fn versions_that_speak_it() {
        for version in
            ["20.14.0", "21.9.1", "22.4.0", "22.10.1~dfsg+~cs6.15.60671435-1", "22.4.0-rc1", "23.0.0", "24"]
        {
            assert!(supported_by(version), "{version}");
        }
        let old = [
            "16.28.0~dfsg-0+deb11u4",
            "18.26.4",
            "19.99.0",
            "20.13.0",
            "20.7-cert5",
            "21.8.0",
            "22.3.0",
            "22",
        ];
        for version in old.into_iter().chain(["", "GIT-master-cb214713c0M", "certified/20.7-cert5", "x.y"]) {
            assert!(!supported_by(version), "{version}");
        }
    }

    #[test]
    fn the_frame_is_what_asterisk_reads() {
        let request = Request::new(Method::DELETE, &["channels", "a;2"]).query("reason", "busy");
        assert_eq!(
            frame(7, &request),
            r#"{"type":"RESTRequest","request_id":"7","method":"DELETE","uri":"channels/a%3B2?reason=busy"}"#
        );
        let body: serde_json::Value = serde_json::from_str(&frame(8, &self::request())).unwrap();
        assert_eq!(body["content_type"], "application/json");
        assert_eq!(body["message_body"], r#"{"endpoint":"Local/1@out"}"#);
    }

    #[tokio::test]
    async fn answers_find_their_askers_in_any_order_and_strays_are_ignored() {
        let (line, mut inbox) = line();
        let pending = Pending::default();
        let serve = async {
            for _ in 0..2 {
                pending.take(inbox.recv().await.unwrap()).unwrap();
            }
            for (id, waited_for) in [("x", false), ("99", false), ("2", true), ("2", false), ("1", true)] {
                assert_eq!(pending.answer(response(id)), waited_for, "{id}");
            }
        };
        let (first, second) = (request(), request());
        let (first, second, ()) =
            tokio::join!(line.send(&first, PATIENCE), line.send(&second, PATIENCE), serve);
        assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    }

    #[tokio::test]
    async fn a_connection_that_dies_leaves_written_requests_uncertain_and_queued_ones_not_sent() {
        let (line, mut inbox) = line();
        let pending = Pending::default();
        let die = async {
            pending.take(inbox.recv().await.unwrap()).unwrap();
            drop((inbox, pending));
        };
        let (written, queued) = (request(), request());
        let (written, queued, ()) =
            tokio::join!(line.send(&written, PATIENCE), line.send(&queued, PATIENCE), die);
        assert_eq!(written.unwrap_err().certainty(), Certainty::MaybeSent);
        assert_eq!(queued.unwrap_err().certainty(), Certainty::NotSent);
        assert_eq!(line.send(&request(), PATIENCE).await.unwrap_err().certainty(), Certainty::NotSent);
    }

    #[tokio::test]
    async fn a_request_reported_as_not_sent_is_never_sent_afterwards() {
        let (line, mut inbox) = line();
        let error = line.send(&request(), Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(error.certainty(), Certainty::NotSent);
        let order = inbox.try_recv().unwrap();
        assert_eq!(Pending::default().take(order), None);
    }

    #[tokio::test]
    async fn a_request_without_an_answer_is_uncertain_and_then_forgotten() {
        let (line, mut inbox) = line();
        let pending = Pending::default();
        let request = request();
        let write = async { pending.take(inbox.recv().await.unwrap()).unwrap() };
        let (result, _) = tokio::join!(line.send(&request, Duration::from_millis(50)), write);
        assert_eq!(result.unwrap_err().certainty(), Certainty::MaybeSent);
        assert_eq!(pending.map().len(), 1);
        pending.forget_the_gone();
        assert_eq!(pending.map().len(), 0);
    }
}
