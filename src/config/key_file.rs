//! The file of keys, changed by a program: one line more or one line less, and all else as it stood there.
//!
//! A reader sees the old file or the new one, never half of it. Its owner and its rights stay, but for other users'.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use super::{
    DEFAULT_PATH, Rights,
    key_list::KeyList,
    keys::{self, HIGHEST_RATE},
    secret,
};
use asterisk::secret::Secret;
use lang::{Lang, Text, Told};

/// Its name where the configuration names none: beside the configuration file.
const DEFAULT_NAME: &str = "api_keys";

const HEAD: &str =
    "# Keys of the API, one a line: name:sha256:<hex>:rights=call,read. See novofon-bot api-key --help.\n";

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{0}")]
    Name(Text),
    #[error("there is a key named `{0}` already: choose another name, or revoke that one first")]
    Taken(String),
    #[error("`rate_limit`: expected requests per minute, 0 to {HIGHEST_RATE}")]
    Rate,
    #[error("can't change the file of keys: {0}")]
    Read(Text),
    #[error("there is no folder {}, where the file of keys belongs; {NO_FOLDER}", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is a link to a file that is not there; make that file or take the link away", .0.display())]
    Dangling(PathBuf),
    #[error("can't write {}: {why}; who writes there is mostly root (sudo)", .path.display())]
    Write { path: PathBuf, why: io::Error },
}

const NO_FOLDER: &str = "sudo scripts/install makes it with a configuration, or name a configuration of your own by \
                         --config FILE";

impl Told for KeyFileError {
    fn told(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::Name(text) => text.ru.clone(),
            Self::Taken(name) => {
                format!("ключ с именем `{name}` уже есть: возьмите другое имя или сначала отзовите тот")
            }
            Self::Rate => format!("`rate_limit`: нужно число запросов в минуту, от 0 до {HIGHEST_RATE}"),
            Self::Read(why) => format!("файл ключей не изменить: {}", why.ru),
            Self::NoFolder(folder) => format!(
                "нет папки {}, в которой лежит файл ключей; её вместе с настройками создаёт sudo scripts/install, а \
                 свой файл настроек можно назвать: --config ФАЙЛ",
                folder.display()
            ),
            Self::Dangling(path) => {
                format!("{} — ссылка на файл, которого нет; создайте его или уберите ссылку", path.display())
            }
            Self::Write { path, why } => {
                format!(
                    "в {} нельзя писать: {}; обычно это может root (sudo)",
                    path.display(),
                    why.told(lang)
                )
            }
        }
    }
}

/// The file that keys are written to.
#[derive(Clone, Debug)]
pub struct KeyFile {
    pub path: PathBuf,
    /// The configuration names it; one that it doesn't name is not read.
    pub is_named: bool,
    /// Whose owner and group a new file gets.
    config: Option<PathBuf>,
}

impl KeyFile {
    pub fn of(list: &KeyList) -> Self {
        let beside = list.config.as_deref().unwrap_or(Path::new(DEFAULT_PATH)).with_file_name(DEFAULT_NAME);
        KeyFile {
            is_named: list.file.is_some(),
            path: list.file.clone().unwrap_or(beside),
            config: list.config.clone(),
        }
    }

    /// Adds the hash of a key.
    ///
    /// # Errors
    /// A name that is none or is taken, and what the file system says.
    pub fn add(
        &self,
        name: &str,
        key: &Secret,
        rights: Rights,
        rate_limit: Option<u32>,
    ) -> Result<(), KeyFileError> {
        keys::check_name(name).map_err(KeyFileError::Name)?;
        if rate_limit.is_some_and(|limit| limit > HIGHEST_RATE) {
            return Err(KeyFileError::Rate);
        }
        self.change(|text| {
            if text.lines().any(|line| name_of(line) == Some(name)) {
                return Err(KeyFileError::Taken(name.to_owned()));
            }
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let head = if text.is_empty() { HEAD } else { "" };
            Ok(Some(format!("{head}{text}{end}{}\n", keys::line_of(name, key, rights, rate_limit))))
        })
        .map(drop)
    }

    /// Takes a key's line away. False when there is none.
    ///
    /// # Errors
    /// What the file system says.
    pub fn revoke(&self, name: &str) -> Result<bool, KeyFileError> {
        self.change(|text| {
            let rest: String =
                text.split_inclusive('\n').filter(|line| name_of(line) != Some(name)).collect();
            // An empty file is taken for a mistake; one with a comment lets nobody in.
            let rest = if rest.is_empty() { HEAD.to_owned() } else { rest };
            Ok((rest != text).then_some(rest))
        })
    }

