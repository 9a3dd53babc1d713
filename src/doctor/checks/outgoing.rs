//! The way out: the context that the bot dials through, and which caller id reaches the carrier.

use super::endpoint::Facts;
use crate::doctor::{
    finding::{Finding, Text, say},
    patient::Patient,
    reading::dialplan::{Context, number_in},
};

const CONTEXT: &str = "outgoing";
const DIALS: &str = "outgoing_dials";
const REDIRECTS: &str = "outgoing_redirects";
const REPORTS: &str = "outgoing_reports";
const CALLER_ID: &str = "caller_id";

/// Contexts that include one another are followed so far.
const MOST_CONTEXTS: usize = 16;

pub async fn check(patient: &Patient, trunk: &Facts) -> Vec<Finding> {
    let name = &patient.config.trunk.context;
    let context = match read(patient, name).await {
        Read::Found(context) => context,
        Read::Missing => {
            return vec![Finding::fail(
                CONTEXT,
                say!(
                    "the dialplan has no context [{name}]: calls end before they reach the trunk",
                    "в диалплане нет контекста [{name}]: звонки кончаются, не дойдя до транка"
                ),
                say!(
                    "add `#include extensions_outgoing.conf` (asterisk-config) to extensions.conf, or correct `trunk.context`; then: asterisk -rx 'dialplan reload'",
                    "добавьте `#include extensions_outgoing.conf` (asterisk-config) в extensions.conf или исправьте `trunk.context`; затем: asterisk -rx 'dialplan reload'"
                ),
            )];
        }
        Read::Unknown => {
            return vec![Finding::skipped(
                CONTEXT,
                say!(
                    "ARI does not show the dialplan, and there is neither console nor readable extensions.conf",
                    "ARI не показывает диалплан, а консоли и читаемого extensions.conf нет"
                ),
                say!(
                    "give --cli 'asterisk -C FILE' (ASTERISK_CLI) or --etc DIR (ASTERISK_ETC)",
                    "задайте --cli 'asterisk -C ФАЙЛ' (ASTERISK_CLI) или --etc ПАПКА (ASTERISK_ETC)"
                ),
            )];
        }
    };
    let number = sample(patient);
    if context.steps_for(&number).is_empty() {
        return vec![Finding::fail(
            CONTEXT,
            say!(
                "[{name}] has no extension for numbers as {number}: the bot dials with a leading +",
                "в [{name}] нет extension для номеров вида {number}: бот набирает с + в начале"
            ),
            say!(
                "add the pattern _+X. (asterisk-config/extensions_outgoing.conf has it)",
                "добавьте шаблон _+X. (он есть в asterisk-config/extensions_outgoing.conf)"
            ),
        )];
    }
    let mut findings = vec![Finding::ok(
        CONTEXT,
        say!("[{name}] takes numbers as {number}", "[{name}] принимает номера вида {number}"),
    )];
    findings.extend(dials(patient, &context, &number));
    findings.push(match context.reports() {
        true => Finding::ok(REPORTS, say!("it reports the carrier's own words (NovofonOutcome)", "докладывает слова оператора (NovofonOutcome)")),
        false => Finding::warn(
            REPORTS,
            say!("it does not report the carrier's own words: some ends are known with less detail", "не докладывает слова оператора: причины некоторых отказов известны хуже"),
            say!("take the extension h of asterisk-config/extensions_outgoing.conf, or run scripts/fix_outgoing_dialplan.sh", "возьмите extension h из asterisk-config/extensions_outgoing.conf или запустите scripts/fix_outgoing_dialplan.sh"),
        ),
    });
    findings.push(caller_id(patient, trunk, &context, &number));
    findings
}

fn dials(patient: &Patient, context: &Context, number: &str) -> Vec<Finding> {
    let expected = &patient.config.trunk.endpoint;
    let dials = context.dials_for(number);
    let targets: Vec<&str> = dials.iter().map(|dial| dial.target.as_str()).collect();
    let list = targets.join(", ");
    if dials.is_empty() {
        return vec![Finding::fail(
            DIALS,
            say!("no Dial() is met by {number}", "номер {number} не встречает ни одного Dial()"),
            say!(
                "Dial(PJSIP/${{EXTEN}}@novofon,,i), as in asterisk-config/extensions_outgoing.conf",
                "Dial(PJSIP/${{EXTEN}}@novofon,,i), как в asterisk-config/extensions_outgoing.conf"
            ),
        )];
    }
    let elsewhere = dials.iter().filter_map(|dial| dial.endpoint()).find(|endpoint| endpoint != expected);
    let mut findings = Vec::new();
    findings.push(match elsewhere {
        Some(found) => Finding::fail(
            DIALS,
            say!("it dials {found}, and `trunk.endpoint` is {expected}: what the bot listens to is not what is dialed", "набирается {found}, а `trunk.endpoint` — {expected}: бот слушает не то, что набирается"),
            say!("make the two the same", "сделайте их одинаковыми"),
        ),
        None if dials.iter().any(|dial| dial.endpoint().is_none()) => Finding::warn(
            DIALS,
            say!("it dials {list}, which a variable decides", "набирается {list}, что решает переменная"),
            say!("make sure that it comes to {expected}", "убедитесь, что получается {expected}"),
        ),
        None => Finding::ok(DIALS, say!("it dials {list}", "набирается {list}")),
    });
    findings.push(match dials.iter().all(|dial| dial.refuses_redirects()) {
        true => Finding::ok(REDIRECTS, say!("redirects by the carrier are refused (option i)", "переадресация от оператора отвергается (опция i)")),
        false => Finding::warn(
            REDIRECTS,
            say!("it follows redirects: a 302 of the carrier runs through the endpoint's own context, where this PBX itself may answer", "переадресация выполняется: 302 от оператора пойдёт через контекст самого endpoint, где может ответить эта же АТС"),
            say!("add the option i: Dial(...,,i)", "добавьте опцию i: Dial(...,,i)"),
        ),
    });
    findings
}

