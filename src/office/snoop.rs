//! Monitoring over ARI: the listener's channel, and one that snoops on the target's, in a bridge of their own.
//!
//! It does what ChanSpy does for the other ways: the listener hears the call that the extension has now, and every
//! next one, until it hangs up or is hung up.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use asterisk::{
    ari::{Ari, AriError, Bridge, Channel, Create, Event, HangupReason, PHONE_FORMATS, Whisper},
    talk::{Seat, heard_by},
};
use call::{CallId, MonitorMode};

/// What the ids of a monitoring's snooping channel and of its bridge end with, behind the call's own.
const SNOOP: &str = ";snoop";
const BRIDGE: &str = ";ears";

/// After an error that may pass, and for events that may be lost, it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Within so long a channel that was made is in the application, also on a busy host.
const ENTERS: Duration = Duration::from_secs(5);

/// What is left is taken away for so long; after that the next connection does it.
const CLEAN_UP: Duration = Duration::from_secs(600);

/// Errors in a row are told of when there are so many: one may be a phone that was put down meanwhile.
const MANY: u32 = 5;

/// A call's bridges fill one by one; and a busy host is not asked at each of its calls.
const SETTLE: Duration = Duration::from_millis(200);

/// Whom a listener is to hear, and how.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// `PJSIP/150`
    pub device: String,
    pub mode: MonitorMode,
}

/// All monitorings of a host.
#[derive(Clone)]
pub(super) struct Listeners {
    all: Arc<Mutex<HashMap<CallId, Listener>>>,
    /// Ends with the way; what is heard goes on, for the next run to find.
    closed: CancellationToken,
}

struct Listener {
    wanted: Wanted,
    signals: Arc<Signals>,
    gone: CancellationToken,
    /// Another connection goes on with it.
    left: CancellationToken,
    /// Whether it has picked up.
    listens: bool,
}

#[derive(Default)]
struct Signals {
    /// The listener's channel can be dialed.
    entered: Notify,
    /// The snooping channel came or went, or events may have been missed.
    changed: Notify,
    /// Somebody may talk who did not.
    began: Notify,
}

impl Listeners {
    pub fn new(closed: CancellationToken) -> Self {
        Listeners { all: Arc::default(), closed }
    }

    /// Calls a listener's phone: in two steps, so that whoever picks up while nobody is connected here stays.
    ///
    /// `phone` is the Local channel's endpoint, `ring_timeout` in seconds.
    pub async fn call(
        &self,
        ari: &Ari,
        call: CallId,
        wanted: Wanted,
        phone: String,
        ring_timeout: u32,
    ) -> Result<(), AriError> {
        let signals = self.expect(call, wanted);
        let (channel_id, other_channel_id) =
            (call.only_attempt().near_channel(), call.only_attempt().far_channel());
        let formats = PHONE_FORMATS;
        let near = channel_id.clone();
        ari.create(&Create { endpoint: phone, channel_id, other_channel_id, formats }).await?;
        // The answer may come before the channel is in the application, and then it can't be dialed (409 by 22.10.1 in
        // 5 of 300 tries, on a busy machine in a third). Where the event is lost it has long been there.
        let _ = timeout(ENTERS, signals.entered.notified()).await;
        match ari.dial(&near, ring_timeout).await {
            Err(error @ (AriError::Refused { .. } | AriError::NotSent { .. })) => {
                // It would wait for ever.
                match ari.hangup(&near, HangupReason::Normal).await {
                    Err(left) if !left.is_not_found() => Err(AriError::Uncertain {
                        what: "the call of a listener".to_owned(),
                        why: format!("{error}; its channel could not be taken away: {left}"),
                    }),
                    _ => Err(error),
                }
            }
            dialed => dialed,
        }
    }

    /// There is a listener, or will be. One that is known already stays as it is.
    fn expect(&self, call: CallId, wanted: Wanted) -> Arc<Signals> {
        let mut all = self.all.lock();
        let listener = all.entry(call).or_insert_with(|| Listener {
            wanted,
            signals: Arc::default(),
            gone: CancellationToken::new(),
            left: CancellationToken::new(),
            listens: false,
        });
        listener.signals.clone()
    }

    /// The listener is gone, or was never called: nothing of it stays on the target's call.
    pub fn forget(&self, call: CallId) {
        if let Some(listener) = self.all.lock().remove(&call) {
            listener.gone.cancel();
        }
    }

