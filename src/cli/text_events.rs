//! The evidence of a timeline in Russian.
//!
//! The daemon writes it in English beside the fact's word and values, from which the fact is made
//! again. What is no fact of this version's (a newer daemon's) stays English.

use super::{
    text::Text,
    wire::{Clean, Entry, Word},
};
use call::{AriRequest, EndedBy, Fact, Reason, Role, words};
use lang::Lang;

impl Text {
    /// What a line of the timeline says.
    pub fn event(self, entry: &Entry) -> String {
        match (self.0, entry.fact()) {
            // Values of a fact may hold a carrier's control characters.
            (Lang::Ru, Some(fact)) => Clean::from(self.russian(fact)).to_string(),
            _ => entry.text.to_string(),
        }
    }

    fn russian(self, fact: Fact) -> String {
        match fact {
            Fact::Accepted { from: Some(name) } => format!("звонок принят от {name}"),
            Fact::Accepted { from: None } => "звонок принят".into(),
            Fact::IntentStored => {
                "намерение позвонить записано на диск; повторно этот звонок уже не набирается".into()
            }
            Fact::TrunkCreated { channel, .. } => {
                format!("создано плечо к оператору: канал {channel}, INVITE отправляется")
            }
            Fact::TrunkRinging { channel } => format!("у оператора идут гудки{}", of(channel)),
            Fact::TrunkEarlyMedia { channel } => format!("оператор передаёт звук до ответа{}", of(channel)),
            Fact::TrunkUp { channel } => format!("на стороне оператора ответили{}", of(channel)),
            Fact::TrunkHangup { cause, tech_cause, channel } => {
                format!("та сторона завершила плечо к оператору{} ({})", of(channel), causes(cause, tech_cause))
            }
            Fact::TrunkHungUpHere { channel } => format!(
                "плечо к оператору{} завершили на самой АТС: администратор или остановка Asterisk",
                of(channel)
            ),
            Fact::TrunkTaken => {
                "плечо к оператору забрали у бота на АТС (перевод, перенаправление, парковка), разговор продолжается".into()
            }
            Fact::TrunkDestroyed { cause, tech_cause, channel } => {
                format!("канала к оператору{} больше нет ({})", of(channel), causes(cause, tech_cause))
            }
            Fact::DialEnded { dialstatus, channel } => {
                format!("Dial{} завершился без ответа: {dialstatus}", of(channel))
            }
            Fact::Report { sip_code, sip_text, dialstatus, channel, .. } => {
                let said = match words(sip_code, sip_text.as_deref()) {
                    Some(words) => format!("последнее слово оператора — «{words}»"),
                    None => "оператор так ничего и не ответил".into(),
                };
                let whole = dialstatus.map(|word| format!("; DIALSTATUS {word}")).unwrap_or_default();
                format!("{said}{}{whole}", of(channel))
            }
            Fact::RingTimeout { seconds } => format!("никто не ответил за {seconds} с"),
            Fact::HangupAsked { by: EndedBy::Api, client: Some(client), .. } => {
                format!("клиент попросил завершить звонок: {client}")
            }
            Fact::HangupAsked { by: EndedBy::Api, .. } => "клиент попросил завершить звонок".into(),
            Fact::HangupAsked { reason: Reason::Shutdown, .. } => {
                "бот останавливается и кладёт трубку".into()
            }
            Fact::HangupAsked { reason: Reason::StoreUnavailable, .. } => {
                "диск не подтвердил запись вовремя, звонок снят".into()
            }
            Fact::HangupAsked { seconds: Some(seconds), .. } => {
                format!("прошло {seconds} с разговора, это предел")
            }
            Fact::HangupAsked { .. } => "сценарий окончен, бот кладёт трубку".into(),
            Fact::SoundPlayed { media, seconds } => format!("проиграно: {media} ({seconds:.1} с)"),
            Fact::SoundFailed { media, why } => format!("не проиграно: {media}: {why}"),
            Fact::SoundEnded { media } => format!("{media} закончилось; когда, не видели"),
            Fact::Redirected { to, followed: false } => {
                format!("оператор переадресовал звонок на {to}, это запрещено")
            }
            Fact::Redirected { to, followed: true } => {
                format!("оператор переадресовал звонок на {to}, и dialplan этому последовал")
            }
            Fact::AnswerUnproven => {
                "dialplan ответил сам: плечо к оператору не поднято, так что никто не ответил".into()
            }
            Fact::OriginateNotSent { why } => {
                format!("запрос на звонок не удалось отправить, он ждёт Asterisk: {why}")
            }
            Fact::OriginateAgain => "Asterisk снова на связи; запрос на звонок отправлен".into(),
            Fact::OriginateRefused { http_status: http_status @ 500.., message } => format!(
                "Asterisk отклонил запрос на звонок: {http_status} {message}; выясняем, не набрал ли он всё же"
            ),
            Fact::OriginateRefused { http_status, message } => {
                format!("Asterisk отклонил запрос на звонок: {http_status} {message}")
            }
            Fact::OriginateUncertain { why } => {
                format!("неизвестно, принял ли Asterisk запрос на звонок: {why}")
            }
            Fact::NotFound => "у Asterisk этого звонка больше нет, а конца его не видели".into(),
            Fact::RequestFailed { what: AriRequest::Hangup, why } => {
                format!("не удалось попросить Asterisk завершить звонок: {why}")
            }
            Fact::RequestFailed { what: AriRequest::Channels, why } => {
                format!("не удалось спросить у Asterisk о каналах звонка: {why}")
            }
            Fact::Restarted { dialed: false } => "бот перезапущен; звонок ждёт дальше".into(),
            Fact::Restarted { dialed: true } => {
                "бот перезапущен; он спрашивает об этом звонке Asterisk и повторно его не набирает".into()
            }
            Fact::GaveUp => "у Asterisk не узнать, что стало с этим звонком".into(),
            Fact::OrderTaken { way } => format!("хост принял команду ({way})"),
            Fact::OrderRefused { why } => format!("хост не принял команду: {why}"),
            Fact::OrderUncertain { why } => format!("неизвестно, принял ли хост команду: {why}"),
            Fact::LegCreated { leg, channel } => format!("{}: вызов, канал {channel}", side(leg)),
            Fact::LegRinging { leg, channel } => format!("{}{}: гудки", side(leg), of(channel)),
            Fact::LegEarlyMedia { leg, channel } => format!("{}{}: звук до ответа", side(leg), of(channel)),
            Fact::LegUp { leg, channel } => format!("{}{}: сняли трубку", side(leg), of(channel)),
            Fact::LegJoined { leg, channel } => {
                format!("{}{}: соединён с другой стороной", side(leg), of(channel))
            }
            Fact::LegHungUp { leg, channel } => format!("{}{}: положили трубку", side(leg), of(channel)),
            Fact::LegHungUpHere { leg, channel } => {
                format!("{}{}: завершили на самой АТС", side(leg), of(channel))
            }
            Fact::LegDialEnded { leg, dialstatus, channel } => {
                format!("{}{}: Dial завершился без ответа: {dialstatus}", side(leg), of(channel))
            }
            Fact::LegGone { leg, cause, tech_cause, channel } => {
                format!("{}{}: канала больше нет ({})", side(leg), of(channel), causes(cause, tech_cause))
            }
            Fact::Apart => {
                "стороны сейчас не соединены друг с другом; разговоры с другими не завершаются".into()
            }
            Fact::SightLost { why } => format!("не видно, что происходит на хосте: {why}"),
            Fact::Ended { status, reason, ended_by, sip_code, sip_text } => {
                let said = words(sip_code, sip_text.as_deref());
                let said = said.map(|words| format!("; оператор ответил «{words}»")).unwrap_or_default();
                let by = self.ended_by(&Word::Known(ended_by));
                format!("{status}: {reason}, завершил: {by}{said}")
            }
        }
    }
}

