//! What to do about an end: one sentence for each reason, in each language.
//!
//! Knows the reasons, not how or where the sentence is shown.

use crate::scenario::SOUND_FAILED;
use crate::{CallRecord, Reason, Status};
use lang::Lang;

/// One sentence that says what to do about a call that ended for this reason.
pub fn hint(reason: Reason, lang: Lang) -> &'static str {
    match lang {
        Lang::En => english(reason),
        Lang::Ru => russian(reason),
    }
}

/// What to do about this end: a sound that nobody heard comes before the reason.
pub fn hint_of(call: &CallRecord, lang: Lang) -> Option<&'static str> {
    let reason = call.last.reason?;
    let is_silent =
        call.last.status == Status::Completed && call.scenario_result.as_deref() == Some(SOUND_FAILED);
    Some(match lang {
        _ if !is_silent => hint(reason, lang),
        Lang::En => {
            "A sound of the scenario was not played, so the callee did not hear it: the timeline names it. Put it as .wav \
             (8 kHz, 16 bit, mono), .alaw, .ulaw or .gsm into the folder of Asterisk's sounds \
             (/var/lib/asterisk/sounds/LANGUAGE/, for Debian /usr/share/asterisk/sounds/LANGUAGE/), readable for \
             Asterisk; `core show file formats` and `core show settings` tell what it takes and where."
        }
        Lang::Ru => {
            "Звук из сценария не проигрался, и абонент его не услышал: какой именно — в ленте событий. Положите его как \
             .wav (8 кГц, 16 бит, моно), .alaw, .ulaw или .gsm в папку звуков Asterisk \
             (/var/lib/asterisk/sounds/ЯЗЫК/, в Debian /usr/share/asterisk/sounds/ЯЗЫК/) с правом чтения для Asterisk; \
             что он принимает и где, скажут `core show file formats` и `core show settings`."
        }
    })
}

fn english(reason: Reason) -> &'static str {
    match reason {
        Reason::TrunkAuthFailed => {
            "The carrier refused the trunk's login: check that the endpoint has `outbound_auth` (not only `auth`) in \
             pjsip.conf, and that user name and password are those of the carrier's account."
        }
        Reason::CarrierForbidden => {
            "The carrier forbids this call: check the balance, the allowed directions and the caller id in the \
             carrier's account."
        }
        Reason::NumberInvalid => "The carrier knows no such number: check its digits before calling again.",
        Reason::CodecMismatch => {
            "The carrier accepts none of the offered codecs: allow alaw and ulaw on the trunk's endpoint in pjsip.conf."
        }
        Reason::CarrierOverloaded => {
            "The carrier has no free line at present: call again later, or lower `dial.calls_per_second` and \
             `dial.max_concurrent`."
        }
        Reason::CarrierError => {
            "The carrier failed on its side: call again later, and show its support the Call-ID if it goes on."
        }
        Reason::CarrierRefused => {
            "The carrier refused the call: look up its answer in the timeline and show its support the Call-ID."
        }
        Reason::CarrierSilent => {
            "The carrier answered nothing: check the trunk's address and port, the firewall and the way to the network."
        }
        Reason::RedirectRefused => {
            "The carrier redirected the call elsewhere, which is not followed: dial the new number itself if you trust it."
        }
        Reason::TrunkUnreachable => {
            "Asterisk could not reach the trunk: check `pjsip show endpoints`, the trunk's host name and its contact."
        }
        Reason::DialplanMissing => {
            "The dialplan never dialed the trunk: check that the context named in `trunk.context` exists in \
             extensions.conf, is loaded, and takes numbers with a leading +; `novofon-bot dialplan show` tells, \
             `novofon-bot dialplan fix` writes it."
        }
        Reason::AsteriskUnreachable => {
            "Asterisk could not be reached in time: check that it runs and that `ari.url`, user and password are right."
        }
        Reason::AsteriskRefused => {
            "Asterisk refused to place the call: see its answer in the timeline and Asterisk's own log."
        }
        Reason::RingTimeout => {
            "Nobody answered within the ring time-out: call again later, or give a longer `ring_timeout`."
        }
        Reason::MaxDuration => {
            "The talk reached its longest duration and was ended: give a longer `max_duration` if that was too soon."
        }
        Reason::Declined => "The callee declined the call: do not call again right away.",
        Reason::Busy => "The line is busy: call again in some minutes.",
        Reason::NoAnswer => "It rang and nobody answered: call again later.",
        Reason::Unavailable => "The phone is off or out of reach: call again later.",
        Reason::HungUp => "The call was hung up: there is nothing to be done.",
        Reason::ScenarioEnded => {
            "The scenario came to its end and the bot hung up: there is nothing to be done."
        }
        Reason::Shutdown => {
            "The bot was stopped while the call lived: place the call again if it still matters."
        }
        Reason::QueueTimeout => {
            "The call waited in the queue for too long and was never dialed: raise `dial.max_concurrent` or \
             `dial.calls_per_second`, or place fewer calls at once."
        }
        Reason::StoreUnavailable => {
            "The store did not take the intent to dial, so nothing was dialed: check the disk and the store's health, \
             then place the call again."
        }
        Reason::NotAllowed => {
            "`dial.allow` was narrowed while the call waited, so nothing was dialed: allow the number's prefix again and \
             place the call anew, if it is meant to be made."
        }
        Reason::CallerIdNotAllowed => {
            "`trunk.caller_ids` was narrowed while the call waited, so nothing was dialed: allow the number that it asked to \
             show again, or place the call anew without it."
        }
        Reason::ClientRevoked => {
            "The API key that asked for this call was taken away while it waited, so nothing was dialed: place it anew \
             with a key that is known."
        }
        Reason::OutcomeLost => {
            "It was (or may have been) dialed and its end could not be learned: ask the carrier's call records before \
             calling again."
        }
        Reason::ExtensionBusy => {
            "The extension's phone was busy, so the number was not dialed: call again when it is free."
        }
        Reason::ExtensionNoAnswer => {
            "Nobody picked up the extension's phone, so the number was not dialed: pick it up when it rings."
        }
        Reason::ExtensionDeclined => {
            "The extension's phone declined the call, so the number was not dialed: look whether it is set to \"do not disturb\"."
        }
        Reason::ExtensionUnavailable => {
            "The extension's phone could not be called: check that it is registered, and that the enterprise's context \
             has this extension."
        }
        Reason::NumberNotDialed => {
            "The extension's phone was picked up, but the enterprise's dialplan did not dial the number: check the digits \
             and what its context does with them."
        }
        Reason::NotConnected => {
            "It ended, and no phone of the extension was connected with the number: a voicemail or a menu may have talked with \
             it. Over SSH the host does not tell why: give the bot AMI or ARI there to learn it."
        }
        Reason::HostUnreachable => {
            "The enterprise's host could not be reached: check the network, its sshd (or AMI, ARI) and `novofon-bot \
             enterprise test`."
        }
        Reason::HostAuthFailed => {
            "The enterprise's host refused the login: check user, password or key with `novofon-bot enterprise test`."
        }
        Reason::HostKeyChanged => {
            "The SSH key of the enterprise's host is not the one that was known: find out why, and only then remove the \
             old key from the known hosts."
        }
        Reason::HostRefused => {
            "The enterprise's Asterisk refused the order: see its words in the timeline, and check that it runs."
        }
    }
}

