//! A hundred hosts out of one: addresses of loopback of our own, and whoever connects to one of them is carried to the
//! laboratory's host.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use anyhow::bail;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// They end with it.
pub struct Hosts {
    /// The same at all of them.
    pub port: u16,
    tasks: Vec<AbortHandle>,
}

/// The address of the nth host.
pub fn address(nth: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 86, 0, 1 + nth)
}

impl Hosts {
    pub async fn new(count: u8, to: SocketAddr) -> anyhow::Result<Self> {
        // A port that is free at the first address may be taken at another.
        for _ in 0..20 {
            let Ok(listeners) = listen(count).await else { continue };
            let port = listeners[0].local_addr()?.port();
            let tasks = listeners
                .into_iter()
                .map(|listener| tokio::task::spawn_local(carry(listener, to)).abort_handle());
            return Ok(Hosts { port, tasks: tasks.collect() });
        }
        bail!("no port is free at {count} addresses from {} on", address(0))
    }
}

async fn listen(count: u8) -> std::io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for nth in 0..count {
        let port = listeners.first().map_or(Ok(0), |first| first.local_addr().map(|at| at.port()))?;
        listeners.push(TcpListener::bind(SocketAddrV4::new(address(nth), port)).await?);
    }
    Ok(listeners)
}

async fn carry(listener: TcpListener, to: SocketAddr) {
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::task::spawn_local(async move {
            let Ok(mut far) = TcpStream::connect(to).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            // An end of either side is the end of both.
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
