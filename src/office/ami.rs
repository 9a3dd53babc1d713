//! The way over AMI: an Originate, and every event of the call's channels.

mod doubt;
mod ears;
mod guard;
mod heard;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
    time::Instant,
};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    error::{HostError, HostErrorKind},
    events::Tracker,
    fit::Endpoints,
    inbox::Inboxes,
    order::{Order, chanspy, driver},
    way::{Busy, Taken},
};
use crate::{
    hosts::{self, COMMAND, Login},
    metrics::Metrics,
};
use asterisk::{
    ami::{Ami, AmiError, AmiState, ChannelRow, ChannelState, Originate, OriginateTarget},
    talk::{Seat, are_connected, heard_by, is_with_others},
};
use call::{CallId, Technology, WayKind, What, office::OfficeInput};
use doubt::Doubt;
use guard::Asked;
pub(super) use heard::heard;
use lang::{Text, say};

/// Measured on 22.10.1: with a thousand a second Asterisk falls 20 s behind, and then has no files left for channels.
const UNHEARD: usize = 32;

/// A list that is asked for in the middle of forged messages is asked for again so often.
const ASKED_AGAIN: u32 = 3;

pub(super) struct AmiWay {
    /// What is wrong with the settings, if anything.
    ami: Result<Arc<Ami>, String>,
    shared: Arc<Shared>,
    user: String,
    /// Ends what is done beside the calls with this way.
    _closed: DropGuard,
}

struct Shared {
    /// `None` where the settings can't be used.
    ami: OnceLock<Arc<Ami>>,
    tracker: Mutex<Tracker>,
    /// Originates are queued by Asterisk without a bound; of so many nothing was heard yet.
    waiting: Arc<Semaphore>,
    unheard: Mutex<HashMap<CallId, OwnedSemaphorePermit>>,
    /// Calls whose events are to be heard.
    needed: watch::Sender<HashSet<CallId>>,
    /// They are heard now: no order leaves before.
    hears: watch::Sender<bool>,
    /// Originates by their ActionID, until it is told what came of them.
    orders: Mutex<HashMap<String, CallId>>,
    /// ActionIDs of which that was told before it was known whose they are.
    orphans: Mutex<Vec<(String, Instant)>>,
    /// Calls of which events were dropped that may have been forged.
    doubts: Mutex<HashMap<CallId, Doubt>>,
    /// Calls that are followed.
    followed: Mutex<HashMap<CallId, Asked>>,
    /// Why Asterisk does not tell this connection everything.
    filtered: Mutex<Option<String>>,
    /// When the log was last told of forged messages, and how many there were since.
    tainted: Mutex<(Option<Instant>, u64)>,
    host: String,
    metrics: Arc<Metrics>,
    inboxes: Inboxes,
}

