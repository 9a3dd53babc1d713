//! One connection: opened, let in, read, written, pinged, and given up when it is silent. It owns the time-outs of
//! one connection; it must not reconnect, and it must not know what the events mean.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::action::Action;
use super::check;
use super::common::Common;
use super::event::{Event, Shutdown};
use super::interest::{Classes, Interest};
use super::line::{Ids, Line, Order, Pending};
use super::loss::Loss;
use super::subscription::AmiLink;
use super::sync::keep;
use super::target::AmiTarget;
use super::wire::{Block, Framer, MAX_BLOCK, Overflow};
use crate::Received;
use crate::feed::Feed;

/// A block of this size is no event of a call. Some are kept for a while, and thousands may wait.
pub(super) const MAX_EVENT: usize = 16 << 10;

/// For the goodbye, and for the reader to find out why a write failed.
const GRACE: std::time::Duration = std::time::Duration::from_millis(500);

/// Events between the login and its end; a busy PBX sends some hundreds in that time.
const MAX_EARLY: usize = 4096;

/// Room for one read.
const READ: usize = 16 << 10;

/// A connection that was let in.
pub(super) struct Session {
    reader: Reader,
    writer: OwnedWriteHalf,
    line: Line,
    orders: mpsc::Receiver<Order>,
    /// Of the events that the login asked for.
    classes: Classes,
    /// `None` when the user may not ask for it.
    pub(super) asterisk_version: Option<String>,
    /// Events that came before anybody could be told.
    early: Vec<Block>,
    early_bytes: usize,
}

struct Reader {
    stream: OwnedReadHalf,
    framer: Framer,
    /// When the bytes came that were read last.
    received: Received,
}

impl Reader {
    async fn block(&mut self) -> Result<Block, Loss> {
        loop {
            if let Some(block) = self.framer.block()? {
                return Ok(block);
            }
            self.fill().await?;
        }
    }

    async fn line(&mut self) -> Result<String, Loss> {
        loop {
            if let Some(line) = self.framer.line()? {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.fill().await?;
        }
    }

    /// Reads once. Given up in the middle, it has lost nothing.
    async fn fill(&mut self) -> Result<(), Loss> {
        let buffer = self.framer.buffer();
        buffer.reserve(READ);
        match self.stream.read_buf(buffer).await {
            Ok(0) => Err(Loss::Closed),
            Ok(_) => {
                self.received = Received::now();
                Ok(())
            }
            Err(error) => Err(Loss::of_io(&error)),
        }
    }
}

impl Session {
    pub(super) async fn open(common: &Common) -> Result<Self, Loss> {
        let target = &common.target;
        let patience = target.connect_timeout;
        match timeout(patience, super::login::enter(target, common.classes(), common.ids.clone())).await {
            Ok(session) => session,
            Err(_) => Err(Loss::Slow { address: target.address(), patience }),
        }
    }

    /// `classes`: of the events that its login will ask for.
    pub(super) fn new(stream: TcpStream, classes: Classes, ids: Arc<Ids>) -> Self {
        let (stream, writer) = stream.into_split();
        let (line, orders) = Line::new(ids);
        let reader = Reader { stream, framer: Framer::default(), received: Received::now() };
        Self {
            reader,
            writer,
            line,
            orders,
            classes,
            asterisk_version: None,
            early: Vec::new(),
            early_bytes: 0,
        }
    }

    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }

    /// The line that is sent before everything else.
    pub(super) async fn banner(&mut self) -> Result<String, Loss> {
        self.reader.line().await
    }

    pub(super) fn expect_no_old_output(&mut self) {
        self.reader.framer.expect_no_old_output();
    }

