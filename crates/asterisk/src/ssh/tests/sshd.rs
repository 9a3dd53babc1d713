//! An sshd of our own making: russh's server side, which does what the test says and counts what is done to it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(super) const PASSWORD: &str = "s3cret-пароль";

/// What it does with a new connection, and with those it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Serve,
    /// As an sshd that was stopped: the kernel accepts, nobody answers.
    HangAfterAccept,
    CloseAfterAccept,
    /// The first request to open a channel is never answered, nor anything after it in that connection.
    Freeze,
    /// Requests to open a session wait until [`Sshd::answer_held`].
    HoldSessions,
}

pub(super) struct Sshd {
    pub(super) addr: SocketAddr,
    pub(super) seen: Arc<Seen>,
    stop: CancellationToken,
}

/// What was done to it, and what it is to do.
pub(super) struct Seen {
    pub(super) mood: Mutex<Mood>,
    key: Mutex<PrivateKey>,
    pub(super) methods: Mutex<Vec<MethodKind>>,
    pub(super) user_key: Mutex<Option<PublicKey>>,
    pub(super) max_sessions: AtomicUsize,
    pub(super) connections: AtomicUsize,
    /// TCP connections that are open now.
    pub(super) connected: AtomicUsize,
    pub(super) password_tries: AtomicUsize,
    pub(super) logins: AtomicUsize,
    /// Open now, in all connections.
    sessions: Mutex<HashSet<(usize, ChannelId)>>,
    pub(super) most_sessions: AtomicUsize,
    pub(super) sockets: AtomicUsize,
    pub(super) commands: Mutex<Vec<String>>,
    /// Sessions in which `cat` runs.
    cats: Mutex<HashSet<(usize, ChannelId)>>,
    /// Lets one `wait` command end.
    pub(super) go: Notify,
    held: Mutex<Vec<(usize, ChannelId, ChannelOpenHandle)>>,
    /// Cuts the connections there are.
    cut: Mutex<CancellationToken>,
    /// Lets no byte through any more in the connections there are.
    freeze: Mutex<CancellationToken>,
}

impl Sshd {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen {
            mood: Mutex::new(Mood::Serve),
            key: Mutex::new(host_key()),
            methods: Mutex::new(vec![MethodKind::PublicKey, MethodKind::Password]),
            user_key: Mutex::new(None),
            max_sessions: AtomicUsize::new(usize::MAX),
            connections: AtomicUsize::new(0),
            connected: AtomicUsize::new(0),
            password_tries: AtomicUsize::new(0),
            logins: AtomicUsize::new(0),
            sessions: Mutex::new(HashSet::new()),
            most_sessions: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            commands: Mutex::new(Vec::new()),
            cats: Mutex::default(),
            go: Notify::new(),
            held: Mutex::new(Vec::new()),
            cut: Mutex::new(CancellationToken::new()),
            freeze: Mutex::new(CancellationToken::new()),
        });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, seen.clone(), stop.clone()));
        Self { addr, seen, stop }
    }

    pub(super) fn mood(&self, mood: Mood) {
        *self.seen.mood.lock() = mood;
    }

    pub(super) fn offer(&self, methods: &[MethodKind]) {
        *self.seen.methods.lock() = methods.to_vec();
    }

    /// As after an installation anew.
    pub(super) fn change_key(&self) {
        *self.seen.key.lock() = host_key();
    }

    /// Ends all connections without a word.
    pub(super) fn cut(&self) {
        std::mem::take(&mut *self.seen.cut.lock()).cancel();
    }

    /// As when a cable is pulled: the connections there are stay open, and nobody says that they are dead.
    pub(super) fn freeze(&self) {
        std::mem::take(&mut *self.seen.freeze.lock()).cancel();
    }

    /// Stops listening: connections are refused from now on.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        super::until("the port is closed", async || TcpStream::connect(self.addr).await.is_err()).await;
    }

    pub(super) fn held(&self) -> usize {
        self.seen.held.lock().len()
    }

    pub(super) async fn answer_held(&self) {
        let held = std::mem::take(&mut *self.seen.held.lock());
        for (connection, id, reply) in held {
            self.seen.sessions.lock().insert((connection, id));
            reply.accept().await;
        }
    }
}

impl Seen {
    pub(super) fn count(&self, counter: impl Fn(&Self) -> &AtomicUsize) -> usize {
        counter(self).load(Ordering::SeqCst)
    }

    pub(super) fn sessions(&self) -> usize {
        self.sessions.lock().len()
    }
}

fn host_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a key")
}

