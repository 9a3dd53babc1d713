//! The way over AMI: an Originate, and every event of the call's channels.

mod guard;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    error::{HostError, HostErrorKind},
    events::{State, Tracker},
    fit::Endpoints,
    heard::{ChannelRef, Dial, Heard},
    inbox::Inboxes,
    order::{Order, chanspy, driver},
    settings::{COMMAND, CONNECT, HostSettings, Login},
    way::{Busy, Taken},
};
use crate::metrics::Metrics;
use asterisk::{
    ami::{
        self, Ami, AmiError, AmiLink, AmiState, AmiTarget, ChannelRow, ChannelState, Class, DialStatus,
        Event, Interest, Originate, OriginateTarget,
    },
    talk::{Seat, are_connected, heard_by, is_with_others},
};
use call::{CallId, Technology, WayKind, What, office::OfficeInput};
use guard::Asked;
use lang::{Text, say};

/// An OriginateResponse that overtakes the answer to its Originate waits for it so long.
const ORPHANS: Duration = Duration::from_secs(30);

/// Measured on 22.10.1: with a thousand a second Asterisk falls 20 s behind, and then has no files left for channels.
const UNHEARD: usize = 32;

/// A call of which something may have been forged is asked for at most so often.
const DOUBT: Duration = Duration::from_secs(1);

/// Forged messages are told of in the log at most so often: whoever sends them may send many.
const TELL: Duration = Duration::from_secs(60);

/// A list that is asked for in the middle of forged messages is asked for again so often.
const ASKED_AGAIN: u32 = 3;

/// The events of a failed Originate's channels are not later than this (measured on an Asterisk with 5,000 orders
/// waiting: some tens of milliseconds).
const SILENCE: Duration = Duration::from_secs(5);

/// What is heard of.
const CALLS: Interest = Interest::in_classes(&[Class::Call]);

/// Events are heard for so long after the last call: the next one soon finds everything ready.
const LINGER: Duration = Duration::from_secs(300);

pub(super) struct AmiWay {
    /// What is wrong with the settings, if anything.
    ami: Result<Ami, String>,
    shared: Arc<Shared>,
    user: String,
    /// Ends the connection with this way.
    _closed: DropGuard,
}