/// From and P-Asserted-Identity, as measured: with `from_user` the From stays the login whatever
/// CALLERID(num) is, and the number travels only in P-Asserted-Identity.
fn caller_id(patient: &Patient, trunk: &Facts, context: &Context, number: &str) -> Finding {
    let set = context.caller_id_for(number);
    let takes_ours = set.iter().any(|expression| expression.contains("NOVOFON_CALLER_ID"));
    let default = set.iter().rev().find_map(|expression| number_in(expression));
    let configured = patient.config.trunk.caller_id.as_deref();
    let shown = match (configured.filter(|_| takes_ours || set.is_empty()), &default) {
        (Some(number), _) => number.to_owned(),
        (None, Some(number)) => number.clone(),
        (None, None) => "?".to_owned(),
    };
    let Some(options) = &trunk.options else {
        return Finding::skipped(
            CALLER_ID,
            say!(
                "the dialplan sets {shown}; the endpoint can't be looked at",
                "диалплан задаёт {shown}; endpoint не посмотреть"
            ),
            say!("mend ARI, or give --cli or --etc", "почините ARI или задайте --cli или --etc"),
        );
    };
    let login = options.text("from_user");
    let asserts = options.is_on("send_pai") || options.is_on("send_rpid");
    let header = if options.is_on("send_pai") { "P-Asserted-Identity" } else { "Remote-Party-ID" };
    let seen = match (login.is_empty(), asserts) {
        (true, true) => say!("From and {header}: {shown}", "From и {header}: {shown}"),
        (true, false) => {
            say!("From: {shown}; no P-Asserted-Identity", "From: {shown}; P-Asserted-Identity нет")
        }
        (false, true) => say!(
            "From: {login} (from_user); {header}: {shown}",
            "From: {login} (from_user); {header}: {shown}"
        ),
        (false, false) => say!(
            "From: {login} (from_user); the number {shown} is sent in no header",
            "From: {login} (from_user); номер {shown} не передаётся ни в одном заголовке"
        ),
    };
    let warn = |seen: Text, mend: Text| Finding::warn(CALLER_ID, seen, mend);
    if !login.is_empty() && !asserts {
        return warn(
            seen,
            say!("set send_pai = yes in the endpoint's section", "задайте send_pai = yes в секции endpoint"),
        );
    }
    if shown == "?" {
        return warn(
            seen,
            say!(
                "set the caller id in [outgoing], or `trunk.caller_id`",
                "задайте номер в [outgoing] или `trunk.caller_id`"
            ),
        );
    }
    if configured.is_some() && !takes_ours && !set.is_empty() {
        return warn(
            seen,
            say!(
                "`trunk.caller_id` is overwritten by the dialplan: let it use NOVOFON_CALLER_ID (asterisk-config/extensions_outgoing.conf)",
                "диалплан перезаписывает `trunk.caller_id`: пусть берёт NOVOFON_CALLER_ID (asterisk-config/extensions_outgoing.conf)"
            ),
        );
    }
    Finding::ok(CALLER_ID, seen)
}

/// A number that may be dialed, for its form only.
fn sample(patient: &Patient) -> String {
    let prefix = patient
        .config
        .dial
        .allow
        .iter()
        .find(|prefix| prefix.len() > 1 && prefix.starts_with('+'))
        .map_or("+7", String::as_str);
    format!("{prefix:9<12}")
}

enum Read {
    Found(Context),
    Missing,
    Unknown,
}

/// The context with all that it includes. What runs goes before what stands in files.
async fn read(patient: &Patient, name: &str) -> Read {
    let conf = match patient.ask_console(&format!("dialplan show {name}")).await {
        Some(_) => None,
        None => match patient.conf("extensions.conf") {
            Some(conf) => Some(conf),
            None => return Read::Unknown,
        },
    };
    let mut whole = None::<Context>;
    let (mut waiting, mut seen) = (vec![name.to_owned()], Vec::new());
    while let Some(name) = waiting.pop() {
        if seen.contains(&name) || seen.len() >= MOST_CONTEXTS {
            continue;
        }
        let part = match &conf {
            Some(conf) => Context::of_conf(conf, &name),
            None => patient
                .ask_console(&format!("dialplan show {name}"))
                .await
                .and_then(|text| Context::of_console(&text)),
        };
        seen.push(name);
        if let Some(part) = part {
            waiting.extend(part.includes.iter().cloned());
            whole.get_or_insert_default().steps.extend(part.steps);
        } else if whole.is_none() {
            return Read::Missing;
        }
    }
    whole.map_or(Read::Missing, Read::Found)
}
