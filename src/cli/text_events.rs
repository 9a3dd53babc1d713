//! The evidence of a timeline in Russian.
//!
//! The daemon writes it in English, each kind under a stable word, its values in `data` or at a fixed
//! place of the sentence. What is not known here, or reads otherwise than expected, stays English.

use super::{text::Text, wire::Entry};
use crate::lang::Lang;

impl Text {
    /// What a line of the timeline says.
    pub fn event(self, entry: &Entry) -> String {
        let translated = match self.0 {
            Lang::En => None,
            Lang::Ru => russian(entry),
        };
        translated.unwrap_or_else(|| entry.text.to_string())
    }
}

fn russian(entry: &Entry) -> Option<String> {
    let text = entry.text.as_str();
    let said = match entry.event.as_str() {
        "accepted" => match text.strip_prefix("the call was accepted")?.strip_prefix(" from ") {
            Some(name) => format!("звонок принят от {name}"),
            None => "звонок принят".to_owned(),
        },
        "intent_stored" => {
            "намерение позвонить записано на диск; повторно этот звонок уже не набирается".into()
        }
        "trunk_created" => {
            format!("создано плечо к оператору: канал {}, INVITE отправляется", entry.datum("channel")?)
        }
        "trunk_ringing" => "у оператора идут гудки".into(),
        "trunk_early_media" => "оператор передаёт звук до ответа".into(),
        "trunk_up" => "на стороне оператора ответили".into(),
        "trunk_hangup" => format!("та сторона завершила плечо к оператору ({})", causes(entry)),
        "trunk_destroyed" => format!("канала к оператору больше нет ({})", causes(entry)),
        "dial_ended" => format!("Dial завершился без ответа: {}", after_colon(text)?),
        "report" => {
            let said = match (entry.datum("sip_code"), entry.datum("sip_text")) {
                (Some(code), Some(words)) => format!("последнее слово оператора — «{code} {words}»"),
                (Some(code), None) => format!("последнее слово оператора — «{code}»"),
                (None, _) => "оператор так ничего и не ответил".to_owned(),
            };
            format!("{said}; DIALSTATUS {}", entry.datum("dialstatus")?)
        }
        "ring_timeout" => {
            format!("никто не ответил за {} с", between(text, "nobody answered within ", " s")?)
        }
        "hangup_asked" => match text {
            "a client asked to hang up" => "клиент попросил завершить звонок".into(),
            "the bot is stopping and hangs up" => "бот останавливается и кладёт трубку".into(),
            "the scenario is over; the bot hangs up" => "сценарий окончен, бот кладёт трубку".into(),
            _ => format!("прошло {} с разговора, это предел", text.strip_suffix(" s of talk are over")?),
        },
        "sound_played" => {
            let seconds: f64 = entry.datum("seconds")?.as_str().parse().ok()?;
            format!("проиграно: {} ({seconds:.1} с)", entry.datum("media")?)
        }
        "sound_failed" => {
            let media = entry.datum("media")?;
            format!("не проиграно: {media}: {}", text.strip_prefix(&format!("{media} was not played: "))?)
        }
        "sound_ended" => {
            format!("{} закончилось; когда, не видели", text.strip_suffix(" has ended; when was not seen")?)
        }
        "redirected" => {
            let rest = text.strip_prefix("the carrier redirected the call to ")?;
            match rest.strip_suffix(", which is refused") {
                Some(to) => format!("оператор переадресовал звонок на {to}, это запрещено"),
                None => {
                    let to = rest.strip_suffix(", and the dialplan followed it")?;
                    format!("оператор переадресовал звонок на {to}, и dialplan этому последовал")
                }
            }
        }
        "answer_unproven" => {
            "dialplan ответил сам: плечо к оператору не поднято, так что никто не ответил".into()
        }
        "originate_not_sent" => format!("запрос на звонок не удалось отправить: {}", after_colon(text)?),
        "originate_refused" => format!("Asterisk отклонил запрос на звонок: {}", after_colon(text)?),
        "originate_uncertain" => {
            format!("неизвестно, принял ли Asterisk запрос на звонок: {}", after_colon(text)?)
        }
        "not_found" => "у Asterisk этого звонка больше нет, а конца его не видели".into(),
        "request_failed" => {
            let (what, why) = text.split_once(" failed: ")?;
            format!("запрос к Asterisk не удался ({what}): {why}")
        }
        "restarted" => match text {
            "the bot was restarted; the call waits on" => "бот перезапущен; звонок ждёт дальше".into(),
            "the bot was restarted; it asks Asterisk for this call and never dials it again" => {
                "бот перезапущен; он спрашивает об этом звонке Asterisk и повторно его не набирает".into()
            }
            _ => return None,
        },
        "gave_up" => "у Asterisk не узнать, что стало с этим звонком".into(),
        "ended" => {
            let (outcome, rest) = text.split_once(", ended by ")?;
            let (by, said) =
                rest.split_once("; the carrier said ").map_or((rest, None), |(by, s)| (by, Some(s)));
            let said = said.map(|said| format!("; оператор ответил «{said}»")).unwrap_or_default();
            let by = by.parse().map(super::wire::Word::Known).map(|by| Text(Lang::Ru).ended_by(&by)).ok()?;
            format!("{outcome}, завершил: {by}{said}")
        }
        _ => return None,
    };
    Some(said)
}

