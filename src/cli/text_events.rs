//! The evidence of a timeline, as a reader wants it.
//!
//! The daemon writes it in English beside the fact's word and values, from which the fact is made
//! again. What is no fact of this version's (a newer daemon's) stays English.

use super::{
    text::Text,
    wire::{Clean, Entry},
};
use lang::Lang;

impl Text {
    /// What a line of the timeline says.
    pub fn event(self, entry: &Entry) -> String {
        match (self.0, entry.fact()) {
            // Values of a fact may hold a carrier's control characters.
            (Lang::Ru, Some(fact)) => Clean::from(fact.text(Lang::Ru)).to_string(),
            _ => entry.text.to_string(),
        }
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
                "проиграно: sound:hello (1,2 с)",
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
