//! The events as texts: what Asterisk 22.10.1 wrote, word for word, with a call's own values in it. It must
//! not decide when anything happens.

use std::{
    fmt::Write as _,
    time::{Instant, SystemTime},
};

use chrono::{DateTime, Utc};

use super::{Call, Moment, State, socket};

/// The time as Asterisk writes it, made anew once a millisecond.
#[derive(Default)]
pub(super) struct Stamp {
    text: String,
    made: Option<Instant>,
}

impl Stamp {
    pub fn now(&mut self) -> &str {
        if self.made.is_none_or(|made| made.elapsed().as_micros() >= 1000) {
            self.made = Some(Instant::now());
            let now: DateTime<Utc> = SystemTime::now().into();
            self.text = now.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string();
        }
        &self.text
    }
}

const CALLER_ID: &str = "+79675558164";

/// Our half, the one that enters Stasis.
fn near(out: &mut String, call: &Call, state: &str, stasis: bool) {
    let Call { id, phone, serial, created, .. } = call;
    let (app, data) = if stasis { ("Stasis", "novofon_bot") } else { ("AppDial2", "(Outgoing Line)") };
    let _ = write!(
        out,
        r#"{{"id": "{id}", "name": "Local/{phone}@outgoing-{serial:08x};1", "state": "{state}", "protocol_id": "", "caller": {{"name": "", "number": "{phone}"}}, "connected": {{"name": "", "number": ""}}, "accountcode": "", "dialplan": {{"context": "outgoing", "exten": "{phone}", "priority": 1, "app_name": "{app}", "app_data": "{data}"}}, "creationtime": "{created}", "language": "en"}}"#
    );
}

/// The half that runs the dialplan.
fn far(out: &mut String, call: &Call, state: &str) {
    let Call { id, phone, serial, created, .. } = call;
    let _ = write!(
        out,
        r#"{{"id": "{id};2", "name": "Local/{phone}@outgoing-{serial:08x};2", "state": "{state}", "protocol_id": "", "caller": {{"name": "", "number": "{CALLER_ID}"}}, "connected": {{"name": "", "number": "{phone}"}}, "accountcode": "", "dialplan": {{"context": "outgoing", "exten": "{phone}", "priority": 3, "app_name": "Dial", "app_data": "PJSIP/{phone}@novofon,,i"}}, "creationtime": "{created}", "language": "en"}}"#
    );
}

fn trunk(out: &mut String, call: &Call, state: &str) {
    let Call { trunk, phone, serial, sip_call_id, created, .. } = call;
    let _ = write!(
        out,
        r#"{{"id": "{trunk}", "name": "PJSIP/novofon-{serial:08x}", "state": "{state}", "protocol_id": "{sip_call_id}", "caller": {{"name": "", "number": "{phone}"}}, "connected": {{"name": "", "number": "{CALLER_ID}"}}, "accountcode": "", "dialplan": {{"context": "from-novofon", "exten": "{phone}", "priority": 1, "app_name": "AppDial", "app_data": "(Outgoing Line)"}}, "creationtime": "{created}", "language": "ru"}}"#
    );
}

/// The channel of a call, for the answers of REST.
pub(super) fn near_text(call: &Call) -> String {
    let mut out = String::with_capacity(512);
    near(&mut out, call, if call.answered { "Up" } else { "Down" }, call.answered);
    out
}

pub(super) fn all_channels(call: &Call) -> [(String, String); 3] {
    let state = if call.answered { "Up" } else { "Ring" };
    let (mut b, mut c) = (String::new(), String::new());
    far(&mut b, call, state);
    trunk(&mut c, call, if call.answered { "Up" } else { "Down" });
    [(call.id.clone(), near_text(call)), (format!("{};2", call.id), b), (call.trunk.clone(), c)]
}

