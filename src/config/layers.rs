//! The layers laid over each other: defaults, file, environment. The later wins, key by key.
//!
//! Says for each key its value and where that came from; whether it is a good one is the reader's matter.

use super::env::Environment;
use super::error::Origin;
use super::file::Lines;
use super::schema::Schema;
use figment::value::{Dict, Map, Value as FigmentValue};
use figment::{Figment, Metadata, Profile, Provider};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";

pub(super) struct Layers {
    pub schema: Schema,
    figment: Figment,
    file: Option<PathBuf>,
    lines: Lines,
    variables: BTreeMap<String, String>,
}

/// A configuration file that was read.
#[derive(Default)]
pub(super) struct FileLayer {
    pub path: Option<PathBuf>,
    pub table: Table,
    pub lines: Lines,
}

impl Layers {
    pub fn new(schema: Schema, file: FileLayer, environment: Environment) -> Self {
        let figment = Figment::new()
            .merge(Layer { name: "default", table: &schema.defaults })
            .merge(Layer { name: FILE, table: &file.table })
            .merge(Layer { name: ENVIRONMENT, table: &environment.table });
        Self { schema, figment, file: file.path, lines: file.lines, variables: environment.names }
    }

    /// The value of a key, the topmost layer's; `None` if no layer has it.
    pub fn value(&self, key: &str) -> Option<Value> {
        self.figment.find_value(key).ok()?.deserialize().ok()
    }

    /// Where the value of a key, or of an item in it (`dial.allow[1]`), came from.
    pub fn origin(&self, path: &str) -> Origin {
        let key = path.split('[').next().unwrap_or(path);
        match self.figment.find_metadata(key).map(|metadata| metadata.name.as_ref()) {
            Some(FILE) => Origin::File { path: self.file.clone().unwrap_or_default(), line: self.line(path) },
            Some(ENVIRONMENT) => Origin::Environment(self.variables.get(key).cloned().unwrap_or_default()),
            _ => Origin::Default,
        }
    }

    /// The folder that a relative path in this key starts at; empty for the working directory.
    pub fn folder(&self, key: &str) -> PathBuf {
        match self.origin(key) {
            Origin::File { path, .. } => path.parent().unwrap_or(Path::new("")).to_owned(),
            Origin::Default | Origin::Environment(_) => PathBuf::new(),
        }
    }

    /// The names of the scenarios that any layer has.
    pub fn scenarios(&self) -> Vec<String> {
        match self.value("scenarios") {
            Some(Value::Table(scenarios)) => scenarios.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// The line of the path, or of the nearest thing around it that has one.
    fn line(&self, path: &str) -> Option<usize> {
        let around = path.rmatch_indices(['.', '[']).map(|(end, _)| &path[..end]);
        std::iter::once(path).chain(around).find_map(|path| self.lines.get(path).copied())
    }
}

struct Layer<'a> {
    name: &'static str,
    table: &'a Table,
}

impl Provider for Layer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = FigmentValue::serialize(self.table)?.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{env, file};

    fn layers(text: &str, variables: &[(&str, &str)]) -> Layers {
        let schema = Schema::builtin();
        let path = Path::new("/etc/bot/bot.toml");
        let file::Checked { table, lines, .. } = file::checked(text, path, &schema).unwrap();
        let environment = env::read(variables.iter().copied(), &schema);
        Layers::new(schema, FileLayer { path: Some(path.to_owned()), table, lines }, environment)
    }

    #[test]
    fn the_later_layer_wins_and_is_known() {
        let layers = layers(
            "[dial]\nallow = [\n'+1',\n'+2']\nring_timeout = 10\n[scenarios.b]\nsteps = [{wait = 1}]",
            &[("NOVOFON_BOT_DIAL__RING_TIMEOUT", "20")],
        );
        assert_eq!(layers.value("dial.ring_timeout"), Some(Value::Integer(20)));
        assert_eq!(layers.value("dial.allow").unwrap().to_string(), r#"["+1", "+2"]"#);
        assert_eq!(layers.value("dial.max_duration"), Some(Value::Integer(3600)));
        assert_eq!(layers.value("dial.nothing"), None);
        assert_eq!(layers.scenarios(), ["b", "default"]);
        let cases = [
            ("dial.ring_timeout", "NOVOFON_BOT_DIAL__RING_TIMEOUT"),
            ("dial.allow", "/etc/bot/bot.toml:2"),
            ("dial.allow[1]", "/etc/bot/bot.toml:4"),
            ("dial.allow[7]", "/etc/bot/bot.toml:2"),
            ("scenarios.b.steps[0].wait", "/etc/bot/bot.toml:7"),
            ("scenarios.default.steps[0]", "default"),
            ("dial.max_duration", "default"),
        ];
        for (path, origin) in cases {
            assert_eq!(layers.origin(path).to_string(), origin, "{path}");
        }
        assert_eq!(layers.folder("dial.allow"), Path::new("/etc/bot"));
        assert_eq!(layers.folder("dial.ring_timeout"), Path::new(""));
    }
}
