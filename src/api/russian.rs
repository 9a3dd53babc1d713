//! Problems in Russian: title and hint by the stable code, the detail by what is wrong with the request.

use super::{
    error::{ApiError, Problem},
    forwarded::Mark,
};
use crate::engine::PlaceError;
use call::{Excluded, NumberError};

/// The same problem in Russian; what programs read stays.
pub(super) fn problem(error: &ApiError, english: Problem) -> Problem {
    let (title, hint) = match words(&english.code) {
        Some((title, hint)) => (title.to_owned(), Some(hint.to_owned())),
        None => (english.title, english.hint),
    };
    let hint = match error {
        ApiError::UnknownField { hint, .. } | ApiError::UnknownParameter { hint, .. } => {
            Some(hint.ru.clone())
        }
        ApiError::Place(PlaceError::LeftOut { prefix, .. }) => {
            Some(format!("если такие звонки нужны, добавьте \"{prefix}\" в `dial.allow` рядом с \"russia\""))
        }
        ApiError::RightMissing { right, .. } => {
            Some(format!("возьмите ключ с этим правом или добавьте `{right}` в `rights` этого ключа"))
        }
        _ => hint,
    };
    let hint = hint.map(|hint| capital(&hint) + if hint.ends_with('.') { "" } else { "." });
    Problem { title: capital(&title), hint, detail: detail(error), ..english }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn detail(error: &ApiError) -> String {
    use ApiError as E;
    match error {
        E::InvalidJson(what) => format!("тело запроса — не JSON: {}", what.ru),
        E::InvalidField { detail, .. } => detail.ru.clone(),
        E::MissingField { field } => format!("нет поля `{field}`"),
        E::UnknownField { field, .. } => format!("поля `{field}` нет"),
        E::InvalidPhone { source, .. } => number(source),
        E::InvalidParameter { name, detail } => format!("`{name}`: {}", detail.ru),
        E::UnknownParameter { name, .. } => format!("параметра `{name}` нет"),
        E::InvalidHeader { name, detail } => format!("заголовок `{name}` {}", detail.ru),
        E::UnsupportedMediaType => "тело запроса должно быть `application/json`".to_owned(),
        E::UnsupportedEncoding => "тело запроса сжато или закодировано, такое не принимается".to_owned(),
        E::BodyTooLarge(most) => format!("тело запроса длиннее {most} байт"),
        E::BodyTimeout => "тело запроса не пришло вовремя".to_owned(),
        E::BodyBroken => "тело запроса оборвалось".to_owned(),
        E::Unauthorized { presented: true } => "такого ключа API здесь не знают".to_owned(),
        E::Unauthorized { presented: false } => "нужен ключ API".to_owned(),
        E::ForeignSite => {
            "без ключей API принимаются только запросы к собственному имени этой машины, и не со страниц \
                           других сайтов"
                .to_owned()
        }
        E::Forwarded { mark } => {
            let mark = match mark {
                Mark::Header(name) => format!("в нём заголовок `{name}`"),
                Mark::Http10 => "он по HTTP/1.0, как шлёт nginx".to_owned(),
            };
            format!(
                "без ключей API обслуживаются только программы этой машины, а запрос пришёл через прокси: {mark}"
            )
        }
        E::RightMissing { right, key } => format!("нужно право `{right}`, а у ключа `{key}` его нет"),
        E::RateLimited { .. } => "у этого ключа кончились запросы в эту минуту".to_owned(),
        E::NotFound => "по этому адресу ничего нет".to_owned(),
        E::CallNotFound(id) => format!("звонка {id} нет"),
        E::MethodNotAllowed => "по этому адресу такой метод не принимается".to_owned(),
        E::CallEnded { id, status } => format!("звонок {id} уже завершён: {status}"),
        E::CallOfAnotherBot(id) => format!("звонок {id} ведёт другой бот, у которого то же хранилище"),
        E::CallNotEnded(id) => format!("звонок {id} не завершён, а удалить можно только завершённый"),
        E::CallDeleted(id) => format!("с этим Idempotency-Key был звонок {id}, и он удалён"),
        E::IdempotencyReused => "этот Idempotency-Key уже был у другого запроса".to_owned(),
        E::IdempotencyInProgress => "первый запрос с этим Idempotency-Key ещё выполняется".to_owned(),
        E::Place(error) => place(error),
        E::Store(_) => "хранилище сейчас не читается и не пишется".to_owned(),
        E::TimedOut => "запрос выполнялся слишком долго".to_owned(),
        E::TooManyStreams => "открыто слишком много потоков событий".to_owned(),
        E::NotReady(why) => why.ru.clone(),
        E::Internal | E::Other(_) => "запрос не выполнен".to_owned(),
    }
}

fn number(error: &NumberError) -> String {
    match error {
        NumberError::Empty => "номер пуст; дайте его целиком, например +79522675444".to_owned(),
        NumberError::NotANumber(text) => {
            format!(
                "`{text}` — не номер телефона: в нём могут стоять цифры, пробелы, дефисы, скобки и плюс, а добавочный — \
                 нет; дайте его целиком, например +79522675444"
            )
        }
        NumberError::Impossible(text) => {
            format!("`{text}` похож на номер, но такого быть не может; проверьте цифры")
        }
        NumberError::Region(text) => format!("`{text}` — не страна; нужен код ISO 3166, например RU"),
    }
}

fn place(error: &PlaceError) -> String {
    match error {
        PlaceError::NotAllowed(number) => {
            format!("звонить на {number} не разрешено; разрешённые начала номеров — в `dial.allow`")
        }
        PlaceError::LeftOut { number, prefix, what } => {
            let what = match what {
                Excluded::Kazakhstan => "Казахстан",
                Excluded::Abkhazia => "Абхазия",
                Excluded::SouthOssetia => "Южная Осетия",
                Excluded::Satellite => "спутниковая связь",
                Excluded::Abroad => "выход за границу",
                Excluded::Premium => "платный номер, за звонок на который платит звонящий",
                Excluded::Personal => "персональный номер, который может вести куда угодно",
            };
            format!(
                "звонить на {number} не разрешено: в `russia` из `dial.allow` не входит {prefix} ({what})"
            )
        }
        PlaceError::CallerId(number) => format!(
            "{number} нельзя показывать абонентам: это не `trunk.caller_id` и его нет в `trunk.caller_ids`"
        ),
        PlaceError::TooSoon(wait) => {
            format!("на этот номер только что звонили; следующий звонок — через {} с", wait.as_secs().max(1))
        }
        PlaceError::NoScenario(name) => format!("сценария `{name}` нет"),
        PlaceError::QueueFull(waiting) => format!("в очереди уже {waiting} звонков"),
        PlaceError::Store(_) => "хранилище сейчас не принимает звонок".to_owned(),
        PlaceError::NoAsterisk => "у этого бота нет своего Asterisk: он обслуживает только офисы".to_owned(),
        PlaceError::Stopping => "бот останавливается и новых звонков не берёт".to_owned(),
    }
}

/// What happened, and what to do about it; `None` for a code that is not known here.
pub fn words(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "invalid_json" => {
            ("тело запроса — не JSON", "проверьте это место; пример, который работает, — на странице /docs")
        }
        "body_incomplete" => ("тело запроса пришло не целиком", "повторите запрос"),
        "body_timeout" => ("тело запроса шло слишком долго", "повторите запрос"),
        "body_too_large" => {
            ("тело запроса слишком велико", "пришлите меньше или увеличьте `http.body_limit`")
        }
        "unsupported_media_type" => {
            ("тип содержимого не тот", "пришлите заголовок `Content-Type: application/json`")
        }
        "unsupported_encoding" => ("тело запроса сжато", "пришлите его как есть, без `Content-Encoding`"),
        "invalid_header" => ("заголовок неверен", "исправьте его или уберите"),
        "invalid_field" => ("поле неверно", "допустимые значения — на странице /docs"),
        "missing_field" => ("не хватает поля", "добавьте его; пример — на странице /docs"),
        "unknown_field" => ("такого поля нет", "проверьте его имя; все поля — на странице /docs"),
        "invalid_phone" => ("номер телефона неверен", "дайте номер целиком, например +79522675444"),
        "invalid_parameter" => ("параметр неверен", "допустимые значения — на странице /docs"),
        "unknown_parameter" => {
            ("такого параметра нет", "проверьте его имя; все параметры — на странице /docs")
        }
        "unauthorized" => (
            "нужен действующий ключ API",
            "пришлите `Authorization: Bearer КЛЮЧ` или `X-API-Key: КЛЮЧ` с одним из ключей `http.api_keys`",
        ),
        "foreign_site" => {
            ("запрос пришёл не с этой машины", "обращайтесь к http://127.0.0.1 или задайте `http.api_keys`")
        }
        "forwarded" => (
            "запрос пришёл через прокси, а ключей API нет",
            "обращайтесь напрямую по адресу из `http.listen` или задайте `http.api_keys`",
        ),
        "right_missing" => (
            "у ключа нет нужного права",
            "возьмите ключ с этим правом или добавьте его в `rights` этого ключа",
        ),
        "call_deleted" => ("звонок с этим Idempotency-Key удалён", "для нового звонка возьмите новый ключ"),
        "rate_limited" => ("слишком много запросов", "подождите или увеличьте `rate_limit` этого ключа"),
        "not_found" => ("здесь ничего нет", "все адреса — на странице /docs"),
        "call_not_found" => ("такого звонка нет", "проверьте id; удалённый звонок не найти"),
        "method_not_allowed" => {
            ("такой метод здесь не принимается", "какие принимаются, говорит заголовок `Allow`")
        }
        "call_ended" => ("звонок уже завершён", "завершать больше нечего"),
        "call_of_another_bot" => (
            "этот звонок ведёт другой бот",
            "у него общее хранилище с этой службой; обратитесь к той, которая набрала звонок",
        ),
        "call_not_ended" => (
            "звонок ещё не завершён",
            "сначала завершите его: POST /api/calls/{id}/hangup, и дождитесь конца",
        ),
        "idempotency_key_reused" => {
            ("этот Idempotency-Key уже занят", "для нового запроса возьмите новый ключ")
        }
        "idempotency_in_progress" => ("первый запрос ещё выполняется", "повторите немного позже"),
        "destination_not_allowed" => {
            ("звонить туда не разрешено", "если такие звонки нужны, добавьте начало номера в `dial.allow`")
        }
        "caller_id_not_allowed" => (
            "этот номер нельзя показывать абоненту",
            "уберите `caller_id` или добавьте номер в `trunk.caller_ids` (\"*\" разрешает любой)",
        ),
        "number_too_soon" => ("на этот номер только что звонили", "подождите или уменьшите `dial.min_gap`"),
        "unknown_scenario" => ("такого сценария нет", "сценарии описаны в настройках, [scenarios.*]"),
        "queue_full" => {
            ("очередь полна", "подождите, пока часть звонков пройдёт, или увеличьте `dial.max_queued`")
        }
        "store_unavailable" => {
            ("хранилище сейчас недоступно", "повторите позже; причина — в журнале службы и в /health")
        }
        "no_asterisk" => (
            "у этой службы нет своего Asterisk: она обслуживает только офисы",
            "задайте `ari.username` и `ari.password`, если она должна звонить сама",
        ),
        "stopping" => ("служба останавливается", "повторите, когда она вернётся"),
        "timed_out" => ("запрос выполнялся слишком долго", "повторите его"),
        "too_many_streams" => ("открыто слишком много потоков событий", "закройте часть или повторите позже"),
        "not_ready" => ("служба сейчас не может звонить", "чего не хватает — в /health"),
        "internal_error" => ("ошибка внутри службы", "подробности — в её журнале"),
        "bad_request" => ("запрос неверен", "образец — на странице /docs"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes are words in quotes beside a status, in the one file that has them.
    #[test]
    fn a_problem_keeps_what_programs_read() {
        let error = ApiError::Place(PlaceError::NoScenario("x".to_owned()));
        let english = error.problem();
        let russian = problem(&error, english.clone());
        assert_eq!(russian.title, "Такого сценария нет");
        assert_eq!(russian.detail, "сценария `x` нет");
        let same = Problem {
            title: english.title.clone(),
            detail: english.detail.clone(),
            hint: english.hint.clone(),
            ..russian
        };
        assert_eq!(same, english);
    }

    #[test]
    fn every_code_of_the_api_is_known() {
        let source = include_str!("error.rs");
        let is_code =
            |text: &&str| text.contains('_') && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let codes: Vec<&str> = source
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(is_code)
            // Names of fields, and no codes.
            .filter(|word| !["retry_after", "caller_id"].contains(word))
            .collect();
        assert!(codes.len() > 20, "{codes:?}");
        let missing: Vec<_> = codes.into_iter().filter(|code| words(code).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
