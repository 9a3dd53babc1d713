//! What the bot's configuration says of the trunk: read by itself, for the rest of it may still be wrong or missing.

use std::{fs, io::ErrorKind, path::Path};

use super::{refuse, say};
use lang::Lang;

const USUAL: &str = "/etc/novofon-bot/config.toml";

#[derive(Debug, Default)]
pub(super) struct Trunk {
    pub context: Option<String>,
    /// `PJSIP/novofon`
    pub endpoint: Option<String>,
    pub caller_id: Option<String>,
}

impl Trunk {
    /// The environment goes before the file; a file that is not there has nothing to say.
    pub fn read(path: Option<&Path>, lang: Lang) -> anyhow::Result<Self> {
        let path = path.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(USUAL));
        let file = path.display();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return refuse(say!(
                    lang,
                    "{file} can't be read ({error}): run this with sudo, or name another one by --config",
                    "{file} не читается ({error}): запустите через sudo или укажите другой: --config"
                ));
            }
        };
        // The parser's own words quote the text, which has secrets.
        let Ok(table) = text.parse::<toml::Table>() else {
            return refuse(say!(
                lang,
                "{file} is not TOML: nothing was changed. See novofon-bot check-config",
                "{file} — не TOML: ничего не изменено. Смотрите novofon-bot check-config"
            ));
        };
        let trunk = table.get("trunk").and_then(toml::Value::as_table);
        let value = |key: &str| {
            let variable = std::env::var(format!("NOVOFON_BOT_TRUNK__{}", key.to_uppercase())).ok();
            let in_file = || Some(trunk?.get(key)?.as_str()?.to_owned());
            variable.or_else(in_file).filter(|value| !value.trim().is_empty())
        };
        Ok(Trunk { context: value("context"), endpoint: value("endpoint"), caller_id: value("caller_id") })
    }

    pub fn context(&self) -> &str {
        self.context.as_deref().unwrap_or(crate::trunks::outgoing::CONTEXT)
    }
}
