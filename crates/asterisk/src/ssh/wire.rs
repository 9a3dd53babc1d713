//! The TCP connection, with a switch that cuts it at once. russh goes on with a handshake whose future was dropped,
//! for ever when the other side is silent; only an end of the connection itself ends it.
//!
//! What comes is acknowledged at once. sshd leaves Nagle's algorithm on where there is no terminal (OpenSSH 9.2), so
//! it sends the second piece of an answer only when the first one is acknowledged, for which Linux takes up to 40 ms.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

pub(super) struct Wire {
    tcp: TcpStream,
    /// One for each direction: they may be polled by different tasks.
    reading: Cut,
    writing: Cut,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream, cut: &CancellationToken) -> Self {
        Self { tcp, reading: Cut::new(cut), writing: Cut::new(cut) }
    }
}

struct Cut {
    token: CancellationToken,
    signal: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Cut {
    fn new(token: &CancellationToken) -> Self {
        Self { token: token.clone(), signal: Box::pin(token.clone().cancelled_owned()) }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.token.is_cancelled() || self.signal.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "it was cut on this side"));
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reading.check(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() > before {
            acknowledge(&self.tcp);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writing.check(cx)?;
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    /// A connection that is gone already cannot be shut down, and russh would not tell why it was lost then.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx).map(|_| Ok(()))
    }
}

/// Lasts for what has come so far: Linux goes back to its own judgement. Without it all works, later.
fn acknowledge(tcp: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _late = rustix::net::sockopt::set_tcp_quickack(tcp, true);
    #[cfg(not(target_os = "linux"))]
    let _ = tcp;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_cut_ends_a_read_that_waits_for_a_silent_host_and_closes_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let cut = CancellationToken::new();
        let mut wire = Wire::new(tcp, &cut);
        let reader = tokio::spawn(async move { wire.read_u8().await.map_err(|error| error.kind()) });
        tokio::task::yield_now().await;
        cut.cancel();
        let read = timeout(Duration::from_secs(5), reader).await.expect("it ended").unwrap();
        assert_eq!(read, Err(io::ErrorKind::ConnectionAborted));
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "the host sees the end");
    }
    /// As sshd answers: in two pieces, with Nagle's algorithm on. Measured without the acknowledgement: 40 ms each.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_answer_in_pieces_does_not_wait_for_an_acknowledgement() {
        use tokio::io::AsyncWriteExt;

        const TIMES: u32 = 50;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let answering = tokio::spawn(async move {
            while other.read_u8().await.is_ok() {
                other.write_all(b"first").await.unwrap();
                tokio::task::yield_now().await;
                other.write_all(b"second").await.unwrap();
            }
        });
        let mut wire = Wire::new(tcp, &CancellationToken::new());
        let begun = std::time::Instant::now();
        for _ in 0..TIMES {
            wire.write_all(b"?").await.unwrap();
            wire.read_exact(&mut [0; 11]).await.unwrap();
        }
        assert!(begun.elapsed() < TIMES * Duration::from_millis(20), "{:?}", begun.elapsed());
        drop(wire);
        answering.await.unwrap();
    }
}
