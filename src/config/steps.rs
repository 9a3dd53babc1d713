//! The steps of a scenario as the configuration has them.
//!
//! Knows how a step is written; what playing or waiting means is the scenario's matter.

use super::reader::number;
use super::schema::nearest;
use lang::{Text, say};
use std::time::Duration;
use toml::Value;

/// One step of what happens on answer.
#[derive(Clone, Debug, PartialEq)]
pub enum StepConfig {
    /// Media URIs, at least one, played one after the other.
    Play(Vec<String>),
    Wait(Duration),
    Hangup,
}

/// What ARI can play, and a user would.
const MEDIA: [&str; 6] = ["sound:", "recording:", "number:", "digits:", "characters:", "tone:"];

const LONGEST_WAIT: f64 = 3600.0;

/// An item of `steps`. The error says what was expected.
pub(super) fn parse(item: &Value) -> Result<StepConfig, Text> {
    let forms = || {
        say!(
            r#"expected one of {{ play = "sound:hello-world" }}, {{ wait = 1.5 }} and {{ hangup = true }}"#,
            r#"нужно одно из {{ play = "sound:hello-world" }}, {{ wait = 1.5 }} и {{ hangup = true }}"#
        )
    };
    let step = item.as_table().filter(|table| table.len() == 1).ok_or_else(forms)?;
    let (verb, value) = step.iter().next().ok_or_else(forms)?;
    match (verb.as_str(), value) {
        ("play", Value::String(media)) => Ok(StepConfig::Play(vec![media_uri(media)?])),
        ("play", Value::Array(media)) if !media.is_empty() => {
            let media = media.iter().map(|media| {
                media_uri(
                    media.as_str().ok_or_else(|| say!("`play`: expected texts", "`play`: нужны тексты"))?,
                )
            });
            Ok(StepConfig::Play(media.collect::<Result<_, Text>>()?))
        }
        ("play", _) => Err(say!(
            "`play`: expected a sound or a list of sounds, as in \"sound:hello-world\"",
            "`play`: нужен звук или список звуков, например \"sound:hello-world\""
        )),
        ("wait", value) => number(value)
            .filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST_WAIT)
            .map(|seconds| StepConfig::Wait(Duration::from_secs_f64(seconds)))
            .ok_or_else(|| {
                say!(
                    "`wait`: expected seconds, more than 0, at most {LONGEST_WAIT}",
                    "`wait`: нужны секунды, больше 0 и не больше {LONGEST_WAIT}"
                )
            }),
        ("hangup", Value::Boolean(true)) => Ok(StepConfig::Hangup),
        ("hangup", _) => Err(say!(
            "`hangup`: expected true; to stay on the line, leave the step out",
            "`hangup`: нужно true; чтобы остаться на линии, уберите этот шаг"
        )),
        (verb, _) => Err(match nearest(verb, ["play", "wait", "hangup"].into_iter()) {
            Some(near) => say!(
                "there is no step `{verb}`; did you mean `{near}`? {forms}",
                "шага `{verb}` нет; имелся в виду `{near}`? {forms}",
                forms = forms()
            ),
            None => say!("there is no step `{verb}`; {forms}", "шага `{verb}` нет; {forms}", forms = forms()),
        }),
    }
}

fn media_uri(uri: &str) -> Result<String, Text> {
    let rest = MEDIA.iter().find_map(|scheme| uri.strip_prefix(scheme));
    // ARI splits a list of media at its commas; only a tone has them in itself.
    let bad = |c: char| c.is_whitespace() || c.is_control() || (c == ',' && !uri.starts_with("tone:"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(bad) => Ok(uri.to_owned()),
        Some(_) => Err(say!(
            "`play`: {uri:?} is not one sound: a list is written [\"sound:a\", \"sound:b\"]",
            "`play`: {uri:?} — не один звук; список пишется [\"sound:a\", \"sound:b\"]"
        )),
        None => {
            let all = MEDIA.join(" ");
            Err(say!(
                "`play`: {uri:?} must begin with one of {all}",
                "`play`: {uri:?} должно начинаться с одного из {all}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Table;

    fn step(text: &str) -> Result<StepConfig, Text> {
        parse(&format!("v = {text}").parse::<Table>().unwrap()["v"])
    }

    #[test]
    fn good_steps() {
        let play = |media: &[&str]| StepConfig::Play(media.iter().map(|media| (*media).to_owned()).collect());
        let cases = [
            ("{play='sound:hello-world'}", play(&["sound:hello-world"])),
            ("{play=['sound:a','digits:42','tone:!350+440/100,!0/100']}", {
                play(&["sound:a", "digits:42", "tone:!350+440/100,!0/100"])
            }),
            ("{wait=1}", StepConfig::Wait(Duration::from_secs(1))),
            ("{wait=1.5}", StepConfig::Wait(Duration::from_millis(1500))),
            ("{hangup=true}", StepConfig::Hangup),
        ];
        for (text, expected) in cases {
            assert_eq!(step(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bad_steps() {
        let cases = [
            ("'hangup'", "expected one of"),
            ("{}", "expected one of"),
            ("{wait=1, hangup=true}", "expected one of"),
            ("{say='x'}", "there is no step `say`; expected one of"),
            ("{plai='x'}", "there is no step `plai`; did you mean `play`? expected one of"),
            ("{play='hello-world'}", "must begin with one of sound: recording:"),
            ("{play='sound:'}", "is not one sound"),
            ("{play='sound:a,sound:b'}", "is not one sound"),
            ("{play='sound:a b'}", "is not one sound"),
            ("{play=[]}", "expected a sound or a list"),
            ("{play=[1]}", "expected texts"),
            ("{play=1}", "expected a sound or a list"),
            ("{wait=0}", "more than 0, at most 3600"),
            ("{wait=3601}", "more than 0, at most 3600"),
            ("{wait=nan}", "more than 0, at most 3600"),
            ("{wait='1'}", "more than 0, at most 3600"),
            ("{hangup=false}", "expected true"),
        ];
        for (text, expected) in cases {
            let error = step(text).unwrap_err().en;
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
