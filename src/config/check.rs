//! From the layers to a [`Config`]: each key's type, range and meaning, and what must fit together.
//!
//! Adds a key? Put it into default.toml, into its struct in mod.rs, and here; a test compares the three.

use super::error::{ConfigErrors, Origin};
use super::key_list::api_keys;
use super::keys::{ApiKeys, HIGHEST_RATE};
use super::layers::Layers;
use super::office;
use super::reader::{Reader, expected_but, shown};
use super::schema::nearest;
use super::secret;
use super::steps::{self, StepConfig};
use super::{
    ANY_CALLER_ID, Ari, Config, Dial, Http, Log, LogFormat, MAX_DURATION, RING_TIMEOUT, Scenario, Service,
    Store, Trunk,
};
use asterisk::secret::Secret;
use call::RUSSIA;
use lang::{Lang, Text, say};
use ledger::StoreError;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;
use url::Url;

/// The configuration and the warnings, or everything that is wrong.
pub(super) fn check(layers: &Layers) -> Result<(Config, Vec<Text>), ConfigErrors> {
    let mut reader = Reader::new(layers);
    let config = config(&mut reader);
    ConfigErrors::check(reader.problems)?;
    Ok((config, reader.warnings))
}

pub(super) fn config(r: &mut Reader<'_>) -> Config {
    let office = office::office(r);
    let config = Config {
        http: http(r),
        ari: ari(r, office.is_some()),
        trunk: trunk(r),
        dial: dial(r),
        store: store(r),
        log: log(r),
        service: Service { stop_timeout: r.seconds("service.stop_timeout", 0..=3600) },
        office,
        scenario: Scenario { default: r.text("scenario.default") },
        scenarios: scenarios(r),
    };
    let Config { scenario, scenarios, .. } = &config;
    if !scenarios.contains_key(&scenario.default) {
        let hint = match nearest(&scenario.default, scenarios.keys().map(String::as_str)) {
            Some(name) => say!("did you mean {name:?}?", "имелся в виду {name:?}?"),
            None => say!("there are {}", "есть {}", scenarios.keys().cloned().collect::<Vec<_>>().join(", ")),
        };
        let name = &scenario.default;
        let text = say!(
            "there is no [scenarios.{name}]; {hint}",
            "секции [scenarios.{name}] нет; {hint}",
            hint = hint
        );
        r.problem("scenario.default", text);
    }
    config
}

fn http(r: &mut Reader<'_>) -> Http {
    let address = say!(
        "an IP address and a port, as in \"127.0.0.1:8080\" or \"[::1]:8080\"",
        "адрес IP и порт, например \"127.0.0.1:8080\" или \"[::1]:8080\""
    );
    let listen: SocketAddr = r.text_as("http.listen", address, |text| text.parse().ok());
    let rate_limit = r.whole("http.rate_limit", 0..=HIGHEST_RATE, "requests per minute");
    let before = r.problems.len();
    let api_keys = api_keys(r, rate_limit);
    // A key that couldn't be read is told already: that there is none would mislead.
    if is_open_door(listen, &api_keys) && r.problems.len() == before {
        let port = listen.port();
        let text = say!(
            "{listen} can be reached from other machines and there is no API key: anybody could place calls; \
             set `http.api_keys`, or listen on 127.0.0.1:{port}",
            "{listen} доступен с других машин, а ключей API нет: звонить смог бы кто угодно; задайте \
             `http.api_keys` или слушайте 127.0.0.1:{port}"
        );
        r.problem("http.listen", text);
    }
    Http {
        listen,
        api_keys,
        token_file: secret_path(r, "http.token_file"),
        rate_limit,
        body_limit: r.whole("http.body_limit", 1024..=16_777_216, "bytes") as usize,
        request_timeout: r.seconds("http.request_timeout", 1..=600),
        max_connections: r.whole("http.max_connections", 1..=100_000, "connections") as usize,
        language: r.text_as("http.language", say!("\"en\" or \"ru\"", "\"en\" или \"ru\""), |text| {
            match text {
                "en" => Some(Lang::En),
                "ru" => Some(Lang::Ru),
                _ => None,
            }
        }),
    }
}

/// Whether everybody on the network could place calls.
pub(super) fn is_open_door(listen: SocketAddr, api_keys: &ApiKeys) -> bool {
    api_keys.is_empty() && !listen.ip().to_canonical().is_loopback()
}

