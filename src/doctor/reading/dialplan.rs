//! A context of the dialplan, from `dialplan show` or extensions.conf: which extension a number meets,
//! what it dials and how.

use super::conf::Conf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub exten: String,
    pub app: String,
    pub data: String,
}

/// One context, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    pub steps: Vec<Step>,
    pub includes: Vec<String>,
}

/// One Dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// `PJSIP/${EXTEN}@novofon`
    pub target: String,
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
            if let Some((name, rest)) = line.strip_prefix('\'').and_then(|rest| rest.split_once("' =>")) {
                exten = name.to_owned();
                line = rest.trim_start();
            } else if let Some(include) = line.strip_prefix("Include =>") {
                context.includes.extend(include.split('\'').nth(1).map(str::to_owned));
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
            let call = match call.rfind(" [") {
                Some(at) if call.ends_with(']') => &call[..at],
                _ => call,
            };
            context.steps.extend(step(&exten, call.trim()));
        }
        Some(context)
    }

    pub fn of_conf(conf: &Conf, name: &str) -> Option<Self> {
        let mut context = None::<Context>;
        // Asterisk joins several sections of one name.
        for section in conf.sections.iter().filter(|section| section.name == name && !section.is_template) {
            let context = context.get_or_insert_default();
            let mut exten = String::new();
            for (key, value) in &section.lines {
                let rest = match key.as_str() {
                    "include" => {
                        context
                            .includes
                            .extend(value.split(['|', ',']).next().map(|name| name.trim().to_owned()));
                        continue;
                    }
                    "exten" => match value.split_once(',') {
                        Some((name, rest)) => {
                            exten = name.trim().to_owned();
                            rest
                        }
                        None => continue,
                    },
                    "same" => value.as_str(),
                    _ => continue,
                };
                if let Some((_, call)) = rest.split_once(',') {
                    context.steps.extend(step(&exten, call.trim()));
                }
            }
        }
        context
    }

    /// The steps of the extension that a number meets.
    pub fn steps_for(&self, number: &str) -> Vec<&Step> {
        // Asterisk takes the most exact one; a literal is more exact than a pattern, and among patterns
        // the one with fewer wildcards.
        let vague = |exten: &str| match exten.strip_prefix('_') {
            None => 0,
            Some(pattern) => {
                1 + pattern.matches(['.', '!']).count() * 100 + pattern.matches(['X', 'Z', 'N']).count()
            }
        };
        let meets = self.steps.iter().map(|step| step.exten.as_str()).filter(|exten| matches(exten, number));
        let Some(exten) = meets.min_by_key(|exten| vague(exten)) else { return Vec::new() };
        self.steps.iter().filter(|step| step.exten == exten).collect()
    }

    /// The Dials that a number meets; all of the context where the extension only jumps elsewhere.
    pub fn dials_for(&self, number: &str) -> Vec<Dial> {
        let steps = self.steps_for(number);
        let is_jump = |step: &&Step| {
            let app = step.app.to_ascii_lowercase();
            matches!(app.as_str(), "goto" | "gotoif" | "gosub" | "gosubif" | "macro")
        };
        let own: Vec<Dial> = steps.iter().filter_map(|step| dial(step)).collect();
        match own.is_empty() && steps.iter().any(is_jump) {
            true => self.steps.iter().filter_map(dial).collect(),
            false => own,
        }
    }

    /// Whether it tells the bot the carrier's own words.
    pub fn reports(&self) -> bool {
        let is_it = |step: &Step| {
            step.app.eq_ignore_ascii_case("UserEvent") && step.data.trim_start().starts_with("NovofonOutcome")
        };
        self.steps.iter().any(is_it)
    }

    /// What the caller id of a number's call is set to: the expressions, as written.
    pub fn caller_id_for(&self, number: &str) -> Vec<String> {
        let expression = |step: &&Step| {
            let (name, value) = step.data.split_once('=')?;
            let is_it = step.app.eq_ignore_ascii_case("Set")
                && name.trim().to_ascii_uppercase().starts_with("CALLERID(");
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

fn step(exten: &str, call: &str) -> Option<Step> {
    let (app, data) = match call.split_once('(') {
        Some((app, rest)) => (app, rest.rfind(')').map_or(rest, |end| &rest[..end])),
        None => (call, ""),
    };
    (!app.is_empty()).then(|| Step {
        exten: exten.to_owned(),
        app: app.trim().to_owned(),
        data: data.to_owned(),
    })
}

fn dial(step: &Step) -> Option<Dial> {
    if !step.app.eq_ignore_ascii_case("Dial") {
        return None;
    }
    let mut arguments = split(&step.data, ',').into_iter();
    let target = arguments.next()?.trim().to_owned();
    Some(Dial { target, options: arguments.nth(1).unwrap_or_default() })
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

/// Whether an extension meets a number, by the rules of Asterisk's patterns.
fn matches(exten: &str, number: &str) -> bool {
    // `exten/callerid` asks for a caller too.
    let exten = exten.split('/').next().unwrap_or(exten);
    let Some(pattern) = exten.strip_prefix('_') else { return exten == number };
    let mut pattern = pattern.chars();
    let mut number = number.chars();
    while let Some(c) = pattern.next() {
        if matches!(c, '-' | ' ') {
            continue; // only for the eye
        }
        if c == '!' {
            return true;
        }
        let Some(digit) = number.next() else { return false };
        let fits = match c {
            '.' => return true,
            'X' | 'x' => digit.is_ascii_digit(),
            'Z' | 'z' => ('1'..='9').contains(&digit),
            'N' | 'n' => ('2'..='9').contains(&digit),
            '[' => {
                let set: Vec<char> = pattern.by_ref().take_while(|c| *c != ']').collect();
                let in_range = |w: &[char]| w[1] == '-' && (w[0]..=w[2]).contains(&digit);
                set.contains(&digit) || set.windows(3).any(in_range)
            }
            literal => literal == digit,
        };
        if !fits {
            return false;
        }
    }
    number.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/doctor/", $name))
        };
    }

    const NUMBER: &str = "+79522675444";

    #[test]
    fn our_own_context_on_22_and_16() {
        for text in [fixture!("22/outgoing_sound.txt"), fixture!("16/outgoing_sound.txt")] {
            let context = Context::of_console(text).expect("a context");
            let dials = context.dials_for(NUMBER);
            assert_eq!(dials.len(), 1, "{context:?}");
            assert_eq!(dials[0].endpoint().as_deref(), Some("PJSIP/novofon"));
            assert!(dials[0].refuses_redirects() && context.reports());
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
            assert_eq!(dials, [Dial { target: "PJSIP/${EXTEN}@novofon".into(), options: String::new() }]);
            assert!(!dials[0].refuses_redirects() && !context.reports());
        }
        assert_eq!(Context::of_console(fixture!("22/outgoing_none.txt")), None);
        assert_eq!(Context::of_console(fixture!("16/outgoing_none.txt")), None);
    }

    #[test]
    fn the_files_say_the_same_as_the_console() {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/asterisk-config/extensions_outgoing.conf"));
        std::fs::write(folder.path().join("extensions.conf"), shipped).expect("written");
        let conf = Conf::read(folder.path(), "extensions.conf").expect("read");
        let context = Context::of_conf(&conf, "outgoing").expect("a context");
        let shown = Context::of_console(fixture!("22/outgoing_sound.txt")).expect("a context");
        assert_eq!(context.dials_for(NUMBER), shown.dials_for(NUMBER));
        assert_eq!(context.caller_id_for(NUMBER), shown.caller_id_for(NUMBER));
        assert!(context.reports());
        assert_eq!(Context::of_conf(&conf, "elsewhere"), None);
    }

    #[test]
    fn patterns_of_asterisk() {
        for (exten, expected) in [
            ("_X.", false),
            ("_+X.", true),
            ("_[+0-9].", true),
            ("_+[1-68].", false),
            ("_+[5-9]-952.", true),
            ("_+7XXXXXXXXXX", true),
            ("_+7XXXXXXXXX", false),
            ("_.", true),
            ("_!", true),
            ("_+7N[01]!", false),
            ("+79522675444", true),
            ("h", false),
        ] {
            assert_eq!(matches(exten, NUMBER), expected, "{exten}");
        }
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
}
