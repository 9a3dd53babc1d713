//! A context of the dialplan, from `dialplan show` or extensions.conf: which extension a number meets,
//! what it dials and how, and what of that only a call can tell.

use super::{
    conf::Conf,
    line::is_key,
    pattern::{matches, vagueness},
};

/// One priority of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The extension as the dialplan has it: `150`, or a pattern as `_+7.`.
    pub exten: String,
    /// The application: `Dial`.
    pub app: String,
    /// Its arguments, as written: `PJSIP/${EXTEN}@novofon,,i`.
    pub data: String,
    /// `extensions.conf:12`, as Asterisk tells it; `pbx_config` of one that tells no lines.
    pub at: String,
}

impl Step {
    /// Whether it runs this application. The case does not matter, as to Asterisk.
    pub fn is(&self, app: &str) -> bool {
        self.app.eq_ignore_ascii_case(app)
    }

    /// `Dial(PJSIP/${EXTEN}@novofon,,i)`
    pub fn call(&self) -> String {
        format!("{}({})", self.app, self.data)
    }
}

/// One context, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Extension by extension, each in the order of its priorities as they were given.
    pub steps: Vec<Step>,
    /// The names of other contexts, whose extensions are looked at after its own.
    pub includes: Vec<String>,
    /// `switch => Realtime/...`: extensions that stand in no file and are not shown.
    pub switches: Vec<String>,
}

/// Whether an extension meets a number.
pub fn meets(exten: &str, number: &str) -> bool {
    matches(exten, number)
}

/// One Dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// `PJSIP/${EXTEN}@novofon`
    pub target: String,
    /// The third argument, as written: `tb(handler^1)i`.
    pub options: String,
}

impl Dial {
    /// The endpoint of a PJSIP target; `None` when a variable decides it.
    pub fn endpoint(&self) -> Option<String> {
        let (technology, rest) = self.target.split_once('/')?;
        let name = match split(rest, '@').as_slice() {
            [.., last] if rest.contains('@') && !rest.contains("/sip:") => last.clone(),
            _ => split(rest, '/').first()?.clone(),
        };
        let is_plain = !name.is_empty() && !name.contains("${");
        is_plain.then(|| format!("{technology}/{name}"))
    }

    /// Several at once (`A&B`), or through a Local channel, whose own dialplan decides.
    pub fn forks(&self) -> bool {
        split(&self.target, '&').len() > 1
    }

    /// Whether its first target is a Local channel, whose own dialplan decides.
    pub fn is_local(&self) -> bool {
        self.target.get(..6).is_some_and(|technology| technology.eq_ignore_ascii_case("Local/"))
    }

    /// Option `i`: redirects by the carrier are refused.
    pub fn refuses_redirects(&self) -> bool {
        letters(&self.options).contains('i')
    }
}

impl Context {
    /// The answer to `dialplan show NAME`; `None` if there is no such context.
    pub fn of_console(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with("[ Context '"));
        lines.next()?;
        let mut context = Context::default();
        let mut exten = String::new();
        for line in lines {
            let mut line = line.trim();
            if let Some((name, rest)) = shown_name(line) {
                exten = name;
                line = rest.trim_start();
            } else if let Some(include) = line.strip_prefix("Include =>") {
                context.includes.extend(quoted(include));
                continue;
            } else if let Some(switch) = line.strip_prefix("Alt. Switch =>") {
                context.switches.extend(quoted(switch));
                continue;
            }
            if line.starts_with('[') {
                // A label.
                line = line.split_once(']').map_or("", |(_, rest)| rest.trim_start());
            }
            let Some((priority, call)) = line.split_once(". ") else { continue };
            if priority.parse::<u32>().is_err() {
                continue;
            }
            // `App(data)      [file:line]`
            let (call, at) = match call.rfind(" [") {
                Some(at) if call.ends_with(']') => (&call[..at], &call[at + 2..call.len() - 1]),
                _ => (call, ""),
            };
            // The name of a file may come with its folder.
            let at = at.rsplit('/').next().unwrap_or(at);
            context.steps.extend(step(&exten, call.trim(), at));
        }
        Some(context)
    }

    /// The context of this name as the files have it; `None` if they have no such section.
    pub fn of_conf(conf: &Conf, name: &str) -> Option<Self> {
        let mut context = None::<Context>;
        // Asterisk joins several sections of one name.
        for section in conf.sections_of(name) {
            let context = context.get_or_insert_default();
            let mut exten = String::new();
            for line in &section.lines {
                let value = line.value.as_str();
                let rest = if is_key(&line.key, "exten") {
                    let Some((name, rest)) = value.split_once(',') else { continue };
                    exten = name.trim().to_owned();
                    rest
                } else if is_key(&line.key, "same") {
                    value
                } else {
                    if is_key(&line.key, "include") {
                        let name = value.split(['|', ',']).next();
                        context.includes.extend(name.map(|name| name.trim().to_owned()));
                    } else if is_key(&line.key, "switch") || is_key(&line.key, "eswitch") {
                        context.switches.push(value.to_owned());
                    }
                    continue;
                };
                let Some((priority, call)) = rest.split_once(',') else { continue };
                if !priority.trim().eq_ignore_ascii_case("hint") {
                    context.steps.extend(step(&exten, call.trim(), &line.at.told()));
                }
            }
        }
        context
    }

    /// The steps of the extension that a number meets.
    pub fn steps_for(&self, number: &str) -> Vec<&Step> {
        let meets = self.steps.iter().map(|step| step.exten.as_str()).filter(|exten| matches(exten, number));
        let Some(exten) = meets.min_by_key(|exten| vagueness(exten)) else { return Vec::new() };
        self.steps.iter().filter(|step| step.exten == exten).collect()
    }

    /// The Dials that a number meets, each with its step.
    pub fn dials_for(&self, number: &str) -> Vec<(&Step, Dial)> {
        self.steps_for(number).into_iter().filter_map(|step| Some((step, dial(step)?))).collect()
    }

    /// The steps of a number that lead where a look at the dialplan can't follow.
    pub fn blind_steps_for(&self, number: &str) -> Vec<&Step> {
        self.steps_for(number).into_iter().filter(|step| leads_elsewhere(step)).collect()
    }

    /// Whether it tells the bot the carrier's own words.
    pub fn reports(&self) -> bool {
        let is_it =
            |step: &Step| step.is("UserEvent") && step.data.trim_start().starts_with("NovofonOutcome");
        self.steps.iter().any(is_it)
    }

    /// What the caller id of a number's call is set to: the expressions, as written.
    pub fn caller_id_for(&self, number: &str) -> Vec<String> {
        let expression = |step: &&Step| {
            let (name, value) = step.data.split_once('=')?;
            let is_it = step.is("Set") && name.trim().to_ascii_uppercase().starts_with("CALLERID(");
            is_it.then(|| value.trim().to_owned())
        };
        self.steps_for(number).iter().filter_map(expression).collect()
    }
}