    /// Another connection goes on with it: what is heard stays as it is.
    pub fn leave(&self, call: CallId) {
        if let Some(listener) = self.all.lock().remove(&call) {
            listener.left.cancel();
        }
    }

    fn look_at(&self, call: CallId) {
        if let Some(listener) = self.all.lock().get(&call) {
            listener.signals.changed.notify_one();
        }
    }

    /// Connected: events may have been missed, also those that a former run should have cleaned up after.
    pub fn look_again(&self, ari: &Ari) {
        for listener in self.all.lock().values() {
            listener.signals.changed.notify_one();
        }
        let (ari, closed) = (ari.clone(), self.closed.clone());
        tokio::spawn(async move { closed.run_until_cancelled(sweep(&ari)).await });
    }

    /// Tells whether it was about a snooping channel, which is no leg of a call.
    pub fn hear(&self, ari: &Ari, event: &Event) -> bool {
        match event {
            Event::StasisStart(start) => {
                let id = &start.channel.id;
                if let Some(call) = snooped_by(id) {
                    self.look_at(call);
                    return true;
                }
                if let Ok(call) = id.parse()
                    && let Some(listener) = self.all.lock().get(&call)
                {
                    listener.signals.entered.notify_one();
                }
            }
            Event::ChannelStateChange(change) if change.channel.state == "Up" => {
                // The listener has picked up.
                if let Ok(call) = change.channel.id.parse() {
                    self.listen(ari, call);
                }
                for listener in self.all.lock().values() {
                    if is_of(&change.channel, &listener.wanted.device) {
                        listener.signals.began.notify_one();
                    }
                }
            }
            // Whoever it is: through Local channels they may meet far from the target's own.
            Event::ChannelEnteredBridge(_) => {
                for listener in self.all.lock().values() {
                    listener.signals.began.notify_one();
                }
            }
            Event::ChannelDestroyed(gone) => match snooped_by(&gone.channel.id) {
                Some(call) => {
                    self.look_at(call);
                    return true;
                }
                None => {
                    if let Ok(call) = gone.channel.id.parse() {
                        self.forget(call);
                    }
                }
            },
            _ => {}
        }
        false
    }

    /// A monitoring of a former run, or of which events were missed. False: nobody was called, and nobody will be.
    pub fn resume(&self, ari: &Ari, call: CallId, wanted: Wanted, channels: &[Channel]) -> bool {
        let near = call.only_attempt().near_channel();
        let Some(listener) = channels.iter().find(|channel| channel.id == near) else { return true };
        let far = channels.iter().find(|channel| channel.id == call.only_attempt().far_channel());
        if listener.state == "Down" && far.is_some_and(|far| far.dialplan.app_name.is_empty()) {
            // A run before was killed between the two steps.
            let (ari, closed) = (ari.clone(), self.closed.clone());
            tokio::spawn(async move { closed.run_until_cancelled(clean_up(&ari, call)).await });
            return false;
        }
        self.expect(call, wanted);
        if listener.state == "Up" {
            self.listen(ari, call);
        }
        self.look_at(call);
        true
    }

    /// The listener has picked up; it is no matter how often that is told.
    fn listen(&self, ari: &Ari, call: CallId) {
        let mut all = self.all.lock();
        let Some(listener) = all.get_mut(&call) else { return };
        if std::mem::replace(&mut listener.listens, true) {
            return;
        }
        let ears = Ears { ari: ari.clone(), call, wanted: listener.wanted.clone() };
        let Listener { signals, gone, left, .. } = listener;
        let (signals, gone, left, closed) =
            (signals.clone(), gone.clone(), left.clone(), self.closed.clone());
        tokio::spawn(async move {
            let listens = left.run_until_cancelled(ears.listen(&signals, &gone));
            closed.run_until_cancelled(listens).await;
            if gone.is_cancelled() {
                // Also when the last call of a host that is no enterprise's any more ends, and the way with it.
                let _ = timeout(CLEAN_UP, clean_up(&ears.ari, ears.call)).await;
            }
        });
    }
}

/// A listener who has picked up.
struct Ears {
    ari: Ari,
    call: CallId,
    wanted: Wanted,
}

/// What a look at the host brought.
enum Next {
    /// The snooping channel is on its way.
    Joins,
    Hears,
    /// There is nothing to hear.
    Waits,
    /// Not to be told yet.
    Again,
    /// The listener is gone.
    End,
}

