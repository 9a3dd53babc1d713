//! A flood of AMI events: what each costs our client, beside panoramisk and asterisk-rs-ami, which read the same
//! bytes in the same run; and that a listener who is slower is told what he lost, and costs no memory.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::Place;
use crate::{
    bot::{BOT_CORE, OUR_CORE},
    flood::{
        SECRET, USER,
        reader::{OTHER, Told},
        script::{self, Script},
        sender,
        stream::Stream,
    },
    pin,
    report::{Goal, Part},
};

const ROUNDS: usize = 3;

/// What may wait for a listener: 4,096 events, none longer than 16 KiB, one message of 4 MiB, and what the process
/// has besides. These events are of about 1 KiB.
const BOUND: f64 = 32.0;

/// Our client has no types for these.
const UNTYPED: [&str; 2] = ["LocalOptimizationBegin", "UserEvent"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arm {
    Ours,
    AsteriskRs,
    Panoramisk,
}

impl Arm {
    const ALL: [Arm; 3] = [Arm::Ours, Arm::AsteriskRs, Arm::Panoramisk];

    fn name(self) -> &'static str {
        match self {
            Arm::Ours => "the bot's client",
            Arm::AsteriskRs => "asterisk-rs-ami",
            Arm::Panoramisk => "panoramisk",
        }
    }
}

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("A flood of AMI events of 200 busy channels");
    let total: u64 = if place.short { 20_000 } else { 1_000_000 };
    let scripts: Arc<[Script]> = script::read(&place.recordings)?.into();
    let (bytes, kinds, alone) = look(&scripts, total);
    // The sender's threads are on one core, the reader's process is on the other.
    pin(Some(OUR_CORE))?;
    let from = sender::start(scripts.clone(), total)?;
    let mut told: BTreeMap<Arm, Vec<Told>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut arms = Arm::ALL;
        if round % 2 == 1 {
            arms.reverse();
        }
        for arm in arms {
            let one = read(place, arm, from, None).await.with_context(|| arm.name())?;
            told.entry(arm).or_default().push(one);
        }
    }

    part.figure("events", total as f64, "");
    part.figure("bytes of an event", bytes as f64 / total as f64, "");
    part.figure("the sender alone: events per second", total as f64 / alone.as_secs_f64(), "1/s");
    let mut cpu = BTreeMap::new();
    for arm in Arm::ALL {
        let rounds = &told[&arm];
        let name = arm.name();
        let rate = median(rounds.iter().map(|one| one.events as f64 / one.seconds));
        part.figure(format!("{name}: events per second"), rate, "1/s");
        let cost = median(rounds.iter().map(|one| 1e6 * one.cpu / total as f64));
        part.figure(format!("{name}: CPU"), cost, "µs/event");
        cpu.insert(arm, cost);
        part.figure(format!("{name}: memory at most"), peak(rounds), "MB");
        let lost: u64 = rounds.iter().map(|one| total - one.events).sum();
        match arm {
            Arm::Ours => {
                part.goal(format!("{name}: events lost"), lost as f64, "", Goal::LessThan(1.0));
                for one in rounds {
                    check(one, &kinds)?;
                }
            }
            _ => part.figure(format!("{name}: events lost"), lost as f64, ""),
        }
        let unreadable: u64 = rounds.iter().map(|one| one.unreadable).sum();
        if unreadable > 0 {
            part.note(format!("{name} delivered {unreadable} of them as malformed"));
        }
    }
    for (arm, bound) in [(Arm::Panoramisk, 0.1), (Arm::AsteriskRs, 1.0)] {
        let ratio = cpu[&Arm::Ours] / cpu[&arm];
        let name = format!("CPU per event, the bot's client ÷ {}", arm.name());
        part.goal(name, ratio, "", Goal::LessThan(bound));
    }
    slow(place, scripts, &mut part).await?;
    part.note(format!(
        "the sender is scripted: recorded events of 22.10.1, {} kinds; {ROUNDS} rounds, forwards and backwards, medians",
        kinds.len()
    ));
    Ok(part)
}

