//! The way over ARI: an originate into the enterprise's dialplan, and every event of the call's channels.
//!
//! A monitoring has no application of the dialplan here: the listener's channel comes to us (`snoop`).

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{
    error::{HostError, HostErrorKind},
    events::{Tracker, pair},
    fit::Endpoints,
    heard::{ChannelRef, Dial, Heard, Standing},
    inbox::Inboxes,
    order::{Order, driver},
    settings::HostSettings,
    snoop::{Listeners, Wanted, is_of, seats, snooped_by},
    way::{Busy, Taken},
};
use crate::hosts::{COMMAND, CONNECT, Login};
use asterisk::{
    ari::{
        self, Ari, AriError, AriTarget, Bridge, Channel, Event, HangupReason, Link, Originate,
        RestOverSocket, Subscriptions,
    },
    talk::{are_connected, heard_by, is_with_others},
};
use call::{CallId, DialString, Technology, WayKind, What, office::OfficeInput};
use lang::{Text, Told};

/// The types of events that are of use.
const EVENTS: [&str; 7] = [
    "StasisStart",
    "ChannelStateChange",
    "ChannelEnteredBridge",
    "ChannelLeftBridge",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "Dial",
];

/// So many channels are asked for the call that they are of.
const ASKED: usize = 16;

pub(super) struct AriWay {
    target: Result<AriTarget, String>,
    /// Made when it is needed first.
    ari: Mutex<Option<(Ari, DropGuard)>>,
    shared: Arc<Shared>,
    /// Ends the connection with this way.
    closed: DropGuard,
}

struct Shared {
    tracker: Mutex<Tracker>,
    listeners: Listeners,
    /// Why the connection is down.
    down: watch::Sender<Option<String>>,
    /// What Asterisk does not tell, though it was asked to.
    deaf: Mutex<Option<String>>,
    host: String,
    inboxes: Inboxes,
}

impl AriWay {
    pub fn new(settings: &HostSettings, login: &Login, inboxes: Inboxes, stop: CancellationToken) -> Self {
        let host = match settings.address.contains(':') {
            true => format!("[{}]", settings.address),
            false => settings.address.clone(),
        };
        let url = Url::parse(&format!("http://{host}:{}", login.port)).map_err(|error| error.to_string());
        let target = url.map(|url| {
            let app = settings.ari_app.clone();
            let mut target = AriTarget::new(url, login.user.clone(), login.password.clone(), app);
            target.request_timeout = COMMAND;
            target.all_channels = true;
            target.app_setting = "office.ari_app";
            // An answer over the socket is an event, and another program's filter can keep it away: the client would be told
            // that its call failed.
            target.rest_over_socket = RestOverSocket::Never;
            target
        });
        let closed = stop.child_token().drop_guard();
        let shared = Shared {
            tracker: Mutex::default(),
            listeners: Listeners::new(closed.token().clone()),
            down: watch::Sender::new(None),
            deaf: Mutex::default(),
            host: settings.address.clone(),
            inboxes,
        };
        AriWay { target, ari: Mutex::new(None), shared: Arc::new(shared), closed }
    }

    pub async fn place(&self, order: &Order) -> Result<Taken, HostError> {
        let ari = self.connected().await?;
        // Before it leaves: its events may be faster than its answer.
        self.shared.tracker.lock().follow(order.call);
        let ordered = match &order.what {
            What::Dial(number) => call(&ari, order, number).await,
            What::Listen { target, mode } => {
                let wanted = Wanted { device: order.technology.device(target), mode: *mode };
                let phone = endpoint(order);
                self.shared.listeners.call(&ari, order.call, wanted, phone, ring_timeout(order)).await
            }
        };
        if let Some(why) = self.shared.deaf.lock().clone() {
            self.shared.inboxes.put(order.call, OfficeInput::Blind { why });
        }
        match ordered {
            Ok(()) => Ok(Taken { linked_id: None, detailed: true }),
            Err(error) => {
                let error = self.error(&error);
                if error.is_certain {
                    self.forget(order.call);
                }
                Err(error)
            }
        }
    }

