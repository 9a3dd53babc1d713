//! A timeline in English, with the values as Asterisk or the carrier gave them. The log has it, and what is stored.

use super::status_line;
use crate::{Asked, Causes, EndedBy, Fact, LegRef, Reason, Role, Seen};

pub(super) fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Accepted { from: Some(name) } => format!("the call was accepted from {name}"),
        Fact::Accepted { from: None } => "the call was accepted".into(),
        Fact::IntentStored => {
            "the intent to dial is stored; from here on this call is never dialed again".into()
        }
        Fact::OriginateNotSent { why } => {
            format!("the originate could not be sent, and waits for Asterisk: {why}")
        }
        Fact::OriginateAgain => "Asterisk is there again; the originate is sent".into(),
        Fact::AttemptOver { number, reason } => {
            format!(
                "attempt {number} is over: {reason}; nothing was dialed, and the call waits for its next one"
            )
        }
        Fact::AttemptBegun { number } => {
            format!("attempt {number} begins: the intent to dial is stored; it is never dialed again")
        }
        Fact::OriginateRefused { http_status: http_status @ 500.., message } => format!(
            "Asterisk refused the originate: {http_status} {message}; it is asked whether nothing came of it"
        ),
        Fact::OriginateRefused { http_status, message } => {
            format!("Asterisk refused the originate: {http_status} {message}")
        }
        Fact::OriginateUncertain { why } => {
            format!("whether Asterisk took the originate is not known: {why}")
        }
        Fact::Leg { leg, seen } => of_leg(leg, seen),
        Fact::HungUpHere => {
            "our side of the call was hung up at the PBX: by an operator, another program, or Asterisk's own stop".into()
        }
        Fact::PickedUpHere { channel } => {
            format!("somebody at the PBX picked up the ringing call with {channel}, and the carrier's leg is gone")
        }
        Fact::Redirected { to, followed } => {
            let end = if *followed { "and the dialplan followed it" } else { "which is refused" };
            format!("the carrier redirected the call to {to}, {end}")
        }
        Fact::Report { sip_code, sip_text, dialstatus, channel, .. } => {
            let said = match status_line(*sip_code, sip_text.as_deref()) {
                Some(words) => format!("the carrier's last word was \"{words}\""),
                None => "the carrier never said anything".into(),
            };
            let whole = dialstatus.as_ref().map(|word| format!("; DIALSTATUS {word}"));
            format!("{said}{}{}", on(channel), whole.unwrap_or_default())
        }
        Fact::AnswerUnproven => {
            "the dialplan answered by itself: no trunk leg is up, so nobody was reached".into()
        }
        Fact::RingTimeout { seconds } => format!("nobody answered within {seconds} s"),
        Fact::HangupAsked { by: EndedBy::Api, client: Some(client), .. } => {
            format!("a client asked to hang up: {client}")
        }
        Fact::HangupAsked { by: EndedBy::Api, .. } => "a client asked to hang up".into(),
        Fact::HangupAsked { reason: Reason::Shutdown, .. } => "the bot is stopping and hangs up".into(),
        Fact::HangupAsked { reason: Reason::StoreUnavailable, .. } => {
            "the disk did not confirm in time, so the call is withdrawn".into()
        }
        Fact::HangupAsked { seconds: Some(seconds), .. } => format!("{seconds} s of talk are over"),
        Fact::HangupAsked { .. } => "the scenario is over; the bot hangs up".into(),
        Fact::SoundPlayed { media, .. } => format!("played {media}"),
        Fact::SoundFailed { media, why } => format!("{media} was not played: {why}"),
        Fact::SoundEnded { media } => format!("{media} has ended; when was not seen"),
        Fact::RequestFailed { what: Asked::Hangup, why } => format!("the hang-up failed: {why}"),
        Fact::RequestFailed { what: Asked::Channels, why } => {
            format!("the look at its channels failed: {why}")
        }
        Fact::NotFound => "Asterisk has nothing of this call any more, and its end was not seen".into(),
        Fact::GaveUp => "Asterisk can't be asked what became of this call".into(),
        Fact::Restarted { dialed: false } => "the bot was restarted; the call waits on".into(),
        Fact::Restarted { dialed: true } => {
            "the bot was restarted; it asks Asterisk for this call and never dials it again".into()
        }
        Fact::OrderTaken { way } => format!("the host took the order, by {way}"),
        Fact::OrderRefused { why } => format!("the host did not take the order: {why}"),
        Fact::OrderUncertain { why } => format!("whether the host took the order is not known: {why}"),
        Fact::Apart => {
            "the two sides are not connected with each other now; who else they talk with is not hung up"
                .into()
        }
        Fact::SightLost { why } => format!("what happens at the host can't be seen: {why}"),
        Fact::Ended { status, reason, ended_by, sip_code, sip_text } => {
            let said = status_line(*sip_code, sip_text.as_deref());
            let said = said.map(|words| format!("; the carrier said {words}")).unwrap_or_default();
            format!("{status}: {reason}, ended by {ended_by}{said}")
        }
    }
}

