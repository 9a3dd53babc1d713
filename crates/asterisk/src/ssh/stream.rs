//! A socket at the host, or a command's input and output, as a stream here. It owns the carrying of bytes; it must not
//! know what they mean.
//!
//! A task reads the channel whether or not the owner reads the stream: russh takes more from the host than it
//! passes on, and stops the whole connection when one channel is not read. What the owner does not read is kept, up
//! to a bound; over that the stream fails, and no other channel does.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf, duplex,
    split,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection::{Lease, OpenChannel};

/// Between the owner and the task, each way.
const PIPE: usize = 64 << 10;

/// What the owner may leave unread.
const MAX_UNREAD: usize = 8 << 20;

/// How long the host may take to close a channel before this side does.
const CLOSING: Duration = Duration::from_secs(2);

/// An end of the file is the socket's; a lost connection is an error of kind `ConnectionReset`.
pub struct SshStream {
    pipe: DuplexStream,
    fault: Fault,
    _owner: DropGuard,
}

type Fault = Arc<OnceLock<String>>;

impl SshStream {
    pub(super) fn new(channel: OpenChannel, slot: OwnedSemaphorePermit) -> Self {
        Self::carried(channel, slot, None)
    }

    pub(super) fn of_command(channel: OpenChannel, slot: OwnedSemaphorePermit, command: &str) -> Self {
        Self::carried(channel, slot, Some(command.to_owned()))
    }

    fn carried(channel: OpenChannel, slot: OwnedSemaphorePermit, command: Option<String>) -> Self {
        let (pipe, far) = duplex(PIPE);
        let (read, write, lease) = channel.split();
        let fault = Fault::default();
        let gone = CancellationToken::new();
        let carrier = Carrier { read, write, slot, lease, fault: fault.clone(), gone: gone.clone() };
        tokio::spawn(carrier.run(far, command));
        Self { pipe, fault, _owner: gone.drop_guard() }
    }

    fn error(&self) -> Option<io::Error> {
        self.fault.get().map(|why| io::Error::new(io::ErrorKind::ConnectionReset, why.as_str()))
    }
}

impl std::fmt::Debug for SshStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshStream").field("fault", &self.fault.get()).finish_non_exhaustive()
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.pipe).poll_read(cx, buf);
        match (&read, self.error()) {
            (Poll::Ready(Ok(())), Some(error)) if buf.filled().len() == before && buf.remaining() > 0 => {
                Poll::Ready(Err(error))
            }
            _ => read,
        }
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.pipe).poll_write(cx, buf) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.error().unwrap_or(error))),
            other => other,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

struct Carrier {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    slot: OwnedSemaphorePermit,
    lease: Lease,
    fault: Fault,
    gone: CancellationToken,
}

impl Carrier {
    async fn run(mut self, far: DuplexStream, command: Option<String>) {
        let (from_owner, to_owner) = split(far);
        let is_command = command.is_some();
        if let Some(command) = command {
            // An error is the end of the connection, which the reading sees.
            let _ended = self.write.exec(true, command).await;
        }
        {
            let up = upload(from_owner, &self.write);
            let down = download(&mut self.read, to_owner, &self.lease, &self.fault);
            tokio::pin!(up, down);
            let mut writes = true;
            loop {
                tokio::select! {
                    () = self.gone.cancelled() => break,
                    () = &mut down => break,
                    // It may go on reading.
                    () = &mut up, if writes => writes = false,
                }
            }
        }
        let _ended = self.write.eof().await;
        let closed_there = async {
            while let Some(message) = self.read.wait().await {
                if matches!(message, ChannelMsg::Close) {
                    break;
                }
            }
        };
        if timeout(CLOSING, closed_there).await.is_err() {
            self.lease.closed_here();
            if is_command {
                // It may run on, and keep its session.
                self.lease.is_stuck();
            }
            let _ended = self.write.close().await;
        }
        drop(self.slot);
        drop(self.lease);
    }
}

/// Returns when the owner will write no more, or nobody would take it.
async fn upload(mut from_owner: ReadHalf<DuplexStream>, write: &ChannelWriteHalf<Msg>) {
    let mut buffer = BytesMut::with_capacity(PIPE);
    while let Ok(1..) = from_owner.read_buf(&mut buffer).await {
        if write.data_bytes(buffer.split().freeze()).await.is_err() {
            return;
        }
        buffer.reserve(PIPE);
    }
    // An error is the end of the connection, which the other direction sees.
    let _ended = write.eof().await;
}

/// Returns when the host has nothing more to say, or nobody would hear it. A fault is set before the owner can see
/// the end, so that no lost connection looks like the end of a file.
async fn download(
    read: &mut ChannelReadHalf,
    mut to_owner: WriteHalf<DuplexStream>,
    lease: &Lease,
    fault: &OnceLock<String>,
) {
    let mut unread: VecDeque<Bytes> = VecDeque::new();
    let (mut size, mut ended) = (0, false);
    while !ended || !unread.is_empty() {
        let mut next = unread.front().cloned().unwrap_or_default();
        tokio::select! {
            message = read.wait(), if !ended => match message {
                Some(ChannelMsg::Data { data }) => {
                    size += data.len();
                    if size > MAX_UNREAD {
                        fault.get_or_init(|| format!("more than {MAX_UNREAD} bytes were left unread"));
                        return;
                    }
                    unread.push_back(data);
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) => ended = true,
                Some(ChannelMsg::Failure) => {
                    fault.get_or_init(|| "the host refuses to run the command".to_owned());
                    ended = true;
                }
                Some(_) => {}
                None => {
                    fault.get_or_init(|| format!("the ssh connection was lost: {}", lease.why()));
                    ended = true;
                }
            },
            // When the other branch wins, nothing was written.
            written = to_owner.write_buf(&mut next), if !unread.is_empty() => {
                let Ok(written) = written else { return };
                size -= written;
                match next.is_empty() {
                    true => drop(unread.pop_front()),
                    false => unread[0] = next,
                }
            }
        }
    }
}