    /// False: the two sides are connected with others now, who are not hung up.
    pub async fn hang_up(&self, order: &Order) -> Result<bool, HostError> {
        let ari = self.connected().await?;
        if let Some(sides) = &order.sides {
            let channels = ari.channels().await.map_err(|error| self.error(&error))?;
            let bridges = ari.bridges().await.map_err(|error| self.error(&error))?;
            let name = |id: &String| {
                channels.iter().find(|channel| channel.id == *id).map(|channel| channel.name.as_str())
            };
            if !are_connected(sides.each_ref().map(name), &seats(&channels, &bridges)) {
                return Ok(false);
            }
            for channel in sides {
                match ari.hangup(channel, HangupReason::Normal).await {
                    Err(error) if !error.is_not_found() => return Err(self.error(&error)),
                    _ => {}
                }
            }
            return Ok(true);
        }
        let hang_up = async |channel: &str| match ari.hangup(channel, HangupReason::Normal).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(self.error(&error)),
        };
        if hang_up(&order.call.only_attempt().near_channel()).await? {
            return Ok(true);
        }
        // The halves are gone as soon as both sides talk; then it is for one of these.
        let legs = self.shared.tracker.lock().legs(order.call);
        let (others, ours) = match &order.what {
            What::Dial(_) if !legs.is_empty() => self.with_others(&ari, legs).await?,
            _ => (Vec::new(), legs),
        };
        for channel in ours {
            if hang_up(&channel).await? {
                break;
            }
        }
        Ok(others.is_empty())
    }

    /// Somebody may have taken a leg over while the other still rang: whom it talks with now is not ours to hang up. Those
    /// legs, and the others.
    async fn with_others(
        &self,
        ari: &Ari,
        legs: Vec<String>,
    ) -> Result<(Vec<String>, Vec<String>), HostError> {
        let channels = ari.channels().await.map_err(|error| self.error(&error))?;
        let bridges = ari.bridges().await.map_err(|error| self.error(&error))?;
        let seats = seats(&channels, &bridges);
        let name = |id: &String| {
            channels.iter().find(|channel| channel.id == *id).map(|channel| channel.name.as_str())
        };
        let own: Vec<&str> = legs.iter().filter_map(name).collect();
        let is_elsewhere = |id: &String| name(id).is_some_and(|name| is_with_others(name, &own, &seats));
        Ok(legs.iter().cloned().partition(is_elsewhere))
    }

    pub async fn look(&self, order: &Order) -> Result<bool, HostError> {
        let ari = self.connected().await?;
        self.shared.tracker.lock().seek(order.call);
        let channels = ari.channels().await.map_err(|error| self.error(&error))?;
        let bridges = ari.bridges().await.map_err(|error| self.error(&error))?;
        if let What::Listen { target, mode } = &order.what {
            let wanted = Wanted { device: order.technology.device(target), mode: *mode };
            if !self.shared.listeners.resume(&ari, order.call, wanted, &channels) {
                self.shared.tracker.lock().found_none(order.call);
                return Ok(false);
            }
        }
        let mut own = self.shared.tracker.lock().known(order.call);
        own.extend([order.call.only_attempt().near_channel(), order.call.only_attempt().far_channel()]);
        own.extend(order.sides.iter().flatten().cloned());
        own.extend(self.ringing(&ari, order, &channels, &bridges).await?);
        add_those_beside(&mut own, &channels, &bridges);
        let device = order.device();
        let standing: Vec<Standing> = channels
            .iter()
            .filter(|channel| own.contains(&channel.id))
            .map(|channel| Standing {
                channel: reference(channel),
                is_desk: is_of(channel, &device),
                is_ringing: channel.state == "Ringing",
                is_up: channel.state == "Up",
                is_dialed: pair(&channel.name).is_some()
                    || Standing::is_of_dialed(&channel.dialplan.app_name),
                bridge: bridges
                    .iter()
                    .find(|bridge| bridge.channels.contains(&channel.id))
                    .map(|bridge| bridge.id.clone()),
            })
            .collect();
        if standing.is_empty() {
            self.shared.tracker.lock().found_none(order.call);
            return Ok(false);
        }
        let inputs = self.shared.tracker.lock().resync(order.call, &standing, order.sides.as_ref());
        for input in inputs {
            self.shared.inboxes.put(order.call, input);
        }
        Ok(true)
    }

    /// A phone of this call that is in no bridge yet, because it rings: the host tells whose it is when it is asked.
    async fn ringing(
        &self,
        ari: &Ari,
        order: &Order,
        channels: &[Channel],
        bridges: &[Bridge],
    ) -> Result<Vec<String>, HostError> {
        let near = order.call.only_attempt().near_channel();
        let is_alone =
            |channel: &&Channel| !bridges.iter().any(|bridge| bridge.channels.contains(&channel.id));
        let is_phone =
            |channel: &&Channel| !channel.name.starts_with("Local/") && !channel.name.starts_with("Snoop/");
        let device = order.device();
        let mut alone: Vec<&Channel> = channels.iter().filter(is_phone).filter(is_alone).collect();
        // The extension's own first.
        alone.sort_by_key(|channel| !is_of(channel, &device));
        let mut own = Vec::new();
        if channels.iter().any(|channel| channel.id == near) {
            for channel in alone.into_iter().take(ASKED) {
                let linked = ari.channel_variable(&channel.id, "CHANNEL(linkedid)").await;
                if linked.map_err(|error| self.error(&error))?.as_deref() == Some(&near) {
                    own.push(channel.id.clone());
                }
            }
        }
        Ok(own)
    }

    pub async fn calls_of(&self, device: &str) -> Result<Vec<Busy>, HostError> {
        let ari = self.connected().await?;
        let channels = ari.channels().await.map_err(|error| self.error(&error))?;
        let bridges = ari.bridges().await.map_err(|error| self.error(&error))?;
        let seats = seats(&channels, &bridges);
        let busy = |channel: &Channel| {
            let others = heard_by(&channel.name, &seats);
            let number_of = |name: &str| {
                let other = channels.iter().find(|other| other.name == name)?;
                Some(other.caller.number.clone()).filter(|number| !number.is_empty())
            };
            Busy {
                channel: channel.name.clone(),
                with: others.iter().copied().find_map(number_of),
                state: channel.state.clone(),
                seconds: None,
                is_talking: channel.state == "Up" && !others.is_empty(),
                linked_id: self.shared.tracker.lock().call_of(&channel.id).map(|call| call.to_string()),
            }
        };
        Ok(channels.iter().filter(|channel| is_of(channel, device)).map(busy).collect())
    }

    pub async fn probe(&self) -> Result<String, HostError> {
        let version = self.for_questions()?.info().await.map_err(|error| self.error(&error))?;
        Ok(format!("Asterisk {version}"))
    }

    pub async fn endpoints(&self, technology: Technology) -> Endpoints {
        self.for_questions()?.endpoints(driver(technology)).await.map_err(|error| self.error(&error))
    }

    /// Without an events socket, which would take the application from a running bot.
    fn for_questions(&self) -> Result<Ari, HostError> {
        Ari::without_events(self.target()?).map_err(|error| unfit(error.to_string()))
    }

    /// No order goes this way any more: its connection ends with the last call that it is for.
    pub fn rest(&self) {
        if self.shared.tracker.lock().is_idle() {
            *self.ari.lock() = None;
        }
    }

    /// The call goes on, by another connection.
    pub fn leave(&self, call: CallId) {
        self.shared.tracker.lock().forget(call);
        self.shared.listeners.leave(call);
    }

    pub fn forget(&self, call: CallId) {
        self.shared.tracker.lock().forget(call);
        self.shared.listeners.forget(call);
    }

    /// The client, once its events connection is up: without it nobody would hear what became of an order.
    async fn connected(&self) -> Result<Ari, HostError> {
        let ari = self.client()?;
        let mut down = self.shared.down.subscribe();
        // One that is known to be down is not waited for, and one that turns out to be no longer.
        let is_down = down.borrow().is_some();
        let is_up = tokio::select! {
            biased;
            is_up = ari.wait_up(if is_down { Duration::from_millis(1) } else { CONNECT }) => is_up,
            _ = down.wait_for(Option::is_some), if !is_down => false,
        };
        if is_up {
            return Ok(ari);
        }
        let reason = self.shared.down.borrow().clone();
        let reason = reason.unwrap_or_else(|| "the connection is not up yet".to_owned());
        let is_denied = reason.contains("refuses the ARI credentials");
        Err(HostError {
            kind: if is_denied { HostErrorKind::Auth } else { HostErrorKind::Unreachable },
            way: Some(WayKind::Ari),
            is_certain: true,
            words: if is_denied { "Authentication failed" } else { "Connection failed" }.to_owned(),
            why: Text::same(reason),
        })
    }

    fn client(&self) -> Result<Ari, HostError> {
        let mut ari = self.ari.lock();
        if let Some((ari, _)) = &*ari {
            return Ok(ari.clone());
        }
        let target = self.target()?;
        let allowed_events = EVENTS.iter().map(|kind| (*kind).to_owned()).collect();
        let subscriptions = Subscriptions { endpoint: None, allowed_events };
        let closed = self.closed.token().child_token();
        let (client, links) =
            ari::connect(target, subscriptions, closed.clone()).map_err(|error| unfit(error.to_string()))?;
        tokio::spawn(self.shared.clone().listen(client.clone(), links));
        *ari = Some((client.clone(), closed.drop_guard()));
        Ok(client)
    }

    fn target(&self) -> Result<AriTarget, HostError> {
        self.target.clone().map_err(unfit)
    }

    fn error(&self, error: &AriError) -> HostError {
        let (kind, words) = match error {
            AriError::Refused { message, .. } => (HostErrorKind::Refused, message.clone()),
            AriError::NotSent { .. } => (HostErrorKind::Unreachable, "Connection failed".to_owned()),
            AriError::Uncertain { .. } => (HostErrorKind::Unreachable, "Connection lost".to_owned()),
        };
        // Something broke on the way to a 5xx: what was done before it broke is looked for.
        let is_certain = match error {
            AriError::Refused { status, .. } => *status < 500,
            AriError::NotSent { .. } => true,
            AriError::Uncertain { .. } => false,
        };
        HostError { kind, way: Some(WayKind::Ari), is_certain, words, why: error.text() }
    }
}

