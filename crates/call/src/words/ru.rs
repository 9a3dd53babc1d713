//! A timeline in Russian.

use super::status_line;
use lang::{Lang, system_in_russian as told};

use crate::{Asked, Causes, EndedBy, Fact, LegRef, Reason, Role, Seen};

pub(super) fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Accepted { from: Some(name) } => format!("звонок принят от {name}"),
        Fact::Accepted { from: None } => "звонок принят".into(),
        Fact::IntentStored => {
            "намерение позвонить записано на диск; повторно этот звонок уже не набирается".into()
        }
        Fact::Leg { leg, seen } => of_leg(leg, seen),
        Fact::HungUpHere => {
            "нашу сторону вызова завершили на самой АТС: администратор, другая программа или остановка Asterisk".into()
        }
        Fact::PickedUpHere { channel } => {
            format!("звонящий вызов перехватили на АТС с {channel}, плеча к оператору больше нет")
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
        Fact::SoundPlayed { media, seconds } => {
            let seconds = format!("{seconds:.1}").replace('.', ",");
            format!("проиграно: {media} ({seconds} с)")
        }
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
        Fact::Apart => {
            "стороны сейчас не соединены друг с другом; разговоры с другими не завершаются".into()
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

/// The trunk's leg is spoken of as the carrier's; any other by its role.
fn of_leg(leg: &LegRef, seen: &Seen) -> String {
    let (role, channel) = (leg.role, &leg.channel);
    let name = format!("{}{}", side(role), of(channel));
    match (seen, role) {
        (Seen::Created { .. }, Role::Trunk) => {
            format!("создано плечо к оператору: канал {}, INVITE отправляется", shown(channel))
        }
        (Seen::Created { .. }, _) => format!("{}: вызов, канал {}", side(role), shown(channel)),
        (Seen::Ringing, Role::Trunk) => format!("у оператора идут гудки{}", of(channel)),
        (Seen::Ringing, _) => format!("{name}: гудки"),
        (Seen::EarlyMedia, Role::Trunk) => format!("оператор передаёт звук до ответа{}", of(channel)),
        (Seen::EarlyMedia, _) => format!("{name}: звук до ответа"),
        (Seen::Up, Role::Trunk) => format!("на стороне оператора ответили{}", of(channel)),
        (Seen::Up, _) => format!("{name}: сняли трубку"),
        (Seen::Joined, _) => format!("{name}: соединён с другой стороной"),
        (Seen::Left, _) => format!("{name}: больше не соединён с другой стороной"),
        (Seen::HungUp(given), Role::Trunk) => {
            format!("та сторона завершила {name} ({})", causes(given))
        }
        (Seen::HungUp(_), _) => format!("{name}: положили трубку"),
        (Seen::HungUpHere, Role::Trunk) => {
            format!("{name} завершили на самой АТС: администратор или остановка Asterisk")
        }
        (Seen::HungUpHere, _) => format!("{name}: завершили на самой АТС"),
        (Seen::DialEnded(status), Role::Trunk) => {
            format!("Dial{} завершился без ответа: {status}", of(channel))
        }
        (Seen::DialEnded(status), _) => format!("{name}: Dial завершился без ответа: {status}"),
        (Seen::Gone(given), Role::Trunk) => {
            format!("канала к оператору{} больше нет ({})", of(channel), causes(given))
        }
        (Seen::Gone(given), _) => format!("{name}: канала больше нет ({})", causes(given)),
        (Seen::TakenOver, Role::Trunk) => {
            "плечо к оператору забрали у бота на АТС (перевод, перенаправление, парковка), разговор продолжается".into()
        }
        (Seen::TakenOver, _) => {
            format!("{}: вызов забрали на самой АТС, это уже другой разговор", side(role))
        }
    }
}

fn shown(channel: &Option<String>) -> &str {
    channel.as_deref().unwrap_or_default()
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
        Role::Trunk => "плечо к оператору",
    }
}

fn causes(causes: &Causes) -> String {
    match (causes.cause, causes.tech_cause) {
        (Some(cause), Some(sip)) => format!("причина {cause}, SIP {sip}"),
        (Some(cause), None) => format!("причина {cause}"),
        (None, Some(sip)) => format!("SIP {sip}"),
        (None, None) => "причина не названа".to_owned(),
    }
}