impl Ears {
    async fn listen(&self, signals: &Signals, gone: &CancellationToken) {
        let (mut alone, mut errors) = (None, 0);
        while !gone.is_cancelled() {
            let next = match self.look(&mut alone).await {
                Ok(next) => {
                    errors = 0;
                    next
                }
                Err(error) => {
                    errors += 1;
                    let (call, device) = (self.call, &self.wanted.device);
                    if errors == MANY {
                        tracing::warn!(%call, device, %error, "a listener can't hear its target; it is tried again");
                    } else {
                        tracing::debug!(%call, device, %error, "a listener does not hear its target yet");
                    }
                    Next::Again
                }
            };
            let signal = async {
                match next {
                    Next::Joins => {
                        let _ = timeout(PAUSE, signals.changed.notified()).await;
                    }
                    Next::Hears => signals.changed.notified().await,
                    Next::Waits => {
                        tokio::select! {
                            () = signals.changed.notified() => {}
                            () = signals.began.notified() => {}
                        }
                        sleep(SETTLE).await;
                    }
                    Next::Again => sleep(PAUSE).await,
                    Next::End => gone.cancel(),
                }
            };
            tokio::select! {
                () = signal => {}
                () = gone.cancelled() => {}
            }
        }
    }

    /// Goes by what the host shows, not by what was heard of it: events may be missed.
    ///
    /// `alone` is the target's channel that was answered and met nobody, a look ago.
    async fn look(&self, alone: &mut Option<String>) -> Result<Next, AriError> {
        let channels = self.ari.channels().await?;
        let (near, snoop, bridge) = ids(self.call);
        let is_there = |id: &str| channels.iter().any(|channel| channel.id == id);
        if !is_there(&near) {
            return Ok(Next::End);
        }
        let bridges = self.ari.bridges().await?;
        if is_there(&snoop) {
            let own = bridges.iter().find(|own| own.id == bridge);
            if !own.is_some_and(|own| own.channels.contains(&near) && own.channels.contains(&snoop)) {
                self.ari.create_bridge(&bridge).await?;
                self.ari.add_to_bridge(&bridge, &[&near, &snoop]).await?;
            }
            return Ok(Next::Hears);
        }
        let target = match Target::find(&self.wanted.device, &channels, &bridges) {
            Some(Target::Talks(channel)) => channel,
            Some(Target::Alone(channel)) if alone.as_ref() == Some(&channel.id) => channel,
            Some(Target::Alone(channel)) => {
                *alone = Some(channel.id.clone());
                return Ok(Next::Again);
            }
            None => return Ok(Next::Waits),
        };
        let whisper = match self.wanted.mode {
            MonitorMode::Spy => Whisper::Nobody,
            MonitorMode::Whisper => Whisper::Target,
            MonitorMode::Barge => Whisper::Both,
        };
        self.ari.snoop(&target.id, &snoop, whisper).await?;
        Ok(Next::Joins)
    }
}