impl Shared {
    async fn listen(self: Arc<Self>, ari: Ari, mut links: mpsc::Receiver<Link>) {
        while let Some(link) = links.recv().await {
            match link {
                Link::Up { .. } => {
                    self.down.send_replace(None);
                    *self.deaf.lock() = None;
                    self.listeners.look_again(&ari);
                }
                Link::Down { reason } | Link::StillDown { reason } => {
                    self.blind(&reason);
                    self.down.send_replace(Some(reason));
                }
                Link::Event(event, _) => self.event(&ari, *event),
                Link::Degraded { what } => {
                    let host = &self.host;
                    tracing::warn!(host, "{what}; what becomes of calls is not seen until it is taken back");
                    self.blind(&what);
                    *self.deaf.lock() = Some(what);
                }
                Link::Restored => {
                    tracing::info!(host = self.host, "what was missing in Asterisk is there again");
                    // What was missed until now, a look tells.
                    if let Some(what) = self.deaf.lock().take() {
                        self.blind(&what);
                    }
                    self.listeners.look_again(&ari);
                }
                Link::Undecodable { why } => tracing::debug!(why, "an ARI event could not be read"),
            }
        }
    }

    fn blind(&self, why: &str) {
        for call in self.tracker.lock().lose_sight() {
            self.inboxes.put(call, OfficeInput::Blind { why: why.to_owned() });
        }
    }

