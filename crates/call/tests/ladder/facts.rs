//! What the timeline keeps and says of a leg. Programs and stores of older releases have these words, people these sentences.

use call::{Entry, Fact, LegRef, Role, Seen};
use chrono::DateTime;
use lang::Lang;
use serde_json::{Value, json};

/// `word|values|source|state|English|Russian`, as they have been since there are attempts.
const KEPT: &str = include_str!("leg_facts.txt");

#[test]
fn words_values_and_sentences_of_a_leg_stay_as_they_are() {
    for line in KEPT.lines() {
        let [word, values, ..] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let values: Option<Value> =
            (!values.is_empty()).then(|| serde_json::from_str(values).expect("an object"));
        let fact = Fact::read(word, values.as_ref(), Some(1)).unwrap_or_else(|| panic!("no fact: {line}"));
        let (word, values) = fact.parts();
        let values = values.map(|values| values.to_string()).unwrap_or_default();
        let (source, state) = (fact.source().as_str(), fact.proves().map_or("", |state| state.as_str()));
        let [english, russian] = [Lang::En, Lang::Ru].map(|lang| fact.text(lang));
        assert_eq!(format!("{word}|{values}|{source}|{state}|{english}|{russian}"), line);
    }
}

#[test]
fn a_fact_of_a_leg_names_its_attempt() {
    let leg = LegRef { attempt: Some(2), role: Role::Trunk, channel: None };
    let fact = Fact::Leg { leg, seen: Seen::Ringing };
    // Whichever is under way.
    let entry = Entry::new(DateTime::UNIX_EPOCH, &fact, None, 3);
    assert_eq!((entry.attempt, entry.data.as_ref()), (Some(2), None));
    assert_eq!(Fact::read(&entry.event, entry.data.as_ref(), entry.attempt), Some(fact));
}

#[test]
fn what_is_no_fact_of_a_leg_is_not_made_one() {
    let of = |word, values: Value| Fact::read(word, Some(&values), None);
    assert_eq!(of("trunk_created", json!({"sip_call_id": "abc@pbx"})), None, "without its channel");
    assert_eq!(of("leg_ringing", json!({"channel": "PJSIP/150-0000002a"})), None, "without its role");
    assert_eq!(of("leg_ringing", json!({"leg": "elbow"})), None);
    assert_eq!(of("dial_ended", json!({"dialstatus": 7})), None);
    assert_eq!(Fact::read("dial_ended", None, None), None);
    // A field of a newer version does not hide what is known.
    assert!(of("trunk_up", json!({"tone": "high"})).is_some());
}
