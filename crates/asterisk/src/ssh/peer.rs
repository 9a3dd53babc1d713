//! What russh asks us about the other side: whether its key is the right one, what it may open here (nothing), and
//! that it is gone. It owns the reason of an end; it must not know requests.

use std::sync::Arc;

use parking_lot::Mutex;
use russh::client::{DisconnectReason, Handler, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, Names, client};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::{SshError, from_host};
use super::known_hosts::{Verdict, fingerprint};
use super::target::SshTarget;

/// What is known about the end of a connection. Clones are of the same connection.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    over: CancellationToken,
    why: Arc<Mutex<Option<String>>>,
}

impl End {
    /// Resolves when the connection has ended.
    pub(super) async fn wait(&self) {
        self.over.cancelled().await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(super) fn why(&self) -> String {
        self.why.lock().clone().unwrap_or_else(|| "the host closed it".into())
    }

    /// The first reason stays.
    pub(super) fn because(&self, why: impl Into<String>) {
        self.why.lock().get_or_insert_with(|| why.into());
    }
}

/// Owned by russh's task, and dropped when the connection ends in whatever way.
pub(super) struct Peer {
    target: Arc<SshTarget>,
    end: End,
    names: Arc<Mutex<Option<Names>>>,
    _over: DropGuard,
}

impl Peer {
    pub(super) fn new(target: Arc<SshTarget>, end: End, names: Arc<Mutex<Option<Names>>>) -> Self {
        let over = end.over.clone().drop_guard();
        Self { target, end, names, _over: over }
    }
}

/// Ours, or russh's.
#[derive(Debug)]
pub(super) enum PeerError {
    Ours(SshError),
    Theirs(russh::Error),
}

impl From<russh::Error> for PeerError {
    fn from(error: russh::Error) -> Self {
        Self::Theirs(error)
    }
}

impl PeerError {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Ours(error) => error.to_string(),
            Self::Theirs(error) => russh_text(error),
        }
    }
}

/// russh's errors in words for the reader of a log.
pub(super) fn russh_text(error: &russh::Error) -> String {
    match error {
        russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => {
            "the host no longer answers (keepalive)".into()
        }
        russh::Error::Disconnect | russh::Error::HUP => "the host closed it".into(),
        russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the host closed it".into()
        }
        russh::Error::IO(error) => error.to_string(),
        russh::Error::Version => "what answers there does not speak SSH 2".into(),
        error => from_host(&error.to_string()),
    }
}

impl Handler for Peer {
    type Error = PeerError;

    /// russh has verified by now that the host owns this key.
    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, PeerError> {
        let key: PublicKey = key.public_key();
        let target = self.target.clone();
        let judged = tokio::task::spawn_blocking(move || {
            let verdict = target.known_hosts.check(&target.label(), &target.host, target.port, &key)?;
            if verdict == Verdict::Learned {
                tracing::info!(
                    host = %target.label(), key = %fingerprint(&key), file = %target.known_hosts.file().display(),
                    "trusting the host key of this host from now on, for it was not known"
                );
            }
            Ok(())
        });
        match judged.await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => Err(PeerError::Ours(error)),
            Err(_) => Ok(false),
        }
    }

    async fn kex_done(&mut self, _: Option<&[u8]>, names: &Names, _: &mut Session) -> Result<(), PeerError> {
        *self.names.lock() = Some(names.clone());
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<PeerError>) -> Result<(), PeerError> {
        self.end.because(match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the host says: {}", from_host(&info.message))
            }
            DisconnectReason::Error(error) => error.text(),
        });
        Ok(())
    }

    // A host may not open anything here. Dropping the reply refuses; russh's own default accepts.

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), PeerError> {
        Ok(())
    }
}