/// Which of several legs.
fn of(channel: Option<String>) -> String {
    channel.map(|name| format!(" [{name}]")).unwrap_or_default()
}

fn side(leg: Role) -> &'static str {
    match leg {
        Role::Desk => "внутренний телефон",
        Role::Phone => "номер",
        Role::Listener => "телефон слушающего",
        Role::Trunk => "нога транка",
    }
}

fn causes(cause: Option<u16>, tech_cause: Option<u16>) -> String {
    match (cause, tech_cause) {
        (Some(cause), Some(sip)) => format!("причина {cause}, SIP {sip}"),
        (Some(cause), None) => format!("причина {cause}"),
        (None, Some(sip)) => format!("SIP {sip}"),
        (None, None) => "причина не названа".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(event: &str, text: &str, data: Value) -> Entry {
        serde_json::from_value(json!({
            "seq": 1, "at": "2026-11-21T09:30:00Z", "source": "bot", "event": event, "text": text,
            "status": null, "data": data,
        }))
        .expect("an entry")
    }

    #[test]
    fn a_fact_is_told_in_russian() {
        for (event, data, expected) in [
            ("accepted", json!({"from": "crm"}), "звонок принят от crm"),
            ("trunk_up", Value::Null, "на стороне оператора ответили"),
            (
                "trunk_hangup",
                json!({"cause": 17, "tech_cause": 486}),
                "та сторона завершила плечо к оператору (причина 17, SIP 486)",
            ),
            (
                "report",
                json!({"sip_code": null, "sip_text": null, "dialstatus": "CANCEL"}),
                "оператор так ничего и не ответил; DIALSTATUS CANCEL",
            ),
            (
                "hangup_asked",
                json!({"by": "limit", "reason": "max_duration", "seconds": 3600}),
                "прошло 3600 с разговора, это предел",
            ),
            (
                "sound_played",
                json!({"media": "sound:hello", "seconds": 1.234}),
                "проиграно: sound:hello (1.2 с)",
            ),
            (
                "ended",
                json!({"status": "failed", "reason": "trunk_auth_failed", "ended_by": "carrier",
                    "sip_code": 401, "sip_text": "Unauthorized"}),
                "failed: trunk_auth_failed, завершил: оператор; оператор ответил «401 Unauthorized»",
            ),
        ] {
            assert_eq!(Text(Lang::Ru).event(&entry(event, "English", data)), expected);
        }
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        let text = "the call was teleported";
        assert_eq!(Text(Lang::Ru).event(&entry("teleported", text, Value::Null)), text);
        assert_eq!(Text(Lang::Ru).event(&entry("report", text, json!({"sip_code": "?"}))), text);
        assert_eq!(Text(Lang::En).event(&entry("trunk_up", text, Value::Null)), text);
    }

    #[test]
    fn what_a_carrier_says_can_not_steer_the_terminal() {
        let data = json!({"sip_code": 603, "sip_text": "\u{1b}[2Jgone", "dialstatus": "BUSY"});
        assert!(!Text(Lang::Ru).event(&entry("report", "x", data)).contains('\u{1b}'));
    }
}
