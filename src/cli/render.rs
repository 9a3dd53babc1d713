//! Calls and timelines as lines of text. No I/O.

use chrono::{DateTime, Local, Utc};

use super::{
    output::{Ink, Style},
    text::{Label, Text},
    wire::{Clean, Entry, View, Word},
};
use call::Status;

/// How things are shown to this user.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub text: Text,
    pub style: Style,
}

impl Look {
    /// One line of a timeline; `start` is the time of its first.
    pub fn entry(self, entry: &Entry, start: DateTime<Utc>) -> String {
        let at = entry.at.with_timezone(&Local).format("%H:%M:%S%.3f");
        let passed = (entry.at - start).as_seconds_f64();
        let dim = self.style.paint(Ink::Faint, &format!("{at} {passed:>+9.3}  {:<8}", entry.source));
        let said = self.text.event(entry);
        let step = match &entry.status {
            Some(status) => format!("  → {}", self.status(status)),
            None => String::new(),
        };
        format!("{dim}  {said}{step}")
    }

    /// How a call ended, and what to do about it.
    pub fn verdict(self, call: &View) -> Vec<String> {
        let (mark, ink) = if call.status.known() == Some(Status::Completed) {
            ("✓", Ink::Good)
        } else {
            ("✗", Ink::Bad)
        };
        let mut lines = vec![self.style.paint(ink, &format!("{mark} {}", self.text.verdict(call)))];
        lines.extend(call.hint.as_ref().map(|hint| format!("→ {hint}")));
        lines
    }

    /// What is known of a call besides its timeline and verdict.
    pub fn facts(self, call: &View) -> Vec<String> {
        let text = |value: &Option<Clean>| value.as_ref().map(Clean::to_string);
        let time = |at: Option<DateTime<Utc>>| at.map(local);
        let seconds = |value: Option<f64>| value.map(|value| self.text.seconds(value));
        let rows = [
            (Label::Id, Some(call.id.to_string())),
            (Label::Phone, Some(call.phone.to_string())),
            (Label::Status, Some(self.status(&call.status))),
            (Label::Reached, call.reached.as_ref().map(Word::to_string)),
            (Label::CallerId, text(&call.caller_id)),
            (Label::Scenario, text(&call.scenario)),
            (Label::ScenarioResult, text(&call.scenario_result)),
            (Label::Created, Some(local(call.created_at))),
            (Label::Dialed, time(call.dialed_at)),
            (Label::Ringing, time(call.ringing_at)),
            (Label::Answered, time(call.answered_at)),
            (Label::Ended, time(call.ended_at)),
            (Label::Rang, seconds(call.ring_seconds)),
            (Label::Talked, seconds(call.talk_seconds)),
            (Label::Cause, call.q850_cause.map(|cause| cause.to_string())),
            (Label::Attempts, call.attempts()),
            (Label::SipCallId, text(&call.novofon_call_id)),
            (Label::Metadata, call.metadata()),
        ];
        let office = call.office.as_ref().map(|office| {
            [
                (Label::Kind, Some(self.text.kind(office.kind()))),
                (Label::Enterprise, Some(format!("{} {}", office.enterprise, office.enterprise_name))),
                (Label::Extension, Some(office.extension.to_string())),
                (
                    Label::Host,
                    Some(match &office.way {
                        Some(way) => format!("{} ({way})", office.host),
                        None => office.host.to_string(),
                    }),
                ),
            ]
        });
        // Behind the number.
        let (first, last) = rows.split_at(2);
        let rows = first.iter().cloned().chain(office.into_iter().flatten()).chain(last.iter().cloned());
        let known: Vec<_> =
            rows.filter_map(|(label, value)| Some((self.text.label(label), value?))).collect();
        let width = known.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        known.into_iter().map(|(label, value)| format!("{label:<width$}  {value}")).collect()
    }

