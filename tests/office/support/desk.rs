//! The phones: those of the extensions, each of one test at a time, and those behind the carrier, of which there
//! is one for every number. What they do is told before, what they did and heard is looked at past the bot.

use std::{fs::File, time::Duration};

use serde_json::Value;

use super::{Lab, SOON, until};

/// The tone that every external number plays, Hz.
pub const EXTERNAL_TONE: u16 = 1633;
/// All tones that there are.
const TONES: [u16; 8] = [440, 500, 570, 640, 850, 1000, 1100, EXTERNAL_TONE];

/// What is heard is about -13 dB (as loud as it was played), what is not is below -70.
const HEARD_ABOVE: f64 = -30.0;
const SILENT_BELOW: f64 = -50.0;

/// A phone that can be called.
#[derive(Clone)]
pub struct Phone {
    lab: Lab,
    pub office: &'static str,
    /// Its extension, or its number.
    pub name: String,
}

/// The phone of an extension, this test's alone.
pub struct Desk {
    phone: Phone,
    _lock: File,
}

impl std::ops::Deref for Desk {
    type Target = Phone;

    fn deref(&self) -> &Phone {
        &self.phone
    }
}

impl Desk {
    pub(super) async fn take(lab: &Lab, office: &'static str, extension: &str, lock: File) -> Self {
        let phone = Phone { lab: lab.clone(), office, name: extension.to_owned() };
        let desk = Desk { phone, _lock: lock };
        // Whatever the last test left.
        desk.hang_up().await;
        desk.does("answer").await;
        desk
    }

    /// What it does when it is called from now on: `answer`, `answer 2000`, `ring`, `busy`, `decline`, `off`.
    pub async fn does(&self, behaviour: &str) {
        let mut words = vec![self.office, &self.name];
        words.extend(behaviour.split(' '));
        self.lab.run("phone", &words).await;
    }

    /// What the names of its channels at the office begin with, before the `-`: `PJSIP/150`.
    pub fn device(&self) -> String {
        format!("{}/{}", self.lab.office(self.office, "TECHNOLOGY"), self.name)
    }

    /// The tone that it plays, Hz.
    pub fn tone(&self) -> u16 {
        match self.name.as_str() {
            "150" => 440,
            "151" => 1000,
            "152" => 500,
            "153" => 1100,
            "154" => 570,
            "155" => 640,
            _ => 850,
        }
    }

    /// It dials by itself.
    pub async fn dials(&self, number: &Phone) {
        self.lab.run("dial", &[self.office, &self.name, &number.name]).await;
    }

    /// The phone behind a number that does what `digits` tells (`scripts/lab numbers`), and that nobody else calls.
    pub fn number(&self, digits: &str) -> Phone {
        // Long, so that none of the runs before has called it: the phones count their calls for ever.
        let random = uuid::Uuid::now_v7().as_u128() % 1_000_000_000;
        self.at(&format!("+37529{random:09}{digits}"))
    }

    /// The phone behind this number.
    pub fn at(&self, number: &str) -> Phone {
        Phone { lab: self.lab.clone(), office: self.office, name: number.to_owned() }
    }
}

impl Phone {
    /// As `scripts/offices` names it: `june/150`.
    fn full_name(&self) -> String {
        format!("{}/{}", self.office, self.name)
    }

    /// The states of the calls that it is in, in Asterisk's words.
    pub async fn states(&self) -> Vec<String> {
        let calls = self.lab.run("calls", &[self.office, &self.name]).await;
        calls.lines().filter_map(|line| line.split(' ').next_back()).map(str::to_owned).collect()
    }

    pub async fn until_connected(&self) {
        self.until_states("it is in a call", |states| states.iter().any(|state| state == "Up")).await;
    }

    pub async fn until_rings(&self) {
        self.until_states("it rings", |states| states.iter().any(|state| state.starts_with("Ring"))).await;
    }

    pub async fn until_free(&self) {
        self.until_states("it is in no call", <[String]>::is_empty).await;
    }

    async fn until_states(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        until(&format!("{}: {what}", self.full_name()), SOON, async || {
            let states = self.states().await;
            if is_so(&states) { Ok(()) } else { Err(format!("{states:?}")) }
        })
        .await;
    }

    /// It hangs up all its calls.
    pub async fn hang_up(&self) {
        self.lab.run("hangup-phone", &[self.office, &self.name]).await;
    }

    /// It transfers the call that it is in, as its own button does (SIP REFER).
    pub async fn transfers(&self, to: &str) {
        self.lab.run("transfer", &[self.office, &self.name, to]).await;
    }

    /// How many calls ever came to it.
    pub async fn arrivals(&self) -> u64 {
        let count = self.lab.run("arrivals", &[self.office, &self.name]).await;
        count.trim().parse().expect("a number")
    }
}

/// Listens until each of these phones, all in a call, hears these tones and no other.
pub async fn until_all_hear(expected: &[(&Phone, &[u16])]) {
    let names: Vec<String> = expected.iter().map(|(phone, _)| phone.full_name()).collect();
    let mut words = vec!["1"];
    words.extend(names.iter().map(String::as_str));
    let (lab, time) = (&expected[0].0.lab, Duration::from_secs(30));
    until("who hears whom", time, async || {
        let lines = lab.try_run("listen", &words).await?;
        let wrong: Vec<String> =
            expected.iter().zip(lines.lines()).filter_map(|((_, tones), line)| wrong(tones, line)).collect();
        let is_whole = lines.lines().count() == expected.len();
        if wrong.is_empty() && is_whole { Ok(()) } else { Err(format!("{}\n{lines}", wrong.join("; "))) }
    })
    .await;
}

/// What is wrong with what a phone hears.
fn wrong(tones: &[u16], line: &str) -> Option<String> {
    let heard: Value = serde_json::from_str(line).ok()?;
    let level = |tone: u16| heard["db"][tone.to_string()].as_f64().unwrap_or(f64::NAN);
    let is_right = |tone: &u16| match tones.contains(tone) {
        true => level(*tone) > HEARD_ABOVE,
        false => level(*tone) < SILENT_BELOW,
    };
    let wrong: Vec<String> = TONES.iter().filter(|tone| !is_right(tone)).map(u16::to_string).collect();
    (!wrong.is_empty())
        .then(|| format!("{} should hear {tones:?}, wrong are {}", heard["who"], wrong.join(", ")))
}
