//! `novofon-bot check-config`: is it right, and what is in force.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{ConfigArgs, output::note};
use crate::{
    config::{Config, environment},
    doctor::fault_of_store,
};
use lang::{Lang, say};

pub(super) fn run(args: &ConfigArgs, lang: Lang) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.as_deref(), environment())?;
    for warning in &loaded.warnings {
        note(say!("warning: {it}", "предупреждение: {it}", it = *warning).of(lang));
    }
    // A folder that is missing is no mistake of the file, which may be checked on another machine.
    let fault = fault_of_store(&loaded.config);
    if let Some(fault) = &fault {
        let key = "store.url";
        note(
            say!(
                "warning: `{key}`: {seen}\n→ {mend}",
                "предупреждение: `{key}`: {seen}\n→ {mend}",
                seen = fault.seen,
                mend = fault.mend
            )
            .of(lang),
        );
    }
    io::stdout().lock().write_all(loaded.effective_toml.as_bytes())?;
    // Beside the values, which programs read.
    let end = match fault {
        None => say!("✓ the configuration can be used", "✓ настройки верны"),
        Some(_) => say!(
            "the values are right, but the bot does not start on this machine: see the warning above",
            "значения верны, но на этой машине бот не запустится: см. предупреждение выше"
        ),
    };
    note(end.of(lang));
    Ok(ExitCode::SUCCESS)
}