    fn event(self: &Arc<Self>, ari: &Ari, event: Event) {
        if self.listeners.hear(ari, &event) {
            return;
        }
        let Some(heard) = heard(event) else { return };
        let told = self.tracker.lock().hear(heard);
        let Some((call, inputs)) = told else { return };
        for input in inputs {
            match input {
                OfficeInput::Over => drop(tokio::spawn(self.clone().over(ari.clone(), call))),
                input => drop(self.inboxes.put(call, input)),
            }
        }
    }

    /// Of an end, what it was is concluded from what was not told, too: so whether all was told is asked before. The
    /// supervisor would find it out a little later.
    async fn over(self: Arc<Self>, ari: Ari, call: CallId) {
        let missing = ari.missing_events().await;
        // Where it can't be asked, it is not known.
        if let Some(why) = missing.unwrap_or_else(|error| Some(error.to_string())) {
            self.inboxes.put(call, OfficeInput::Blind { why });
        }
        self.inboxes.put(call, OfficeInput::Over);
    }
}

fn unfit(why: String) -> HostError {
    HostError {
        kind: HostErrorKind::NoWay,
        way: Some(WayKind::Ari),
        is_certain: true,
        words: "The settings can't be used".to_owned(),
        why: Text::same(why),
    }
}

/// The extension is called, and the number when it has answered, by the enterprise's dialplan.
async fn call(ari: &Ari, order: &Order, number: &DialString) -> Result<(), AriError> {
    let originate = Originate {
        endpoint: endpoint(order),
        dialplan: Some((order.context.clone(), number.to_string())),
        timeout_secs: Some(ring_timeout(order)),
        channel_id: order.call.only_attempt().near_channel(),
        other_channel_id: Some(order.call.only_attempt().far_channel()),
        formats: Some(ari::PHONE_FORMATS),
        ..Originate::default()
    };
    ari.originate(&originate).await
}