/// `offices`: the bot has something to do without an Asterisk of its own.
fn ari(r: &mut Reader<'_>, offices: bool) -> Ari {
    let before = r.problems.len();
    // HTTP's basic authentication ends a name at its first colon.
    let name_expected = say!(
        "a name without `:` and control characters, as its section in ari.conf has it",
        "имя без `:` и управляющих знаков, как у секции в ari.conf"
    );
    let username = r.text_as("ari.username", name_expected, |text| {
        (!text.contains(|c: char| c == ':' || c.is_control())).then(|| text.to_owned())
    });
    let is_needed = !username.is_empty() || !offices;
    if username.is_empty() && is_needed && r.problems.len() == before {
        r.problem(
            "ari.username",
            say!(
                "must be set: the name of a user section in Asterisk's ari.conf; a bot for enterprises alone has [office] \
                 with its `database` in place of [ari]",
                "не задано: это имя секции пользователя в ari.conf у Asterisk; боту только для предприятий вместо [ari] \
                 нужна секция [office] с `database`"
            ),
        );
    }
    let expected = say!(
        "an address such as \"http://127.0.0.1:8088\" (http or https, without user, password or query)",
        "адрес, например \"http://127.0.0.1:8088\" (http или https, без имени, пароля и запроса)"
    );
    Ari {
        url: r.text_as("ari.url", expected, ari_url),
        username,
        // Not even its file is read: the service names it always, and that of a bot for offices alone is empty.
        password: if is_needed { ari_password(r) } else { Secret::new(String::new()) },
        app: r.text_as("ari.app", name_of_app(), |text| name(text, 64)),
        request_timeout: r.seconds("ari.request_timeout", 1..=120),
        rest_over_socket: r.flag("ari.rest_over_socket"),
    }
}

fn ari_password(r: &mut Reader<'_>) -> Secret {
    let before = r.problems.len();
    let password = r.text("ari.password");
    let password = match secret_file(r, "ari.password", "ari.password_file", !password.is_empty()) {
        Some((_, password)) => password,
        None => {
            if password.is_empty() && r.problems.len() == before {
                r.problem(
                    "ari.password",
                    say!(
                        "must be set, or `ari.password_file`: the password of that ari.conf user",
                        "не задан, и `ari.password_file` тоже: это пароль того же пользователя из ari.conf"
                    ),
                );
            } else {
                warn_if_exposed(r, "ari.password");
            }
            Secret::new(password)
        }
    };
    warn_if_short(r, "ari.password", &password);
    password
}

fn trunk(r: &mut Reader<'_>) -> Trunk {
    let endpoint = say!(
        "a technology and an endpoint, as in \"PJSIP/novofon\"",
        "технология и endpoint, например \"PJSIP/novofon\""
    );
    let caller_ids = caller_ids(r);
    let caller_id = say!(
        "a number: 3 to 15 digits, a `+` before them or not, as in \"+74951234567\"",
        "номер: от 3 до 15 цифр, с `+` впереди или без него, например \"+74951234567\""
    );
    Trunk {
        context: r.text_as("trunk.context", name_of_context(), |text| name(text, 79)),
        endpoint: r.text_as("trunk.endpoint", endpoint, |text| {
            let (technology, endpoint) = text.split_once('/')?;
            // Asterisk's own spelling: its channels are known by this name.
            let technology = name(technology, 20).filter(|t| t.chars().all(|c| !c.is_ascii_lowercase()))?;
            Some(format!("{technology}/{}", name(endpoint, 79)?))
        }),
        // The dialplan puts it into an expression, so nothing else may be in it.
        caller_id: r.text_as("trunk.caller_id", caller_id, |text| {
            (is_caller_id(text) || text.is_empty())
                .then(|| Some(text.to_owned()).filter(|text| !text.is_empty()))
        }),
        caller_ids,
    }
}

pub(super) fn name_of_context() -> Text {
    say!(
        "a context of the dialplan: 1 to 79 Latin letters, digits, `.`, `_` and `-`",
        "контекст диалплана: от 1 до 79 латинских букв, цифр, `.`, `_` и `-`"
    )
}

pub(super) fn name_of_app() -> Text {
    say!("1 to 64 Latin letters, digits, `.`, `_` and `-`", "от 1 до 64 латинских букв, цифр, `.`, `_` и `-`")
}