impl State {
    /// One event: `head` are the members before the channel, `channel` writes it.
    fn event(&mut self, kind: &str, head: &str, key: &str, channel: impl FnOnce(&mut String)) {
        if !self.allowed.is_empty() && !self.allowed.contains(kind) {
            return;
        }
        let mut text = String::with_capacity(1024);
        let stamp = self.stamp.now();
        let _ = write!(text, r#"{{"type": "{kind}", "timestamp": "{stamp}", {head}"{key}": "#);
        channel(&mut text);
        let _ = write!(text, r#", "asterisk_id": "sim", "application": "{}"}}"#, self.app);
        self.counts.events += 1;
        socket::frame(&mut self.out, &text);
    }

    fn dial(&mut self, call: &Call, status: &str, far_state: &str, peer_state: &str) {
        let mut head = String::with_capacity(700);
        let string = if status.is_empty() { format!("{}@novofon", call.phone) } else { String::new() };
        let _ =
            write!(head, r#""dialstatus": "{status}", "forward": "", "dialstring": "{string}", "caller": "#);
        far(&mut head, call, far_state);
        head.push_str(", ");
        self.event("Dial", &head, "peer", |out| trunk(out, call, peer_state));
    }

    fn dial_near(&mut self, call: &Call, status: &str, state: &str) {
        let head =
            format!(r#""dialstatus": "{status}", "forward": "", "dialstring": "{}@outgoing", "#, call.phone);
        self.event("Dial", &head, "peer", |out| near(out, call, state, false));
    }

    pub(super) fn dial_begins(&mut self, call: &Call) {
        self.dial_near(call, "", "Down");
        self.dial(call, "", "Ring", "Down");
    }

    pub(super) fn trunk_rings(&mut self, call: &Call) {
        self.saw(&call.id, Moment::TrunkRinging);
        self.event("ChannelStateChange", "", "channel", |out| trunk(out, call, "Ringing"));
        self.event("ChannelStateChange", "", "channel", |out| near(out, call, "Ringing", false));
        self.dial(call, "RINGING", "Ring", "Ringing");
        self.dial_near(call, "RINGING", "Ringing");
    }

    pub(super) fn trunk_answers(&mut self, call: &Call) {
        self.saw(&call.id, Moment::TrunkUp);
        self.event("ChannelStateChange", "", "channel", |out| trunk(out, call, "Up"));
        self.dial(call, "ANSWER", "Ring", "Up");
        self.event("ChannelStateChange", "", "channel", |out| far(out, call, "Up"));
        self.event("ChannelStateChange", "", "channel", |out| near(out, call, "Up", false));
        self.dial_near(call, "ANSWER", "Up");
        self.event("StasisStart", r#""args": [], "#, "channel", |out| near(out, call, "Up", true));
    }

    pub(super) fn callee_hangs_up(&mut self, call: &Call) {
        let gone = r#""cause": 16, "cause_txt": "Normal Clearing", "#;
        self.event("ChannelHangupRequest", r#""cause": 16, "#, "channel", |out| trunk(out, call, "Up"));
        self.event("ChannelDestroyed", gone, "channel", |out| trunk(out, call, "Up"));
        self.event("ChannelHangupRequest", r#""cause": 16, "soft": true, "#, "channel", |out| {
            far(out, call, "Up");
        });
        self.saw(&call.id, Moment::EndProven);
        self.report(call);
        self.event("ChannelHangupRequest", r#""cause": 16, "#, "channel", |out| near(out, call, "Up", true));
        self.event("ChannelDestroyed", gone, "channel", |out| far(out, call, "Up"));
        self.event("ChannelDestroyed", gone, "channel", |out| near(out, call, "Up", false));
    }

    /// Our hang-up, at once.
    pub(super) fn near_goes(&mut self, call: &Call) {
        let gone = r#""cause": 16, "cause_txt": "Normal Clearing", "#;
        self.event("ChannelHangupRequest", r#""cause": 32, "soft": true, "#, "channel", |out| {
            near(out, call, "Up", true);
        });
        self.event("ChannelHangupRequest", r#""cause": 16, "#, "channel", |out| far(out, call, "Up"));
        self.event("ChannelDestroyed", gone, "channel", |out| near(out, call, "Up", false));
    }

    pub(super) fn trunk_goes(&mut self, call: &Call) {
        let gone = r#""cause": 16, "cause_txt": "Normal Clearing", "#;
        self.event("ChannelHangupRequest", r#""cause": 16, "soft": true, "#, "channel", |out| {
            far(out, call, "Up");
        });
        self.report(call);
        self.event("ChannelDestroyed", gone, "channel", |out| far(out, call, "Up"));
        self.saw(&call.id, Moment::EndProven);
        if call.answered {
            self.event("ChannelDestroyed", gone, "channel", |out| trunk(out, call, "Up"));
        } else {
            let gone = r#""cause": 16, "cause_txt": "Normal Clearing", "tech_cause": 487, "#;
            self.event("ChannelDestroyed", gone, "channel", |out| trunk(out, call, "Down"));
        }
    }

    /// The UserEvent of our `[outgoing]`.
    fn report(&mut self, call: &Call) {
        let (status, tech) =
            if call.answered { ("ANSWER", "SIP 200 OK") } else { ("CANCEL", "SIP 100 Trying") };
        let head = format!(
            r#""eventname": "NovofonOutcome", "userevent": {{"eventname": "NovofonOutcome", "dialstatus": "{status}", "tech": "{tech}", "ast": "Normal Clearing", "key": "PJSIP/novofon-{:08x}"}}, "#,
            call.serial
        );
        self.event("ChannelUserevent", &head, "channel", |out| far(out, call, "Up"));
    }

    pub(super) fn sound_begins(&mut self, call: &Call) {
        self.playback(call, "PlaybackStarted", "playing");
    }

    pub(super) fn sound_ends(&mut self, call: &mut Call) {
        self.playback(call, "PlaybackFinished", "done");
        call.playback = None;
    }

    fn playback(&mut self, call: &Call, kind: &str, state: &str) {
        let Some(playback) = &call.playback else { return };
        self.event(kind, "", "playback", |out| out.push_str(&playback_text(call, playback, state)));
    }
}

pub(super) fn playback_text(call: &Call, playback: &str, state: &str) -> String {
    format!(
        r#"{{"id": "{playback}", "media_uri": "sound:hello-world", "target_uri": "channel:{}", "language": "en", "state": "{state}"}}"#,
        call.id
    )
}
