//! From the wire to the machine: the one place that knows both an ARI event and a call's input.
//!
//! It judges by the channel: an event of our halves or of a trunk leg becomes an input, everything
//! else becomes nothing.

use asterisk::ari::{ChannelUserevent, Dial, Event, Playback};
use call::{
    AttemptId, Causes, ChannelRole, ChannelState, DialStep, Half, Input, LegReport, Registry, TrunkSeen,
};

/// The name of the UserEvent in our `[outgoing]`.
pub const REPORT_EVENT: &str = "NovofonOutcome";

/// The same for each of several legs, before it.
pub const LEG_REPORT_EVENT: &str = "NovofonLeg";

/// The types of events that are of use here: 10 to 12 a call instead of 49 (measured on 22.10).
pub const EVENTS: [&str; 9] = [
    "StasisStart",
    "ChannelStateChange",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "ChannelUserevent",
    "Dial",
    "PlaybackStarted",
    "PlaybackFinished",
    "ApplicationReplaced",
];

/// Knows which channels are the trunk's.
#[derive(Debug, Clone)]
pub struct Translator {
    /// `PJSIP/novofon-`: how the names of the trunk's channels begin.
    trunk_prefix: String,
}

impl Translator {
    pub fn new(trunk_endpoint: &str) -> Self {
        Translator { trunk_prefix: format!("{trunk_endpoint}-") }
    }

    pub fn is_trunk(&self, channel_name: &str) -> bool {
        channel_name.starts_with(&self.trunk_prefix)
    }

    /// The trunk channel of an event that means something for its call, when no call is known for it.
    pub fn unknown_trunk<'a>(&self, event: &'a Event, registry: &Registry) -> Option<&'a str> {
        let channel = match event {
            Event::ChannelStateChange(event) => &event.channel,
            Event::ChannelHangupRequest(event) => &event.channel,
            Event::ChannelDestroyed(event) => &event.channel,
            _ => return None,
        };
        (self.is_trunk(&channel.name) && registry.role(&channel.id).is_none()).then_some(channel.id.as_str())
    }

    /// Whether this tells that Asterisk is stopping: it hangs up all channels then, and refuses new ones.
    pub fn is_shutdown(event: &Event) -> bool {
        /// `AST_SOFTHANGUP_SHUTDOWN`, a bit of the "cause" of a soft request (measured on 22.10).
        const SHUTDOWN: i32 = 1 << 2;
        matches!(event, Event::ChannelHangupRequest(request)
            if request.soft == Some(true) && request.cause.is_some_and(|flags| flags & SHUTDOWN != 0))
    }

    /// The attempt that an event is about and what it means for it; empty when it is about none.
    pub fn inputs(&self, event: Event, registry: &Registry) -> Vec<(AttemptId, Input)> {
        let one = |found: Option<(AttemptId, Input)>| found.into_iter().collect();
        let trunk = |channel: &str| match registry.role(channel) {
            Some((attempt, ChannelRole::Trunk)) => Some(attempt),
            _ => None,
        };
        match event {
            Event::Dial(dial) => self.dial(*dial, registry),
            Event::ChannelUserevent(event) => one(report(&event, registry)),
            Event::StasisStart(start) => one(match registry.role(&start.channel.id) {
                Some((attempt, ChannelRole::Half(Half::Near))) => Some((attempt, Input::Entered)),
                _ => None,
            }),
            Event::ChannelStateChange(change) => one(trunk(&change.channel.id)
                .zip(channel_state(&change.channel.state))
                .map(|(attempt, state)| (attempt, of_trunk(change.channel.id, TrunkSeen::State(state))))),
            Event::ChannelHangupRequest(request) => one(match registry.role(&request.channel.id) {
                // The cause of a soft one is no cause but Asterisk's own flag of who asked.
                Some((attempt, ChannelRole::Trunk)) if request.soft == Some(true) => {
                    Some((attempt, of_trunk(request.channel.id, TrunkSeen::HungUpHere)))
                }
                Some((attempt, ChannelRole::Trunk)) => {
                    let causes = Causes { cause: word(request.cause), tech_cause: word(request.tech_cause) };
                    Some((attempt, of_trunk(request.channel.id, TrunkSeen::Hangup(causes))))
                }
                Some((attempt, ChannelRole::Half(half))) => {
                    let here =
                        request.soft == Some(true) && is_hung_up_here(request.cause.unwrap_or_default());
                    Some((attempt, Input::HalfLeaving { half, here }))
                }
                None => None,
            }),
            Event::ChannelDestroyed(gone) => one(match registry.role(&gone.channel.id) {
                Some((attempt, ChannelRole::Trunk)) => {
                    let causes = Causes { cause: word(Some(gone.cause)), tech_cause: word(gone.tech_cause) };
                    Some((attempt, of_trunk(gone.channel.id, TrunkSeen::Destroyed(causes))))
                }
                Some((attempt, ChannelRole::Half(half))) => {
                    Some((attempt, Input::HalfDestroyed { half, cause: word(Some(gone.cause)) }))
                }
                None => None,
            }),
            Event::PlaybackStarted(event) => one(of_playback(&event.playback)
                .map(|(attempt, playback)| (attempt, Input::PlaybackStarted { playback }))),
            Event::PlaybackFinished(event) => one(of_playback(&event.playback).map(|(attempt, playback)| {
                (attempt, Input::PlaybackFinished { playback, ok: event.playback.state != "failed" })
            })),
            _ => Vec::new(),
        }
    }

    /// The trunk channels are known by the dials of our far half, whose id we chose. Whatever endpoint it dials, that is
    /// the way out; only what is behind a Local channel is told of by nobody.
    fn dial(&self, dial: Dial, registry: &Registry) -> Vec<(AttemptId, Input)> {
        let Some(caller) = &dial.caller else { return Vec::new() };
        let Some((attempt, ChannelRole::Half(Half::Far))) = registry.role(&caller.id) else {
            return Vec::new();
        };
        let step = match dial.dialstatus.as_str() {
            "" => None,
            "RINGING" => Some(DialStep::Ringing),
            "PROGRESS" => Some(DialStep::Progress),
            "ANSWER" => Some(DialStep::Answer),
            // A step on the way, not an end.
            "PROCEEDING" => None,
            ended => Some(DialStep::Ended(ended.to_owned())),
        };
        let channel = dial.peer.id;
        let sip_call_id = dial.peer.protocol_id.filter(|id| !id.is_empty());
        if step == Some(DialStep::Answer) {
            let name = dial.peer.name;
            return vec![(attempt, Input::PutThrough { channel, name, sip_call_id })];
        }
        if step.is_none()
            && channel_state(&dial.peer.state) == Some(ChannelState::Up)
            && dial.forwarded.is_none()
        {
            // What is up before it was dialed was not dialed, but has picked up a leg that did not ring yet (measured).
            return Vec::new();
        }
        if dial.peer.name.starts_with("Local/") {
            return vec![(attempt, Input::LocalDialed { channel, step })];
        }
        let mut seen = Vec::with_capacity(2);
        seen.push(TrunkSeen::Created { name: Some(dial.peer.name), sip_call_id });
        let to = dial.forward.filter(|to| !to.is_empty());
        if dial.forwarded.is_some() || to.is_some() {
            let followed = dial.forwarded.is_some();
            seen.push(TrunkSeen::Redirected { to: to.unwrap_or_default(), followed });
        }
        seen.extend(step.map(TrunkSeen::Dial));
        seen.into_iter().map(|seen| (attempt, of_trunk(channel.clone(), seen))).collect()
    }

    /// The leg whose words a report has, by the name of its channel.
    pub fn reported_leg(event: &Event) -> Option<&str> {
        let Event::ChannelUserevent(event) = event else { return None };
        let is_ours = [REPORT_EVENT, LEG_REPORT_EVENT].contains(&event.eventname.as_str());
        event.userevent.get("key").map(|key| key.trim()).filter(|key| is_ours && !key.is_empty())
    }
}

