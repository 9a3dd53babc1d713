//! What the daemon refuses, in Russian: by its stable code. The detail, which names the value that is
//! wrong, stays as the daemon wrote it.

/// What happened, and what to do about it; `None` for a code that is not known here.
pub(super) fn russian(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "invalid_json" => ("тело запроса — не JSON", "проверьте в этом месте кавычки и запятые"),
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
        "unauthorized" => ("нужен действующий ключ API", "задайте NOVOFON_BOT_API_KEY или --api-key-file"),
        "foreign_site" => {
            ("запрос пришёл не с этой машины", "обращайтесь к http://127.0.0.1 или задайте `http.api_keys`")
        }
        "forwarded" => (
            "запрос пришёл через прокси, а ключей API нет",
            "обращайтесь к http://127.0.0.1 напрямую или задайте `http.api_keys`",
        ),
        "right_missing" => (
            "у ключа нет нужного права",
            "возьмите ключ с этим правом или добавьте его в `rights` этого ключа",
        ),
        "call_deleted" => ("звонок с этим Idempotency-Key удалён", "для нового звонка возьмите новый ключ"),
        "rate_limited" => ("слишком много запросов", "подождите или увеличьте `rate_limit` этого ключа"),
        "not_found" => ("здесь ничего нет", "проверьте адрес службы (--url)"),
        "call_not_found" => ("такого звонка нет", "проверьте id; удалённый звонок не найти"),
        "method_not_allowed" => ("такой метод здесь не принимается", "проверьте адрес службы (--url)"),
        "call_ended" => ("звонок уже завершён", "завершать больше нечего"),
        "call_not_ended" => ("звонок ещё не завершён", "сначала завершите его: novofon-bot hangup ID"),
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
    fn every_code_of_the_api_is_known() {
        let source = include_str!("../api/error.rs");
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
        let missing: Vec<_> = codes.into_iter().filter(|code| russian(code).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
