//! All keys of the API: those of `http.api_keys` and those of the file, each with where it is written.
//!
//! How one key is written is the matter of `keys`; what the file looks like when it is changed, of `key_file`.

use std::path::PathBuf;

use super::{
    ConfigErrors, Origin,
    check::{secret_path, warn_if_exposed},
    error::Problem,
    keys::{self, ApiKey, ApiKeys, HIGHEST_RATE, Written},
    layers::Layers,
    reader::Reader,
    secret,
};
use lang::{Text, say};

pub(super) const LIST: &str = "http.api_keys";
pub(super) const FILE: &str = "http.api_keys_file";

/// The keys as they are written, for those who manage them.
#[derive(Clone, Debug)]
pub struct KeyList {
    pub keys: Vec<ListedKey>,
    /// What `http.api_keys_file` names; it need not be there yet.
    pub file: Option<PathBuf>,
    /// The configuration file, if there is one.
    pub config: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct ListedKey {
    pub key: ApiKey,
    /// Where it stands.
    pub origin: Origin,
    /// In the file of keys, not in `http.api_keys`.
    pub in_file: bool,
    /// Its text stands there, not its hash.
    pub is_plain: bool,
    /// It names its rights; one of before has all of them.
    pub has_rights: bool,
}

/// The keys of a configuration that may be wrong elsewhere, and whose file of keys may be missing.
pub(super) fn list(layers: &Layers, config: Option<PathBuf>) -> Result<KeyList, ConfigErrors> {
    let mut r = Reader::new(layers);
    let rate_limit = r.whole("http.rate_limit", 0..=HIGHEST_RATE, "requests per minute");
    let file = secret_path(&mut r, FILE);
    let present = file.clone().filter(|path| path.try_exists().unwrap_or(true));
    let text = present.and_then(|path| read_file(&mut r, path));
    let mut keys = Vec::new();
    for key in gather(&mut r, text, rate_limit) {
        match key {
            Ok(key) => keys.push(key),
            Err(problem) => r.problems.push(problem),
        }
    }
    ConfigErrors::check(r.problems)?;
    Ok(KeyList { keys, file, config })
}

/// The keys that are in force, and warnings about them.
pub(super) fn api_keys(r: &mut Reader<'_>, rate_limit: u32) -> ApiKeys {
    let file = secret_path(r, FILE);
    let mut keys = if file.is_some() { ApiKeys::closed() } else { ApiKeys::default() };
    let before = r.problems.len();
    let text = file.and_then(|path| read_file(r, path));
    let listed = gather(r, text, rate_limit);
    if listed.iter().flatten().any(|key| key.is_plain && !key.in_file) {
        warn_if_exposed(r, LIST);
    }
    warn_of_rights(r, listed.iter().flatten());
    if listed.is_empty() && !keys.is_empty() && r.problems.len() == before {
        r.warning(
            FILE,
            &say!(
                "there is no key in it: no client is let in; `novofon-bot api-key add NAME` makes one",
                "ключей в нём нет: клиентов не пускают; создать ключ: `novofon-bot api-key add ИМЯ`"
            ),
        );
    }
    for key in listed {
        let added = key.and_then(|ListedKey { key, origin, in_file, .. }| {
            let place = if in_file { FILE } else { LIST };
            keys.add(key).map_err(|text| Problem::new(place, origin, text))
        });
        r.problems.extend(added.err());
    }
    keys
}

fn read_file(r: &mut Reader<'_>, path: PathBuf) -> Option<(PathBuf, String)> {
    match secret::read_whole(&path) {
        Ok(text) => {
            if let Some(text) = secret::exposure(&path) {
                r.warning(FILE, &text);
            }
            Some((path, text))
        }
        Err(text) => {
            r.problem(FILE, text);
            None
        }
    }
}

/// The keys of the list, then those of the file, or what is wrong with them.
fn gather(
    r: &mut Reader<'_>,
    file: Option<(PathBuf, String)>,
    rate_limit: u32,
) -> Vec<Result<ListedKey, Problem>> {
    let mut found: Vec<(String, Origin, bool, Result<Written, Text>)> = Vec::new();
    for (path, item) in &r.items(LIST) {
        found.push((path.clone(), r.layers.origin(path), false, keys::parse(item, rate_limit)));
    }
    if let Some((path, text)) = file {
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                let origin = Origin::File { path: path.clone(), line: Some(index + 1) };
                found.push((FILE.into(), origin, true, keys::parse_text(line, rate_limit)));
            }
        }
    }
    let listed = |(place, origin, in_file, written)| match written {
        Ok(Written { key, is_plain, has_rights }) => {
            Ok(ListedKey { key, origin, in_file, is_plain, has_rights })
        }
        Err(text) => Err(Problem::new(place, origin, text)),
    };
    found.into_iter().map(listed).collect()
}

/// A key of before keeps what it had, which is everything; that is said, with what to write.
fn warn_of_rights<'a>(r: &mut Reader<'_>, listed: impl Iterator<Item = &'a ListedKey>) {
    let without: Vec<&ListedKey> = listed.filter(|key| !key.has_rights).collect();
    let Some(first) = without.first() else { return };
    let names = without.iter().map(|key| format!("`{}`", key.key.name)).collect::<Vec<_>>().join(", ");
    let text = say!(
        "no rights are written for {names}: such a key reads, hangs up and deletes every client's calls; \
         write rights = [\"call\", \"read\"] for its own calls only, or [\"admin\"] to keep it so \
         (in a text or a line: \"name:sha256:<hex>:rights=call,read\")",
        "права не записаны у {names}: такой ключ видит, завершает и удаляет звонки всех клиентов; впишите \
         rights = [\"call\", \"read\"] — только свои звонки, или [\"admin\"] — оставить всё \
         (в тексте или строке файла: \"имя:sha256:<hex>:rights=call,read\")"
    );
    r.warning(if first.in_file { FILE } else { LIST }, &text);
}
