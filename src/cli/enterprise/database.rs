//! Which database the commands talk to, and the reading of secrets that must not stand on a command line.

use std::{
    convert::Infallible,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::bail;
use clap::Args;

use super::super::{ConfigArgs, told};
use crate::{
    config::{self, Config, environment},
    enterprises::{Directory, DirectoryConfig},
    office::directory_config,
};
use asterisk::secret::Secret;
use lang::say;

#[derive(Debug, Args)]
#[command(next_help_heading = "The database")]
pub(super) struct DatabaseArgs {
    /// postgres://user@host:5432/database or sqlite:///path [default: `office.database` of the configuration];
    /// other users may see it in the list of processes, so a password goes into the file
    #[arg(long, env = "NOVOFON_BOT_OFFICE__DATABASE", value_name = "URL", hide_env_values = true, value_parser = secret)]
    database: Option<Secret>,
    /// A file with the password of the database's user
    #[arg(
        long,
        env = "NOVOFON_BOT_OFFICE__DATABASE_PASSWORD_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    database_password_file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

impl DatabaseArgs {
    pub(super) fn directory(&self) -> anyhow::Result<Directory> {
        let Some(url) = self.database.clone().filter(|url| !url.expose().is_empty()) else {
            let office = self.office().map_err(|error| {
                say!(
                    "no --database is given, so the configuration must name it: {why}",
                    "--database не указан, и базу должна называть конфигурация: {why}",
                    why = told::both(&error)
                )
            })?;
            return Ok(Directory::for_orders(directory_config(&office))?);
        };
        let password = self.database_password_file.as_deref().map(secret_of_file).transpose()?;
        let mut config = DirectoryConfig::new(url);
        // The variable is the daemon's too: then the password is that of the configuration.
        if password.is_none()
            && let Ok(office) = self.office()
            && office.database == config.url
        {
            config = directory_config(&office);
        }
        config.password = password.or(config.password);
        Ok(Directory::for_orders(config)?)
    }

    /// The section `[office]` of the configuration.
    pub(super) fn office(&self) -> anyhow::Result<config::Office> {
        let loaded = Config::load(self.config.config.as_deref(), environment())?;
        match loaded.config.office {
            Some(office) => Ok(office),
            None => bail!(say!(
                "no database is named; set `office.database` in the configuration, or give --database URL",
                "база не названа; задайте `office.database` в настройках или укажите --database URL"
            )),
        }
    }
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// What a file holds, or with `-` standard input, without the line's end.
pub(super) fn secret_of_file(path: &Path) -> anyhow::Result<Secret> {
    /// Far above any password: a path that names a device by mistake must not fill the memory.
    const LONGEST: u64 = 4096;

    let shown = path.display();
    let unread = |error: io::Error| {
        say!("cannot read the secret in {shown}: {why}", "секрет из {shown} не прочитать: {why}", why = error)
    };
    let reader: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path).map_err(unread)?),
    };
    let mut text = String::new();
    reader.take(LONGEST).read_to_string(&mut text).map_err(unread)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => bail!(say!("{shown} is empty: put the secret into it", "{shown} пуст: запишите в него секрет")),
        _ if text.len() as u64 == LONGEST => bail!(say!(
            "{shown} is too long for a secret: is it the right file?",
            "{shown} слишком длинный для секрета: тот ли это файл?"
        )),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_keeps_its_blanks_and_loses_the_lines_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        std::fs::write(&path, " two words \r\n").expect("a file");
        assert_eq!(secret_of_file(&path).expect("read").expose(), " two words ");
        std::fs::write(&path, "\n").expect("a file");
        assert!(secret_of_file(&path).expect_err("empty").to_string().ends_with("put the secret into it"));
        assert!(secret_of_file(Path::new("/dev/zero")).is_err());
        assert!(secret_of_file(&folder.path().join("none")).is_err());
    }
}