/// The first run of at least six digits, with its plus.
pub fn number_in(text: &str) -> Option<String> {
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        if c.is_ascii_digit() || (c == '+' && run.is_empty()) {
            run.push(c);
        } else if run.len() >= 6 {
            return Some(run);
        } else {
            run = if c == '+' { "+".to_owned() } else { String::new() };
        }
    }
    None
}

/// `'_8X.' (CID match '123') =>  1. ...`: the name as a file has it, and the rest.
fn shown_name(line: &str) -> Option<(String, &str)> {
    let (name, rest) = line.strip_prefix('\'')?.split_once('\'')?;
    if let Some(rest) = rest.strip_prefix(" =>") {
        return Some((name.to_owned(), rest));
    }
    let (caller, rest) = rest.strip_prefix(" (CID match '")?.split_once("') =>")?;
    Some((format!("{name}/{caller}"), rest))
}

fn quoted(text: &str) -> Option<String> {
    text.split('\'').nth(1).map(str::to_owned)
}

fn step(exten: &str, call: &str, at: &str) -> Option<Step> {
    let (app, data) = match call.split_once('(') {
        Some((app, rest)) => (app, rest.rfind(')').map_or(rest, |end| &rest[..end])),
        None => (call, ""),
    };
    let (exten, app) = (exten.to_owned(), app.trim().to_owned());
    (!app.is_empty()).then(|| Step { exten, app, data: data.to_owned(), at: at.to_owned() })
}

fn dial(step: &Step) -> Option<Dial> {
    if !step.is("Dial") {
        return None;
    }
    let mut arguments = split(&step.data, ',').into_iter();
    let target = arguments.next()?.trim().to_owned();
    Some(Dial { target, options: arguments.nth(1).unwrap_or_default() })
}

/// Applications that run what stands elsewhere, or dial in a way of their own.
const ELSEWHERE: [&str; 13] = [
    "AGI",
    "EAGI",
    "DeadAGI",
    "AsyncAGI",
    "Gosub",
    "GosubIf",
    "Macro",
    "MacroIf",
    "MacroExclusive",
    "Queue",
    "RetryDial",
    "FollowMe",
    "Stasis",
];

fn leads_elsewhere(step: &Step) -> bool {
    match step.app.to_ascii_lowercase().as_str() {
        // What it runs stands in its argument: mostly it only sets a variable.
        "exec" | "tryexec" | "execif" | "execiftime" => {
            let data = step.data.to_ascii_lowercase();
            data.starts_with("${")
                || data.contains("dial(")
                || data.contains("goto(")
                || ELSEWHERE.iter().any(|app| data.contains(&format!("{}(", app.to_ascii_lowercase())))
        }
        // Within one extension it is only a jump over some lines.
        "goto" => split(&step.data, ',').len() > 1,
        "gotoif" | "gotoiftime" => {
            let targets = step.data.split_once('?').map_or("", |(_, targets)| targets);
            split(targets, ':').iter().any(|target| split(target, ',').len() > 1)
        }
        _ => ELSEWHERE.iter().any(|app| step.is(app)),
    }
}

