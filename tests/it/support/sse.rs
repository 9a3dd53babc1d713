//! A client of server-sent events.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::RequestBuilder;
use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SseEvent {
    pub id: Option<i64>,
    pub name: String,
    pub data: Value,
}

pub struct EventStream {
    bytes: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    buffer: String,
}

impl EventStream {
    pub async fn open(request: RequestBuilder) -> Self {
        Self::of(request.send().await.expect("the server answers"))
    }

    /// `None` for 204: there is nothing to come.
    pub async fn open_or_done(request: RequestBuilder) -> Option<Self> {
        Self::open_unless(request, 204).await
    }

    /// `None` for 503: there are too many.
    pub async fn open_or_refused(request: RequestBuilder) -> Option<Self> {
        Self::open_unless(request, 503).await
    }

    async fn open_unless(request: RequestBuilder, status: u16) -> Option<Self> {
        let response = request.send().await.expect("the server answers");
        (response.status() != status).then(|| Self::of(response))
    }

    fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        EventStream { bytes: Box::pin(response.bytes_stream()), buffer: String::new() }
    }

    /// The next event; `None` at the stream's end.
    pub async fn next(&mut self) -> Option<SseEvent> {
        let next = async {
            loop {
                if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                    let event = parse(block);
                    self.buffer = rest.to_owned();
                    match event {
                        Some(event) => return Some(event),
                        None => continue,
                    }
                }
                let chunk = self.bytes.next().await?.ok()?;
                self.buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next).await.expect("an event in time")
    }

    /// All events up to the stream's end.
    pub async fn rest(mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// `None` for a comment.
fn parse(block: &str) -> Option<SseEvent> {
    let mut event = SseEvent::default();
    let mut data = String::new();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => event.id = Some(id.parse().expect("a number")),
            Some(("event", name)) => event.name = name.to_owned(),
            Some(("data", text)) => data.push_str(text),
            _ => {}
        }
    }
    (!data.is_empty()).then(|| {
        event.data = serde_json::from_str(&data).expect("JSON");
        event
    })
}
