//! The events socket, server's side: frames by hand, because every frame costs here what it costs nowhere
//! else. It knows text frames of any length, pings and the close; a client that sends more gets the close.

use std::time::Instant;

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Sim, State};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Appends a text frame, unmasked as a server's are.
pub(super) fn frame(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn head(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(0x80 | opcode);
    match length {
        0..126 => out.push(length as u8),
        126..65536 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

struct Incoming {
    opcode: u8,
    payload: Vec<u8>,
    /// Bytes of the buffer that it took.
    length: usize,
}

/// The first whole frame of the buffer.
fn parse(buffer: &[u8]) -> Option<Incoming> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (length, mut at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        mask.copy_from_slice(buffer.get(at..at + 4)?);
        at += 4;
    }
    let payload = buffer.get(at..at + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some(Incoming { opcode: first & 0x0f, payload, length: at + length })
}

#[cfg(test)]
pub(super) fn texts(mut buffer: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(frame) = parse(buffer) {
        buffer = &buffer[frame.length..];
        texts.push(String::from_utf8(frame.payload).expect("text frames are UTF-8"));
    }
    texts
}

/// Serves the upgraded connection until it ends.
pub(super) async fn serve(sim: Sim, mut stream: TcpStream, app: String) -> std::io::Result<()> {
    {
        let mut state = sim.0.state.borrow_mut();
        state.out.clear();
        state.app = app;
    }
    let (mut read, mut write) = stream.split();
    let mut buffer = Vec::with_capacity(1 << 16);
    let mut writing = Vec::with_capacity(1 << 16);
    loop {
        let next = sim.0.state.borrow().next_at();
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            got = read.read_buf(&mut buffer) => {
                if got? == 0 {
                    return Ok(());
                }
                let mut state = sim.0.state.borrow_mut();
                let mut at = 0;
                while let Some(frame) = parse(&buffer[at..]) {
                    at += frame.length;
                    if frame.opcode == CLOSE {
                        return Ok(());
                    }
                    state.incoming(frame);
                }
                buffer.drain(..at);
            }
            () = due => {}
            () = sim.0.wake.notified() => {}
        }
        {
            let mut state = sim.0.state.borrow_mut();
            state.run_due(Instant::now());
            std::mem::swap(&mut state.out, &mut writing);
        }
        if !writing.is_empty() {
            write.write_all(&writing).await?;
            writing.clear();
        }
    }
}

impl State {
    fn incoming(&mut self, frame: Incoming) {
        #[derive(Deserialize)]
        struct RestRequest {
            request_id: String,
            method: String,
            uri: String,
            #[serde(default)]
            message_body: String,
        }
        match frame.opcode {
            PING => {
                head(&mut self.out, PONG, frame.payload.len());
                self.out.extend_from_slice(&frame.payload);
            }
            TEXT => {
                let Ok(request) = serde_json::from_slice::<RestRequest>(&frame.payload) else { return };
                let RestRequest { request_id, method, uri, message_body } = request;
                let reply = self.answer(&method, &uri, message_body.as_bytes());
                let body = match reply.body.as_str() {
                    "" => String::new(),
                    // A JSON text within a JSON text.
                    body => format!(
                        r#", "content_type": "application/json", "message_body": {}"#,
                        serde_json::Value::from(body)
                    ),
                };
                let text = format!(
                    r#"{{"type": "RESTResponse", "transaction_id": "", "request_id": "{request_id}", "status_code": {}, "reason_phrase": "", "uri": "{uri}"{body}, "application": "{}"}}"#,
                    reply.status, self.app
                );
                self::frame(&mut self.out, &text);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_come_back_whole() {
        for length in [0, 1, 125, 126, 65535, 65536, 70000] {
            let text = "x".repeat(length);
            let mut out = Vec::new();
            frame(&mut out, &text);
            assert!(parse(&out[..out.len() - 1]).is_none(), "{length}");
            let back = parse(&out).expect("a whole frame");
            assert_eq!((back.payload.len(), back.length), (length, out.len()));
        }
    }

    #[test]
    fn a_masked_frame_is_read() {
        let frame = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
        assert_eq!(parse(&frame).expect("a frame").payload, b"hi");
    }
}
