//! `novofon-bot check-config`: is it right, and what is in force.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{ConfigArgs, output::note};
use crate::config::{Config, environment};

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.as_deref(), environment())?;
    for warning in &loaded.warnings {
        note(&format!("warning: {warning}"));
    }
    io::stdout().lock().write_all(loaded.effective_toml.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
