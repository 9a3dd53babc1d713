//! Requests over the events socket (RESTRequest, RESTResponse): their frames, and which answer is whose. It must not know
//! sockets: it hands out frames and takes answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::error::AriError;
use super::event::RestResponse;
use super::request::{Answer, Request};
use crate::order::{self, Orders, Unanswered};

/// Requests that wait for the writer; more of them wait their turn in `send`.
const QUEUE: usize = 1024;

/// A request on its way to the writer of the connection.
pub(super) type Order = order::Order<u64, Answer>;

/// The askers' end: cheap to clone, dead when its connection is.
#[derive(Debug, Clone)]
pub(super) struct RestLine {
    orders: Orders<u64, Answer>,
    last_id: Arc<AtomicU64>,
}

impl RestLine {
    /// A line for one connection. Ids go on from `last_id` over all connections, so that a late answer never
    /// finds another request.
    pub(super) fn new(last_id: Arc<AtomicU64>) -> (Self, mpsc::Receiver<Order>) {
        let (orders, inbox) = Orders::new(QUEUE);
        (Self { orders, last_id }, inbox)
    }

    pub(super) async fn send(&self, request: &Request, patience: Duration) -> Result<Answer, AriError> {
        request.check()?;
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = self.orders.send(id, frame(id, request), patience, "the events socket went down").await;
        answer.map_err(|unanswered| match unanswered {
            Unanswered::NotSent(why) => request.not_sent(why),
            Unanswered::MaybeSent(why) => request.uncertain(why),
        })
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
        let (id, frame, reply) = order.take()?;
        self.map().insert(id, reply);
        Some(frame)
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
    use crate::Certainty;

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
