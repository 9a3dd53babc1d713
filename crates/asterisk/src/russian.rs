//! What the errors of ARI, AMI and the console say, in Russian.
//!
//! A lost connection is handed on as a text; `lang` knows its sentences by their words.

use super::{ami::AmiError, ari::AriError, console::ConsoleError};
use lang::{Lang, Told, system_in_russian};

fn not_sent(what: &str, why: &str) -> String {
    let why = system_in_russian(why);
    format!("`{what}` не отправлено в Asterisk: {why}; повторить можно, ничего не ушло")
}

fn uncertain(what: &str, why: &str) -> String {
    let why = system_in_russian(why);
    format!("неизвестно, выполнил ли Asterisk `{what}`: {why}; прежде чем повторять, посмотрите его каналы")
}

impl Told for AmiError {
    fn told(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Ru, Self::NotSent { what, why }) => not_sent(what, why),
            (Lang::Ru, Self::MaybeTaken { what, why }) => uncertain(what, why),
            (Lang::Ru, Self::Refused { what, message }) => {
                let hint = match message.as_str() {
                    "No such channel" => "он завершился или называется иначе",
                    "Permission denied" => {
                        "пользователю в manager.conf нужно write=originate,call,reporting (и command для команд консоли)"
                    }
                    "Extension does not exist." => "такого номера в его контексте диалплана нет",
                    _ => "подробнее — в журнале самого Asterisk",
                };
                format!("Asterisk отказался выполнить `{what}`: {message}; {hint}")
            }
        }
    }
}

impl Told for AriError {
    fn told(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Ru, Self::NotSent { what, why }) => not_sent(what, why),
            (Lang::Ru, Self::Uncertain { what, why }) => uncertain(what, why),
            (Lang::Ru, Self::Refused { what, status, message }) => {
                let hint = match status {
                    401 => "сверьте имя и пароль ARI с ari.conf",
                    403 => "пользователю ARI нужно read_only=no в ari.conf",
                    404 => "такого в Asterisk нет или уже нет",
                    409 => "оно в другом состоянии, или такой id занят",
                    422 => "названо то, чего в Asterisk нет",
                    _ => "подробнее — в журнале самого Asterisk",
                };
                format!("Asterisk отказался выполнить `{what}`, код {status}: {message}; {hint}")
            }
        }
    }
}

impl Told for ConsoleError {
    fn told(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Ru, Self::Connect { why }) => {
                let why = system_in_russian(why);
                format!("консоль Asterisk не открыть: {why}; это ли сокет asterisk.ctl работающего Asterisk?")
            }
            (Lang::Ru, Self::Full) => {
                "консоль Asterisk не принимает новых соединений (их не больше 128); ничего не \
                отправлено. Посмотрите на том хосте, кто держит столько `asterisk -r` и `asterisk -rx`"
                    .to_owned()
            }
            (Lang::Ru, Self::NoEffect { what, why }) => {
                let why = system_in_russian(why);
                format!(
                    "консоль Asterisk не ответила на `{what}`: {why}; команда не подействовала, повторите её"
                )
            }
            (Lang::Ru, Self::Uncertain { what, why }) => uncertain(what, why),
            (Lang::Ru, Self::Refused { what, said }) => {
                format!("консоль Asterisk не выполнила `{what}`: {said}; {}", hint_of_console(said))
            }
        }
    }
}

fn hint_of_console(said: &str) -> &'static str {
    let says = |text: &str| said.contains(text);
    if says("No such command 'channel originate") {
        "в этом Asterisk не загружен res_clioriginate.so"
    } else if says("No such command") {
        "этот Asterisk такой команды не знает"
    } else if says("don't have permissions") {
        "этому пользователю её запрещает cli_permissions.conf на том хосте"
    } else if says("cannot be run during shutdown") {
        "тот Asterisk останавливается (отменить: `core abort shutdown`)"
    } else if says("Unable to connect to remote asterisk") {
        "запустите Asterisk на том хосте и проверьте, может ли этот пользователь открыть asterisk.ctl"
    } else if says("not found") || says("No such file") {
        "установлен ли там Asterisk, есть ли `asterisk` в PATH команд этого пользователя?"
    } else {
        "посмотрите, что тот Asterisk отвечает на эту команду, введённую руками"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words without which no English sentence does; names, commands and settings have none of them.
    fn has_english(text: &str) -> bool {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.into_iter().any(|word| {
            matches!(
                word,
                "the"
                    | "is"
                    | "it"
                    | "its"
                    | "and"
                    | "or"
                    | "not"
                    | "to"
                    | "was"
                    | "of"
                    | "no"
                    | "has"
                    | "on"
            )
        })
    }

    #[test]
    fn every_loss_is_told_in_russian() {
        for text in crate::ari::loss_samples().into_iter().chain(crate::ami::loss_samples()) {
            let told = system_in_russian(&text);
            assert!(!has_english(&told.replace("=no", "")), "{text}\n{told}");
        }
    }

    #[test]
    fn a_refused_login_is_told_in_russian() {
        let why = "Asterisk at `10.0.0.1:5038` refuses the AMI user `bot` (Authentication failed); compare its secret, \
                   deny and permit in manager.conf";
        let error = AmiError::NotSent { what: "Originate".into(), why: why.into() };
        assert_eq!(
            error.told(Lang::Ru),
            "`Originate` не отправлено в Asterisk: Asterisk по адресу `10.0.0.1:5038` не принимает пользователя AMI `bot` \
             (Authentication failed); сверьте его secret, deny и permit в manager.conf; повторить можно, ничего не ушло"
        );
        let said = "Unable to connect to remote asterisk (does /var/run/asterisk.ctl exist?)".to_owned();
        let error = ConsoleError::Refused { what: "core show uptime".into(), said };
        assert!(error.told(Lang::Ru).ends_with("открыть asterisk.ctl"), "{}", error.told(Lang::Ru));
    }
}