/// Splits where no bracket is open.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0u32);
    for c in text.chars() {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match parts.last_mut() {
            Some(last) if c != at || depth > 0 => last.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// Dial's options without their arguments: `tb(handler^1)i` is `tbi`.
fn letters(options: &str) -> String {
    let mut depth = 0u32;
    let outside = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    options.chars().filter(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/doctor/", $name))
        };
    }

    const NUMBER: &str = "+79522675444";

    #[test]
    fn our_own_context_on_22_and_16() {
        for text in [fixture!("22/outgoing_sound.txt"), fixture!("16/outgoing_sound.txt")] {
            let context = Context::of_console(text).expect("a context");
            let dials = context.dials_for(NUMBER);
            assert_eq!(dials.len(), 1, "{context:?}");
            assert_eq!(dials[0].1.endpoint().as_deref(), Some("PJSIP/novofon"));
            assert!(dials[0].1.refuses_redirects() && context.reports());
            let caller_id = context.caller_id_for(NUMBER);
            assert_eq!(number_in(&caller_id[0]).as_deref(), Some("+79675558164"));
            assert!(caller_id[0].contains("NOVOFON_CALLER_ID"));
            assert_eq!(context.steps.len(), 17);
        }
    }

    #[test]
    fn a_plain_context_and_none() {
        for text in [fixture!("22/outgoing_plain.txt"), fixture!("16/outgoing_plain.txt")] {
            let context = Context::of_console(text).expect("a context");
            let dials = context.dials_for(NUMBER);
            let expected = Dial { target: "PJSIP/${EXTEN}@novofon".into(), options: String::new() };
            assert_eq!((dials.len(), &dials[0].1), (1, &expected));
            assert!(!dials[0].1.refuses_redirects() && !context.reports());
        }
        assert_eq!(Context::of_console(fixture!("22/outgoing_none.txt")), None);
        assert_eq!(Context::of_console(fixture!("16/outgoing_none.txt")), None);
    }

    #[test]
    fn the_files_say_the_same_as_the_console() {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../asterisk-config/extensions_outgoing.conf"
        ));
        std::fs::write(folder.path().join("extensions.conf"), shipped).expect("written");
        let conf = Conf::read(folder.path(), "extensions.conf").expect("read");
        let context = Context::of_conf(&conf, "outgoing").expect("a context");
        let shown = Context::of_console(fixture!("22/outgoing_sound.txt")).expect("a context");
        assert_eq!(context.dials_for(NUMBER)[0].1, shown.dials_for(NUMBER)[0].1);
        assert_eq!(context.caller_id_for(NUMBER), shown.caller_id_for(NUMBER));
        assert!(context.reports());
        assert_eq!(Context::of_conf(&conf, "elsewhere"), None);
    }

    #[test]
    fn targets_and_options() {
        for (target, expected) in [
            ("PJSIP/${EXTEN}@novofon", Some("PJSIP/novofon")),
            ("PJSIP/novofon/sip:${EXTEN}@sip.novofon.ru", Some("PJSIP/novofon")),
            ("PJSIP/${EXTEN:1}@${TRUNK}", None),
            ("SIP/novofon/${EXTEN}", Some("SIP/novofon")),
            ("${WHERE}", None),
        ] {
            let dial = Dial { target: target.into(), options: String::new() };
            assert_eq!(dial.endpoint().as_deref(), expected, "{target}");
        }
        for (options, expected) in
            [("i", true), ("tTi", true), ("b(predial^i^1)", false), ("", false), ("b(x)i", true)]
        {
            let dial = Dial { target: String::new(), options: options.into() };
            assert_eq!(dial.refuses_redirects(), expected, "{options}");
        }
    }

    #[test]
    fn what_a_look_can_not_follow() {
        let text = "[ Context 'outgoing' created by 'pbx_config' ]\n  \
            '_+X.' =>         1. Gosub(sub-out,s,1(${EXTEN}))   [a.conf:2]\n     \
            [x]            2. GotoIf($[1=1]?done)            [a.conf:3]\n                    \
            3. GotoIf($[1=1]?other,s,1:done)  [a.conf:4]\n                    \
            4. ExecIf($[1=1]?Dial(PJSIP/1@a)) [a.conf:5]\n     \
            [done]         5. Dial(PJSIP/1@a&PJSIP/1@b)      [/etc/asterisk/a.conf:6]\n  \
            '_8X.' (CID match '123') =>  1. Hangup()          [a.conf:7]\n  \
            Alt. Switch =>    'Realtime/@extensions'          [pbx_config]\n\n-= 3 extensions =-\n";
        let context = Context::of_console(text).expect("a context");
        let blind: Vec<&str> = context.blind_steps_for(NUMBER).iter().map(|step| step.at.as_str()).collect();
        assert_eq!(blind, ["a.conf:2", "a.conf:4", "a.conf:5"]);
        let dials = context.dials_for(NUMBER);
        assert!(dials.len() == 1 && dials[0].1.forks() && dials[0].0.at == "a.conf:6", "{dials:?}");
        assert_eq!(context.switches, ["Realtime/@extensions"]);
        assert_eq!(context.steps.last().map(|step| step.exten.as_str()), Some("_8X./123"));
        let local = Dial { target: "Local/${EXTEN}@lcr".into(), options: String::new() };
        assert!(local.is_local() && !local.forks());
    }
}
