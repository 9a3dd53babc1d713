//! What is said to people, made of facts and ends: one file a language for what happened, and what to do about it. For
//! the API, the command line and pages alike; nothing else puts a fact into words.

mod en;
mod hint;
mod ru;

use lang::Lang;

use super::{EndedBy, Fact};

pub use hint::{hint, hint_of};

impl Fact {
    /// The sentence of the timeline.
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => en::fact(self),
            Lang::Ru => ru::fact(self),
        }
    }
}

impl EndedBy {
    /// Who ended it, as a person would say.
    pub fn words(self, lang: Lang) -> &'static str {
        match (lang, self) {
            (Lang::En, _) => self.as_str(),
            (Lang::Ru, EndedBy::Callee) => "абонент",
            (Lang::Ru, EndedBy::Carrier) => "оператор",
            (Lang::Ru, EndedBy::Bot) => "бот",
            (Lang::Ru, EndedBy::Api) => "запрос через API",
            (Lang::Ru, EndedBy::Limit) => "предел времени",
            (Lang::Ru, EndedBy::Pbx) => "АТС (Asterisk)",
            (Lang::Ru, EndedBy::Extension) => "внутренний телефон",
            (Lang::Ru, EndedBy::Unknown) => "неизвестно",
        }
    }
}

/// A SIP status as it stood on the wire.
pub fn status_line(code: Option<u16>, text: Option<&str>) -> Option<String> {
    match (code, text) {
        (Some(code), Some(text)) => Some(format!("{code} {text}")),
        (Some(code), None) => Some(code.to_string()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_something_failed_is_told_in_the_same_language() {
        let why = "cannot reach Asterisk at `http://127.0.0.1:8088`: IO error: Connection refused (os error 111); is it \
                   running, and its HTTP server enabled in http.conf?";
        let fact = Fact::OriginateNotSent { why: why.to_owned() };
        assert_eq!(
            fact.text(Lang::Ru),
            "запрос на звонок не удалось отправить, он ждёт Asterisk: не добраться до Asterisk по адресу \
             `http://127.0.0.1:8088`: в соединении отказано; работает ли он, включён ли его HTTP-сервер в http.conf?"
        );
        assert!(fact.text(Lang::En).ends_with(why));
        let why = "could not reach root@10.0.0.1:5059: No route to host (os error 113); check the address and the network";
        let told = Fact::OrderRefused { why: why.to_owned() }.text(Lang::Ru);
        assert!(
            told.ends_with("не добраться до root@10.0.0.1:5059: до адреса нет пути; проверьте адрес и сеть"),
            "{told}"
        );
    }
}