/// The trunk's leg is spoken of as the carrier's; any other by its role.
fn of_leg(leg: &LegRef, seen: &Seen) -> String {
    let (role, channel) = (leg.role, &leg.channel);
    let name = format!("{}{}", side(role), of(channel));
    match (seen, role) {
        (Seen::Created { .. }, Role::Trunk) => {
            format!("the trunk leg was created: channel {}, INVITE on its way", shown(channel))
        }
        (Seen::Created { .. }, _) => format!("{} is called: channel {}", side(role), shown(channel)),
        (Seen::Ringing, _) => format!("{name} rings"),
        (Seen::EarlyMedia, Role::Trunk) => {
            format!("the carrier sends audio before an answer{}", on(channel))
        }
        (Seen::EarlyMedia, _) => format!("{name} sends audio before an answer"),
        (Seen::Up, _) => format!("{name} is up"),
        (Seen::Joined, _) => format!("{name} is connected with the other side"),
        (Seen::Left, _) => format!("{name} is not connected with the other side any more"),
        (Seen::HungUp(given), Role::Trunk) => format!("the far side ended {name} ({})", causes(given)),
        (Seen::HungUp(_), _) => format!("{name} was put down"),
        (Seen::HungUpHere, Role::Trunk) => {
            format!("{name} was hung up at the PBX: by an operator, or by Asterisk's own stop")
        }
        (Seen::HungUpHere, _) => format!("{name} was hung up at the PBX"),
        (Seen::DialEnded(status), Role::Trunk) => {
            format!("Dial{} ended without an answer: {status}", of(channel))
        }
        (Seen::DialEnded(status), _) => format!("Dial of {name} ended without an answer: {status}"),
        (Seen::Gone(given), Role::Trunk) => {
            format!("the trunk channel{} is gone ({})", of(channel), causes(given))
        }
        (Seen::Gone(given), _) => format!("{name} is gone ({})", causes(given)),
        (Seen::TakenOver, Role::Trunk) => {
            "the trunk leg was taken from the bot at the PBX (a transfer, a redirect, parking), and lives on"
                .into()
        }
        (Seen::TakenOver, _) => {
            format!("{} was taken over at the PBX: another conversation has begun", side(role))
        }
    }
}

fn shown(channel: &Option<String>) -> &str {
    channel.as_deref().unwrap_or_default()
}

/// Which of several legs.
fn of(channel: &Option<String>) -> String {
    channel.as_ref().map(|name| format!(" {name}")).unwrap_or_default()
}

fn on(channel: &Option<String>) -> String {
    channel.as_ref().map(|name| format!(" on {name}")).unwrap_or_default()
}

fn side(leg: Role) -> &'static str {
    match leg {
        Role::Desk => "the extension's phone",
        Role::Phone => "the number",
        Role::Listener => "the listener's phone",
        Role::Trunk => "the trunk leg",
    }
}

fn causes(causes: &Causes) -> String {
    match (causes.cause, causes.tech_cause) {
        (Some(cause), Some(sip)) => format!("cause {cause}, SIP {sip}"),
        (Some(cause), None) => format!("cause {cause}"),
        (None, Some(sip)) => format!("SIP {sip}"),
        (None, None) => "no cause given".to_owned(),
    }
}
