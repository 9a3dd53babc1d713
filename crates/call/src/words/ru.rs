//! A timeline in Russian.

use super::status_line;
use lang::{Lang, system_in_russian as told};

use crate::{Asked, EndedBy, Fact, Reason, Role};

pub(super) fn fact(fact: &Fact) -> String {
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
            format!("та сторона завершила плечо к оператору{} ({})", of(channel), causes(*cause, *tech_cause))
        }
        Fact::TrunkHungUpHere { channel } => format!(
            "плечо к оператору{} завершили на самой АТС: администратор или остановка Asterisk",
            of(channel)
        ),
        Fact::HungUpHere => {
            "нашу сторону вызова завершили на самой АТС: администратор, другая программа или остановка Asterisk".into()
        }
        Fact::PickedUpHere { channel } => {
            format!("звонящий вызов перехватили на АТС с {channel}, плеча к оператору больше нет")
        }
        Fact::TrunkTaken => {
            "плечо к оператору забрали у бота на АТС (перевод, перенаправление, парковка), разговор продолжается".into()
        }
        Fact::TrunkDestroyed { cause, tech_cause, channel } => {
            format!("канала к оператору{} больше нет ({})", of(channel), causes(*cause, *tech_cause))
        }
        Fact::DialEnded { dialstatus, channel } => {
            format!("Dial{} завершился без ответа: {dialstatus}", of(channel))
        }
        Fact::Report { sip_code, sip_text, dialstatus, channel, .. } => {
            let said = match status_line(*sip_code, sip_text.as_deref()) {
                Some(words) => format!("последнее слово оператора — «{words}»"),
                None => "оператор так ничего и не ответил".into(),
            };
            let whole = dialstatus.as_ref().map(|word| format!("; DIALSTATUS {word}")).unwrap_or_default();
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
        Fact::SoundFailed { media, why } => format!("не проиграно: {media}: {}", told(why)),
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
            format!("запрос на звонок не удалось отправить, он ждёт Asterisk: {}", told(why))
        }
        Fact::OriginateAgain => "Asterisk снова на связи; запрос на звонок отправлен".into(),
        Fact::AttemptOver { number, reason } => {
            format!("попытка {number} закончилась: {reason}; ничего не набрано, звонок ждёт следующей")
        }
        Fact::AttemptBegun { number } => {
            format!("началась попытка {number}: намерение набрать записано; повторно она не набирается")
        }
        Fact::OriginateRefused { http_status: http_status @ 500.., message } => format!(
            "Asterisk отклонил запрос на звонок: {http_status} {message}; выясняем, не набрал ли он всё же"
        ),
        Fact::OriginateRefused { http_status, message } => {
            format!("Asterisk отклонил запрос на звонок: {http_status} {message}")
        }
        Fact::OriginateUncertain { why } => {
            format!("неизвестно, принял ли Asterisk запрос на звонок: {}", told(why))
        }
        Fact::NotFound => "у Asterisk этого звонка больше нет, а конца его не видели".into(),
        Fact::RequestFailed { what: Asked::Hangup, why } => {
            format!("не удалось попросить Asterisk завершить звонок: {}", told(why))
        }
        Fact::RequestFailed { what: Asked::Channels, why } => {
            format!("не удалось спросить у Asterisk о каналах звонка: {}", told(why))
        }
        Fact::Restarted { dialed: false } => "бот перезапущен; звонок ждёт дальше".into(),
        Fact::Restarted { dialed: true } => {
            "бот перезапущен; он спрашивает об этом звонке Asterisk и повторно его не набирает".into()
        }
        Fact::GaveUp => "у Asterisk не узнать, что стало с этим звонком".into(),
        Fact::OrderTaken { way } => format!("хост принял команду ({way})"),
        Fact::OrderRefused { why } => format!("хост не принял команду: {}", told(why)),
        Fact::OrderUncertain { why } => format!("неизвестно, принял ли хост команду: {}", told(why)),
        Fact::LegCreated { leg, channel } => format!("{}: вызов, канал {channel}", side(*leg)),
        Fact::LegRinging { leg, channel } => format!("{}{}: гудки", side(*leg), of(channel)),
        Fact::LegEarlyMedia { leg, channel } => format!("{}{}: звук до ответа", side(*leg), of(channel)),
        Fact::LegUp { leg, channel } => format!("{}{}: сняли трубку", side(*leg), of(channel)),
        Fact::LegJoined { leg, channel } => {
            format!("{}{}: соединён с другой стороной", side(*leg), of(channel))
        }
        Fact::LegHungUp { leg, channel } => format!("{}{}: положили трубку", side(*leg), of(channel)),
        Fact::LegHungUpHere { leg, channel } => {
            format!("{}{}: завершили на самой АТС", side(*leg), of(channel))
        }
        Fact::LegDialEnded { leg, dialstatus, channel } => {
            format!("{}{}: Dial завершился без ответа: {dialstatus}", side(*leg), of(channel))
        }
        Fact::LegGone { leg, cause, tech_cause, channel } => {
            format!("{}{}: канала больше нет ({})", side(*leg), of(channel), causes(*cause, *tech_cause))
        }
        Fact::Apart => {
            "стороны сейчас не соединены друг с другом; разговоры с другими не завершаются".into()
        }
        Fact::LegTakenOver { leg } => {
            format!("{}: вызов забрали на самой АТС, это уже другой разговор", side(*leg))
        }
        Fact::SightLost { why } => format!("не видно, что происходит на хосте: {}", told(why)),
        Fact::Ended { status, reason, ended_by, sip_code, sip_text } => {
            let said = status_line(*sip_code, sip_text.as_deref());
            let said = said.map(|words| format!("; оператор ответил «{words}»")).unwrap_or_default();
            let by = ended_by.words(Lang::Ru);
            format!("{status}: {reason}, завершил: {by}{said}")
        }
    }
}

/// Which of several legs.
fn of(channel: &Option<String>) -> String {
    channel.as_ref().map(|name| format!(" [{name}]")).unwrap_or_default()
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