fn causes(entry: &Entry) -> String {
    match (entry.datum("cause"), entry.datum("tech_cause")) {
        (Some(cause), Some(sip)) => format!("причина {cause}, SIP {sip}"),
        (Some(cause), None) => format!("причина {cause}"),
        (None, Some(sip)) => format!("SIP {sip}"),
        (None, None) => "причина не названа".to_owned(),
    }
}

fn after_colon(text: &str) -> Option<&str> {
    text.split_once(": ").map(|(_, rest)| rest)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
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

    fn ru(event: &str, text: &str, data: Value) -> String {
        Text(Lang::Ru).event(&entry(event, text, data))
    }

    /// The words that stand after a source in the machine's own code.
    fn words_of_the_machine() -> Vec<&'static str> {
        let sources = [
            include_str!("../call/machine/mod.rs"),
            include_str!("../call/machine/request.rs"),
            include_str!("../call/machine/talk.rs"),
            include_str!("../call/machine/trunk.rs"),
        ];
        let is_word =
            |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        sources
            .into_iter()
            .flat_map(|source| source.split("Source::").skip(1))
            .filter_map(|rest| rest.split_once(',')?.1.trim_start().strip_prefix('"')?.split('"').next())
            .filter(is_word)
            .collect()
    }

    /// For each word: a text as the machine writes it, its data, and what must be in the Russian.
    fn samples() -> Vec<(&'static str, &'static str, Value, &'static str)> {
        vec![
            ("accepted", "the call was accepted from crm", Value::Null, "звонок принят от crm"),
            ("accepted", "the call was accepted", Value::Null, "звонок принят"),
            ("intent_stored", "the intent to dial is stored; ...", Value::Null, "намерение"),
            (
                "trunk_created",
                "the trunk leg was created",
                json!({"channel": "PJSIP/novofon-1"}),
                "PJSIP/novofon-1",
            ),
            ("trunk_ringing", "the trunk leg rings", Value::Null, "гудки"),
            ("trunk_early_media", "the carrier sends audio", Value::Null, "звук до ответа"),
            ("trunk_up", "the trunk leg is up", Value::Null, "ответили"),
            ("trunk_hangup", "the far side", json!({"cause": 17, "tech_cause": 486}), "причина 17, SIP 486"),
            ("trunk_destroyed", "gone", json!({"cause": null, "tech_cause": null}), "причина не названа"),
            ("dial_ended", "Dial ended without an answer: CANCEL", Value::Null, "без ответа: CANCEL"),
            (
                "report",
                "the carrier's last word ...",
                json!({"sip_code": 401, "sip_text": "Unauthorized", "dialstatus": "CHANUNAVAIL", "cause": 21}),
                "«401 Unauthorized»; DIALSTATUS CHANUNAVAIL",
            ),
            (
                "report",
                "never",
                json!({"sip_code": null, "sip_text": null, "dialstatus": "CANCEL"}),
                "ничего",
            ),
            ("ring_timeout", "nobody answered within 60 s", Value::Null, "за 60 с"),
            ("hangup_asked", "a client asked to hang up", Value::Null, "клиент"),
            ("hangup_asked", "the bot is stopping and hangs up", Value::Null, "останавливается"),
            ("hangup_asked", "3600 s of talk are over", Value::Null, "прошло 3600 с"),
            ("hangup_asked", "the scenario is over; the bot hangs up", Value::Null, "сценарий"),
            (
                "sound_played",
                "played x",
                json!({"media": "sound:hello", "seconds": 1.234}),
                "sound:hello (1.2 с)",
            ),
            (
                "sound_failed",
                "sound:x was not played: no file",
                json!({"media": "sound:x"}),
                "sound:x: no file",
            ),
            ("sound_ended", "sound:x has ended; when was not seen", Value::Null, "sound:x закончилось"),
            (
                "redirected",
                "the carrier redirected the call to PJSIP/9@x, which is refused",
                Value::Null,
                "PJSIP/9@x, это запрещено",
            ),
            (
                "redirected",
                "the carrier redirected the call to Local/9, and the dialplan followed it",
                Value::Null,
                "Local/9, и dialplan",
            ),
            ("answer_unproven", "the dialplan answered by itself", Value::Null, "dialplan ответил сам"),
            (
                "originate_not_sent",
                "the originate could not be sent: refused",
                Value::Null,
                "отправить: refused",
            ),
            ("originate_refused", "Asterisk refused the originate: 400 no", Value::Null, "отклонил"),
            ("originate_uncertain", "whether ... is not known: reset", Value::Null, "неизвестно"),
            ("not_found", "Asterisk has nothing", Value::Null, "больше нет"),
            ("request_failed", "the hang-up failed: 500", Value::Null, "(the hang-up): 500"),
            ("restarted", "the bot was restarted; the call waits on", Value::Null, "ждёт дальше"),
            (
                "restarted",
                "the bot was restarted; it asks Asterisk for this call and never dials it again",
                Value::Null,
                "повторно его не набирает",
            ),
            ("gave_up", "Asterisk can't be asked", Value::Null, "не узнать"),
            (
                "ended",
                "failed: trunk_auth_failed, ended by carrier; the carrier said 401 Unauthorized",
                Value::Null,
                "failed: trunk_auth_failed, завершил: оператор; оператор ответил «401 Unauthorized»",
            ),
            ("ended", "busy: busy, ended by callee", Value::Null, "busy: busy, завершил: абонент"),
        ]
    }

    #[test]
    fn every_sample_is_told_in_russian() {
        for (event, text, data, expected) in samples() {
            let said = ru(event, text, data);
            assert!(said.contains(expected), "{event}: {said}");
        }
    }

    #[test]
    fn every_word_of_the_machine_has_a_sample() {
        let words = words_of_the_machine();
        assert!(words.len() > 20, "the machine's code is no longer found: {words:?}");
        for word in words {
            assert!(samples().iter().any(|(event, ..)| *event == word), "`{word}` has no translation");
        }
    }

    /// Sentences whose values are read from the text must be the machine's own.
    #[test]
    fn the_sentences_are_the_machines() {
        let machine = concat!(
            include_str!("../call/machine/mod.rs"),
            include_str!("../call/machine/request.rs"),
            include_str!("../call/machine/talk.rs"),
            include_str!("../call/machine/trunk.rs"),
        );
        for part in [
            "\"the call was accepted from {name}\"",
            "\"Dial ended without an answer: {word}\"",
            "\"nobody answered within {} s\"",
            "\"a client asked to hang up\"",
            "\"the bot is stopping and hangs up\"",
            "\"the scenario is over; the bot hangs up\"",
            "\"{} s of talk are over\"",
            "\"{media} was not played: {why}\"",
            "\"{} has ended; when was not seen\"",
            "\"the carrier redirected the call to {to}, {end}\"",
            "\"{what} failed: {why}\"",
            "\"the bot was restarted; the call waits on\"",
            "\"the bot was restarted; it asks Asterisk for this call and never dials it again\"",
            "\"{}: {}, ended by {}{said}\"",
            "\"; the carrier said {code} {text}\"",
        ] {
            assert!(machine.contains(part), "{part}");
        }
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        assert_eq!(ru("teleported", "the call was teleported", Value::Null), "the call was teleported");
        assert_eq!(
            ru("trunk_created", "the trunk leg was created", Value::Null),
            "the trunk leg was created"
        );
        assert_eq!(
            Text(Lang::En).event(&entry("trunk_up", "the trunk leg is up", Value::Null)),
            "the trunk leg is up"
        );
    }
}