fn is_caller_id(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn caller_ids(r: &mut Reader<'_>) -> Vec<String> {
    let mut numbers = Vec::new();
    for (path, item) in r.items("trunk.caller_ids") {
        match item.as_str().filter(|text| is_caller_id(text) || *text == ANY_CALLER_ID) {
            Some(number) => numbers.push(number.to_owned()),
            None => {
                let found = shown(&path, &item);
                let expected = say!(
                    "a number of 3 to 15 digits, as in \"+74951234567\", or \"*\" for any",
                    "номер из 3–15 цифр, например \"+74951234567\", или \"*\" — любой"
                );
                r.problem(path, expected_but(&expected, &found));
            }
        }
    }
    if numbers.iter().any(|number| number == ANY_CALLER_ID) {
        r.warning(
            "trunk.caller_ids",
            &say!(
                "\"*\" lets whoever can place a call show any number to callees",
                "с \"*\" каждый, кто может звонить, показывает абонентам любой номер"
            ),
        );
    }
    numbers
}

fn dial(r: &mut Reader<'_>) -> Dial {
    let region =
        say!("a country's two capital letters, as in \"RU\"", "две заглавные буквы страны, например \"RU\"");
    Dial {
        ring_timeout: r.seconds("dial.ring_timeout", RING_TIMEOUT),
        max_duration: r.seconds("dial.max_duration", MAX_DURATION),
        max_concurrent: r.whole("dial.max_concurrent", 1..=10_000, "calls") as usize,
        calls_per_second: r.number("dial.calls_per_second", 0.01..=10_000.0, "calls per second"),
        allow: allow(r),
        min_gap: r.seconds("dial.min_gap", 0..=2_592_000),
        max_queued: r.whole("dial.max_queued", 1..=1_000_000, "calls") as usize,
        queue_timeout: r.seconds("dial.queue_timeout", 1..=86_400),
        unreachable_timeout: r.seconds("dial.unreachable_timeout", 0..=3600),
        default_region: r.text_as("dial.default_region", region, |text| {
            let known = text.len() == 2 && text.parse::<phonenumber::country::Id>().is_ok();
            known.then(|| text.to_owned())
        }),
    }
}

fn allow(r: &mut Reader<'_>) -> Vec<String> {
    let mut allow = Vec::new();
    for (path, item) in r.items("dial.allow") {
        let prefix = item.as_str().filter(|prefix| {
            let digits = prefix.strip_prefix('+');
            let is_prefix = |digits: &str| digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit());
            *prefix == RUSSIA || digits.is_some_and(is_prefix)
        });
        match prefix {
            Some(prefix) => allow.push(prefix.to_owned()),
            None => {
                let found = shown(&path, &item);
                let expected = say!(
                    "`+` and up to 15 digits, as in \"+7\", or \"russia\"",
                    "`+` и до 15 цифр, например \"+7\", или \"russia\""
                );
                r.problem(path, expected_but(&expected, &found));
            }
        }
    }
    if allow.is_empty() {
        r.warning(
            "dial.allow",
            &say!(
                "nothing is allowed: every call will be refused",
                "ничего не разрешено: в каждом звонке будет отказано"
            ),
        );
    } else if allow.iter().any(|prefix| prefix == "+") {
        r.warning(
            "dial.allow",
            &say!(
                "\"+\" allows every number of the world, the expensive ones too",
                "\"+\" разрешает все номера мира, и дорогие тоже"
            ),
        );
    }
    allow
}

fn store(r: &mut Reader<'_>) -> Store {
    let expected = say!(
        "an SQLite database, as in \"sqlite:///var/lib/novofon-bot/bot.db\", or \"postgres://user:password@host/database\"",
        "база SQLite, например \"sqlite:///var/lib/novofon-bot/bot.db\", или \"postgres://имя:пароль@хост/база\""
    );
    let url = r.text_as("store.url", expected, |text| {
        let file = text.strip_prefix("sqlite:").map(|file| file.trim_start_matches('/'));
        let is_named = file.map_or_else(|| ledger::is_postgres(text), |file| !file.is_empty());
        is_named.then(|| text.to_owned())
    });
    if [":memory:", "mode=memory", "mode=ro"].iter().any(|word| url.contains(word)) {
        let text = say!(
            "a store in memory or read-only would lose calls; give it a file",
            "хранилище в памяти или только для чтения потеряло бы звонки; дайте ему файл"
        );
        r.problem("store.url", text);
    } else if let Err(StoreError::Url { problem }) = ledger::check_url(&url) {
        r.problem("store.url", problem);
    }
    let name = say!(
        "a name of up to 64 letters, digits, `.`, `_` and `-`",
        "имя до 64 знаков: буквы, цифры, `.`, `_` и `-`"
    );
    let node = r.text_as("store.node", name, |text| {
        let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        (text.chars().count() <= 64 && text.chars().all(is_of_name)).then(|| text.to_owned())
    });
    Store {
        url: Secret::new(url),
        node: (!node.is_empty()).then_some(node),
        keep_days: r.whole("store.keep_days", 0..=36_500, "days"),
    }
}

