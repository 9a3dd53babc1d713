//! A way to PostgreSQL that can be cut at the worst moment: at a COMMIT, before or after the server has heard of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What happens to the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It does not reach the server.
    Before = 1,
    /// The server makes it, and nobody hears so.
    After = 2,
}

pub struct Proxy {
    pub address: SocketAddr,
    armed: Arc<AtomicU8>,
    /// Connections of before it lead nowhere any more.
    age: Arc<AtomicU64>,
}

impl Proxy {
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let armed = Arc::new(AtomicU8::new(0));
        let (of_all, age) = (armed.clone(), Arc::new(AtomicU64::new(0)));
        let now = age.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // While it is away, so is the way to it.
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                tokio::spawn(carry(client, server, of_all.clone(), now.clone()));
            }
        });
        Proxy { address, armed, age }
    }

    pub fn cut(&self, cut: Cut) {
        self.armed.store(cut as u8, Ordering::SeqCst);
    }

    /// What was connected till now hears nothing more, and is not closed: a way that forgot its connections.
    pub fn swallow(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether it has happened.
    pub fn is_cut(&self) -> bool {
        self.armed.load(Ordering::SeqCst) == 0
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicU8>, age: Arc<AtomicU64>) {
    let made = age.load(Ordering::SeqCst);
    let (mut sent, mut heard) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(bytes @ 1..) = read else { return };
                if age.load(Ordering::SeqCst) != made {
                    std::future::pending::<()>().await;
                }
                let is_commit = sent[..bytes].windows(7).any(|window| window == b"COMMIT\0");
                let cut = if is_commit { armed.swap(0, Ordering::SeqCst) } else { 0 };
                if cut == Cut::Before as u8 {
                    return;
                }
                if server.write_all(&sent[..bytes]).await.is_err() {
                    return;
                }
                if cut == Cut::After as u8 {
                    // Its answer has come: it is made.
                    let _ = server.read(&mut heard).await;
                    return;
                }
            }
            read = server.read(&mut heard) => {
                let Ok(bytes @ 1..) = read else { return };
                if client.write_all(&heard[..bytes]).await.is_err() {
                    return;
                }
            }
        }
    }
}
