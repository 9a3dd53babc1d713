//! The configuration: `default.toml` beside this file is the first layer, then the user's file, then the
//! environment.
//!
//! What comes out is checked whole, so nobody further up checks again, and everything that is wrong is told
//! at once, with file and line or variable. Knows files and the environment, not what the values are used
//! for.

mod alien;
mod change;
mod check;
mod env;
mod error;
mod file;
mod key_file;
mod key_list;
mod keys;
mod layers;
mod office;
mod reader;
mod rights;
mod schema;
mod secret;
mod show;
mod steps;

pub use change::Adopted;
pub use env::environment;
pub use error::{ConfigErrors, Origin, Problem};
pub use key_file::{KeyFile, KeyFileError};
pub use key_list::{KeyList, ListedKey};
pub use keys::{ApiKey, ApiKeys};
pub use office::Office;
pub use rights::{Right, Rights};
pub use schema::{DEFAULT_TOML, ENV_PREFIX};
pub use secret::{is_short, write as write_secret, write_held as write_held_secret};
pub use steps::StepConfig;

use asterisk::secret::Secret;
use lang::{Lang, Text, say};
use layers::{FileLayer, Layers};
use schema::Schema;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use url::Url;

/// Read if it exists and no other file is named.
pub const DEFAULT_PATH: &str = "/etc/novofon-bot/config.toml";

/// What `dial.ring_timeout`, and a request's, may be, in seconds.
pub const RING_TIMEOUT: RangeInclusive<u32> = 5..=300;

/// What `dial.max_duration`, and a request's, may be, in seconds.
pub const MAX_DURATION: RangeInclusive<u32> = 1..=14_400;

/// In `trunk.caller_ids`: any number.
pub const ANY_CALLER_ID: &str = "*";

/// A checked configuration. Sections and keys are named and described in `default.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub http: Http,
    pub ari: Ari,
    pub trunk: Trunk,
    pub dial: Dial,
    pub store: Store,
    pub log: Log,
    pub service: Service,
    /// `None` when there is no office API.
    pub office: Option<Office>,
    pub scenario: Scenario,
    /// By name; has the one that `scenario.default` names, and none is empty.
    pub scenarios: BTreeMap<String, Vec<StepConfig>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Loopback, if `api_keys` is empty.
    pub listen: SocketAddr,
    pub api_keys: ApiKeys,
    /// Where the token of this machine's command line is put; `None`: where the daemon finds fit.
    pub token_file: Option<PathBuf>,
    /// Requests per minute, 0 is no limit: for the API without keys. A key has its own in
    /// [`ApiKey::rate_limit`].
    pub rate_limit: u32,
    /// Bytes.
    pub body_limit: usize,
    pub request_timeout: Duration,
    pub max_connections: usize,
    /// Accept-Language wins.
    pub language: Lang,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Ari {
    /// http or https, without `/ari`, credentials or query; its path is Asterisk's prefix, mostly `/`.
    pub url: Url,
    /// Empty: the bot has no Asterisk of its own, only offices.
    pub username: String,
    pub password: Secret,
    pub app: String,
    pub request_timeout: Duration,
    pub rest_over_socket: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    pub context: String,
    /// `TECHNOLOGY/name`.
    pub endpoint: String,
    /// `None`: the dialplan's own.
    pub caller_id: Option<String>,
    /// What else a request may ask to be shown; [`ANY_CALLER_ID`] is any number.
    pub caller_ids: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    pub ring_timeout: Duration,
    pub max_duration: Duration,
    pub max_concurrent: usize,
    pub calls_per_second: f64,
    /// Prefixes in E.164 form, and `russia`; `+` alone is every number.
    pub allow: Vec<String>,
    /// Zero is off.
    pub min_gap: Duration,
    pub max_queued: usize,
    pub queue_timeout: Duration,
    pub unreachable_timeout: Duration,
    /// ISO 3166-1, known to the crate phonenumber.
    pub default_region: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// May hold a password.
    pub url: Secret,
    /// Whose calls are this bot's, in a database that several share; `None`: the machine's name.
    pub node: Option<String>,
    /// 0: for ever.
    pub keep_days: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub level: LevelFilter,
    pub format: LogFormat,
    pub mask_numbers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub stop_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The name of one of [`Config::scenarios`].
    pub default: String,
}

