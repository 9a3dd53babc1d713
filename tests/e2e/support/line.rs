//! A TCP line to Asterisk that can be cut and frozen: the bot talks to it instead of to the PBX.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Connections are closed, and new ones at once.
    Cut,
    /// Connections stay open, and nothing gets through any more, as after a firewall lost its table.
    Frozen,
}

pub struct BreakableLine {
    address: SocketAddr,
    state: watch::Sender<State>,
}

impl BreakableLine {
    /// A whole line to `asterisk`.
    pub async fn to(asterisk: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (state, seen) = watch::channel(State::Whole);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, asterisk, seen.clone()));
            }
        });
        BreakableLine { address, state }
    }

    /// For `ari.url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    /// What comes now gets through; what was open in a broken line stays lost.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn carry(client: TcpStream, asterisk: SocketAddr, mut state: watch::Receiver<State>) {
    if *state.borrow_and_update() == State::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(asterisk).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, state.clone()) => {}
        () = pump(from_server, to_client, state.clone()) => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let frozen = async { drop(state.wait_for(|state| *state == State::Frozen).await) };
        let read = tokio::select! {
            biased;
            // Never whole again: the ends have to find out by themselves.
            () = frozen => std::future::pending().await,
            read = from.read(&mut buffer) => read,
        };
        match read {
            Ok(length) if length > 0 && to.write_all(&buffer[..length]).await.is_ok() => {}
            _ => return,
        }
    }
}
