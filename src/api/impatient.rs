//! A connection that is given up when its client takes nothing of an answer for too long, so that nobody holds an
//! answer in memory, a stream, or a place among the connections by not reading. Knows bytes only.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

pub struct Impatient<T> {
    inner: T,
    patience: Duration,
    /// Runs while there is something to write that the client does not take.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<T> Impatient<T> {
    /// `patience`: how long no byte may be taken.
    pub fn new(inner: T, patience: Duration) -> Self {
        Impatient { inner, patience, waiting: None }
    }

    /// What a try to write came to, or the end of the patience.
    fn judge<R>(&mut self, tried: Poll<io::Result<R>>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        if tried.is_ready() {
            self.waiting = None;
            return tried;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answer")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Impatient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Impatient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.judge(tried, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.judge(tried, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.inner).poll_flush(cx);
        self.judge(tried, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.judge(tried, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_given_up() {
        let (near, _far) = tokio::io::duplex(10);
        let begun = Instant::now();
        let error = Impatient::new(near, PATIENCE).write_all(&[0; 100]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (io::ErrorKind::TimedOut, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_only_slow_gets_everything() {
        let (near, mut far) = tokio::io::duplex(10);
        let write = tokio::spawn(async move { Impatient::new(near, PATIENCE).write_all(&[7; 100]).await });
        let mut got = Vec::new();
        let mut part = [0; 10];
        loop {
            tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
            match far.read(&mut part).await.unwrap() {
                0 => break,
                read => got.extend_from_slice(&part[..read]),
            }
        }
        assert_eq!(got, [7; 100]);
        write.await.unwrap().unwrap();
    }
}
