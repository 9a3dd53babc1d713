//! The way over SSH: the console's commands, by its socket where sshd leads to it, else by `asterisk -rx`.
//!
//! The host tells nothing by itself, so it is asked again and again while it has calls of ours (`follow`). What is
//! seen so are channels: who rings, who is up. Why one is gone is not to be seen, and not claimed.

mod busy;
mod error;
mod follow;
mod kept;
mod line;
mod root;

use std::{
    collections::HashMap,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    error::{HostError, HostErrorKind},
    fit::Endpoints,
    inbox::Inboxes,
    order::{Order, chanspy, driver},
    way::{Busy, Taken},
};
use crate::hosts::{self, CONNECT, Console, Ssh};
use asterisk::{
    Looks,
    console::{BadName, Channels, Command, Exten, endpoints, hangup_answer, ordered, version},
};
use call::{CallId, Extension, Technology, WayKind, What};
use error::of_console;
use follow::Followed;
use lang::Text;
use line::Line;
use root::{Found, Root};

/// One host's console.
pub(super) struct SshWay(Arc<Inner>);

struct Inner {
    console: Arc<Console>,
    line: Line,
    followed: Mutex<HashMap<CallId, Followed>>,
    looks: Looks<Arc<Channels>, HostError>,
    /// A call is to be followed.
    wake: Arc<Notify>,
    /// One originate an extension at a time, so that its channel can be told from another's.
    gates: Mutex<HashMap<Extension, Arc<AsyncMutex<()>>>>,
    inboxes: Inboxes,
    stop: CancellationToken,
}

impl SshWay {
    pub fn new(host: &hosts::Host, ssh: &Ssh, inboxes: Inboxes, stop: CancellationToken) -> Self {
        let console = host.console(ssh);
        let inner = Inner {
            line: Line::new(console.host.clone(), ssh.socket.clone()),
            console,
            followed: Mutex::default(),
            looks: Looks::default(),
            wake: Arc::default(),
            gates: Mutex::default(),
            inboxes,
            stop,
        };
        let inner = Arc::new(inner);
        // It ends with the way: it holds it only while it asks.
        tokio::spawn(follow::run(Arc::downgrade(&inner)));
        SshWay(inner)
    }

    pub async fn place(&self, order: &Order) -> Result<Taken, HostError> {
        let inner = &self.0;
        inner.check()?;
        let context = name(&order.context, "the context's name can't be used")?;
        // Before the turn is waited for: a dead host keeps all of an extension's orders waiting once, not each in turn.
        inner.line.connect().await?;
        let alone = inner.alone(&order.extension).await?;
        let begun = Instant::now();
        let root = match &order.what {
            What::Dial(number) => {
                let dial = Command::Dial {
                    extension: exten(order.extension.as_str())?,
                    number: exten(number.as_str())?,
                    context,
                };
                inner.order(dial, order).await?
            }
            What::Listen { target, mode } => {
                let target = name(&order.technology.device(target), "this phone can't be listened to")?;
                let listener = exten(order.extension.as_str())?;
                let spy = Command::Spy { listener, target, mode: chanspy(*mode), context };
                inner.order(spy, order).await?
            }
        };
        let linked_id = root.linked_id();
        let alone = matches!(root, Root::ToBeFound).then_some(alone);
        inner.follow(order, root, begun, alone);
        Ok(Taken { linked_id, detailed: false })
    }

    pub fn expect_order(&self) {
        self.0.line.expect_order();
    }

    /// False: the two sides are connected with others now, who are not hung up.
    pub async fn hang_up(&self, order: &Order) -> Result<bool, HostError> {
        let inner = &self.0;
        let channels = inner.channels().await?;
        let names = match inner.followed.lock().get(&order.call) {
            Some(followed) => followed.to_hang_up(&channels, order.sides.as_ref()),
            None => Some(Vec::new()),
        };
        let Some(names) = names else { return Ok(false) };
        // None are there when it is not known, or not any more: a look tells.
        for name in names {
            let hangup = Command::Hangup(name);
            let answers = inner.line.run(vec![hangup.clone()]).await?;
            hangup_answer(&hangup, answers.first().map_or("", String::as_str))
                .map_err(|error| of_console(&error))?;
        }
        Ok(true)
    }

    /// From now on the call is followed, if the host has it.
    pub async fn look(&self, order: &Order) -> Result<bool, HostError> {
        let inner = &self.0;
        inner.check()?;
        let channels = inner.channels().await?;
        if let Some(followed) = inner.followed.lock().get(&order.call) {
            return match followed.is_sought() {
                true => Err(inner.line.not_told(&order.extension)),
                false => Ok(followed.is_there(&channels)),
            };
        }
        let _alone = match order.linked_id {
            Some(_) => None,
            // Its channel is told by its age: not from one that another call is about to find.
            None => Some(inner.alone(&order.extension).await?),
        };
        match Root::find(order, &channels, &inner.own_roots()) {
            Found::Yes(root) => {
                inner.follow(order, root, Instant::now(), None);
                Ok(true)
            }
            Found::NotYet => Err(inner.line.not_told(&order.extension)),
            Found::No => Ok(false),
        }
    }

