//! The configuration as it came out, for `novofon-bot check-config`: TOML, each value with its source.
//!
//! Secrets are shown as `***`; what is given is told, not what it is.

use super::layers::Layers;
use super::reader::is_secret;
use toml::Value;

/// All keys in the order of default.toml, then the scenarios.
pub(super) fn effective(layers: &Layers) -> String {
    let mut keys: Vec<&str> = layers.schema.keys().collect();
    keys.sort_by_key(|key| layers.schema.lines.get(*key));
    let scenarios: Vec<String> =
        layers.scenarios().iter().map(|name| format!("scenarios.{name}.steps")).collect();
    let mut text = String::new();
    let mut current = "";
    for key in keys.into_iter().chain(scenarios.iter().map(String::as_str)) {
        let (Some((section, name)), Some(value)) = (key.rsplit_once('.'), layers.value(key)) else {
            continue;
        };
        if section != current {
            let gap = if current.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}[{section}]\n"));
            current = section;
        }
        let value = match value {
            Value::String(url) if key == "store.url" => Value::String(ledger::shown_url(&url)),
            value if is_secret(key) => hidden(value),
            value => value,
        };
        text.push_str(&format!("{name} = {value}  # {}\n", layers.origin(key)));
    }
    text
}

/// A secret that isn't there stays visible as such.
fn hidden(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::String(text),
        Value::Array(items) => Value::Array(items.into_iter().map(hidden_key).collect()),
        _ => Value::String("***".into()),
    }
}

/// Of an API key the name is shown.
fn hidden_key(item: Value) -> Value {
    let name = match &item {
        Value::String(text) => text.split_once(':').map(|(name, _)| name),
        Value::Table(table) => table.get("name").and_then(Value::as_str),
        _ => None,
    };
    Value::String(format!("{}:***", name.unwrap_or("?")))
}
