//! The files that hold a secret.
//!
//! Knows nothing of keys and sections.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::secret::Secret;

/// Far above any list of keys: a path that names a device or a log by mistake must not fill the memory.
const LONGEST_FILE: u64 = 1 << 20;

/// The text of a secret's file, without the white space around it. The error says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Secret, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text))
        .map_err(|error| format!("can't read {}: {error}", path.display()))?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(format!("{} is longer than {LONGEST_FILE} bytes: is it the right file?", path.display()));
    }
    match text.trim() {
        "" => Err(format!("{} is empty: put the secret into it", path.display())),
        secret => Ok(Secret::new(secret)),
    }
}

/// A warning, if every user of the machine may read this file.
pub(super) fn exposure(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        let path = path.display();
        format!("{path} holds a secret and every user of this machine may read it: chmod o-rwx {path}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_read_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "  two words \r\n\n").unwrap();
        assert_eq!(read(&path).unwrap().expose(), "two words");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(read(&path).unwrap_err().contains("No such file"));
        assert!(read(folder.path()).unwrap_err().starts_with("can't read"));
        fs::write(&path, " \n").unwrap();
        assert!(read(&path).unwrap_err().ends_with("is empty: put the secret into it"));
        fs::write(&path, b"\xff\xfe").unwrap();
        assert!(read(&path).unwrap_err().contains("UTF-8"));
        assert!(read(Path::new("/dev/zero")).unwrap_err().contains("longer than"));
    }

    #[test]
    fn only_a_world_readable_file_is_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(exposure(&path), None);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(exposure(&path).unwrap().contains("chmod o-rwx"));
    }
}