/// `/n`: the halves stay, so that a call is found by its id also after a restart of the bot.
fn endpoint(order: &Order) -> String {
    format!("Local/{}@{}/n", order.extension, order.context)
}

fn ring_timeout(order: &Order) -> u32 {
    u32::try_from(order.ring_timeout.as_secs()).unwrap_or(u32::MAX)
}

/// The phones of a call of before, of which only the halves have an id of ours: those that are in a bridge with one
/// of its channels, also through another Local channel.
fn add_those_beside(own: &mut Vec<String>, channels: &[Channel], bridges: &[Bridge]) {
    let mut seen = 0;
    while seen < own.len() {
        let id = own[seen].clone();
        seen += 1;
        let beside = bridges.iter().filter(|bridge| bridge.channels.contains(&id)).flat_map(|b| &b.channels);
        let local = channels.iter().find(|channel| channel.id == id).and_then(|channel| pair(&channel.name));
        let halves = channels.iter().filter(|other| local.is_some() && pair(&other.name) == local);
        let found = beside.chain(halves.map(|half| &half.id));
        let new: Vec<String> =
            found.filter(|id| !own.contains(id) && snooped_by(id).is_none()).cloned().collect();
        own.extend(new);
    }
}

fn reference(channel: &Channel) -> ChannelRef {
    ChannelRef { id: channel.id.clone(), name: channel.name.clone() }
}

/// What an event tells of a channel.
pub(super) fn heard(event: Event) -> Option<Heard> {
    let code = |code: Option<i32>| code.and_then(|code| u16::try_from(code).ok()).filter(|code| *code > 0);
    Some(match event {
        Event::Dial(dial) => {
            let state = match dial.dialstatus.as_str() {
                "" => Dial::Begin,
                "RINGING" => Dial::Ringing,
                "PROGRESS" => Dial::Progress,
                "PROCEEDING" => return None,
                "ANSWER" => Dial::Answer,
                other => Dial::Ended(other.to_owned()),
            };
            Heard::Dial { caller: reference(dial.caller.as_ref()?), peer: reference(&dial.peer), dial: state }
        }
        Event::ChannelStateChange(change) => match change.channel.state.as_str() {
            "Ringing" => Heard::Ringing(reference(&change.channel)),
            "Up" => Heard::Up(reference(&change.channel)),
            _ => return None,
        },
        Event::ChannelHangupRequest(request) if request.soft == Some(true) => {
            Heard::HungUpHere(reference(&request.channel))
        }
        Event::ChannelEnteredBridge(entered) => {
            Heard::Joined { channel: reference(&entered.channel), bridge: entered.bridge.id }
        }
        Event::ChannelLeftBridge(left) => {
            Heard::Left { channel: reference(&left.channel), bridge: left.bridge.id }
        }
        Event::ChannelHangupRequest(request) => Heard::HungUp {
            channel: reference(&request.channel),
            cause: code(request.cause),
            sip: code(request.tech_cause),
        },
        Event::ChannelDestroyed(gone) => Heard::Gone {
            channel: reference(&gone.channel),
            cause: code(Some(gone.cause)),
            sip: code(gone.tech_cause),
            // Whether all is told, the application itself says.
            state: None,
        },
        _ => return None,
    })
}