impl AmiWay {
    pub fn new(
        host: &hosts::Host,
        login: &Login,
        inboxes: Inboxes,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            ami: OnceLock::new(),
            tracker: Mutex::new(Tracker::with_creations()),
            waiting: Arc::new(Semaphore::new(UNHEARD)),
            unheard: Mutex::default(),
            needed: watch::Sender::default(),
            hears: watch::Sender::default(),
            orders: Mutex::default(),
            orphans: Mutex::default(),
            doubts: Mutex::default(),
            followed: Mutex::default(),
            filtered: Mutex::default(),
            tainted: Mutex::default(),
            host: host.address().to_owned(),
            metrics,
            inboxes,
        });
        let closed = stop.child_token();
        let ami = match host.ami(login) {
            Ok(ami) => {
                // Nobody else has it yet.
                let _ = shared.ami.set(ami.clone());
                tokio::spawn(shared.clone().listen(ami.clone(), closed.clone()));
                tokio::spawn(guard::watch(Arc::downgrade(&shared), ami.clone(), closed.clone()));
                Ok(ami)
            }
            Err(error) => Err(error.to_string()),
        };
        AmiWay { ami, shared, user: login.user.clone(), _closed: closed.drop_guard() }
    }

    pub async fn place(&self, order: &Order) -> Result<Taken, HostError> {
        let ami = self.ami()?;
        self.shared.need(order.call);
        let placed = self.order(ami, order).await;
        if placed.as_ref().is_err_and(|error| error.is_certain) {
            self.forget(order.call);
        }
        placed
    }

    async fn order(&self, ami: &Ami, order: &Order) -> Result<Taken, HostError> {
        let target = match &order.what {
            What::Dial(number) => {
                let data = format!("Local/{number}@{}", order.context);
                OriginateTarget::Application { name: "Dial".to_owned(), data }
            }
            What::Listen { target, mode } => {
                // With the `-` of their names these are the target's channels, and never those of an extension
                // whose number begins alike.
                let device = order.technology.device(target);
                let data = format!("{device}-,{}", chanspy(*mode).options());
                OriginateTarget::Application { name: "ChanSpy".to_owned(), data }
            }
        };
        let originate = Originate {
            channel: format!("Local/{}@{}", order.extension, order.context),
            target,
            timeout_ms: u32::try_from(order.ring_timeout.as_millis()).unwrap_or(u32::MAX),
            caller_id: None,
            variables: Vec::new(),
            channel_id: order.call.only_attempt().near_channel(),
            other_channel_id: Some(order.call.only_attempt().far_channel()),
        };
        // A loss of before is nothing to this call: it is followed from when its events are heard.
        self.hears(ami).await?;
        let turn = self.shared.turn().await.ok_or_else(|| self.too_many())?;
        self.shared.unheard.lock().insert(order.call, turn);
        // Before it leaves: its events may be faster than its answer.
        self.shared.tracker.lock().follow(order.call);
        let asked = Asked { device: order.device(), sides: None };
        self.shared.followed.lock().insert(order.call, asked);
        if let Some(why) = self.shared.filtered.lock().clone() {
            self.shared.inboxes.put(order.call, OfficeInput::Blind { why });
        }
        match ami.originate(&originate).await {
            Ok(action) => {
                self.shared.ordered(order.call, action);
                Ok(Taken { linked_id: None, detailed: true })
            }
            Err(error) => Err(self.error(ami, &error)),
        }
    }

    /// Comes back when the events of calls are heard.
    async fn hears(&self, ami: &Ami) -> Result<(), HostError> {
        ami.ready().await.map_err(|error| self.error(ami, &error))?;
        let mut hears = self.shared.hears.subscribe();
        match timeout(COMMAND, hears.wait_for(|hears| *hears)).await {
            Ok(_) => Ok(()),
            Err(_) => {
                let why = format!("its events are not heard within {COMMAND:?}");
                Err(self.error(ami, &AmiError::NotSent { what: "Originate".to_owned(), why }))
            }
        }
    }

    /// False: the two sides are connected with others now, who are not hung up.
    pub async fn hang_up(&self, order: &Order) -> Result<bool, HostError> {
        let ami = self.ami()?;
        if let Some(sides) = &order.sides {
            let rows = ami.channels().await.map_err(|error| self.error(ami, &error))?;
            let seats: Vec<_> = (rows.iter())
                .map(|row| Seat { channel: &row.channel.name, bridge: row.bridge_id.as_deref() })
                .collect();
            let name = |id: &String| {
                rows.iter().find(|row| row.channel.uniqueid == *id).map(|row| row.channel.name.as_str())
            };
            if !are_connected(sides.each_ref().map(name), &seats) {
                return Ok(false);
            }
            for channel in sides {
                match ami.hangup(channel, None).await {
                    Err(error) if !error.is_no_such_channel() => return Err(self.error(ami, &error)),
                    _ => {}
                }
            }
            return Ok(true);
        }
        match ami.hangup(&order.call.only_attempt().near_channel(), None).await {
            // The halves are gone as soon as both sides talk; then it is for one of these.
            Err(error) if error.is_no_such_channel() => {
                let legs = self.shared.tracker.lock().legs(order.call);
                let rows = ami.channels().await.map_err(|error| self.error(ami, &error))?;
                let seats: Vec<_> = (rows.iter())
                    .map(|row| Seat { channel: &row.channel.name, bridge: row.bridge_id.as_deref() })
                    .collect();
                let alive = rows.iter().filter(|row| legs.contains(&row.channel.uniqueid));
                let own: Vec<&str> = alive.map(|row| row.channel.name.as_str()).collect();
                let is_dialed = matches!(order.what, What::Dial(_));
                // Somebody may have taken one over while the other still rang: whom it talks with now is not ours.
                let (others, ours): (Vec<&str>, Vec<&str>) =
                    own.iter().partition(|channel| is_dialed && is_with_others(channel, &own, &seats));
                for channel in ours {
                    match ami.hangup(channel, None).await {
                        Err(error) if !error.is_no_such_channel() => return Err(self.error(ami, &error)),
                        _ => {}
                    }
                }
                Ok(others.is_empty())
            }
            result => result.map(|()| true).map_err(|error| self.error(ami, &error)),
        }
    }

    pub async fn look(&self, order: &Order) -> Result<bool, HostError> {
        let ami = self.ami()?;
        let is_new = self.shared.need(order.call);
        let found = self.find(ami, order).await;
        if is_new && !matches!(found, Ok(true)) {
            self.shared.need_no_more(order.call);
        }
        found
    }

    async fn find(&self, ami: &Ami, order: &Order) -> Result<bool, HostError> {
        self.hears(ami).await?;
        let rows = self.rows_for(ami, order.call).await.map_err(|error| self.error(ami, &error))?;
        let asked = Asked { device: order.device(), sides: order.sides.clone() };
        let standing = self.shared.of_call(&rows, order.call, &asked);
        if standing.is_empty() {
            let is_over = self.shared.tracker.lock().found_none(order.call);
            if is_over {
                self.shared.inboxes.put(order.call, OfficeInput::Over);
            }
            return Ok(is_over);
        }
        self.shared.resync(order.call, &asked, &standing);
        self.shared.followed.lock().insert(order.call, asked);
        Ok(true)
    }

    /// A list of channels which is not older than the last event of the call that was dropped.
    async fn rows_for(&self, ami: &Ami, call: CallId) -> Result<Arc<[ChannelRow]>, AmiError> {
        for _ in 0..ASKED_AGAIN {
            self.shared.tracker.lock().seek(call);
            let before = self.shared.dropped_of(call);
            let rows = ami.channels().await?;
            if self.shared.dropped_of(call) == before {
                return Ok(rows);
            }
        }
        let why = "its events are being forged".to_owned();
        Err(AmiError::MaybeTaken { what: "CoreShowChannels".to_owned(), why })
    }

    pub async fn calls_of(&self, device: &str) -> Result<Vec<Busy>, HostError> {
        let ami = self.ami()?;
        let rows = ami.channels().await.map_err(|error| self.error(ami, &error))?;
        let seats: Vec<_> = (rows.iter())
            .map(|row| Seat { channel: &row.channel.name, bridge: row.bridge_id.as_deref() })
            .collect();
        let busy = |row: &ChannelRow| {
            let others = heard_by(&row.channel.name, &seats);
            let number_of = |name: &str| {
                let other = rows.iter().find(|other| other.channel.name == name)?;
                other.channel.caller_id_num.clone().filter(|number| !number.is_empty())
            };
            Busy {
                channel: row.channel.name.clone(),
                with: others.iter().copied().find_map(number_of),
                state: format!("{:?}", row.channel.state),
                seconds: row.duration.map(|time| time.as_secs()),
                is_talking: row.channel.state == ChannelState::Up && !others.is_empty(),
                linked_id: Some(row.channel.linkedid.clone()).filter(|id| !id.is_empty()),
            }
        };
        Ok(rows.iter().filter(|row| is_of(row, device)).map(busy).collect())
    }

    pub async fn probe(&self) -> Result<String, HostError> {
        let ami = self.ami()?;
        let settings = ami.core_settings().await.map_err(|error| self.error(ami, &error))?;
        Ok(format!("Asterisk {}, AMI {}", settings.asterisk_version, settings.ami_version))
    }

    pub async fn endpoints(&self, technology: Technology) -> Endpoints {
        let ami = self.ami()?;
        ami.endpoints(driver(technology)).await.map_err(|error| self.error(ami, &error))
    }

    pub fn forget(&self, call: CallId) {
        self.shared.tracker.lock().forget(call);
        self.shared.unheard.lock().remove(&call);
        self.shared.need_no_more(call);
        self.shared.doubts.lock().remove(&call);
        self.shared.followed.lock().remove(&call);
        self.shared.orders.lock().retain(|_, of| *of != call);
    }

    pub fn leave(&self, call: CallId) {
        self.forget(call);
    }

    fn ami(&self) -> Result<&Ami, HostError> {
        self.ami.as_deref().map_err(|why| HostError {
            kind: HostErrorKind::NoWay,
            way: Some(WayKind::Ami),
            is_certain: true,
            words: "The settings can't be used".to_owned(),
            why: Text::same(why.clone()),
        })
    }

    fn too_many(&self) -> HostError {
        HostError {
            kind: HostErrorKind::Overloaded,
            way: Some(WayKind::Ami),
            is_certain: true,
            words: "Too many commands in progress".to_owned(),
            why: say!(
                "{UNHEARD} originates wait in that Asterisk, and it began none of them for {COMMAND:?}; see whether it \
                 stands still (AMI user {})",
                "в том Asterisk ждут {UNHEARD} originate, и за {COMMAND:?} он не начал ни одного; посмотрите, не завис ли \
                 он (пользователь AMI {})",
                self.user
            ),
        }
    }

    fn error(&self, ami: &Ami, error: &AmiError) -> HostError {
        let (kind, words) = match error {
            AmiError::Refused { message, .. } => (HostErrorKind::Refused, message.clone()),
            AmiError::NotSent { .. } if matches!(ami.state(), AmiState::Down { denied: true, .. }) => {
                (HostErrorKind::Auth, "Authentication failed".to_owned())
            }
            AmiError::NotSent { .. } => (HostErrorKind::Unreachable, "Connection failed".to_owned()),
            AmiError::MaybeTaken { .. } => (HostErrorKind::Unreachable, "Connection lost".to_owned()),
        };
        let is_certain = !matches!(error, AmiError::MaybeTaken { .. });
        let user = &self.user;
        let why = say!("{it} (AMI user {user})", "{it} (пользователь AMI {user})", it = *error);
        HostError { kind, way: Some(WayKind::Ami), is_certain, words, why }
    }
}

fn is_of(row: &ChannelRow, device: &str) -> bool {
    row.channel.name.rsplit_once('-').is_some_and(|(of, _)| of.eq_ignore_ascii_case(device))
}

#[cfg(test)]
mod tests;
