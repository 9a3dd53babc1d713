//! What was measured, beside what was aimed at: kept as JSON, shown as a table, pasted into
//! docs/performance.md. A goal that was missed is said like one that was met.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::Context;
use chrono::Utc;
use serde::{Deserialize, Serialize};

/// The marks in docs/performance.md between which the table stands.
const BEGIN: &str = "<!-- figures: written by scripts/bench -->";
const END: &str = "<!-- end of figures -->";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    pub goal: Option<Goal>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtLeast(f64),
    LessThan(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtLeast(bound) => value >= bound,
            Goal::LessThan(bound) => value < bound,
        }
    }
}

/// One part of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Part {
    pub title: String,
    pub when: String,
    pub commit: String,
    /// Too short to be quoted.
    pub short: bool,
    /// The load of the machine before it: other work disturbs.
    pub load_before: String,
    pub figures: Vec<Figure>,
    /// What the plots are drawn from.
    pub series: BTreeMap<String, Vec<(f64, f64)>>,
    pub notes: Vec<String>,
}

impl Part {
    pub fn new(title: &str) -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Part {
            title: title.to_owned(),
            when: Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
            load_before: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            ..Part::default()
        }
    }

    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &str) {
        self.add(name.into(), value, unit, None);
    }

    pub fn goal(&mut self, name: impl Into<String>, value: f64, unit: &str, goal: Goal) {
        self.add(name.into(), value, unit, Some(goal));
    }

    fn add(&mut self, name: String, value: f64, unit: &str, goal: Option<Goal>) {
        println!("  {name}: {} {unit}{}", shown(value), verdict(value, goal));
        self.figures.push(Figure { name, value, unit: unit.to_owned(), goal });
    }

    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        println!("  {text}");
        self.notes.push(text);
    }

    pub fn point(&mut self, series: &str, x: f64, y: f64) {
        self.series.entry(series.to_owned()).or_default().push((x, y));
    }
}

fn verdict(value: f64, goal: Option<Goal>) -> String {
    let Some(goal) = goal else { return String::new() };
    let word = if goal.is_met(value) { "met" } else { "MISSED" };
    format!(" (goal {}: {word})", bound(goal))
}

fn bound(goal: Goal) -> String {
    match goal {
        Goal::AtLeast(bound) => format!("≥ {}", shown(bound)),
        Goal::LessThan(bound) => format!("< {}", shown(bound)),
    }
}

/// Three digits that tell something.
pub fn shown(value: f64) -> String {
    match value.abs() {
        100.0.. => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0
                    && (digits.len() - place).is_multiple_of(3)
                    && digit.is_ascii_digit()
                    && out != "-"
                {
                    out.push(',');
                }
                out.push(digit);
            }
            out
        }
        10.0.. => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

/// What the figures hold for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory: String,
    pub kernel: String,
    /// Where the stores lie.
    pub file_system: String,
    /// One write of 4 KiB made durable there, microseconds, p50 and p99.
    pub fsync_us: (u64, u64),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Results {
    pub machine: Machine,
    pub parts: BTreeMap<String, Part>,
}

impl Results {
    /// Those of former runs; each part is replaced by its newest.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("{} can't be read", path.display()))
            }
            Err(_) => Ok(Results::default()),
        }
    }

    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(fs::write(path, text)?)
    }

    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let Machine { cpu, cores, memory, kernel, file_system, fsync_us: (p50, p99) } = &self.machine;
        let _ = writeln!(
            out,
            "{cpu}, {cores} cores, {memory}, Linux {kernel}; the stores lie on {file_system}, where one write made \
             durable takes {:.2} ms (p99 {:.2} ms).\n",
            *p50 as f64 / 1000.0,
            *p99 as f64 / 1000.0
        );
        let _ = writeln!(out, "| part | figure | measured | goal | |\n|---|---|---:|---:|---|");
        for (name, part) in &self.parts {
            for figure in &part.figures {
                let goal = figure.goal.map(bound).unwrap_or_default();
                let word = match figure.goal {
                    Some(goal) if goal.is_met(figure.value) => "met",
                    Some(_) => "**missed**",
                    None => "",
                };
                let Figure { name: what, value, unit, .. } = figure;
                let _ = writeln!(out, "| `{name}` | {what} | {} {unit} | {goal} | {word} |", shown(*value));
            }
        }
        for (name, part) in &self.parts {
            let short = if part.short { ", a short run: not to be quoted" } else { "" };
            let _ = writeln!(
                out,
                "\n`{name}`: {}, commit {}, load of the machine before it {}{short}.",
                part.when, part.commit, part.load_before
            );
            for note in &part.notes {
                let _ = writeln!(out, "- {note}");
            }
        }
        out
    }

    /// Puts the table between the marks of the document.
    pub fn publish(&self, document: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(document)?;
        let begin = text.find(BEGIN).context("the document has no mark for the figures")? + BEGIN.len();
        let end = text.find(END).context("the document has no mark for the figures' end")?;
        let new = format!("{}\n\n{}\n{}", &text[..begin], self.markdown(), &text[end..]);
        Ok(fs::write(document, new)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_what_tells_something() {
        let expected = [
            (0.0, "0"),
            (0.954, "0.95"),
            (12.34, "12.3"),
            (150.2, "150"),
            (1234567.0, "1,234,567"),
            (-1234.0, "-1,234"),
        ];
        for (value, text) in expected {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn a_missed_goal_is_said() {
        let mut results = Results::default();
        let mut part = Part::new("x");
        part.goal("a", 0.9, "", Goal::AtLeast(0.95));
        part.goal("b", 0.9, "ms", Goal::LessThan(2.0));
        results.parts.insert("p".into(), part);
        let text = results.markdown();
        assert!(text.contains("| `p` | a | 0.90  | ≥ 0.95 | **missed** |"), "{text}");
        assert!(text.contains("| `p` | b | 0.90 ms | < 2.00 | met |"), "{text}");
    }
}