/// What the "cause" of a soft request says: flags, not a cause. The others of them tell of the dialplan's own way.
fn is_hung_up_here(flags: i32) -> bool {
    /// `AST_SOFTHANGUP_EXPLICIT`, `_TIMEOUT` and `_SHUTDOWN` (measured on 22.10 and 16.28).
    const BY_SOMEBODY: i32 = 1 << 5 | 1 << 3 | 1 << 2;
    flags & BY_SOMEBODY != 0
}

fn of_trunk(channel: String, seen: TrunkSeen) -> Input {
    Input::Trunk { channel, seen }
}

/// State of a channel by ARI's word; `None` for those that say nothing of a call's progress.
pub fn channel_state(word: &str) -> Option<ChannelState> {
    match word {
        "Ringing" => Some(ChannelState::Ringing),
        "Up" => Some(ChannelState::Up),
        _ => None,
    }
}

fn report(event: &ChannelUserevent, registry: &Registry) -> Option<(AttemptId, Input)> {
    let is_leg = event.eventname == LEG_REPORT_EVENT;
    if !is_leg && event.eventname != REPORT_EVENT {
        return None;
    }
    let (attempt, ChannelRole::Half(Half::Far)) = registry.role(&event.channel.as_ref()?.id)? else {
        return None;
    };
    let value = |key: &str| event.userevent.get(key).map(|v| v.trim()).filter(|v| !v.is_empty());
    let words = LegReport {
        key: value("key").map(str::to_owned),
        carrier: value("tech").and_then(|line| line.parse().ok()),
        cause: value("ast").and_then(|cause| cause.parse().ok()),
    };
    let dialstatus = value("dialstatus").unwrap_or_default().to_owned();
    Some((attempt, if is_leg { Input::LegReported(words) } else { Input::Reported { dialstatus, words } }))
}

/// Our playbacks are called `<attempt>-<step>`.
fn of_playback(playback: &Playback) -> Option<(AttemptId, String)> {
    let (attempt, _step) = playback.id.rsplit_once('-')?;
    Some((attempt.parse().ok()?, playback.id.clone()))
}

/// A cause as the machine has it; what no cause can be is none.
fn word(cause: Option<i32>) -> Option<u16> {
    cause.and_then(|cause| u16::try_from(cause).ok())
}