/// A listener that takes fewer than come, for some seconds.
async fn slow(place: &Place, scripts: Arc<[Script]>, part: &mut Part) -> anyhow::Result<()> {
    let (total, rate) = if place.short { (20_000, 10_000) } else { (200_000, 10_000) };
    let from = sender::start(scripts, total)?;
    part.figure("a slow listener: events", total as f64, "");
    for arm in [Arm::Ours, Arm::AsteriskRs] {
        let one = read(place, arm, from, Some(rate)).await.with_context(|| arm.name())?;
        let name = format!("a slow listener, {}", arm.name());
        part.figure(format!("{name}: events per second"), one.events as f64 / one.seconds, "1/s");
        let lost = (total - one.events - one.lost) as f64;
        let memory = one.peak as f64 / 1e6;
        match arm {
            Arm::Ours => {
                part.figure(format!("{name}: events lost, and told so"), one.lost as f64, "");
                part.goal(format!("{name}: events lost without a word"), lost, "", Goal::LessThan(1.0));
                part.goal(format!("{name}: memory at most"), memory, "MB", Goal::LessThan(BOUND));
            }
            _ => {
                part.figure(format!("{name}: events lost"), lost, "");
                part.figure(format!("{name}: memory at most"), memory, "MB");
            }
        }
    }
    Ok(())
}

/// How many bytes it has, how many of each kind, and how long the sender takes to make it with nobody to send it to.
fn look(scripts: &Arc<[Script]>, total: u64) -> (u64, BTreeMap<String, u64>, Duration) {
    let (mut stream, mut event, mut bytes) = (Stream::new(scripts.clone(), total), Vec::new(), 0);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let begin = Instant::now();
    while let Some(kind) = stream.next(&mut event) {
        match kinds.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(kinds.insert(kind.to_owned(), 1)),
        }
        bytes += event.len() as u64;
        event.clear();
    }
    (bytes, kinds, begin.elapsed())
}

/// As many of each kind as were sent.
fn check(told: &Told, sent: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, count) in sent {
        let name = if UNTYPED.contains(&kind.as_str()) { OTHER } else { kind };
        *expected.entry(name.to_owned()).or_default() += count;
    }
    ensure!(told.kinds == expected, "read {:?}, sent {expected:?}", told.kinds);
    Ok(())
}

/// One reader in a process of its own, from its login to the last event.
async fn read(place: &Place, arm: Arm, from: SocketAddr, slow: Option<u64>) -> anyhow::Result<Told> {
    let mut command = Command::new("taskset");
    command.args(["-c", &BOT_CORE.to_string()]);
    let address = from.to_string();
    match arm {
        Arm::Panoramisk => {
            let port = from.port().to_string();
            command.arg(&place.python).arg(&place.read_py);
            command.args([&from.ip().to_string(), &port, USER, SECRET]);
        }
        Arm::Ours | Arm::AsteriskRs => {
            let reader = if arm == Arm::Ours { "ours" } else { "asterisk-rs" };
            command.arg(std::env::current_exe()?).args(["read-flood", reader, "--from", &address]);
            if let Some(rate) = slow {
                command.args(["--slow", &rate.to_string()]);
            }
        }
    }
    command.stderr(Stdio::inherit());
    let output =
        tokio::task::spawn_blocking(move || command.output()).await?.context("taskset can't be run")?;
    ensure!(output.status.success(), "it failed: {}", output.status);
    let told = serde_json::from_slice(&output.stdout).context("it told nothing")?;
    Ok(told)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn peak(rounds: &[Told]) -> f64 {
    rounds.iter().map(|one| one.peak).max().unwrap_or_default() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_was_not_read_as_often_as_it_was_sent_is_told() {
        let sent = [("Hangup", 2), ("UserEvent", 1), ("LocalOptimizationBegin", 3)];
        let sent = sent.map(|(kind, count)| (kind.to_owned(), count)).into();
        let read = |hangups, others| Told {
            kinds: [("Hangup".to_owned(), hangups), (OTHER.to_owned(), others)].into(),
            ..Told::default()
        };
        check(&read(2, 4), &sent).expect("all were read");
        assert!(check(&read(1, 4), &sent).is_err());
        assert!(check(&read(2, 3), &sent).is_err());
    }

    #[test]
    fn the_median_of_three_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
    }
}
