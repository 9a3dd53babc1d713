//! One events connection: opened, read, written, pinged, and given up when it is silent. It owns frames and
//! time-outs of one connection; it must not reconnect, and it must not know what the events mean.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::AUTHORIZATION;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;

use super::event::{Event, Frame, parse};
use super::link::Link;
use super::loss::Loss;
use super::rest::{Order, Pending, RestLine};
use super::target::AriTarget;
use crate::Received;

/// The answer to a request may list some thousand channels; anything near this is not Asterisk, or not well.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// An event is a few kilobytes. Some are kept for a while, and thousands may wait: larger ones are passed over.
pub(super) const MAX_EVENT: usize = 64 << 10;

/// Requests that share one flush.
const BATCH: usize = 64;

/// For the goodbye, and for the reader to find out why a write failed.
const GRACE: Duration = Duration::from_millis(500);

type Ws = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) struct Socket {
    ws: Ws,
    line: RestLine,
    orders: mpsc::Receiver<Order>,
}

/// Opens the events socket. From here on Asterisk knows the application, and what it sends waits in the kernel
/// until [`Socket::run`].
pub(super) async fn open(target: &AriTarget, last_id: Arc<AtomicU64>) -> Result<Socket, Loss> {
    let broken = |why: String| Loss::Unreachable { url: target.url_for_people(), why };
    let url = target.events_url().map_err(|error| broken(error.to_string()))?;
    let mut request = url.into_client_request().map_err(|error| broken(error.to_string()))?;
    let authorization = target.authorization().map_err(|error| broken(error.to_string()))?;
    request.headers_mut().insert(AUTHORIZATION, authorization);
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let patience = target.connect_timeout;
    // The last argument is TCP_NODELAY: frames are small and somebody waits for each.
    match timeout(patience, connect_async_with_config(request, Some(limits), true)).await {
        Ok(Ok((ws, _))) => {
            let (line, orders) = RestLine::new(last_id);
            Ok(Socket { ws, line, orders })
        }
        Ok(Err(error)) => Err(Loss::of_handshake(error, &target.url_for_people(), &target.username)),
        Err(_) => Err(broken(format!("no answer within {patience:?}"))),
    }
}

impl Socket {
    pub(super) fn line(&self) -> RestLine {
        self.line.clone()
    }

    /// Serves the connection until it is lost. Whatever was written and not answered is uncertain then.
    pub(super) async fn run(
        self,
        target: &AriTarget,
        links: &mpsc::Sender<Link>,
        stop: &CancellationToken,
    ) -> Loss {
        let Self { ws, line: _keeps_the_inbox_open, orders } = self;
        let (sink, stream) = ws.split();
        let pending = Pending::default();
        let read = read(stream, &pending, target, links);
        let write = write(sink, orders, &pending, target, stop);
        let stopped = async {
            stop.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::pin!(read);
        tokio::select! {
            biased;
            loss = &mut read => loss,
            loss = write => match loss {
                // Asterisk says why before it closes; the reader has it, or will in a moment.
                Loss::Broken(_) | Loss::Closed { .. } => timeout(GRACE, read).await.unwrap_or(loss),
                loss => loss,
            },
            () = stopped => Loss::Stopped,
        }
    }
}

async fn read(
    mut stream: SplitStream<Ws>,
    pending: &Pending,
    target: &AriTarget,
    links: &mpsc::Sender<Link>,
) -> Loss {
    loop {
        let message = match timeout(target.read_timeout, stream.next()).await {
            Err(_) => return Loss::Silent(target.read_timeout),
            Ok(None) => return Loss::Closed { detail: String::new() },
            Ok(Some(Err(error))) => return Loss::of_socket(error),
            Ok(Some(Ok(message))) => message,
        };
        let received = Received::now();
        let link = match message {
            Message::Text(text) => match parse(&text) {
                Ok(Frame::Response(response)) => {
                    if !pending.answer(response) {
                        tracing::debug!("an answer came that nobody waits for");
                    }
                    continue;
                }
                Ok(Frame::Event(event)) if matches!(*event, Event::ApplicationReplaced(_)) => {
                    return Loss::Replaced { app: target.app.clone() };
                }
                Ok(Frame::Event(event)) if text.len() > MAX_EVENT => {
                    let kind: String = event.kind().chars().take(64).collect();
                    Link::Undecodable { why: format!("{kind} of {} bytes", text.len()) }
                }
                Ok(Frame::Event(event)) => Link::Event(event, received),
                // The text of the error quotes the frame, which may be long.
                Err(error) => Link::Undecodable { why: error.to_string().chars().take(200).collect() },
            },
            Message::Binary(_) => Link::Undecodable { why: "a binary frame".into() },
            Message::Close(frame) => {
                let detail = frame.map_or(String::new(), |frame| match frame.reason.as_str() {
                    "" => format!(" (code {})", frame.code),
                    reason => format!(" (code {}: {reason})", frame.code),
                });
                return Loss::Closed { detail };
            }
            // Pings are answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        if let Link::Undecodable { why } = &link {
            tracing::debug!(%why, "a frame could not be read");
        }
        if links.send(link).await.is_err() {
            return Loss::Unwatched;
        }
    }
}

async fn write(
    mut sink: SplitSink<Ws, Message>,
    mut orders: mpsc::Receiver<Order>,
    pending: &Pending,
    target: &AriTarget,
    stop: &CancellationToken,
) -> Loss {
    let mut pings = interval(target.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let work = tokio::select! {
            () = stop.cancelled() => {
                let goodbye = Message::Close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
                    code: CloseCode::Normal,
                    reason: "".into(),
                }));
                // Best effort: the connection is dropped either way.
                let _ = timeout(GRACE, sink.send(goodbye)).await;
                return Loss::Stopped;
            }
            _ = pings.tick() => {
                pending.forget_the_gone();
                timeout(target.read_timeout, sink.send(Message::Ping(Bytes::new()))).await
            }
            _ = orders.recv_many(&mut batch, BATCH) => {
                timeout(target.read_timeout, write_batch(&mut sink, &mut batch, pending)).await
            }
        };
        match work {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Loss::of_socket(error),
            Err(_) => return Loss::Silent(target.read_timeout),
        }
    }
}

async fn write_batch(
    sink: &mut SplitSink<Ws, Message>,
    batch: &mut Vec<Order>,
    pending: &Pending,
) -> Result<(), WsError> {
    for order in batch.drain(..) {
        if let Some(frame) = pending.take(order) {
            sink.feed(Message::text(frame)).await?;
        }
    }
    sink.flush().await
}
