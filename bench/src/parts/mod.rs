//! The parts of a run, one file each, and what they share: the place, the programs, the simulated Asterisk.

mod carrier;
mod flood;
mod initiate;
mod latency;
mod limit;
mod list;
mod memory;
mod office;
mod profile;
mod real;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};

use crate::{
    bot::{Bot, OUR_CORE, Setup},
    pin,
    report::Part,
    sim::{self, Behaviour, Sim},
};

/// Every part by name, in the order of a whole run.
pub const ALL: [&str; 10] =
    ["real", "limit", "memory", "latency", "initiate", "list", "node", "profile", "office", "flood"];

/// What a part works with.
pub struct Place {
    pub program: PathBuf,
    /// Folders of the bots are made here; on a real disk.
    pub folder: PathBuf,
    /// The lab's settings (`DIR/env` of scripts/lab), where it is up.
    pub lab: BTreeMap<String, String>,
    /// The same of scripts/offices.
    pub offices: BTreeMap<String, String>,
    /// scripts/offices, and the folder that it was told.
    pub offices_program: PathBuf,
    pub offices_folder: PathBuf,
    /// The folder with place.js and its node_modules.
    pub node: PathBuf,
    /// A Python that has panoramisk, and what it runs.
    pub python: PathBuf,
    pub read_py: PathBuf,
    /// Recorded AMI events.
    pub recordings: PathBuf,
    pub short: bool,
}

impl Place {
    pub fn lab(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.lab.get(name);
        value.map(String::as_str).with_context(|| {
            format!("this part needs the lab ({name} is not known): scripts/bench brings it up")
        })
    }

    pub fn office(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.offices.get(name);
        value.map(String::as_str).with_context(|| {
            format!("this part needs the offices ({name} is not known): scripts/bench brings them up")
        })
    }

    /// A part's time, seconds.
    pub fn seconds(&self, full: u64, short: u64) -> Duration {
        Duration::from_secs(if self.short { short } else { full })
    }

    /// A bot's folder without anything in it.
    pub fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A bot on one core against a simulated Asterisk of ours on the other.
    pub async fn simulated(&self, name: &str, behaviour: Behaviour) -> anyhow::Result<(Sim, Bot)> {
        pin(Some(OUR_CORE))?;
        let sim = Sim::new(behaviour);
        let ari = format!("http://{}", sim::spawn(&sim, "127.0.0.1:0".parse()?).await?);
        let bot = Bot::start(&Setup::simulated(&self.program, &self.fresh(name)?, &ari)).await?;
        Ok((sim, bot))
    }
}

pub async fn run(name: &str, place: &Place) -> anyhow::Result<Part> {
    match name {
        "real" => real::run(place).await,
        "node" => real::beside_node(place).await,
        "limit" => limit::run(place).await,
        "memory" => memory::run(place).await,
        "latency" => latency::run(place).await,
        "initiate" => initiate::run(place).await,
        "list" => list::run(place).await,
        "profile" => profile::run(place).await,
        "office" => office::run(place).await,
        "flood" => flood::run(place).await,
        other => bail!("there is no part `{other}`; there are {}", ALL.join(", ")),
    }
}

/// The settings that scripts/lab or scripts/offices wrote: NAME=value with a shell's quoting of plain values.
pub fn read_lab(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.replace('\\', ""))).collect()
}
