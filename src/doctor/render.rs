//! Findings as lines for people and as JSON for programs. Pure.
//!
//! What was seen comes from Asterisk, files and the network: nothing of it may move a cursor or fill a
//! screen, and no known secret may pass.

use serde_json::{Value, json};

use super::finding::{Finding, Level};
use asterisk::secret::Secret;
use lang::Lang;

/// Of one sentence, in characters.
const LONGEST: usize = 600;

/// One line a check, the remedy on the next, and a last line that counts.
pub fn lines(findings: &[Finding], secrets: &[Secret], lang: Lang) -> String {
    let width = findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for finding in findings {
        let sign = match finding.level {
            Level::Ok => '✓',
            Level::Skipped => '-',
            Level::Warn => '!',
            Level::Fail => '✗',
        };
        let seen = clean(finding.seen.of(lang), secrets);
        out.push_str(&format!("{sign} {:width$}  {seen}\n", finding.id));
        if let Some(mend) = &finding.mend {
            out.push_str(&format!("  {:width$}  → {}\n", "", clean(mend.of(lang), secrets)));
        }
    }
    let [ok, warn, fail, skipped] = counts(findings);
    out.push_str(&match lang {
        Lang::En => format!("\n{ok} ✓  {warn} !  {fail} ✗  {skipped} not checked\n"),
        Lang::Ru => format!("\n{ok} ✓  {warn} !  {fail} ✗  {skipped} не проверено\n"),
    });
    out
}

pub fn json(findings: &[Finding], secrets: &[Secret], lang: Lang) -> Value {
    let [ok, warn, fail, skipped] = counts(findings);
    let checks: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "level": finding.level.as_str(),
                "seen": clean(finding.seen.of(lang), secrets),
                "mend": finding.mend.as_ref().map(|mend| clean(mend.of(lang), secrets)),
            })
        })
        .collect();
    json!({
        "sound": fail == 0,
        "summary": { "ok": ok, "warn": warn, "fail": fail, "skipped": skipped },
        "checks": checks,
    })
}

/// Whether nothing failed.
pub fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.level != Level::Fail)
}

fn counts(findings: &[Finding]) -> [usize; 4] {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    [count(Level::Ok), count(Level::Warn), count(Level::Fail), count(Level::Skipped)]
}

fn clean(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    // A secret of a letter or two would only blacken the text, and be told by it.
    for secret in secrets.iter().filter(|secret| secret.expose().chars().count() >= 4) {
        text = text.replace(secret.expose(), "***");
    }
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let line: String = text.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::say;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("config", say!("it is read", "прочитана")),
            Finding::fail(
                "endpoint_auth",
                say!("no outbound_auth", "нет outbound_auth"),
                say!("set it", "задайте"),
            ),
        ]
    }

    #[test]
    fn a_line_a_check_and_its_remedy_below() {
        assert_eq!(
            lines(&findings(), &[], Lang::En),
            "✓ config         it is read\n✗ endpoint_auth  no outbound_auth\n                 → set it\n\
             \n1 ✓  0 !  1 ✗  0 not checked\n"
        );
        assert!(lines(&findings(), &[], Lang::Ru).contains("→ задайте"));
        assert!(!is_sound(&findings()) && is_sound(&findings()[..1]));
    }

    #[test]
    fn json_tells_the_same() {
        let json = json(&findings(), &[], Lang::En);
        assert_eq!(json["sound"], false);
        assert_eq!(json["summary"], json!({"ok": 1, "warn": 0, "fail": 1, "skipped": 0}));
        assert_eq!(
            json["checks"][1],
            json!({"id": "endpoint_auth", "level": "fail", "seen": "no outbound_auth", "mend": "set it"})
        );
    }

    #[test]
    fn hostile_text_stays_one_line_and_secrets_stay_secret() {
        let (nasty, secret) =
            ("a\x1b[2J\nb\u{202e}hunter2".to_owned() + &"x".repeat(5000), Secret::new("hunter2"));
        let found = [Finding::ok("x", say!("{nasty}", "{nasty}"))];
        let shown = lines(&found, &[secret], Lang::En);
        assert!(shown.starts_with("✓ x  a [2J b ***x"), "{shown}");
        assert!(shown.lines().next().is_some_and(|line| line.chars().count() < LONGEST + 10));
    }
}
