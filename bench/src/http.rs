//! One kept HTTP/1.1 connection, by hand: what it costs must not be seen in what it measures. It knows
//! answers with a Content-Length, which are all that the bot and Asterisk give here, and event streams.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub struct Http {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Headers of every request, each with its line's end.
    headers: String,
    out: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Http {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("can't connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Http {
            address,
            stream,
            buffer: Vec::with_capacity(1 << 14),
            headers: String::new(),
            out: Vec::new(),
        })
    }

    pub fn with_basic_auth(mut self, user: &str, password: &str) -> Self {
        self.headers = format!("Authorization: Basic {}\r\n", base64(&format!("{user}:{password}")));
        self
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.request("GET", path, "").await
    }

    pub async fn request(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<Answer> {
        use std::io::Write as _;
        self.out.clear();
        let (address, headers) = (self.address, &self.headers);
        write!(self.out, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}")?;
        if !body.is_empty() {
            write!(self.out, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())?;
        }
        write!(self.out, "\r\n{body}")?;
        self.stream.write_all(&self.out).await?;
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let (status, length) = head(&self.buffer[..end])?;
                let whole = end + 4 + length.context("an answer without a Content-Length")?;
                while self.buffer.len() < whole {
                    self.more().await?;
                }
                let body = self.buffer[end + 4..whole].to_vec();
                self.buffer.drain(..whole);
                return Ok(Answer { status, body });
            }
            self.more().await?;
        }
    }

    /// Asks for an event stream and gives its lines from then on.
    pub async fn stream(mut self, path: &str) -> anyhow::Result<Lines> {
        let address = self.address;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let (status, _) = head(&self.buffer[..end])?;
                if status != 200 {
                    bail!("{path} answered {status}");
                }
                self.buffer.drain(..end + 4);
                return Ok(Lines { http: self });
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => bail!("{} closed the connection", self.address),
            _ => Ok(()),
        }
    }
}

/// The lines of a chunked body. The sizes of the chunks are lines too; readers look for their own prefixes.
pub struct Lines {
    http: Http,
}

impl Lines {
    pub async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(end) = self.http.buffer.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&self.http.buffer[..end]).trim_end().to_owned();
                self.http.buffer.drain(..=end);
                return Ok(line);
            }
            self.http.more().await?;
        }
    }
}

/// Status and Content-Length.
fn head(bytes: &[u8]) -> anyhow::Result<(u16, Option<usize>)> {
    let text = std::str::from_utf8(bytes).context("an answer that is no text")?;
    let status = text.get(9..12).and_then(|code| code.parse().ok()).context("an answer without a status")?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Ok((status, length.or((status == 204).then_some(0))))
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= chunk.len() { char::from(LETTERS[index]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_it_is_known() {
        assert_eq!(["", "f", "fo", "foo", "foob"].map(base64), ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn heads_are_read() {
        let read = |text: &str| head(text.as_bytes()).expect("a head");
        assert_eq!(read("HTTP/1.1 201 Created\r\ncontent-length: 17"), (201, Some(17)));
        assert_eq!(read("HTTP/1.1 204 No Content"), (204, Some(0)));
        assert_eq!(read("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"), (200, None));
    }
}