    /// Whether something was written.
    fn change(
        &self,
        new: impl FnOnce(&str) -> Result<Option<String>, KeyFileError>,
    ) -> Result<bool, KeyFileError> {
        // What a link leads to is replaced, not the link.
        let path = match fs::canonicalize(&self.path) {
            Ok(path) => path,
            // To write here would put a file in the link's place, and what it should lead to would stay away.
            Err(_) if self.path.is_symlink() => return Err(KeyFileError::Dangling(self.path.clone())),
            Err(_) => self.path.clone(),
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let wrap = |why| KeyFileError::Write { path: path.clone(), why };
        let folder_handle = File::open(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::NoFolder(folder.to_owned()),
            _ => wrap(error),
        })?;
        // Two of us at once: the second sees what the first has written.
        flock(&folder_handle, FlockOperation::LockExclusive).map_err(|error| wrap(error.into()))?;
        let text = match path.try_exists() {
            Ok(false) => String::new(),
            _ => secret::read_whole(&path).map_err(KeyFileError::Read)?,
        };
        let Some(text) = new(&text)? else { return Ok(false) };
        let (owner, mode) = match fs::metadata(&path) {
            Ok(file) => (Some(file.clone()), file.mode() & 0o770),
            Err(_) => (self.config.as_ref().and_then(|config| fs::metadata(config).ok()), 0o640),
        };
        secret::write(&path, &text, owner.as_ref(), mode)
            .and_then(|()| folder_handle.sync_all())
            .map_err(wrap)?;
        Ok(true)
    }
}

/// The name that a line of the file begins with.
fn name_of(line: &str) -> Option<&str> {
    let line = line.trim();
    line.split_once(':').map(|(name, _)| name).filter(|_| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    fn file(text: Option<&str>, mode: u32) -> (tempfile::TempDir, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
        (folder, KeyFile { path, is_named: true, config: None })
    }

    fn mode(file: &KeyFile) -> u32 {
        fs::metadata(&file.path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_line_comes_and_goes_and_all_else_stays() {
        let old = "# ours\n\ncrm:0123456789abcdef\n  desk:fedcba9876543210";
        let (_folder, file) = file(Some(old), 0o664);
        let key = Secret::new("a-key-of-sixteen");
        file.add("Касса", &key, Rights::OWN, None).unwrap();
        let text = fs::read_to_string(&file.path).unwrap();
        assert!(text.starts_with(&format!("{old}\nКасса:sha256:")), "{text}");
        assert!(!text.contains("a-key-of-sixteen"));
        assert_eq!(mode(&file), 0o660, "never for other users");
        assert!(matches!(file.add("desk", &key, Rights::OWN, None), Err(KeyFileError::Taken(_))));
        assert!(matches!(file.add("a:b", &key, Rights::OWN, None), Err(KeyFileError::Name(_))));
        assert!(file.revoke("Касса").unwrap());
        assert!(!file.revoke("Касса").unwrap());
        assert!(!file.revoke("# ours\n\ncrm").unwrap());
        assert_eq!(fs::read_to_string(&file.path).unwrap(), format!("{old}\n"));
        let left: Vec<_> = fs::read_dir(file.path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing beside it: {left:?}");
    }

    #[test]
    fn a_new_file_is_no_bodys_else_and_the_last_key_leaves_a_comment() {
        let (_folder, file) = file(None, 0);
        file.add("crm", &Secret::new("a-key-of-sixteen"), Rights::ADMIN, Some(5)).unwrap();
        assert_eq!(mode(&file), 0o640);
        assert!(fs::read_to_string(&file.path).unwrap().ends_with(":rights=admin:rate_limit=5\n"));
        file.revoke("crm").unwrap();
        assert_eq!(fs::read_to_string(&file.path).unwrap(), HEAD);
    }

    #[test]
    fn what_a_link_leads_to_is_changed() {
        let (folder, file) = file(Some("crm:0123456789abcdef\n"), 0o600);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("keys", &link).unwrap();
        let linked = KeyFile { path: link.clone(), ..file.clone() };
        linked.revoke("crm").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file.path).unwrap(), HEAD);
    }

    #[test]
    fn a_link_to_nowhere_is_refused_and_stays() {
        let (folder, file) = file(None, 0);
        std::os::unix::fs::symlink("gone/keys", &file.path).unwrap();
        let key = Secret::new("a-key-of-sixteen");
        for result in [file.add("crm", &key, Rights::OWN, None), file.revoke("crm").map(drop)] {
            assert!(matches!(result, Err(KeyFileError::Dangling(_))), "{result:?}");
        }
        assert_eq!(fs::read_link(&file.path).unwrap(), Path::new("gone/keys"));
        let nowhere = KeyFile { path: folder.path().join("none/keys"), ..file };
        let error = nowhere.add("crm", &key, Rights::OWN, None).unwrap_err();
        assert!(matches!(error, KeyFileError::NoFolder(_)), "{error}");
        assert!(error.told(Lang::Ru).contains("sudo scripts/install"), "{}", error.told(Lang::Ru));
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let (_folder, file) = file(None, 0);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    let key = Secret::new(format!("a-key-of-sixteen-{n}"));
                    file.add(&format!("client {n}"), &key, Rights::OWN, None).unwrap();
                });
            }
        });
        let text = fs::read_to_string(&file.path).unwrap();
        assert_eq!(text.lines().filter(|line| name_of(line).is_some()).count(), 8, "{text}");
    }
}
