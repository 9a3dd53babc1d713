//! Every text of the client commands, in each language of the program: a function a message, so that
//! one without a translation can't be compiled.
//!
//! The words of status, reason and who ended a call stay as they are, for they are looked for in
//! documents and logs; what the evidence of a timeline says in Russian is in [`super::text_events`].

use uuid::Uuid;

use super::{
    failure::{AddressFault, Failure},
    wire::{Clean, View, Word, clean},
};
use call::{EndedBy, Status};
use lang::Lang;

#[derive(Debug, Clone, Copy)]
pub struct Text(pub Lang);

/// Headings of `show` and of the table of `calls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Id,
    Phone,
    Status,
    Reached,
    CallerId,
    Scenario,
    ScenarioResult,
    Attempts,
    SipCallId,
    Metadata,
    Created,
    Dialed,
    Ringing,
    Answered,
    Ended,
    Rang,
    Talked,
    Cause,
    Time,
    Reason,
    Sip,
    Seconds,
    Enterprise,
    Extension,
    Kind,
    Host,
}

impl Text {
    pub fn lang(self) -> Lang {
        self.0
    }

    fn pick(self, en: &'static str, ru: &'static str) -> &'static str {
        match self.0 {
            Lang::En => en,
            Lang::Ru => ru,
        }
    }

    pub fn label(self, label: Label) -> &'static str {
        match label {
            Label::Id => self.pick("ID", "ID"),
            Label::Phone => self.pick("Phone", "Номер"),
            Label::Status => self.pick("Status", "Статус"),
            Label::Reached => self.pick("Reached", "Дошёл до"),
            Label::CallerId => self.pick("Caller ID", "Показанный номер"),
            Label::Scenario => self.pick("Scenario", "Сценарий"),
            Label::ScenarioResult => self.pick("Its result", "Его итог"),
            Label::Attempts => self.pick("Attempts", "Попытки"),
            Label::SipCallId => self.pick("SIP Call-ID", "SIP Call-ID"),
            Label::Metadata => self.pick("Metadata", "Метаданные"),
            Label::Created => self.pick("Accepted", "Принят"),
            Label::Dialed => self.pick("Dialed", "Набран"),
            Label::Ringing => self.pick("Ringing", "Гудки"),
            Label::Answered => self.pick("Answered", "Ответ"),
            Label::Ended => self.pick("Ended", "Завершён"),
            Label::Rang => self.pick("Rang for", "Длительность гудков"),
            Label::Talked => self.pick("Talked for", "Длительность разговора"),
            Label::Cause => self.pick("Q.850 cause", "Причина Q.850"),
            Label::Time => self.pick("Time", "Время"),
            Label::Reason => self.pick("Reason", "Причина"),
            Label::Sip => self.pick("SIP", "SIP"),
            Label::Enterprise => self.pick("Enterprise", "Предприятие"),
            Label::Extension => self.pick("Extension", "Внутренний"),
            Label::Kind => self.pick("Kind", "Вид"),
            Label::Host => self.pick("Host", "АТС"),
            Label::Seconds => self.pick("Talk s", "Разговор с"),
        }
    }

    /// What kind of an office's call it is.
    pub fn kind(self, word: &str) -> String {
        match word {
            "call" => self.pick("call", "звонок"),
            "spy" => self.pick("spy", "подслушивание"),
            "whisper" => self.pick("whisper", "суфлирование"),
            "barge" => self.pick("barge", "вмешательство"),
            // A newer daemon's.
            other => return other.to_owned(),
        }
        .to_owned()
    }

    pub fn seconds(self, seconds: f64) -> String {
        match self.0 {
            Lang::En => format!("{seconds:.1} s"),
            Lang::Ru => format!("{seconds:.1} с").replace('.', ","),
        }
    }

    /// `failed: trunk_auth_failed — the carrier said 401 Unauthorized, ended by carrier`
    pub fn verdict(self, call: &View) -> String {
        let mut said = Vec::new();
        if let Some(answer) = call.carrier_said() {
            said.push(match self.0 {
                Lang::En => format!("the carrier said {answer}"),
                Lang::Ru => format!("оператор ответил «{answer}»"),
            });
        }
        if let (true, Some(seconds)) = (call.answered_at.is_some(), call.talk_seconds) {
            said.push(match self.0 {
                Lang::En => format!("talked for {}", self.seconds(seconds)),
                Lang::Ru => format!("разговор {}", self.seconds(seconds)),
            });
        }
        if let Some(ended_by) = &call.ended_by {
            said.push(match self.0 {
                Lang::En => format!("ended by {ended_by}"),
                Lang::Ru => format!("завершил: {}", self.ended_by(ended_by)),
            });
        }
        let status = match self.status(&call.status) {
            Some(meaning) => format!("{} ({meaning})", call.status),
            None => call.status.to_string(),
        };
        let reason = call.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let dash = if said.is_empty() { "" } else { " — " };
        format!("{status}{reason}{dash}{}", said.join(", "))
    }

    /// What a status means, where its word alone does not say it in this language.
    fn status(self, status: &Word<Status>) -> Option<&'static str> {
        let Lang::Ru = self.0 else { return None };
        Some(match status.known()? {
            Status::Queued => "в очереди",
            Status::Dialing => "набирается",
            Status::Ringing => "гудки",
            Status::EarlyMedia => "звук до ответа",
            Status::Answered => "разговор",
            Status::Completed => "состоялся",
            Status::Busy => "занято",
            Status::NoAnswer => "не ответили",
            Status::Rejected => "отклонён абонентом",
            Status::Unavailable => "абонент недоступен",
            Status::Failed => "позвонить не удалось",
            Status::Canceled => "отменён",
            Status::Unknown => "исход неизвестен",
        })
    }

    pub fn ended_by(self, ended_by: &Word<EndedBy>) -> String {
        ended_by.known().map_or_else(|| ended_by.to_string(), |known| known.words(self.0).to_owned())
    }

    pub fn placed(self, id: Uuid, phone: &str) -> String {
        match self.0 {
            Lang::En => format!("call {id} to {phone}"),
            Lang::Ru => format!("звонок {id} на {phone}"),
        }
    }

    pub fn how_to_follow(self, id: Uuid) -> String {
        match self.0 {
            Lang::En => format!("see what became of it: novofon-bot show {id}"),
            Lang::Ru => format!("что с ним стало: novofon-bot show {id}"),
        }
    }

    pub fn asks_to_hang_up(self) -> &'static str {
        self.pick(
            "asking the daemon to hang up; Ctrl-C again leaves the call to itself",
            "просим службу завершить звонок; ещё раз Ctrl-C — выйти, не дожидаясь конца",
        )
    }

    /// Ctrl-C before the daemon has said which call it is.
    pub fn will_hang_up(self) -> &'static str {
        self.pick(
            "the call will be hung up as soon as the daemon has named it; Ctrl-C again leaves it to itself",
            "звонок будет завершён, как только служба его назовёт; ещё раз Ctrl-C — выйти, не дожидаясь этого",
        )
    }

    pub fn hangup_failed(self, failure: &Failure) -> String {
        match self.0 {
            Lang::En => format!("hanging up failed: {}", self.failure(failure)),
            Lang::Ru => format!("завершить звонок не удалось: {}", self.failure(failure)),
        }
    }

    pub fn hung_up(self, id: Uuid) -> String {
        match self.0 {
            Lang::En => format!("call {id} is being hung up"),
            Lang::Ru => format!("звонок {id} завершается"),
        }
    }

    pub fn would_cancel(self, waiting: u64) -> String {
        match self.0 {
            Lang::En => format!("calls that wait and would be canceled: {waiting}"),
            Lang::Ru => format!("ждут и были бы отменены звонки: {waiting}"),
        }
    }

    pub fn may_cancel(self, waiting: u64) -> String {
        match self.0 {
            Lang::En => format!("Calls that wait: {waiting}. Cancel them? [y/N]"),
            Lang::Ru => format!("Ждут звонки: {waiting}. Отменить их? [д/Н]"),
        }
    }

    pub fn nothing_canceled(self) -> &'static str {
        self.pick(
            "nothing was canceled (without a terminal, give --yes)",
            "ничего не отменено (без терминала добавьте --yes)",
        )
    }

    pub fn canceled(self, calls: u64) -> String {
        match self.0 {
            Lang::En => format!("canceled calls: {calls}; none of them is dialed"),
            Lang::Ru => format!("отменено звонков: {calls}; ни один из них не набирается"),
        }
    }

    pub fn connection_lost(self, why: &str) -> String {
        match self.0 {
            Lang::En => format!("the connection to the daemon is lost ({why}); trying again"),
            Lang::Ru => format!("связь со службой потеряна ({why}); пробуем снова"),
        }
    }

    pub fn waits_for_asterisk(self, seconds: u64, why: &Clean) -> String {
        match self.0 {
            Lang::En => format!("{seconds} s, and the call waits for Asterisk: {why}"),
            Lang::Ru => format!("уже {seconds} с звонок ждёт Asterisk: {why}"),
        }
    }

    pub fn waits_for_its_turn(self, seconds: u64) -> String {
        match self.0 {
            Lang::En => format!(
                "{seconds} s, and the call waits for its turn: others go first (dial.max_concurrent, dial.calls_per_second)"
            ),
            Lang::Ru => format!(
                "уже {seconds} с звонок ждёт своей очереди: перед ним другие (dial.max_concurrent, dial.calls_per_second)"
            ),
        }
    }

    pub fn connected_again(self) -> &'static str {
        self.pick("connected again", "связь восстановлена")
    }

    pub fn asking_again(self, why: &str) -> String {
        match self.0 {
            Lang::En => format!("no answer ({why}); asking again, which can't place a second call"),
            Lang::Ru => format!("ответа нет ({why}); спрашиваем ещё раз, второго звонка от этого не будет"),
        }
    }

    pub fn no_calls(self) -> &'static str {
        self.pick("no such calls", "таких звонков нет")
    }

    pub fn shown_of(self, shown: usize, total: u64) -> String {
        match self.0 {
            Lang::En => format!("{shown} of {total}; more with --limit"),
            Lang::Ru => format!("{shown} из {total}; больше — с --limit"),
        }
    }

    pub fn watching(self) -> &'static str {
        self.pick("watching all calls; Ctrl-C ends it", "следим за всеми звонками; выход — Ctrl-C")
    }

    pub fn failure(self, failure: &Failure) -> String {
        match failure {
            Failure::Address { url, why } => self.address(url, *why),
            Failure::Config(why) => match self.0 {
                Lang::En => format!("the configuration tells no address: {why}\n→ correct it, or give --url"),
                Lang::Ru => format!("адрес из конфигурации не узнать: {why}\n→ исправьте её или укажите --url"),
            },
            Failure::KeyFile { path, why } => {
                let path = clean(&path.display().to_string());
                match self.0 {
                    Lang::En => format!("can't read the API key from `{path}`: {why}"),
                    Lang::Ru => format!("не прочитать ключ API из `{path}`: {why}"),
                }
            }
            Failure::Key => self
                .pick(
                    "the API key has characters that no key has\n→ check --api-key, NOVOFON_BOT_API_KEY or the file",
                    "в ключе API есть символы, которых в ключе быть не может\n→ проверьте --api-key, NOVOFON_BOT_API_KEY или файл",
                )
                .to_owned(),
            Failure::Time { option, value } => {
                let value = clean(value);
                match self.0 {
                    Lang::En => format!(
                        "`{value}` is no time for {option}\n→ write 2026-11-21, \"2026-11-21 09:00\" or 2026-11-21T09:00:00Z"
                    ),
                    Lang::Ru => format!(
                        "`{value}` — не время для {option}\n→ пишите 2026-11-21, \"2026-11-21 09:00\" или 2026-11-21T09:00:00Z"
                    ),
                }
            }
            Failure::Unreachable { url, why, note, left_behind } => {
                let left = left_behind.as_ref().map(|path| {
                    let path = clean(&path.display().to_string());
                    match self.0 {
                        Lang::En => format!("\n{path} was left behind by a bot that was killed: it does not run"),
                        Lang::Ru => format!("\n{path} остался от бота, который был убит: он не работает"),
                    }
                });
                self.unreachable(url, why, note.as_deref(), &left.unwrap_or_default())
            }
            Failure::NoKey { files } => {
                let files: Vec<_> = files.iter().map(|path| clean(&path.display().to_string())).collect();
                let files = files.join(", ");
                match self.0 {
                    Lang::En => format!(
                        "the daemon needs an API key (401 unauthorized), and no token of it can be read here ({files})\n\
                         → on its machine run this as root (sudo) or as the bot's user, who need no key; or give a key: \
                         NOVOFON_BOT_API_KEY or --api-key-file"
                    ),
                    Lang::Ru => format!(
                        "служба требует ключ API (401 unauthorized), а её токена здесь не прочитать ({files})\n\
                         → на её машине запустите от root (sudo) или от пользователя бота, им ключ не нужен; или задайте \
                         ключ: NOVOFON_BOT_API_KEY или --api-key-file"
                    ),
                }
            }
            Failure::StaleToken { path, process } => {
                let path = clean(&path.display().to_string());
                match self.0 {
                    Lang::En => format!(
                        "the token in {path} is not that of the bot that answers (401 unauthorized): process {process} \
                         wrote it, which was killed or is another bot\n→ restart the bot, which writes a new one, or \
                         give a key: NOVOFON_BOT_API_KEY or --api-key-file"
                    ),
                    Lang::Ru => format!(
                        "токен в {path} — не того бота, который отвечает (401 unauthorized): его записал процесс \
                         {process}, который был убит или был другим ботом\n→ перезапустите бота, он запишет новый, или \
                         задайте ключ: NOVOFON_BOT_API_KEY или --api-key-file"
                    ),
                }
            }
            Failure::Broken { url, why } => match self.0 {
                Lang::En => format!("no answer from the daemon at {url}: {why}"),
                Lang::Ru => format!("служба по адресу {url} не ответила: {why}"),
            },
            Failure::Refused(problem) => {
                let said = match self.0 {
                    Lang::En => None,
                    Lang::Ru => russian_problem(problem.code.as_str()),
                };
                let (title, hint) = match said {
                    Some((title, hint)) => (title, Some(hint)),
                    None => (problem.title.as_str(), problem.hint.as_ref().map(Clean::as_str)),
                };
                let hint = hint.map(|hint| format!("\n→ {hint}")).unwrap_or_default();
                format!("{title}: {} ({} {}){hint}", problem.detail, problem.status, problem.code)
            }
            Failure::Strange { url, why } => match self.0 {
                Lang::En => format!(
                    "what answers at {url} does not answer as novofon-bot does: {why}\n→ check the address and what stands before it"
                ),
                Lang::Ru => format!(
                    "по адресу {url} отвечает не novofon-bot: {why}\n→ проверьте адрес и то, что стоит перед службой"
                ),
            },
            Failure::Uncertain { why } => match self.0 {
                Lang::En => {
                    format!("whether the call was placed is not known: {why}\n→ look before you call again: novofon-bot calls")
                }
                Lang::Ru => {
                    format!("неизвестно, был ли сделан звонок: {why}\n→ проверьте, прежде чем звонить снова: novofon-bot calls")
                }
            },
            Failure::GaveUp { id, why } => match self.0 {
                Lang::En => format!(
                    "the daemon stays away: {why}; the call may go on\n→ later: novofon-bot show {id}"
                ),
                Lang::Ru => format!(
                    "служба так и не вернулась: {why}; звонок, возможно, продолжается\n→ позже: novofon-bot show {id}"
                ),
            },
            Failure::Output(error) => match self.0 {
                Lang::En => format!("can't write: {error}"),
                Lang::Ru => format!("вывод невозможен: {error}"),
            },
        }
    }

    fn address(self, url: &str, why: AddressFault) -> String {
        let url = clean(url);
        match (why, self.0) {
            (AddressFault::NoUrl, Lang::En) => {
                format!("`{url}` is no address of a daemon\n→ write it as http://127.0.0.1:8080")
            }
            (AddressFault::NoUrl, Lang::Ru) => {
                format!("`{url}` — не адрес службы\n→ пишите его так: http://127.0.0.1:8080")
            }
            (AddressFault::Credentials, Lang::En) => {
                "the address holds a user name or a password\n→ leave it out; the key goes into NOVOFON_BOT_API_KEY".into()
            }
            (AddressFault::Credentials, Lang::Ru) => {
                "в адресе есть имя или пароль\n→ уберите их; ключ задаётся в NOVOFON_BOT_API_KEY".into()
            }
        }
    }

    fn unreachable(self, url: &str, why: &str, note: Option<&str>, left: &str) -> String {
        let (what, hint) = match self.0 {
            Lang::En => (
                format!("the daemon can't be reached at {url}: {why}"),
                "is it running (novofon-bot serve)? Another address goes into --url or NOVOFON_BOT_URL",
            ),
            Lang::Ru => (
                format!("служба по адресу {url} недоступна: {why}"),
                "запущена ли она (novofon-bot serve)? Другой адрес задаётся в --url или NOVOFON_BOT_URL",
            ),
        };
        let note = match (note, self.0) {
            (None, _) => String::new(),
            (Some(note), Lang::En) => {
                format!(
                    "\nthis is the default address, for the configuration can't be read: {}",
                    note.trim_end()
                )
            }
            (Some(note), Lang::Ru) => {
                format!("\nэто адрес по умолчанию: конфигурация не читается: {}", note.trim_end())
            }
        };
        format!("{what}{note}{left}\n→ {hint}")
    }
}

/// As the API says it, but for what is done otherwise at a command line.
fn russian_problem(code: &str) -> Option<(&'static str, &'static str)> {
    let (title, hint) = crate::api::russian_words(code)?;
    let hint = match code {
        "unauthorized" => "задайте NOVOFON_BOT_API_KEY или --api-key-file",
        "not_found" | "method_not_allowed" => "проверьте адрес службы (--url)",
        "call_not_ended" => "сначала завершите его: novofon-bot hangup ID",
        _ => hint,
    };
    Some((title, hint))
}