fn log(r: &mut Reader<'_>) -> Log {
    let levels = say!(
        "\"error\", \"warn\", \"info\", \"debug\", \"trace\" or \"off\"",
        "\"error\", \"warn\", \"info\", \"debug\", \"trace\" или \"off\""
    );
    Log {
        level: r.text_as("log.level", levels, |text| {
            let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase());
            text.parse::<LevelFilter>().ok().filter(|_| is_word && !text.is_empty())
        }),
        format: r.text_as("log.format", say!("\"text\" or \"json\"", "\"text\" или \"json\""), |text| {
            match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }
        }),
        mask_numbers: r.flag("log.mask_numbers"),
    }
}

fn scenarios(r: &mut Reader<'_>) -> BTreeMap<String, Vec<StepConfig>> {
    let mut scenarios = BTreeMap::new();
    for name in r.layers.scenarios() {
        let path = format!("scenarios.{name}.steps");
        let Some(items) = r.layers.value(&path).and_then(|value| value.as_array().cloned()) else {
            let text = say!(
                "expected a list of steps, as in [{{ play = \"sound:hello-world\" }}]",
                "нужен список шагов, например [{{ play = \"sound:hello-world\" }}]"
            );
            r.problem(path, text);
            continue;
        };
        if items.is_empty() {
            let text = say!(
                "expected at least one step, as in {{ hangup = true }}",
                "нужен хотя бы один шаг, например {{ hangup = true }}"
            );
            r.problem(path.as_str(), text);
        }
        let mut steps = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match steps::parse(item) {
                Ok(step) => steps.push(step),
                Err(text) => r.problem(format!("{path}[{index}]"), text),
            }
        }
        if steps.iter().rev().skip(1).any(|step| *step == StepConfig::Hangup) {
            let text = say!(
                "the steps after {{ hangup = true }} are never done",
                "шаги после {{ hangup = true }} не выполняются"
            );
            r.warning(&path, &text);
        }
        scenarios.insert(name, steps);
    }
    scenarios
}

/// The path and text of a secret's file, if it has one. `is_given`: the secret itself is there too, which is
/// one too many.
pub(super) fn secret_file(
    r: &mut Reader<'_>,
    key: &'static str,
    file_key: &'static str,
    is_given: bool,
) -> Option<(PathBuf, Secret)> {
    let path = secret_path(r, file_key)?;
    if is_given {
        let other = r.layers.origin(key);
        let text = say!(
            "`{key}` is given too ({other}): leave one of them out",
            "`{key}` тоже задан ({other}): оставьте что-то одно"
        );
        r.problem(file_key, text);
        return None;
    }
    match secret::read(&path) {
        Ok(text) => {
            if let Some(text) = secret::exposure(&path) {
                r.warning(file_key, &text);
            }
            Some((path, text))
        }
        Err(text) => {
            r.problem(file_key, text);
            None
        }
    }
}

/// Warns of a password that can be tried out. It is that of another program, so it is no error here.
pub(super) fn warn_if_short(r: &mut Reader<'_>, key: &str, password: &Secret) {
    if !password.expose().is_empty() && secret::is_short(password) {
        let text = say!(
            "this password can be guessed, it is that short: set a long random one, openssl rand -hex 24",
            "пароль так короток, что его подберут: задайте длинный случайный, openssl rand -hex 24"
        );
        r.warning(key, &text);
    }
}

/// The path that this key names, if it does.
pub(super) fn secret_path(r: &mut Reader<'_>, file_key: &'static str) -> Option<PathBuf> {
    let file = r.text(file_key);
    (!file.is_empty()).then(|| r.layers.folder(file_key).join(file))
}

/// Warns if this key's secret stands in a configuration file that every user may read.
pub(super) fn warn_if_exposed(r: &mut Reader<'_>, key: &str) {
    if let Origin::File { path, .. } = r.layers.origin(key)
        && let Some(text) = secret::exposure(&path)
    {
        r.warning(key, &text);
    }
}

/// Asterisk's address without a slash at its end, and without `/ari`, which some write and the client adds.
fn ari_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain || !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/ari").unwrap_or(path).to_owned();
    url.set_path(&path);
    Some(url)
}

/// A name that needs no quoting in Asterisk, of at most `longest` characters.
pub(super) fn name(text: &str, longest: usize) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=longest).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
