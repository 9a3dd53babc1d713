//! The trunk's endpoint: is it there, does it answer the carrier's challenge, is the carrier's host in
//! reach, which codecs it offers.

use chrono::{DateTime, Utc};

use super::{duplicates::how_to_add, unread};
use crate::doctor::{
    finding::{Finding, say},
    http::encode,
    patient::Patient,
    reading::pjsip::{Options, contacts},
};

pub(super) const ENDPOINT: &str = "endpoint";
const AUTH: &str = "endpoint_auth";
const CONTACT: &str = "endpoint_contact";
const CODECS: &str = "endpoint_codecs";

/// What the other checks need of the endpoint.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `None` if they could not be read.
    pub options: Option<Options>,
}

impl Facts {
    /// The failure of many a first pjsip.conf: `auth`, which challenges the carrier, in the place of
    /// `outbound_auth`, which answers its challenge. `None` if it can't be told.
    pub fn cannot_answer_challenge(&self) -> Option<bool> {
        self.options.as_ref().map(|options| options.text("outbound_auth").is_empty())
    }
}

pub async fn check(patient: &Patient) -> (Vec<Finding>, Facts) {
    let (technology, name) = patient.endpoint();
    if technology != "PJSIP" {
        let finding = Finding::skipped(
            ENDPOINT,
            say!("`{technology}/{name}` is not looked into", "`{technology}/{name}` не проверяется"),
            say!("only PJSIP endpoints are", "проверяются только endpoint PJSIP"),
        );
        return (vec![finding], Facts::default());
    }
    let options = match options(patient, name).await {
        Read::Found(options) => options,
        Read::Missing => {
            let finding = Finding::fail(
                ENDPOINT,
                say!("Asterisk has no PJSIP endpoint `{name}`", "в Asterisk нет endpoint PJSIP `{name}`"),
                how_to_add(patient, name, "endpoint").unwrap_or_else(|| say!(
                    "add the section [{name}] with type = endpoint to pjsip.conf (asterisk-config/pjsip_novofon.conf, if no section of it is there yet: Asterisk drops a type of which a section stands twice), or correct `trunk.endpoint`; then: asterisk -rx 'module reload res_pjsip.so'",
                    "добавьте в pjsip.conf секцию [{name}] с type = endpoint (asterisk-config/pjsip_novofon.conf, если ни одной его секции там ещё нет: тип, секция которого записана дважды, Asterisk отбрасывает) или исправьте `trunk.endpoint`; затем: asterisk -rx 'module reload res_pjsip.so'"
                )),
            );
            return (vec![finding], Facts::default());
        }
        Read::Unknown => {
            let finding = Finding::skipped(
                ENDPOINT,
                say!("the endpoint `{name}` can't be looked at", "endpoint `{name}` не посмотреть"),
                say!("mend ARI, or give --cli or --etc", "почините ARI или задайте --cli или --etc"),
            );
            return (vec![finding], Facts::default());
        }
    };
    let is_there = Finding::ok(ENDPOINT, say!("`{name}` exists", "`{name}` существует"));
    let mut findings = vec![unread::judge(patient, name, &options).unwrap_or(is_there)];
    findings.push(auth(patient, name, &options).await);
    findings.push(contact(patient, name, &options).await);
    findings.push(codecs(&options));
    (findings, Facts { options: Some(options) })
}

enum Read {
    Found(Options),
    Missing,
    Unknown,
}

/// What runs in Asterisk before what stands in its files: those may not be loaded yet.
async fn options(patient: &Patient, name: &str) -> Read {
    let path = format!("asterisk/config/dynamic/res_pjsip/endpoint/{}", encode(name));
    match patient.ask_ari(&path).await {
        Some(reply) if reply.status == 200 => {
            if let Some(options) = Options::of_ari(&reply.json) {
                return Read::Found(options);
            }
        }
        // Also said when a module is missing, hence the words.
        Some(reply) if reply.status == 404 && reply.message().contains("Object with id") => {
            return Read::Missing;
        }
        _ => {}
    }
    if let Some(text) = patient.ask_console(&format!("pjsip show endpoint {name}")).await {
        return match Options::of_console(&text) {
            Some(options) => Read::Found(options),
            None if text.contains("Unable to find object") => Read::Missing,
            None => Read::Unknown,
        };
    }
    let Some(conf) = patient.conf("pjsip.conf") else { return Read::Unknown };
    let Some(section) = conf.object(name, "endpoint") else { return Read::Missing };
    let mut options = Options::default();
    for line in &section.lines {
        let (key, value) = (line.key.to_ascii_lowercase(), &line.value);
        let known = options.0.entry(key.clone()).or_default();
        match key == "allow" && !known.is_empty() {
            true => *known = format!("{known},{value}"),
            false => known.clone_from(value),
        }
    }
    Read::Found(options)
}

