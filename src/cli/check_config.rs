//! `novofon-bot check-config`: is it right, and what is in force.

use std::process::ExitCode;

use super::ConfigArgs;
use crate::config::{Config, environment};

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.as_deref(), environment())?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    print!("{}", loaded.effective_toml);
    Ok(ExitCode::SUCCESS)
}