/// A configuration and how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// What is allowed and still unwise, for the log.
    pub warnings: Vec<Text>,
    /// The file that was read, if any.
    pub source_path: Option<PathBuf>,
    /// The configuration as TOML, each value with its source as a comment, secrets as `***`.
    pub effective_toml: String,
}

impl Config {
    /// The configuration of `path` (`--config`), else of `NOVOFON_BOT_CONFIG`, else of [`DEFAULT_PATH`] if
    /// that exists, under the variables of `env` (see [`environment`]).
    ///
    /// # Errors
    /// All that is wrong, at once; with a file that is no TOML only that and the environment.
    pub fn load(
        path: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigErrors> {
        Self::load_or(path, env, Path::new(DEFAULT_PATH))
    }

    fn load_or(
        path: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        default_path: &Path,
    ) -> Result<Loaded, ConfigErrors> {
        let Read { layers, path, unknown } = layers(path, env, default_path)?;
        let checked = match check::check(&layers) {
            Ok(checked) => ConfigErrors::check(unknown).map(|()| checked),
            Err(errors) => Err(errors.with(unknown)),
        };
        let (config, warnings) = checked.map_err(|errors| match &path {
            Some(path) => errors.in_order(Some(path)),
            // The rest mostly follows from it.
            None => errors
                .with(vec![Problem::of_file(
                    default_path,
                    None,
                    say!(
                        "there is no such file, and no other was named; see --config",
                        "такого файла нет, а другой не назван; его задаёт --config"
                    ),
                )])
                .in_order(None),
        })?;
        Ok(Loaded { config, warnings, source_path: path, effective_toml: show::effective(&layers) })
    }

    /// The API's keys of the same files, whatever else is wrong or missing there: who manages keys may do so before
    /// the bot has all that it needs.
    ///
    /// # Errors
    /// What is no TOML or no key, and what is wrong with keys.
    pub fn keys(
        path: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<KeyList, ConfigErrors> {
        let Read { layers, path, unknown } = layers(path, env, Path::new(DEFAULT_PATH))?;
        // One of them may be `http.api_keys_file`.
        ConfigErrors::check(unknown)?;
        key_list::list(&layers, path)
    }
}

/// What was read.
struct Read {
    layers: Layers,
    /// The file, if there is one.
    path: Option<PathBuf>,
    /// What stands there and is no key.
    unknown: Vec<Problem>,
}

fn layers(
    path: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    default_path: &Path,
) -> Result<Read, ConfigErrors> {
    let variables: HashMap<String, String> = env.collect();
    let named = variables.get(env::CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from);
    // A default file that can't be looked at is no reason to go on without it: reading it tells why.
    let path = path
        .map(Path::to_owned)
        .or(named)
        // A link that leads nowhere is somebody's wish too.
        .or_else(|| {
            let is_there = default_path.is_symlink() || default_path.try_exists().unwrap_or(true);
            is_there.then(|| default_path.to_owned())
        });
    let schema = Schema::builtin();
    let environment =
        env::read(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())), &schema);
    let file = match &path {
        Some(path) => file::read(path, &schema),
        None => Ok(Default::default()),
    };
    let of_environment = environment.problems.clone();
    let file::Checked { table, lines, mut unknown } =
        // Of a file that can't be read no value can be judged.
        file.map_err(|errors| errors.with(of_environment.clone()))?;
    unknown.extend(of_environment);
    let file = FileLayer { path: path.clone(), table, lines };
    Ok(Read { layers: Layers::new(schema, file, environment), path, unknown })
}

#[cfg(test)]
mod tests;