async fn auth(patient: &Patient, name: &str, options: &Options) -> Finding {
    let (outbound, inbound) = (options.text("outbound_auth"), options.text("auth"));
    let reload = "asterisk -rx 'module reload res_pjsip.so'";
    if outbound.is_empty() && !inbound.is_empty() {
        return Finding::fail(
            AUTH,
            say!(
                "the endpoint has `auth = {inbound}` and no `outbound_auth`: it challenges the carrier and can't answer the carrier's own challenge, so every call ends at once with 401; the password is not the matter",
                "у endpoint задано `auth = {inbound}` и нет `outbound_auth`: он проверяет оператора, а на проверку оператора ответить не может, и каждый звонок сразу кончается кодом 401; пароль тут ни при чём"
            ),
            say!(
                "in pjsip.conf, section [{name}] with type = endpoint, write `outbound_auth = {inbound}` in place of `auth = {inbound}`; then: {reload}",
                "в pjsip.conf, в секции [{name}] с type = endpoint, замените `auth = {inbound}` на `outbound_auth = {inbound}`; затем: {reload}"
            ),
        );
    }
    if outbound.is_empty() {
        return Finding::warn(
            AUTH,
            say!(
                "the endpoint has no `outbound_auth`: a carrier that asks for a password gets none",
                "у endpoint нет `outbound_auth`: если оператор спросит пароль, ответа не будет"
            ),
            say!(
                "unless the carrier knows you by your address, set `outbound_auth` in pjsip.conf; then: {reload}",
                "если оператор узнаёт вас не по адресу, задайте `outbound_auth` в pjsip.conf; затем: {reload}"
            ),
        );
    }
    let first = outbound.split(',').next().unwrap_or(outbound).trim();
    let path = format!("asterisk/config/dynamic/res_pjsip/auth/{}", encode(first));
    if let Some(reply) = patient.ask_ari(&path).await {
        if reply.status == 404 && reply.message().contains("Object with id") {
            return Finding::fail(
                AUTH,
                say!(
                    "`outbound_auth = {first}` names no section with type = auth",
                    "`outbound_auth = {first}` не указывает ни на одну секцию с type = auth"
                ),
                how_to_add(patient, first, "auth").unwrap_or_else(|| {
                    say!(
                        "add [{first}] with type = auth, username and password; then: {reload}",
                        "добавьте [{first}] с type = auth, username и password; затем: {reload}"
                    )
                }),
            );
        }
        // The answer holds the password: nothing of it is kept or shown.
        let is_blank = Options::of_ari(&reply.json).is_some_and(|auth| {
            ["username", "password"].iter().any(|field| super::passwords::is_placeholder(auth.text(field)))
        });
        if is_blank {
            return Finding::fail(
                AUTH,
                say!(
                    "the section [{first}] with type = auth still has the example's login or password",
                    "в секции [{first}] с type = auth остались логин или пароль из примера"
                ),
                say!(
                    "put those of the carrier's account there; then: {reload}",
                    "впишите данные из личного кабинета оператора; затем: {reload}"
                ),
            );
        }
    }
    if !inbound.is_empty() {
        return Finding::warn(
            AUTH,
            say!(
                "`outbound_auth = {outbound}` is there, and `auth = {inbound}` too: the carrier's own calls to you are challenged, which it will not answer",
                "есть `outbound_auth = {outbound}`, но есть и `auth = {inbound}`: входящие звонки оператора будут отвергнуты"
            ),
            say!(
                "remove `auth` from the endpoint; then: {reload}",
                "уберите `auth` у endpoint; затем: {reload}"
            ),
        );
    }
    Finding::ok(
        AUTH,
        say!(
            "`outbound_auth = {outbound}` answers the carrier's challenge (whether the password is right, a call tells: --call)",
            "`outbound_auth = {outbound}` отвечает на проверку оператора (верен ли пароль, покажет звонок: --call)"
        ),
    )
}

