//! The way out: the context that the bot dials through, and which caller id reaches the carrier.
//!
//! What only a call can tell is named with its line, and is neither good nor bad.

use super::endpoint::Facts;
use crate::doctor::{
    console::Console,
    finding::{Finding, Text, say},
    patient::Patient,
};
use asterisk::files::{Conf, Context, Dial, Step, dialplan::number_in};

const CONTEXT: &str = "outgoing";
const DIALS: &str = "outgoing_dials";
const REDIRECTS: &str = "outgoing_redirects";
const REPORTS: &str = "outgoing_reports";
const CALLER_ID: &str = "caller_id";

/// Contexts that include one another are followed so far.
const MOST_CONTEXTS: usize = 16;

/// What the bot's configuration wants of the way out.
#[derive(Debug, Clone)]
pub struct Expected {
    pub context: String,
    /// `PJSIP/novofon`
    pub endpoint: String,
    pub caller_id: Option<String>,
    /// A number that may be dialed, for its form only.
    pub number: String,
}

impl Expected {
    fn of(patient: &Patient) -> Self {
        // The named set and "+" are no beginnings of a number.
        let is_prefix = |prefix: &&String| prefix.len() > 1 && prefix.starts_with('+');
        let prefix = patient.config.dial.allow.iter().find(is_prefix).map_or("+7", String::as_str);
        let trunk = &patient.config.trunk;
        Expected {
            context: trunk.context.clone(),
            endpoint: trunk.endpoint.clone(),
            caller_id: trunk.caller_id.clone(),
            number: sample(prefix),
        }
    }
}

/// A number that begins so.
pub fn sample(prefix: &str) -> String {
    format!("{prefix:9<12}")
}

/// A context and all that it includes, in the order in which Asterisk searches them.
#[derive(Debug, Clone, Default)]
pub struct Way {
    pub contexts: Vec<Context>,
}

impl Way {
    /// The first context that has an extension for the number.
    fn context_for(&self, number: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| !context.steps_for(number).is_empty())
    }

    /// The switches that are asked before an extension for the number is found.
    fn switches_before(&self, number: &str) -> Vec<&str> {
        let before = self.contexts.iter().take_while(|context| context.steps_for(number).is_empty());
        before.flat_map(|context| &context.switches).map(String::as_str).collect()
    }

    fn reports(&self) -> bool {
        self.contexts.iter().any(Context::reports)
    }
}

pub async fn check(patient: &Patient, trunk: &Facts) -> Vec<Finding> {
    let expected = Expected::of(patient);
    let conf = || patient.conf("extensions.conf");
    let read = read(patient.console.as_ref(), conf, &expected.context).await;
    judge(&expected, trunk, &read)
}

