//! The simulated Asterisk's HTTP server: kept connections, one of which becomes the events socket.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Sim, socket};

/// Serves for ever.
pub async fn serve(sim: Sim, listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sim = sim.clone();
        tokio::task::spawn_local(async move {
            // A client that goes away is no matter here.
            let _ = connection(sim, stream).await;
        });
    }
}

/// Serves on a free port of this address, in a task of this thread.
pub async fn spawn(sim: &Sim, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tokio::task::spawn_local(serve(sim.clone(), listener));
    Ok(address)
}

async fn connection(sim: Sim, mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let header = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        if let Some(key) = header("sec-websocket-key") {
            let app = target.split(['?', '&']).find_map(|part| part.strip_prefix("app="));
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                derive_accept_key(key.as_bytes())
            );
            stream.write_all(answer.as_bytes()).await?;
            return socket::serve(sim, stream, app.unwrap_or_default().to_owned()).await;
        }
        let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let whole = end + 4 + length;
        while buffer.len() < whole {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let uri = target.trim_start_matches("/ari/");
        let reply = sim.0.state.borrow_mut().answer(method, uri, &buffer[end + 4..whole]);
        sim.0.wake.notify_one();
        let answer = format!(
            "HTTP/1.1 {} X\r\nServer: sim\r\nContent-type: application/json\r\nContent-Length: {}\r\n\r\n{}",
            reply.status,
            reply.body.len(),
            reply.body
        );
        buffer.drain(..whole);
        stream.write_all(answer.as_bytes()).await?;
    }
}