async fn contact(patient: &Patient, name: &str, options: &Options) -> Finding {
    let state = patient.ask_ari(&format!("endpoints/PJSIP/{}", encode(name))).await;
    let state = state.and_then(|reply| reply.json["state"].as_str().map(str::to_owned));
    let shown =
        patient.ask_console("pjsip show contacts").await.map(|text| contacts(&text)).unwrap_or_default();
    let aors: Vec<&str> = options.text("aors").split(',').map(str::trim).collect();
    let ours: Vec<_> = shown.iter().filter(|contact| aors.contains(&contact.aor.as_str())).collect();
    let list: Vec<String> =
        ours.iter().map(|contact| format!("{} {}", contact.uri, contact.status)).collect();
    let list = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
    if options.text("aors").is_empty() {
        return Finding::fail(
            CONTACT,
            say!(
                "the endpoint has no `aors`: it knows no address to call",
                "у endpoint нет `aors`: ему некуда звонить"
            ),
            say!(
                "set aors = {name}, and a section [{name}] with type = aor and the carrier's `contact`",
                "задайте aors = {name} и секцию [{name}] с type = aor и `contact` оператора"
            ),
        );
    }
    // Until the first OPTIONS, at a random moment of its first minute, an endpoint is "offline", and calls work.
    let is_unasked = |status: &str| status.starts_with("NonQual") || status == "Unknown";
    let unasked = match (state.as_deref(), ours.is_empty()) {
        (Some("online"), _) => false,
        (_, false) => ours.iter().all(|contact| is_unasked(&contact.status)),
        (Some("offline"), true) => is_first_due(patient, aors.first().copied().unwrap_or(name)).await,
        (_, true) => false,
    };
    if unasked && ours.is_empty() {
        return Finding::skipped(
            CONTACT,
            say!(
                "Asterisk shows it as offline, and was started or reloaded so shortly ago that it may not have asked the carrier's host yet",
                "Asterisk показывает offline, но запущен или перечитан так недавно, что мог ещё не опросить сервер оператора"
            ),
            say!(
                "give --cli, or run doctor again in a minute",
                "задайте --cli или запустите doctor ещё раз через минуту"
            ),
        );
    }
    if unasked {
        return Finding::skipped(
            CONTACT,
            say!(
                "the carrier's host was not asked yet{list}: Asterisk's first OPTIONS is still due; calls work meanwhile",
                "сервер оператора ещё не опрошен{list}: первый OPTIONS от Asterisk ещё впереди; звонить уже можно"
            ),
            say!(
                "run doctor again in a minute (qualify_frequency of the section with type = aor says how often it asks)",
                "запустите doctor ещё раз через минуту (как часто он спрашивает, говорит qualify_frequency в секции с type = aor)"
            ),
        );
    }
    match state.as_deref() {
        Some("offline") => Finding::fail(
            CONTACT,
            say!(
                "the carrier's host does not answer OPTIONS{list}: the endpoint is offline",
                "сервер оператора не отвечает на OPTIONS{list}: endpoint не в сети"
            ),
            say!(
                "check `contact` of the section with type = aor, the name's address, the network and the firewall (UDP 5060)",
                "проверьте `contact` в секции с type = aor, адрес этого имени, сеть и файрвол (UDP 5060)"
            ),
        ),
        Some("online") if ours.iter().any(|contact| contact.status == "NonQual") => Finding::warn(
            CONTACT,
            say!(
                "nobody looks whether the carrier's host answers{list}",
                "никто не проверяет, отвечает ли сервер оператора{list}"
            ),
            say!(
                "set qualify_frequency = 60 in the section with type = aor",
                "задайте qualify_frequency = 60 в секции с type = aor"
            ),
        ),
        Some("online") => {
            Finding::ok(CONTACT, say!("the carrier's host answers{list}", "сервер оператора отвечает{list}"))
        }
        _ if !ours.is_empty() && ours.iter().all(|contact| contact.status.starts_with("Unavail")) => {
            Finding::fail(
                CONTACT,
                say!(
                    "the carrier's host does not answer OPTIONS{list}",
                    "сервер оператора не отвечает на OPTIONS{list}"
                ),
                say!(
                    "check the address, the network and the firewall (UDP 5060)",
                    "проверьте адрес, сеть и файрвол (UDP 5060)"
                ),
            )
        }
        _ if !ours.is_empty() => {
            Finding::ok(CONTACT, say!("the console shows{list}", "консоль показывает{list}"))
        }
        _ => Finding::skipped(
            CONTACT,
            say!(
                "whether the carrier's host answers can't be seen",
                "отвечает ли сервер оператора, не видно"
            ),
            say!("mend ARI, or give --cli", "почините ARI или задайте --cli"),
        ),
    }
}

/// Whether Asterisk runs for so short a time that its first OPTIONS may still be due.
async fn is_first_due(patient: &Patient, aor: &str) -> bool {
    let path = format!("asterisk/config/dynamic/res_pjsip/aor/{}", encode(aor));
    let aor = patient.ask_ari(&path).await.and_then(|reply| Options::of_ari(&reply.json));
    let every: i64 = aor.and_then(|aor| aor.text("qualify_frequency").parse().ok()).unwrap_or(0);
    let info = patient.ask_ari("asterisk/info?only=status").await;
    let since = |field: &str| {
        let text = info.as_ref()?.json["status"][field].as_str()?;
        DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z").ok()
    };
    let Some(since) = since("startup_time").max(since("last_reload_time")) else { return false };
    // The clock of the two is the same machine's, or nearly so; an answer may take three seconds.
    Utc::now().signed_duration_since(since).num_seconds() < every + 3
}

fn codecs(options: &Options) -> Finding {
    let codecs = options.codecs();
    let list = codecs.join(", ");
    let mend = say!(
        "disallow = all, allow = alaw,ulaw in the endpoint's section",
        "disallow = all, allow = alaw,ulaw в секции endpoint"
    );
    if codecs.is_empty() {
        return Finding::fail(
            CODECS,
            say!("the endpoint offers no codec", "endpoint не предлагает ни одного кодека"),
            mend,
        );
    }
    match codecs.iter().any(|codec| matches!(*codec, "alaw" | "ulaw" | "all")) {
        true => Finding::ok(CODECS, say!("{list}", "{list}")),
        false => Finding::warn(
            CODECS,
            say!(
                "only {list}: most carriers want alaw or ulaw",
                "только {list}: большинству операторов нужен alaw или ulaw"
            ),
            mend,
        ),
    }
}