/// What is right and wrong with a way out.
pub fn judge(expected: &Expected, trunk: &Facts, read: &Read) -> Vec<Finding> {
    let (name, number) = (&expected.context, expected.number.as_str());
    let way = match read {
        Read::Found(way) => way,
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
    let switches = way.switches_before(number).join(", ");
    if !switches.is_empty() {
        return vec![Finding::skipped(
            CONTEXT,
            say!(
                "can't be judged: `switch => {switches}` of [{name}] is asked for numbers as {number}, and what it has is not shown",
                "нельзя оценить: о номерах вида {number} спрашивают `switch => {switches}` в [{name}], а что в нём, не видно"
            ),
            only_a_call(),
        )];
    }
    let Some(context) = way.context_for(number) else {
        return vec![Finding::fail(
            CONTEXT,
            say!(
                "[{name}] has no extension for numbers as {number}: the bot dials with a leading +",
                "в [{name}] нет extension для номеров вида {number}: бот набирает с + в начале"
            ),
            say!(
                "add the pattern _+X.: novofon-bot dialplan fix (asterisk-config/extensions_outgoing.conf has it)",
                "добавьте шаблон _+X.: novofon-bot dialplan fix (он есть в asterisk-config/extensions_outgoing.conf)"
            ),
        )];
    };
    let mut findings = vec![Finding::ok(
        CONTEXT,
        say!("[{name}] takes numbers as {number}", "[{name}] принимает номера вида {number}"),
    )];
    findings.extend(dials(&expected.endpoint, context, number));
    findings.push(match way.reports() {
        true => Finding::ok(REPORTS, say!("it reports the carrier's own words (NovofonOutcome)", "докладывает слова оператора (NovofonOutcome)")),
        false => Finding::warn(
            REPORTS,
            say!("it does not report the carrier's own words: some ends are known with less detail", "не докладывает слова оператора: причины некоторых отказов известны хуже"),
            say!("take the extension h of asterisk-config/extensions_outgoing.conf, or run scripts/fix_outgoing_dialplan.sh", "возьмите extension h из asterisk-config/extensions_outgoing.conf или запустите scripts/fix_outgoing_dialplan.sh"),
        ),
    });
    findings.push(caller_id(expected.caller_id.as_deref(), trunk, context, number));
    findings
}

fn dials(expected: &str, context: &Context, number: &str) -> Vec<Finding> {
    let dials = context.dials_for(number);
    let unclear = unclear(context, number, &dials);
    if dials.is_empty() && unclear.is_empty() {
        return vec![Finding::fail(
            DIALS,
            say!("no Dial() is met by {number}", "номер {number} не встречает ни одного Dial()"),
            say!(
                "Dial(PJSIP/${{EXTEN}}@novofon,,i), as in asterisk-config/extensions_outgoing.conf",
                "Dial(PJSIP/${{EXTEN}}@novofon,,i), как в asterisk-config/extensions_outgoing.conf"
            ),
        )];
    }
    let mut findings: Vec<Finding> =
        unclear.into_iter().map(|seen| Finding::skipped(DIALS, seen, only_a_call())).collect();
    if let ([(_, dial)], true) = (dials.as_slice(), findings.is_empty()) {
        let target = &dial.target;
        findings.push(match dial.endpoint() {
            Some(found) if found != expected => Finding::fail(
                DIALS,
                say!("it dials {found}, and `trunk.endpoint` is {expected}: what the bot listens to is not what is dialed", "набирается {found}, а `trunk.endpoint` — {expected}: бот слушает не то, что набирается"),
                say!("make the two the same", "сделайте их одинаковыми"),
            ),
            _ => Finding::ok(DIALS, say!("it dials {target}", "набирается {target}")),
        });
    }
    if dials.is_empty() {
        return findings;
    }
    findings.push(match dials.iter().all(|(_, dial)| dial.refuses_redirects()) {
        true => Finding::ok(REDIRECTS, say!("redirects by the carrier are refused (option i)", "переадресация от оператора отвергается (опция i)")),
        false => Finding::warn(
            REDIRECTS,
            say!("it follows redirects: a 302 of the carrier runs through the endpoint's own context, where this PBX itself may answer", "переадресация выполняется: 302 от оператора пойдёт через контекст самого endpoint, где может ответить эта же АТС"),
            say!("add the option i: Dial(...,,i)", "добавьте опцию i: Dial(...,,i)"),
        ),
    });
    findings
}

fn only_a_call() -> Text {
    say!(
        "only a call shows where it goes: novofon-bot doctor --call NUMBER, then novofon-bot show ID",
        "куда пойдёт звонок, покажет только звонок: novofon-bot doctor --call НОМЕР, затем novofon-bot show ID"
    )
}

/// What no look can judge, each with its line.
fn unclear(context: &Context, number: &str, dials: &[(&Step, Dial)]) -> Vec<Text> {
    let named = |step: &Step| format!("{} {}", step.at, step.call());
    let mut unclear = Vec::new();
    for step in context.blind_steps_for(number) {
        let step = named(step);
        unclear.push(say!(
            "can't be judged: {step} runs what stands elsewhere",
            "нельзя оценить: {step} выполняет то, что записано в другом месте"
        ));
    }
    if dials.len() > 1 {
        let all: Vec<String> = dials.iter().map(|(step, _)| named(step)).collect();
        let (several, all) = (dials.len(), all.join(", "));
        unclear.push(say!(
            "can't be judged: {several} Dials, of which the call decides: {all}",
            "нельзя оценить: Dial — {several}, какой сработает, решает звонок: {all}"
        ));
    }
    for (step, dial) in dials {
        let step = named(step);
        if dial.forks() {
            unclear.push(say!(
                "can't be judged: {step} rings several at once",
                "нельзя оценить: {step} звонит сразу нескольким"
            ));
        } else if dial.is_local() {
            unclear.push(say!(
                "can't be judged: {step} goes through another part of the dialplan",
                "нельзя оценить: {step} идёт через другую часть диалплана"
            ));
        } else if dial.endpoint().is_none() {
            unclear.push(say!(
                "can't be judged: {step}, which a variable decides",
                "нельзя оценить: {step} — это решает переменная"
            ));
        }
    }
    unclear
}

/// From and P-Asserted-Identity, as measured: with `from_user` the From stays the login whatever
/// CALLERID(num) is, and the number travels only in P-Asserted-Identity.
fn caller_id(configured: Option<&str>, trunk: &Facts, context: &Context, number: &str) -> Finding {
    let set = context.caller_id_for(number);
    let takes_ours = set.iter().any(|expression| expression.contains("NOVOFON_CALLER_ID"));
    let default = set.iter().rev().find_map(|expression| number_in(expression));
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

pub enum Read {
    Found(Way),
    Missing,
    Unknown,
}

/// The context with all that it includes. What runs goes before what stands in files.
pub async fn read(console: Option<&Console>, conf: impl FnOnce() -> Option<Conf>, name: &str) -> Read {
    let ask = async |name: &str| console?.ask(&format!("dialplan show {name}")).await.ok();
    let conf = match ask(name).await {
        Some(_) => None,
        None => match conf() {
            Some(conf) => Some(conf),
            None => return Read::Unknown,
        },
    };
    let mut way = Way::default();
    let (mut waiting, mut seen) = (vec![name.to_owned()], Vec::new());
    while let Some(name) = waiting.pop() {
        if seen.contains(&name) || seen.len() >= MOST_CONTEXTS {
            continue;
        }
        let part = match &conf {
            Some(conf) => Context::of_conf(conf, &name),
            None => ask(&name).await.and_then(|text| Context::of_console(&text)),
        };
        seen.push(name);
        match part {
            Some(part) => {
                waiting.extend(part.includes.iter().rev().cloned());
                way.contexts.push(part);
            }
            None if way.contexts.is_empty() => return Read::Missing,
            None => {}
        }
    }
    Read::Found(way)
}
