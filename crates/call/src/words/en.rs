//! A timeline in English, with the values as Asterisk or the carrier gave them. The log has it, and what is stored.

use super::status_line;
use crate::{Asked, EndedBy, Fact, Reason, Role};

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
        Fact::TrunkCreated { channel, .. } => {
            format!("the trunk leg was created: channel {channel}, INVITE on its way")
        }
        Fact::TrunkRinging { channel } => format!("the trunk leg{} rings", of(channel)),
        Fact::TrunkEarlyMedia { channel } => {
            format!("the carrier sends audio before an answer{}", on(channel))
        }
        Fact::TrunkUp { channel } => format!("the trunk leg{} is up", of(channel)),
        Fact::TrunkHangup { cause, tech_cause, channel } => {
            format!("the far side ended the trunk leg{} ({})", of(channel), causes(*cause, *tech_cause))
        }
        Fact::TrunkHungUpHere { channel } => format!(
            "the trunk leg{} was hung up at the PBX: by an operator, or by Asterisk's own stop",
            of(channel)
        ),
        Fact::HungUpHere => {
            "our side of the call was hung up at the PBX: by an operator, another program, or Asterisk's own stop".into()
        }
        Fact::PickedUpHere { channel } => {
            format!("somebody at the PBX picked up the ringing call with {channel}, and the carrier's leg is gone")
        }
        Fact::TrunkTaken => {
            "the trunk leg was taken from the bot at the PBX (a transfer, a redirect, parking), and lives on"
                .into()
        }
        Fact::TrunkDestroyed { cause, tech_cause, channel } => {
            format!("the trunk channel{} is gone ({})", of(channel), causes(*cause, *tech_cause))
        }
        Fact::DialEnded { dialstatus, channel } => {
            format!("Dial{} ended without an answer: {dialstatus}", of(channel))
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
        Fact::LegCreated { leg, channel } => format!("{} is called: channel {channel}", side(*leg)),
        Fact::LegRinging { leg, channel } => format!("{}{} rings", side(*leg), of(channel)),
        Fact::LegEarlyMedia { leg, channel } => {
            format!("{}{} sends audio before an answer", side(*leg), of(channel))
        }
        Fact::LegUp { leg, channel } => format!("{}{} is up", side(*leg), of(channel)),
        Fact::LegJoined { leg, channel } => {
            format!("{}{} is connected with the other side", side(*leg), of(channel))
        }
        Fact::LegHungUp { leg, channel } => format!("{}{} was put down", side(*leg), of(channel)),
        Fact::LegHungUpHere { leg, channel } => {
            format!("{}{} was hung up at the PBX", side(*leg), of(channel))
        }
        Fact::LegDialEnded { leg, dialstatus, channel } => {
            format!("Dial of {}{} ended without an answer: {dialstatus}", side(*leg), of(channel))
        }
        Fact::LegGone { leg, cause, tech_cause, channel } => {
            format!("{}{} is gone ({})", side(*leg), of(channel), causes(*cause, *tech_cause))
        }
        Fact::Apart => {
            "the two sides are not connected with each other now; who else they talk with is not hung up"
                .into()
        }
        Fact::LegTakenOver { leg } => {
            format!("{} was taken over at the PBX: another conversation has begun", side(*leg))
        }
        Fact::SightLost { why } => format!("what happens at the host can't be seen: {why}"),
        Fact::Ended { status, reason, ended_by, sip_code, sip_text } => {
            let said = status_line(*sip_code, sip_text.as_deref());
            let said = said.map(|words| format!("; the carrier said {words}")).unwrap_or_default();
            format!("{status}: {reason}, ended by {ended_by}{said}")
        }
    }
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

fn causes(cause: Option<u16>, tech_cause: Option<u16>) -> String {
    match (cause, tech_cause) {
        (Some(cause), Some(sip)) => format!("cause {cause}, SIP {sip}"),
        (Some(cause), None) => format!("cause {cause}"),
        (None, Some(sip)) => format!("SIP {sip}"),
        (None, None) => "no cause given".to_owned(),
    }
}