fn russian(reason: Reason) -> &'static str {
    match reason {
        Reason::TrunkAuthFailed => {
            "Оператор не принял логин транка: проверьте, что у endpoint в pjsip.conf указан `outbound_auth` (а не только \
             `auth`) и что имя и пароль — из личного кабинета оператора."
        }
        Reason::CarrierForbidden => {
            "Оператор запретил этот звонок: проверьте баланс, разрешённые направления и номер звонящего в личном кабинете."
        }
        Reason::NumberInvalid => {
            "Оператор не знает такого номера: проверьте цифры, прежде чем звонить снова."
        }
        Reason::CodecMismatch => {
            "Оператору не подошёл ни один кодек: разрешите alaw и ulaw у endpoint транка в pjsip.conf."
        }
        Reason::CarrierOverloaded => {
            "У оператора сейчас нет свободных линий: позвоните позже или уменьшите `dial.calls_per_second` и \
             `dial.max_concurrent`."
        }
        Reason::CarrierError => {
            "Сбой на стороне оператора: позвоните позже, а если повторится — передайте его поддержке Call-ID."
        }
        Reason::CarrierRefused => {
            "Оператор отказал в звонке: посмотрите его ответ в ленте событий и передайте его поддержке Call-ID."
        }
        Reason::CarrierSilent => {
            "Оператор ничего не ответил: проверьте адрес и порт транка, файрвол и доступ в сеть."
        }
        Reason::RedirectRefused => {
            "Оператор перенаправил звонок, а переадресация не выполняется: если доверяете новому номеру, наберите его сами."
        }
        Reason::TrunkUnreachable => {
            "Asterisk не смог связаться с транком: проверьте `pjsip show endpoints`, имя хоста транка и его contact."
        }
        Reason::DialplanMissing => {
            "Диалплан не набрал транк: проверьте, что контекст из `trunk.context` есть в extensions.conf, загружен и \
             принимает номера с + в начале; это покажет `novofon-bot dialplan show`, а запишет `novofon-bot dialplan fix`."
        }
        Reason::AsteriskUnreachable => {
            "С Asterisk не удалось связаться вовремя: проверьте, что он запущен и что верны `ari.url`, имя и пароль."
        }
        Reason::AsteriskRefused => {
            "Asterisk отказался начать звонок: посмотрите его ответ в ленте событий и журнал самого Asterisk."
        }
        Reason::RingTimeout => {
            "За время дозвона никто не ответил: позвоните позже или задайте больший `ring_timeout`."
        }
        Reason::MaxDuration => {
            "Разговор достиг наибольшей длительности и был завершён: если это рано, задайте больший `max_duration`."
        }
        Reason::Declined => "Абонент отклонил звонок: не звоните снова сразу же.",
        Reason::Busy => "Линия занята: позвоните через несколько минут.",
        Reason::NoAnswer => "Телефон звонил, но никто не ответил: позвоните позже.",
        Reason::Unavailable => "Телефон выключен или вне сети: позвоните позже.",
        Reason::HungUp => "Трубку положили: делать ничего не нужно.",
        Reason::ScenarioEnded => "Сценарий закончился, и бот положил трубку: делать ничего не нужно.",
        Reason::Shutdown => "Бота остановили во время звонка: если звонок ещё нужен, сделайте его снова.",
        Reason::QueueTimeout => {
            "Звонок слишком долго ждал в очереди и не был набран: увеличьте `dial.max_concurrent` или \
             `dial.calls_per_second` либо ставьте меньше звонков сразу."
        }
        Reason::StoreUnavailable => {
            "Хранилище не приняло запись о наборе, поэтому ничего не набрано: проверьте диск и состояние хранилища и \
             сделайте звонок снова."
        }
        Reason::NotAllowed => {
            "Пока звонок ждал, `dial.allow` сузили, поэтому ничего не набрано: если звонить всё же нужно, разрешите \
             начало номера и сделайте звонок заново."
        }
        Reason::CallerIdNotAllowed => {
            "Пока звонок ждал, `trunk.caller_ids` сузили, поэтому ничего не набрано: снова разрешите номер, который он \
             просил показать, или сделайте звонок заново без него."
        }
        Reason::ClientRevoked => {
            "Пока звонок ждал, ключ API, которым его заказали, отозвали, поэтому ничего не набрано: закажите звонок \
             действующим ключом."
        }
        Reason::OutcomeLost => {
            "Номер был (или мог быть) набран, но чем это кончилось, узнать не удалось: прежде чем звонить снова, \
             посмотрите детализацию у оператора."
        }
        Reason::ExtensionBusy => {
            "Телефон сотрудника занят, поэтому номер не набирался: позвоните, когда он освободится."
        }
        Reason::ExtensionNoAnswer => {
            "Трубку на телефоне сотрудника не сняли, поэтому номер не набирался: снимите её, когда он зазвонит."
        }
        Reason::ExtensionDeclined => {
            "Телефон сотрудника отклонил вызов, поэтому номер не набирался: проверьте, не включён ли режим «не беспокоить»."
        }
        Reason::ExtensionUnavailable => {
            "До телефона сотрудника не дозвониться: проверьте, что он зарегистрирован и что такой внутренний номер есть в \
             контексте предприятия."
        }
        Reason::NumberNotDialed => {
            "Трубку сняли, но диалплан предприятия не набрал номер: проверьте цифры и что с ними делает его контекст."
        }
        Reason::NotConnected => {
            "Звонок закончился, а телефон добавочного с номером не соединился: с номером могла говорить голосовая почта или \
             меню. По SSH хост не говорит почему: чтобы это узнать, дайте боту AMI или ARI."
        }
        Reason::HostUnreachable => {
            "Хост предприятия недоступен: проверьте сеть, sshd (или AMI, ARI) и команду `novofon-bot enterprise test`."
        }
        Reason::HostAuthFailed => {
            "Хост предприятия не принял вход: проверьте имя, пароль или ключ командой `novofon-bot enterprise test`."
        }
        Reason::HostKeyChanged => {
            "SSH-ключ хоста предприятия не тот, что был известен: выясните почему и только потом удалите старый ключ из \
             известных."
        }
        Reason::HostRefused => {
            "Asterisk предприятия отказался от команды: его слова есть в ленте событий; проверьте, что он запущен."
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use lang::Lang;

    use super::*;

    #[test]
    fn each_reason_has_its_own_sentence_in_each_language() {
        for lang in [Lang::En, Lang::Ru] {
            let mut seen = HashSet::new();
            for reason in Reason::ALL {
                let text = hint(*reason, lang);
                assert!(text.ends_with('.') && !text.contains("  "), "{reason}: {text}");
                let is_cyrillic = text.chars().any(|c| ('а'..='я').contains(&c));
                assert_eq!(is_cyrillic, lang == Lang::Ru, "{reason}: {text}");
                assert!(seen.insert(text), "{reason} shares its sentence");
            }
        }
    }
}