struct Shared {
    /// `None` where the settings can't be used.
    ami: OnceLock<Ami>,
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

#[derive(Debug, Default)]
struct Doubt {
    /// So many events were dropped.
    events: u64,
    /// The call was told just now.
    is_told: bool,
}

impl AmiWay {
    pub fn new(
        settings: &HostSettings,
        login: &Login,
        inboxes: Inboxes,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Self {
        let mut target = AmiTarget::new(settings.address.clone(), login.user.clone(), login.password.clone());
        target.port = login.port;
        target.connect_timeout = CONNECT;
        target.action_timeout = COMMAND;
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
            host: settings.address.clone(),
            metrics,
            inboxes,
        });
        let closed = stop.child_token();
        let ami = match ami::connect(target, closed.clone()) {
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
        self.ami.as_ref().map_err(|why| HostError {
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

impl Shared {
    /// True: it was not needed for this call before.
    fn need(&self, call: CallId) -> bool {
        self.needed.send_if_modified(|calls| calls.insert(call))
    }

    fn need_no_more(&self, call: CallId) {
        self.needed.send_if_modified(|calls| calls.remove(&call));
    }

    /// Hears while there are calls, and for a while after the last.
    async fn listen(self: Arc<Self>, ami: Ami, closed: CancellationToken) {
        let mut needed = self.needed.subscribe();
        loop {
            tokio::select! {
                () = closed.cancelled() => return,
                _ = needed.wait_for(|calls| !calls.is_empty()) => {}
            }
            let mut links = ami.subscribe(CALLS);
            loop {
                let unneeded = unneeded(self.needed.subscribe());
                tokio::pin!(unneeded);
                loop {
                    tokio::select! {
                        link = links.next() => match link {
                            Some(link) => self.hear(link),
                            None => return,
                        },
                        () = &mut unneeded => break,
                    }
                }
                let heard = self.hears.send_replace(false);
                if self.needed.borrow().is_empty() {
                    break;
                }
                // A call came in this very moment, and may believe that it is heard.
                self.hears.send_replace(heard);
            }
        }
    }

    fn hear(self: &Arc<Self>, link: AmiLink) {
        match link {
            AmiLink::Event(event, _) => self.event(Arc::unwrap_or_clone(event)),
            AmiLink::Up { .. } => {
                // Filters are taken over at the login.
                *self.filtered.lock() = None;
                self.hears.send_replace(false);
            }
            AmiLink::Snapshot(snapshot) => {
                self.catch_up(&snapshot.channels);
                self.hears.send_replace(true);
            }
            AmiLink::Unseen { why } => {
                tracing::debug!(host = self.host, why, "the channels of a host are not shown");
                self.hears.send_replace(true);
            }
            AmiLink::Undecodable { why } => tracing::debug!(why, "an AMI event could not be read"),
            AmiLink::Tainted { why } => self.tainted(&why),
            AmiLink::Doubtful { ids } => self.doubt(&ids),
            AmiLink::Lost { count } => {
                self.blind(&format!("{count} events came faster than they were taken"))
            }
            AmiLink::Down { reason } | AmiLink::StillDown { reason } => {
                self.hears.send_replace(false);
                self.blind(&reason);
            }
        }
    }

    /// What stands in the list of calls of which something was missed. Those that do not are looked for by themselves.
    fn catch_up(&self, rows: &[ChannelRow]) {
        let mut missed: HashSet<CallId> = self.tracker.lock().blind().collect();
        missed.extend(self.doubts.lock().keys());
        for call in missed {
            let Some(asked) = self.followed.lock().get(&call).cloned() else { continue };
            let standing = self.of_call(rows, call, &asked);
            if !standing.is_empty() {
                self.tracker.lock().seek(call);
                self.resync(call, &asked, &standing);
            }
        }
    }

    /// Events are missed from now on: each call is looked for when the host can be asked again.
    fn blind(&self, why: &str) {
        self.unheard.lock().clear();
        let calls = self.tracker.lock().lose_sight();
        for call in calls {
            self.inboxes.put(call, OfficeInput::Blind { why: why.to_owned() });
        }
    }

    /// Somebody writes events with a line break in his number, or this Asterisk has a form that nobody knows.
    fn tainted(&self, why: &str) {
        self.metrics.office.tainted(&self.host);
        let mut told = self.tainted.lock();
        told.1 += 1;
        if told.0.is_some_and(|at| at.elapsed() < TELL) {
            return;
        }
        let (host, messages) = (&self.host, told.1);
        *told = (Some(Instant::now()), 0);
        tracing::warn!(
            host,
            messages,
            why,
            "AMI messages are not whole, as when a caller's number has a line break in it; nothing of them is believed, \
             and their calls are asked for: let the trunk or the dialplan refuse such numbers"
        );
    }

    /// What was dropped may have been an event of these calls: what became of them is asked.
    fn doubt(self: &Arc<Self>, ids: &[String]) {
        let calls: HashSet<CallId> = {
            let tracker = self.tracker.lock();
            ids.iter().filter_map(|id| tracker.call_of(id)).collect()
        };
        for call in calls {
            // Until the host was asked, nothing is over.
            self.tracker.lock().seek(call);
            let is_told = {
                let mut doubts = self.doubts.lock();
                let doubt = doubts.entry(call).or_default();
                doubt.events += 1;
                std::mem::replace(&mut doubt.is_told, true)
            };
            if !is_told {
                tokio::spawn(self.clone().tell_doubt(call));
            }
        }
    }

    /// Tells a call that something of it was missed, and once more if there was more of it meanwhile.
    async fn tell_doubt(self: Arc<Self>, call: CallId) {
        loop {
            let told = self.dropped_of(call);
            let why = "AMI events that name the call may be forged by a caller's number".to_owned();
            self.inboxes.put(call, OfficeInput::Blind { why });
            tokio::time::sleep(DOUBT).await;
            let mut doubts = self.doubts.lock();
            match doubts.get_mut(&call) {
                Some(doubt) if doubt.events == told => return doubt.is_told = false,
                Some(_) => {}
                None => return,
            }
        }
    }

    /// So many events of the call were dropped.
    fn dropped_of(&self, call: CallId) -> u64 {
        self.doubts.lock().get(&call).map_or(0, |doubt| doubt.events)
    }

    fn ordered(self: &Arc<Self>, call: CallId, action: String) {
        let was_told = {
            let mut orphans = self.orphans.lock();
            orphans.retain(|(_, at)| at.elapsed() < ORPHANS);
            let before = orphans.len();
            orphans.retain(|(known, _)| *known != action);
            orphans.len() < before
        };
        if was_told {
            self.has_failed(call);
        } else {
            self.orders.lock().insert(action, call);
        }
    }

    fn event(self: &Arc<Self>, event: Event) {
        if let Event::OriginateResponse(response) = &event {
            return self.answered(response);
        }
        let Some(heard) = heard(event) else { return };
        let told = self.tracker.lock().hear(heard);
        let Some((call, inputs)) = told else { return };
        self.unheard.lock().remove(&call);
        for input in inputs {
            if matches!(input, OfficeInput::Alone { .. }) {
                tokio::spawn(self.clone().alone(call, input));
                continue;
            }
            // At the first time all calls are told, and this one is among them.
            let is_told = matches!(&input, OfficeInput::Blind { why } if self.filtered(why));
            if !is_told {
                self.inboxes.put(call, input);
            }
        }
    }

    /// Until few enough originates wait in Asterisk.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        timeout(COMMAND, self.waiting.clone().acquire_owned()).await.ok()?.ok()
    }

    fn answered(self: &Arc<Self>, response: &ami::OriginateResponse) {
        let Some(action) = &response.action_id else { return };
        let call = self.orders.lock().remove(action);
        if response.answered {
            return;
        }
        match call {
            Some(call) => self.has_failed(call),
            None => {
                let mut orphans = self.orphans.lock();
                // Those of others' Originates come here too.
                orphans.retain(|(_, at)| at.elapsed() < ORPHANS);
                orphans.push((action.clone(), Instant::now()));
            }
        }
    }

    /// Its channels tell why an Originate has failed; where none could be made, this is the only word of it. It may
    /// be faster than theirs, and has the id that we chose whether there was a channel or not.
    fn has_failed(self: &Arc<Self>, call: CallId) {
        if !self.tracker.lock().is_silent(call) {
            return;
        }
        let shared = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SILENCE).await;
            if shared.tracker.lock().is_silent(call) {
                shared.inboxes.put(call, OfficeInput::NotMade);
            }
        });
    }
}

/// Comes back when no call has needed them for so long.
async fn unneeded(mut needed: watch::Receiver<HashSet<CallId>>) {
    loop {
        // The way holds the sender: no error.
        let _ = needed.wait_for(HashSet::is_empty).await;
        if timeout(LINGER, needed.wait_for(|calls| !calls.is_empty())).await.is_err() {
            return;
        }
    }
}

/// What an event tells of a channel.
pub(super) fn heard(event: Event) -> Option<Heard> {
    let of = |channel: ami::Channel| ChannelRef { id: channel.uniqueid, name: channel.name };
    Some(match event {
        Event::Newchannel(channel) => Heard::Created(of(channel)),
        Event::DialBegin(dial) => dialed(dial, Dial::Begin),
        Event::DialState(dial) => {
            let state = match dial.status.as_ref()? {
                DialStatus::Ringing => Dial::Ringing,
                DialStatus::Progress => Dial::Progress,
                _ => return None,
            };
            dialed(dial, state)
        }
        Event::DialEnd(dial) => {
            let end = match dial.status.as_ref()? {
                DialStatus::Answer => Dial::Answer,
                other => Dial::Ended(word(other)),
            };
            dialed(dial, end)
        }
        Event::Newstate(channel) => match channel.state {
            ChannelState::Ringing => Heard::Ringing(of(channel)),
            ChannelState::Up => Heard::Up(of(channel)),
            _ => return None,
        },
        Event::BridgeEnter(event) => Heard::Joined { channel: of(event.channel), bridge: event.bridge.id },
        Event::BridgeLeave(event) => Heard::Left { channel: of(event.channel), bridge: event.bridge.id },
        Event::HangupRequest(hangup) => {
            Heard::HungUp { channel: of(hangup.channel), cause: hangup.cause, sip: hangup.tech_cause }
        }
        Event::SoftHangupRequest(hangup) => Heard::HungUpHere(of(hangup.channel)),
        Event::Hangup(hangup) => {
            let state = Some(match hangup.channel.state {
                ChannelState::Up => State::Up,
                ChannelState::Ringing => State::Ringing,
                _ => State::Other,
            });
            let (cause, sip) = (hangup.cause, hangup.tech_cause);
            Heard::Gone { channel: of(hangup.channel), cause, sip, state }
        }
        _ => return None,
    })
}

fn dialed(event: ami::Dial, dial: Dial) -> Heard {
    let of = |channel: ami::Channel| ChannelRef { id: channel.uniqueid, name: channel.name };
    let peer = of(event.peer);
    match event.caller.map(of) {
        Some(caller) => Heard::Dial { caller, peer, dial },
        None => Heard::Originated { channel: peer, dial },
    }
}

fn word(status: &DialStatus) -> String {
    match status {
        DialStatus::Busy => "BUSY",
        DialStatus::Cancel => "CANCEL",
        DialStatus::NoAnswer => "NOANSWER",
        DialStatus::Congestion => "CONGESTION",
        DialStatus::ChanUnavail => "CHANUNAVAIL",
        DialStatus::Answer => "ANSWER",
        DialStatus::Ringing => "RINGING",
        DialStatus::Proceeding => "PROCEEDING",
        DialStatus::Progress => "PROGRESS",
        DialStatus::Other(word) => word,
    }
    .to_owned()
}