    pub async fn calls_of(&self, device: &str) -> Result<Vec<Busy>, HostError> {
        let channels = self.0.channels().await?;
        let own: Vec<_> = channels.list.iter().filter(|channel| channel.name.is_of(device)).collect();
        let asked = own.iter().map(|channel| Command::Channel(channel.name.clone())).collect::<Vec<_>>();
        let answers = if asked.is_empty() { Vec::new() } else { self.0.line.run(asked).await? };
        Ok(busy::busy(&channels, &own, &answers))
    }

    pub async fn probe(&self) -> Result<String, HostError> {
        self.0.check()?;
        let answers = self.0.line.run(vec![Command::Version]).await?;
        let version =
            version(answers.first().map_or("", String::as_str)).map_err(|error| of_console(&error))?;
        let by = if self.0.line.is_by_socket() { "by the console's socket" } else { "by `asterisk -rx`" };
        Ok(format!("Asterisk {version}, {by}"))
    }

    pub async fn endpoints(&self, technology: Technology) -> Endpoints {
        self.0.check()?;
        let driver = driver(technology);
        let answers = self.0.line.run(vec![Command::Endpoints(driver)]).await?;
        let answer = answers.first().map_or("", String::as_str);
        endpoints(driver, answer).map_err(|error| of_console(&error))
    }

    pub fn leave(&self, call: CallId) {
        self.forget(call);
    }

    pub fn forget(&self, call: CallId) {
        self.0.followed.lock().remove(&call);
    }
}

impl Inner {
    fn check(&self) -> Result<(), HostError> {
        match &self.console.unfit {
            None => Ok(()),
            Some(why) => Err(HostError {
                kind: HostErrorKind::Auth,
                way: Some(WayKind::Ssh),
                is_certain: true,
                words: "The private key can't be used".to_owned(),
                why: Text::same(why.clone()),
            }),
        }
    }

    /// The channels as they are now.
    async fn channels(&self) -> Result<Arc<Channels>, HostError> {
        let look = async {
            let answers = self.line.run(vec![Command::Channels]).await?;
            let channels = Channels::parse(answers.first().map_or("", String::as_str));
            channels.map(Arc::new).map_err(|error| of_console(&error))
        };
        self.looks.look(look).await
    }

    /// Gives an order, and finds the channel that came of it if that can be told.
    async fn order(&self, command: Command, order: &Order) -> Result<Root, HostError> {
        if self.line.is_by_socket() {
            // A look, the order and a look in one message: what is new between them is ours.
            let commands = vec![Command::Channels, command.clone(), Command::Channels];
            // `None`: the socket is not to be had any more.
            if let Some(answers) = self.line.run_by_socket(commands).await {
                let answers = answers?;
                let text = |at: usize| answers.get(at).map_or("", String::as_str);
                ordered(&command, text(1)).map_err(|error| of_console(&error))?;
                let both = Channels::parse(text(0)).ok().zip(Channels::parse(text(2)).ok());
                let own = self.own_roots();
                let root = both.and_then(|(before, after)| Root::between(order, &before, &after, &own));
                // On a busy host it may show a moment after the order was taken.
                return Ok(root.unwrap_or(Root::ToBeFound));
            }
        }
        // A process for each command: the client is not kept waiting for more than the order.
        let answers = self.line.run(vec![command.clone()]).await?;
        ordered(&command, answers.first().map_or("", String::as_str)).map_err(|error| of_console(&error))?;
        Ok(Root::ToBeFound)
    }

    /// The channels that are known to be of other calls of ours.
    fn own_roots(&self) -> Vec<String> {
        self.followed.lock().values().filter_map(follow::Followed::linked_id).collect()
    }

    /// Nobody else orders from this extension, or has yet to find the channel of an order.
    async fn alone(&self, extension: &Extension) -> Result<OwnedMutexGuard<()>, HostError> {
        let gate = {
            let mut gates = self.gates.lock();
            // A client may name any extension: those that nobody waits at are not kept.
            if gates.len() >= GATES && !gates.contains_key(extension) {
                gates.retain(|_, gate| Arc::strong_count(gate) > 1);
            }
            gates.entry(extension.clone()).or_default().clone()
        };
        timeout(TURN, gate.lock_owned()).await.map_err(|_| self.line.too_long(extension, TURN))
    }

    /// `alone`: held until the channel is found.
    fn follow(&self, order: &Order, root: Root, begun: Instant, alone: Option<OwnedMutexGuard<()>>) {
        self.followed.lock().insert(order.call, Followed::new(order.clone(), root, begun, alone));
        self.wake.notify_one();
    }
}

/// A name for a command; nothing was sent where it is none.
fn name<T: FromStr<Err = BadName>>(text: &str, otherwise: &str) -> Result<T, HostError> {
    text.parse().map_err(|error: BadName| HostError {
        kind: HostErrorKind::Refused,
        way: Some(WayKind::Ssh),
        is_certain: true,
        words: otherwise.to_owned(),
        why: Text::same(error.to_string()),
    })
}

fn exten(text: &str) -> Result<Exten, HostError> {
    name(text, "this number can't be dialed")
}

/// More extensions than this are looked through for those that nobody orders from.
const GATES: usize = 1024;

/// How long an order waits for those of its extension before it, which take milliseconds where nothing hangs.
const TURN: Duration = CONNECT;

/// How often a host is asked while it has calls of ours: by a socket that costs next to nothing, and by processes.
const BY_SOCKET: Duration = Duration::from_millis(200);
const BY_PROCESS: Duration = Duration::from_secs(1);
