//! Monitoring over ARI: the listener's channel, and one that snoops on the target's, in a bridge of their own.
//!
//! It does what ChanSpy does for the other ways: the listener hears the call that the extension has now, and every
//! next one, until it hangs up or is hung up.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    asterisk::{
        ari::{Ari, AriError, Bridge, Channel, Event, HangupReason, Whisper},
        talk::{Seat, heard_by},
    },
    call::{CallId, MonitorMode},
};

/// What a snooping channel's id ends with.
const SNOOP: &str = ";snoop";

/// After an error that may pass, it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

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
    /// Whether it has picked up.
    listens: bool,
}

#[derive(Default)]
struct Signals {
    /// What the listener heard may have ended.
    ended: Notify,
    /// Somebody may talk who did not.
    began: Notify,
}

impl Listeners {
    pub fn new(closed: CancellationToken) -> Self {
        Listeners { all: Arc::default(), closed }
    }

    /// A listener's phone is called. One that is known already stays as it is.
    pub fn expect(&self, call: CallId, wanted: Wanted) {
        self.all.lock().entry(call).or_insert_with(|| Listener {
            wanted,
            signals: Arc::default(),
            gone: CancellationToken::new(),
            listens: false,
        });
    }

    /// The listener is gone, or was never called: nothing of it stays on the target's call.
    pub fn forget(&self, call: CallId) {
        if let Some(listener) = self.all.lock().remove(&call) {
            listener.gone.cancel();
        }
    }

    /// Events may have been missed.
    pub fn look_again(&self) {
        for listener in self.all.lock().values() {
            listener.signals.ended.notify_one();
        }
    }

    /// Tells whether it was about a snooping channel, which is no leg of a call.
    pub fn hear(&self, ari: &Ari, event: &Event) -> bool {
        match event {
            Event::StasisStart(start) => match snooped_by(&start.channel.id) {
                Some(call) => {
                    let ari = ari.clone();
                    tokio::spawn(async move { join(&ari, call).await });
                    return true;
                }
                None => {
                    // The listener has picked up.
                    if let Ok(call) = start.channel.id.parse() {
                        self.listen(ari, call);
                    }
                }
            },
            Event::ChannelStateChange(change) if change.channel.state == "Up" => {
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
                    if let Some(listener) = self.all.lock().get(&call) {
                        listener.signals.ended.notify_one();
                    }
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

    /// A monitoring of a former run: whose listener has not picked up yet, or did so while nobody was there to join
    /// it to what it listens to.
    pub fn resume(&self, ari: &Ari, call: CallId, wanted: Wanted, channels: &[Channel], bridges: &[Bridge]) {
        let near = call.near_channel();
        let is_there = |id: &str| channels.iter().any(|channel| channel.id == id);
        let snoops = is_there(&format!("{call}{SNOOP}"));
        let is_bridged = bridges.iter().any(|bridge| bridge.id == near);
        if !is_there(&near) {
            // The listener has gone while nobody was there to clean up.
            if snoops || is_bridged {
                let ari = ari.clone();
                tokio::spawn(async move { hang_up(&ari, call).await });
            }
            return;
        }
        self.expect(call, wanted);
        if !channels.iter().any(|channel| channel.id == near && channel.state == "Up") {
            return;
        }
        let is_joined = bridges.iter().any(|bridge| bridge.id == near && bridge.channels.len() > 1);
        if self.listen(ari, call) && snoops && !is_joined {
            let ari = ari.clone();
            tokio::spawn(async move { join(&ari, call).await });
        }
    }

    /// Tells whether it begins now.
    fn listen(&self, ari: &Ari, call: CallId) -> bool {
        let mut all = self.all.lock();
        let Entry::Occupied(mut listener) = all.entry(call) else { return false };
        let listener = listener.get_mut();
        if std::mem::replace(&mut listener.listens, true) {
            return false;
        }
        let ears = Ears { ari: ari.clone(), call, wanted: listener.wanted.clone() };
        let (signals, gone, closed) = (listener.signals.clone(), listener.gone.clone(), self.closed.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = ears.listen(&signals, &gone) => {}
                () = closed.cancelled() => {}
            }
        });
        true
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
    Hears,
    /// There is nothing to hear.
    Waits,
    /// Not to be told, or to be done, now.
    Again,
    End,
}

impl Ears {
    async fn listen(&self, signals: &Signals, gone: &CancellationToken) {
        let mut alone = None;
        while !gone.is_cancelled() {
            let next = match self.look(&mut alone).await {
                Ok(next) => next,
                // The target's channel went meanwhile.
                Err(error) if error.is_not_found() => Next::Again,
                Err(error @ AriError::Refused { .. }) => {
                    let (call, device) = (self.call, &self.wanted.device);
                    tracing::warn!(%call, device, %error, "the target's channel can't be listened to");
                    Next::End
                }
                Err(_) => Next::Again,
            };
            let signal = async {
                match next {
                    Next::Hears => signals.ended.notified().await,
                    Next::Waits => {
                        tokio::select! {
                            () = signals.ended.notified() => {}
                            () = signals.began.notified() => {}
                        }
                        tokio::time::sleep(SETTLE).await;
                    }
                    Next::Again => tokio::time::sleep(PAUSE).await,
                    Next::End => gone.cancel(),
                }
            };
            tokio::select! {
                () = signal => {}
                () = gone.cancelled() => {}
            }
        }
        hang_up(&self.ari, self.call).await;
    }

    /// Goes by what the host shows, not by what was heard of it: events may be missed.
    ///
    /// `alone` is the target's channel that was answered and met nobody, a look ago.
    async fn look(&self, alone: &mut Option<String>) -> Result<Next, AriError> {
        let channels = self.ari.channels().await?;
        let near = self.call.near_channel();
        if !channels.iter().any(|channel| channel.id == near) {
            return Ok(Next::End);
        }
        if channels.iter().any(|channel| snooped_by(&channel.id) == Some(self.call)) {
            return Ok(Next::Hears);
        }
        let bridges = self.ari.bridges().await?;
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
        self.ari.snoop(&target.id, &format!("{}{SNOOP}", self.call), whisper).await?;
        Ok(Next::Hears)
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

/// Lets the listener and the snooping channel hear each other.
async fn join(ari: &Ari, call: CallId) {
    let (near, snoop) = (call.near_channel(), format!("{call}{SNOOP}"));
    let joined = async {
        ari.create_bridge(&near).await?;
        ari.add_to_bridge(&near, &[&near, &snoop]).await
    };
    let Err(error) = joined.await else { return };
    // Whoever has hung up meanwhile is no fault.
    if ari.hangup(&snoop, HangupReason::Normal).await.is_ok() {
        tracing::warn!(%call, %error, "a listener could not be joined to what it listens to");
        hang_up(ari, call).await;
    }
}

/// Whichever is left.
async fn hang_up(ari: &Ari, call: CallId) {
    let near = call.near_channel();
    let _ = ari.hangup(&near, HangupReason::Normal).await;
    let _ = ari.hangup(&format!("{call}{SNOOP}"), HangupReason::Normal).await;
    let _ = ari.destroy_bridge(&near).await;
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