/// What there is to hear of an extension.
///
/// Not a channel whose number still rings: a snoop that is there before the two are joined often hears the
/// extension alone, for the whole call (22.10.1).
enum Target<'a> {
    Talks(&'a Channel),
    /// Answered, and in no bridge: it is about to enter one, or hears an announcement.
    Alone(&'a Channel),
}

impl<'a> Target<'a> {
    fn find(device: &str, channels: &'a [Channel], bridges: &[Bridge]) -> Option<Self> {
        let seats = seats(channels, bridges);
        let is_bridged = |channel: &Channel| {
            seats.iter().any(|seat| seat.channel == channel.name && seat.bridge.is_some())
        };
        let answered = || channels.iter().filter(|channel| is_of(channel, device) && channel.state == "Up");
        let talks = answered().find(|channel| !heard_by(&channel.name, &seats).is_empty());
        let alone = || answered().find(|channel| !is_bridged(channel));
        talks.map(Target::Talks).or_else(|| alone().map(Target::Alone))
    }
}

/// Takes away whatever is left, and rests only when it is gone.
async fn clean_up(ari: &Ari, call: CallId) {
    let (near, snoop, bridge) = ids(call);
    loop {
        let results = [
            ari.hangup(&near, HangupReason::Normal).await,
            ari.hangup(&snoop, HangupReason::Normal).await,
            ari.destroy_bridge(&bridge).await,
        ];
        // What Asterisk refuses it will not do another time either.
        if results
            .iter()
            .all(|result| !matches!(result, Err(AriError::NotSent { .. } | AriError::Uncertain { .. })))
        {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Takes away what is left of monitorings whose listeners are gone: a run before was killed before it could.
async fn sweep(ari: &Ari) {
    // In this order: a bridge and a snooping channel are made when the listener's channel is there already.
    let (Ok(bridges), Ok(channels)) = (ari.bridges().await, ari.channels().await) else { return };
    for call in left_over(&channels, &bridges) {
        tracing::debug!(%call, "what is left of a monitoring is taken away");
        clean_up(ari, call).await;
    }
}

/// The monitorings of which something is there, but not the listener.
fn left_over(channels: &[Channel], bridges: &[Bridge]) -> BTreeSet<CallId> {
    let snoops = channels.iter().filter_map(|channel| snooped_by(&channel.id));
    let ears = bridges.iter().filter_map(|bridge| bridge.id.strip_suffix(BRIDGE)?.parse().ok());
    let is_gone = |call: &CallId| {
        let near = call.only_attempt().near_channel();
        channels.iter().all(|channel| channel.id != near)
    };
    snoops.chain(ears).filter(is_gone).collect()
}

/// The listener's channel, the snooping one, and their bridge.
fn ids(call: CallId) -> (String, String, String) {
    (call.only_attempt().near_channel(), format!("{call}{SNOOP}"), format!("{call}{BRIDGE}"))
}

/// The monitoring that a channel snoops for.
pub(super) fn snooped_by(channel_id: &str) -> Option<CallId> {
    channel_id.strip_suffix(SNOOP)?.parse().ok()
}

pub(super) fn is_of(channel: &Channel, device: &str) -> bool {
    channel.name.rsplit_once('-').is_some_and(|(of, _)| of.eq_ignore_ascii_case(device))
}

/// Where everybody sits.
pub(super) fn seats<'a>(channels: &'a [Channel], bridges: &'a [Bridge]) -> Vec<Seat<'a>> {
    let bridge_of = |channel: &Channel| bridges.iter().find(|bridge| bridge.channels.contains(&channel.id));
    (channels.iter())
        .map(|channel| Seat {
            channel: &channel.name,
            bridge: bridge_of(channel).map(|bridge| bridge.id.as_str()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    /// What is found of 150, given its channels as (name, state, bridge).
    fn found(channels: &[(&str, &str, Option<&str>)]) -> String {
        let of = |(name, state, _): &(&str, &str, Option<&str>)| {
            from_value::<Channel>(json!({"id": name, "name": name, "state": state})).expect("a channel")
        };
        let mut bridges: HashMap<&str, Vec<&str>> = HashMap::new();
        for (name, _, bridge) in channels {
            bridges.entry(bridge.unwrap_or_default()).or_default().push(name);
        }
        bridges.remove("");
        let bridges: Vec<Bridge> = (bridges.iter())
            .map(|(id, channels)| from_value(json!({"id": id, "channels": channels})).expect("a bridge"))
            .collect();
        match Target::find("PJSIP/150", &channels.iter().map(of).collect::<Vec<_>>(), &bridges) {
            Some(Target::Talks(channel)) => format!("talks {}", channel.name),
            Some(Target::Alone(channel)) => format!("alone {}", channel.name),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn what_there_is_to_hear() {
        let rings = ("PJSIP/150-1", "Ringing", None);
        let alone = ("PJSIP/150-2", "Up", None);
        let other = ("PJSIP/1500-3", "Up", Some("o"));
        let others = ("PJSIP/trunk-4", "Up", Some("o"));
        assert_eq!(found(&[rings, other, others]), "nothing");
        assert_eq!(found(&[rings, alone, other]), "alone PJSIP/150-2");
        let talks = ("pjsip/150-5", "Up", Some("b"));
        assert_eq!(found(&[alone, talks, ("PJSIP/trunk-6", "Up", Some("b"))]), "talks pjsip/150-5");
    }

    #[test]
    fn a_click_to_call_is_heard_when_the_number_has_answered() {
        let desk = ("PJSIP/150-1", "Up", Some("a"));
        let far = ("Local/150@office-7;2", "Up", Some("a"));
        let near = |bridge| ("Local/150@office-7;1", "Up", bridge);
        assert_eq!(found(&[desk, far, near(None), ("PJSIP/trunk-2", "Ringing", None)]), "nothing");
        assert_eq!(
            found(&[desk, far, near(Some("b")), ("PJSIP/trunk-2", "Up", Some("b"))]),
            "talks PJSIP/150-1"
        );
    }
}