    /// Sends an action and waits for its answer, before [`Session::run`]; events that come meanwhile are kept.
    pub(super) async fn ask(&mut self, action: &Action) -> Result<Block, Loss> {
        let id = self.line.ids().next();
        self.writer.write_all(action.text(&id).as_bytes()).await.map_err(|error| Loss::of_io(&error))?;
        loop {
            let block = self.reader.block().await?;
            if block.field("ActionID") == Some(&id) && block.field("Response").is_some() {
                return Ok(block);
            }
            self.keep(block)?;
        }
    }

    /// Whether Asterisk has said that it is ready; waits for it for so long.
    pub(super) async fn wait_fully_booted(&mut self, patience: std::time::Duration) -> Result<(), Loss> {
        let wait = async {
            while !self.early.iter().any(|block| block.field("Event") == Some("FullyBooted")) {
                let block = self.reader.block().await?;
                self.keep(block)?;
            }
            Ok(())
        };
        timeout(patience, wait).await.unwrap_or(Ok(()))
    }

    pub(super) fn has_fully_booted(&self) -> bool {
        self.early.iter().any(|block| block.field("Event") == Some("FullyBooted"))
    }

    fn keep(&mut self, block: Block) -> Result<(), Loss> {
        if block.field("Event").is_some() {
            self.early_bytes += block.bytes();
            if self.early_bytes > MAX_BLOCK || self.early.len() >= MAX_EARLY {
                return Err(Loss::TooLarge(Overflow::Block));
            }
            self.early.push(block);
        }
        Ok(())
    }

    /// Serves the connection until it is lost. Whatever was written and not answered is uncertain then.
    pub(super) async fn run(self, common: &Common, generation: u64, stop: &CancellationToken) -> Loss {
        let Self { reader, writer, line, orders, early, classes, .. } = self;
        let target = &common.target;
        let pending = Pending::default();
        let doubt = Notify::new();
        let listener = Listener {
            line: &line,
            pending: &pending,
            target,
            feed: &common.feed,
            doubt: &doubt,
            taint: None,
            shutdown: None,
        };
        let read = listener.read(reader, early);
        let write = write(writer, orders, &line, &pending, target, &doubt, stop);
        let stopped = async {
            stop.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::pin!(read);
        tokio::select! {
            biased;
            loss = &mut read => loss,
            loss = write => match loss {
                // Asterisk says why before it closes; the reader has it, or will in a moment.
                Loss::Broken(_) | Loss::Closed => timeout(GRACE, read).await.unwrap_or(loss),
                loss => loss,
            },
            loss = keep(common, &line, generation, classes) => loss,
            () = stopped => Loss::Stopped,
        }
    }
}

/// Hands on what is read.
struct Listener<'a> {
    line: &'a Line,
    pending: &'a Pending,
    target: &'a AmiTarget,
    feed: &'a Feed<AmiLink>,
    /// To ask Asterisk something whose answer ends the doubt.
    doubt: &'a Notify,
    /// A message was not whole: what follows may be its rest, and so what a caller wrote.
    taint: Option<Taint>,
    shutdown: Option<Shutdown>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taint {
    Event,
    /// A row of a list, which tells nothing new: what is read of its rest was no event.
    Row,
}

impl Listener<'_> {
    async fn read(mut self, mut reader: Reader, early: Vec<Block>) -> Loss {
        for block in early {
            self.hand_on(block, reader.received).await;
        }
        match self.read_all(&mut reader).await {
            // Only what closes has shut down: the word alone may be anybody's.
            Loss::Closed => {
                self.shutdown.take().map_or(Loss::Closed, |Shutdown { restart }| Loss::Shutdown { restart })
            }
            loss => loss,
        }
    }

    async fn read_all(&mut self, reader: &mut Reader) -> Loss {
        let patience = self.target.read_timeout;
        loop {
            // What has come already is handed on before any clock is asked: there may be thousands a second.
            loop {
                match reader.framer.block() {
                    Ok(Some(block)) => self.hand_on(block, reader.received).await,
                    Ok(None) => break,
                    Err(overflow) => return overflow.into(),
                }
            }
            match timeout(patience, reader.fill()).await {
                Ok(Ok(())) => {}
                Ok(Err(loss)) => return loss,
                Err(_) => return Loss::Silent(patience),
            }
        }
    }