async fn accept(listener: TcpListener, seen: Arc<Seen>, stop: CancellationToken) {
    loop {
        let tcp = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted.expect("a connection").0,
        };
        let number = seen.connections.fetch_add(1, Ordering::SeqCst) + 1;
        seen.connected.fetch_add(1, Ordering::SeqCst);
        let seen = seen.clone();
        tokio::spawn(async move {
            let cut = seen.cut.lock().clone();
            tokio::select! {
                () = cut.cancelled() => {}
                () = serve(tcp, number, seen.clone()) => {}
            }
            seen.sessions.lock().retain(|(connection, _)| *connection != number);
            seen.connected.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(mut tcp: TcpStream, number: usize, seen: Arc<Seen>) {
    let mood = *seen.mood.lock();
    match mood {
        Mood::CloseAfterAccept => return,
        Mood::HangAfterAccept => {
            // Until the other side gives up.
            while let Ok(1..) = tcp.read(&mut [0; 256]).await {}
            return;
        }
        Mood::Serve | Mood::Freeze | Mood::HoldSessions => {}
    }
    let freeze = seen.freeze.lock().clone();
    let config = Config {
        keys: vec![seen.key.lock().clone()],
        methods: MethodSet::from(seen.methods.lock().as_slice()),
        auth_rejection_time: Duration::ZERO,
        nodelay: true,
        ..Config::default()
    };
    // Through a pipe, so that a cut drops the TCP connection and not only waits for russh.
    let (near, far) = tokio::io::duplex(64 << 10);
    let session = async {
        if let Ok(session) = russh::server::run_stream(Arc::new(config), far, Door { number, seen }).await {
            let _ended = session.await;
        }
    };
    let (mut from_near, mut to_near) = tokio::io::split(near);
    let (mut from_tcp, mut to_tcp) = tcp.split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_tcp, &mut to_near) => return,
        _ = tokio::io::copy(&mut from_near, &mut to_tcp) => return,
        () = session => return,
        () = freeze.cancelled() => {}
    }
    while let Ok(1..) = tcp.read(&mut [0; 256]).await {}
}

struct Door {
    number: usize,
    seen: Arc<Seen>,
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        self.seen.password_tries.fetch_add(1, Ordering::SeqCst);
        Ok(if password == PASSWORD { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let known = self
            .seen
            .user_key
            .lock()
            .as_ref()
            .is_some_and(|known| known.key_data() == key.public_key.key_data());
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(mut response) = response else {
            let prompts = Cow::Borrowed(&[(Cow::Borrowed("Password: "), false)][..]);
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        self.seen.password_tries.fetch_add(1, Ordering::SeqCst);
        let right = response.next().is_some_and(|answer| answer == PASSWORD.as_bytes());
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.seen.logins.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        let mood = *self.seen.mood.lock();
        let session = (self.number, channel.id());
        match mood {
            Mood::Freeze => std::future::pending().await,
            Mood::HoldSessions => self.seen.held.lock().push((session.0, session.1, reply)),
            _ => {
                let open = self.seen.sessions();
                if open >= self.seen.count(|seen| &seen.max_sessions) {
                    reply.reject(ChannelOpenFailure::ConnectFailed).await;
                } else {
                    self.seen.sessions.lock().insert(session);
                    self.seen.most_sessions.fetch_max(open + 1, Ordering::SeqCst);
                    reply.accept().await;
                }
            }
        }
        Ok(())
    }

    /// `/echo` says what it hears, `/flood` talks without end; there is nothing else.
    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        let flood = match path {
            "/echo" => false,
            "/flood" => true,
            _ => {
                reply.reject(ChannelOpenFailure::ConnectFailed).await;
                return Ok(());
            }
        };
        reply.accept().await;
        let seen = self.seen.clone();
        seen.sockets.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let mut stream = channel.into_stream();
            if flood {
                while stream.write_all(&[b'x'; 16 << 10]).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            } else {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
                let _gone = stream.shutdown().await;
            }
            seen.sockets.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.seen.sessions.lock().remove(&(self.number, id));
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        match self.seen.cats.lock().contains(&(self.number, id)) {
            true => session.data(id, data.to_vec()),
            false => Ok(()),
        }
    }

    async fn channel_eof(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        let session_of = (self.number, id);
        if self.seen.cats.lock().remove(&session_of) {
            self.seen.sessions.lock().remove(&session_of);
            session.exit_status_request(id, 0)?;
            session.eof(id)?;
            session.close(id)?;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        self.seen.commands.lock().push(command.clone());
        let (name, rest) = command.split_once(' ').unwrap_or((&command, ""));
        if name == "refuse" {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        let (mut stdout, mut stderr, mut code) = (String::new(), String::new(), 0);
        match name {
            "echo" => stdout = rest.to_owned(),
            "fail" => (stderr, code) = (rest.to_owned(), 3),
            "hang" => return Ok(()),
            "cat" => {
                self.seen.cats.lock().insert((self.number, id));
                return Ok(());
            }
            "drop" => {
                std::mem::take(&mut *self.seen.cut.lock()).cancel();
                return Ok(());
            }
            _ => {}
        }
        let (handle, seen, number) = (session.handle(), self.seen.clone(), self.number);
        let (waits, vanishes) = (name == "wait", name == "vanish");
        tokio::spawn(async move {
            if waits {
                seen.go.notified().await;
            }
            let _gone = handle.data(id, stdout.into_bytes()).await;
            let _gone = handle.extended_data(id, 1, stderr.into_bytes()).await;
            if !vanishes {
                let _gone = handle.exit_status_request(id, code).await;
            }
            let _gone = handle.eof(id).await;
            seen.sessions.lock().remove(&(number, id));
            let _gone = handle.close(id).await;
        });
        Ok(())
    }
}