    /// The table of calls, its heading first. The columns of offices are there if one of the calls is an office's.
    pub fn table(self, calls: &[&View]) -> Vec<String> {
        let has_office = calls.iter().any(|call| call.office.is_some());
        let offices = [Label::Enterprise, Label::Extension, Label::Kind];
        let labels =
            [Label::Id, Label::Time, Label::Phone, Label::Status, Label::Reason, Label::Sip, Label::Seconds];
        let labels = labels.into_iter().chain(offices.into_iter().filter(|_| has_office));
        let heading: Vec<String> = labels.map(|label| self.text.label(label).to_owned()).collect();
        let cells = |call: &View| {
            let office = call.office.as_ref().map_or_else(Default::default, |office| {
                [office.enterprise.to_string(), office.extension.to_string(), self.text.kind(office.kind())]
            });
            row(call).into_iter().chain(office.into_iter().filter(|_| has_office)).collect()
        };
        let rows: Vec<Vec<String>> = calls.iter().map(|call| cells(call)).collect();
        let width = |column: usize| {
            std::iter::once(&heading).chain(&rows).map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        let line = |row: &[String], ink: Option<Ink>| {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| {
                    let cell = format!("{cell:<width$}", width = widths[column]);
                    match ink {
                        Some(ink) if column == STATUS => self.style.paint(ink, &cell),
                        _ => cell,
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        };
        let body = rows.iter().zip(calls).map(|(row, call)| line(row, Some(ink(&call.status))));
        std::iter::once(self.style.paint(Ink::Strong, &line(&heading, None))).chain(body).collect()
    }

    /// A call in its present state, in one line.
    pub fn state(self, at: DateTime<Utc>, call: &View, status: &Word<Status>) -> String {
        let at = self.style.paint(Ink::Faint, &at.with_timezone(&Local).format("%H:%M:%S%.3f").to_string());
        let mut line = format!("{at}  {}  {:<12}  {}", call.id, call.phone, self.status(status));
        if status.is_terminal() {
            let parts = [call.reason.as_ref().map(Word::to_string), call.carrier_said()];
            for part in parts.into_iter().flatten() {
                line.push_str("  ");
                line.push_str(&part);
            }
        }
        line
    }

    fn status(self, status: &Word<Status>) -> String {
        self.style.paint(ink(status), &status.to_string())
    }
}

const STATUS: usize = 3;

fn row(call: &View) -> [String; 7] {
    [
        call.id.to_string(),
        local(call.created_at),
        call.phone.to_string(),
        call.status.to_string(),
        call.reason.as_ref().map(Word::to_string).unwrap_or_default(),
        call.sip_code.map(|code| code.to_string()).unwrap_or_default(),
        call.talk_seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default(),
    ]
}

fn ink(status: &Word<Status>) -> Ink {
    match status.known() {
        Some(Status::Completed | Status::Answered) => Ink::Good,
        Some(status) if status.is_terminal() => Ink::Bad,
        _ => Ink::Going,
    }
}

fn local(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use lang::Lang;

    fn view(status: &str) -> View {
        serde_json::from_value(json!({
            "id": "019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f", "phone": "+79522675444", "status": status,
            "created_at": "2026-11-21T09:30:00Z",
        }))
        .expect("what a newer daemon leaves out is null")
    }

    fn look(colour: bool, lang: Lang) -> Look {
        Look { text: Text(lang), style: Style { colour } }
    }

    #[test]
    fn colour_changes_no_letter() {
        let calls = [view("completed"), view("busy"), view("ringing"), view("parked")];
        let calls: Vec<&View> = calls.iter().collect();
        for lang in [Lang::En, Lang::Ru] {
            let plain = look(false, lang).table(&calls).join("\n");
            assert!(!plain.contains('\u{1b}'));
            let mut coloured = look(true, lang).table(&calls).join("\n");
            assert!(coloured.contains("\u{1b}[1;31mbusy"), "{coloured}");
            for code in ["[1;32m", "[1;31m", "[1;33m", "[1m", "[0m"] {
                coloured = coloured.replace(&format!("\u{1b}{code}"), "");
            }
            let trimmed: Vec<&str> = coloured.lines().map(str::trim_end).collect();
            assert_eq!(trimmed.join("\n"), plain);
        }
    }

    #[test]
    fn attempts_are_told_where_there_were_several() {
        let mut call = view("completed");
        let facts = |call: &View| look(false, Lang::Ru).facts(call).join("\n");
        assert!(!facts(&call).contains("Попытки"));
        call.attempts = serde_json::from_value(json!([
            {"number": 1, "status": "failed", "reason": "asterisk_refused"},
            {"number": 2, "status": "completed", "reason": null},
        ]))
        .expect("attempts");
        assert!(facts(&call).contains("1 failed asterisk_refused, 2 completed"), "{}", facts(&call));
    }

    #[test]
    fn only_a_completed_call_is_ticked() {
        let verdict = |status| look(false, Lang::En).verdict(&view(status)).remove(0);
        assert_eq!(verdict("completed"), "✓ completed");
        assert_eq!(verdict("unknown"), "✗ unknown");
        assert_eq!(look(true, Lang::Ru).verdict(&view("busy")), ["\u{1b}[1;31m✗ busy (занято)\u{1b}[0m"]);
    }
}