    /// Gives an answer to its asker and an event to those who want it.
    async fn hand_on(&mut self, block: Block, received: Received) {
        // Asterisk writes a message at once: after its parts, and before the next answer, there is nothing of it left.
        let is_answer = self.line.ids().is_answer(&block);
        if is_answer {
            self.taint = None;
        }
        let flaw = check::flaw(&block);
        if let (Some(flaw), None) = (flaw, self.taint) {
            self.taint = Some(if is_answer { Taint::Row } else { Taint::Event });
            self.tell(AmiLink::Tainted { why: flaw.to_string(), is_event: !is_answer }).await;
            // A list goes on, and its row is asked for by itself; after an event, something must be asked.
            if !is_answer {
                self.doubt.notify_one();
                self.feed.doubt();
            }
        }
        let Some(block) = self.pending.sort(block) else { return };
        match (self.taint, flaw) {
            (Some(Taint::Row), Some(_)) => return,
            (Some(_), _) => return self.tell(AmiLink::Doubtful { ids: check::ids(&block) }).await,
            (None, _) => {}
        }
        let classes = Classes::of_event(&block);
        match Event::read(&block) {
            Ok(Some(Event::Shutdown(shutdown))) => self.shutdown = Some(shutdown),
            Ok(Some(_)) if block.bytes() > MAX_EVENT => self.undecodable(too_long(&block)).await,
            Ok(Some(event)) => {
                let link = || AmiLink::Event(Arc::new(event), received);
                self.feed.tell(|interest| interest.takes(classes), link).await;
            }
            Ok(None) => {
                let wants = |interest: &Interest| interest.wants_others() && interest.takes(classes);
                let link = || match block.bytes() > MAX_EVENT {
                    true => AmiLink::Undecodable { why: too_long(&block) },
                    false => AmiLink::Event(Arc::new(Event::Other(block)), received),
                };
                self.feed.tell(wants, link).await;
            }
            Err(unreadable) => self.undecodable(unreadable.to_string()).await,
        }
    }

    /// Whatever its class is, it may have been of any.
    async fn undecodable(&self, why: String) {
        tracing::debug!(%why, "an AMI event could not be read");
        self.tell(AmiLink::Undecodable { why }).await;
    }

    async fn tell(&self, link: AmiLink) {
        self.feed.tell(|_| true, || link).await;
    }
}

fn too_long(block: &Block) -> String {
    let kind: String = block.field("Event").unwrap_or_default().chars().take(64).collect();
    format!("{kind} of {} bytes", block.bytes())
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut orders: mpsc::Receiver<Order>,
    line: &Line,
    pending: &Pending,
    target: &AmiTarget,
    doubt: &Notify,
    stop: &CancellationToken,
) -> Loss {
    let first = tokio::time::Instant::now() + target.ping_interval;
    let mut pings = interval_at(first, target.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let text = tokio::select! {
            () = stop.cancelled() => {
                let goodbye = Action::new("Logoff").text(&line.ids().next());
                // Best effort: the connection is dropped either way.
                let _ = timeout(GRACE, writer.write_all(goodbye.as_bytes())).await;
                return Loss::Stopped;
            }
            _ = pings.tick() => {
                pending.forget_the_gone();
                Some(Action::new("Ping").text(&line.ids().next()))
            }
            () = doubt.notified() => Some(Action::new("Ping").text(&line.ids().next())),
            // It never ends: a line is kept above.
            order = orders.recv() => order.and_then(|order| pending.take(order)),
        };
        let Some(text) = text else { continue };
        match timeout(target.read_timeout, writer.write_all(text.as_bytes())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Loss::of_io(&error),
            Err(_) => return Loss::Silent(target.read_timeout),
        }
    }
}
