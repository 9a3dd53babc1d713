//! The file of known hosts, in OpenSSH's format: a host is trusted on first use, remembered, and never again
//! trusted with another key. It owns that judgement; it must not know connections.
//!
//! The file is read at each connection, so that what the operator does to it counts at once. It is written beside
//! and renamed, under a lock that other programs of ours respect, so that no line is lost and none is half.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use sha2::{Digest, Sha256};

use super::error::{ChangedKey, SshError};
use super::known_line::{Line, Reading, name, read};

/// A known_hosts file, and whether new hosts are written into it.
#[derive(Debug)]
pub struct KnownHosts {
    file: PathBuf,
    learns: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    /// It was not known, and is from now on.
    Learned,
}

/// What a change of the file changes.
pub(super) type Stamp = Option<(u64, i64, i64, u64)>;

/// The text of the file, and the lines that speak of a host with their numbers, counted from 1.
type Found = (String, Vec<(usize, Line)>);

impl KnownHosts {
    /// The file need not exist yet.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), learns: true }
    }

    /// It trusts as ever, and writes nothing down: for those who only look.
    pub fn only_read(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), learns: false }
    }

    /// Its path, as it was given.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The kinds of keys that are known of a host. To ask for these first keeps a host that has several keys
    /// from looking like another one.
    pub(super) fn algorithms(&self, host: &str, port: u16) -> Result<Vec<Algorithm>, SshError> {
        let (_, lines) = self.lines(&name(host, port))?;
        let known = lines.iter().filter(|(_, line)| !line.revoked);
        Ok(known.filter_map(|(_, line)| Algorithm::from_str(&line.algorithm).ok()).collect())
    }

    /// `label` is how the error names the host.
    pub(super) fn check(
        &self,
        label: &str,
        host: &str,
        port: u16,
        key: &PublicKey,
    ) -> Result<Verdict, SshError> {
        let name = name(host, port);
        if self.judge(label, &name, key, &self.lines(&name)?.1)? {
            return Ok(Verdict::Known);
        }
        if !self.learns {
            return Ok(Verdict::Learned);
        }
        let _turn = self.lock()?;
        // Another one may have learned it while this one waited.
        let (text, lines) = self.lines(&name)?;
        if self.judge(label, &name, key, &lines)? {
            return Ok(Verdict::Known);
        }
        let openssh = key.to_openssh().map_err(|error| self.trouble(error))?;
        self.write(text, &format!("{name} {openssh}\n")).map_err(|error| self.trouble(error))?;
        Ok(Verdict::Learned)
    }

    /// `true`: known; `false`: there is nothing about this host.
    fn judge(
        &self,
        label: &str,
        name: &str,
        key: &PublicKey,
        lines: &[(usize, Line)],
    ) -> Result<bool, SshError> {
        let blob = key.to_bytes().map_err(|error| self.trouble(error))?;
        let mut known = lines.iter().filter(|(_, line)| !line.revoked);
        if let Some((number, _)) = lines.iter().find(|(_, line)| line.revoked && line.blob == blob) {
            return Err(SshError::HostKeyRevoked {
                host: label.into(),
                presented: fingerprint(key),
                file: self.file.clone(),
                line: *number,
            });
        }
        if known.clone().any(|(_, line)| line.blob == blob) {
            return Ok(true);
        }
        let same_kind = known.clone().find(|(_, line)| line.algorithm == key.algorithm().as_str());
        let Some((number, line)) = same_kind.or_else(|| known.next()) else { return Ok(false) };
        Err(SshError::HostKeyChanged(Box::new(ChangedKey {
            host: label.into(),
            presented: fingerprint(key),
            known: format!(
                "{} SHA256:{}",
                line.algorithm,
                STANDARD_NO_PAD.encode(Sha256::digest(&line.blob))
            ),
            file: self.file.clone(),
            line: *number,
            remedy: self.remedy(name),
        })))
    }

    /// ssh-keygen writes a file anew, for whoever runs it: what root's has written, the file's owner can't read.
    fn remedy(&self, name: &str) -> String {
        let owner = fs::metadata(&self.file).map_or(0, |about| about.uid());
        let sudo = if owner == 0 { String::new() } else { format!("sudo -u '#{owner}' ") };
        format!("{sudo}ssh-keygen -R {} -f {}", quoted(name), quoted(&self.file.to_string_lossy()))
    }

    /// Equal as long as nobody touches the file.
    pub(super) fn stamp(&self) -> Stamp {
        let about = fs::metadata(&self.file).ok()?;
        Some((about.ino(), about.mtime(), about.mtime_nsec(), about.len()))
    }

    fn lines(&self, name: &str) -> Result<Found, SshError> {
        let text = match fs::read(&self.file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            // Not to be able to read it is not the same as to know nobody.
            Err(error) => return Err(self.trouble(error)),
        };
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            match read(line, name) {
                Reading::Other => {}
                Reading::Ours(line) => lines.push((at + 1, line)),
                Reading::Broken => {
                    let why = format!("line {} is about {name}, but its key cannot be read", at + 1);
                    return Err(SshError::KnownHosts { file: self.file.clone(), why });
                }
            }
        }
        Ok((text, lines))
    }

    /// Held until it is dropped. The lock is on a file of its own, because the other one is replaced.
    fn lock(&self) -> Result<File, SshError> {
        let attempt = || {
            if let Some(folder) = self.file.parent() {
                fs::create_dir_all(folder)?;
            }
            let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(self.beside(".lock"))?;
            self.give(&lock)?;
            lock.lock()?;
            Ok(lock)
        };
        attempt().map_err(|error: io::Error| self.trouble(error))
    }

    fn write(&self, mut text: String, line: &str) -> io::Result<()> {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        // A link to it stays a link.
        let place = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let mode = fs::metadata(&place).map_or(0o600, |about| about.mode() & 0o777);
        let fresh = self.beside(".new");
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(&fresh)?;
        self.give(&file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &place)?;
        match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    }

    /// What root made is the daemon's too: it gets the owner of the file of before, or that of the folder. A file that is
    /// root's in another's folder was left by root's editor or ssh-keygen, and the daemon can't read it.
    fn give(&self, made: &File) -> io::Result<()> {
        if made.metadata()?.uid() != 0 {
            return Ok(());
        }
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let owner = match fs::metadata(&self.file) {
            Ok(file) if file.uid() != 0 => file,
            _ => fs::metadata(folder.unwrap_or(Path::new(".")))?,
        };
        if owner.uid() == 0 {
            return Ok(());
        }
        fchown(made, Some(owner.uid()), Some(owner.gid()))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone()).into_os_string();
        name.push(ending);
        name.into()
    }

    fn trouble(&self, why: impl ToString) -> SshError {
        SshError::KnownHosts { file: self.file.clone(), why: why.to_string() }
    }
}

/// `ssh-ed25519 SHA256:...`, the fingerprint as `ssh-keygen -l` shows it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256))
}

/// As a word for a POSIX shell.
fn quoted(text: &str) -> String {
    let mut word = String::new();
    let _infallible = write!(word, "'{}'", text.replace('\'', r"'\''"));
    word
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use russh::keys::PrivateKey;

    use super::*;

    fn key(algorithm: Algorithm) -> PublicKey {
        PrivateKey::random(&mut rng(), algorithm).expect("a key").public_key().clone()
    }

    fn rng() -> impl russh::keys::ssh_key::rand_core::CryptoRng {
        russh::keys::key::safe_rng()
    }

    fn ecdsa() -> Algorithm {
        Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 }
    }

    struct Folder {
        hosts: KnownHosts,
        folder: tempfile::TempDir,
    }

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            Self { hosts: KnownHosts::new(folder.path().join("known_hosts")), folder }
        }

        fn check(&self, host: &str, key: &PublicKey) -> Result<Verdict, SshError> {
            self.hosts.check("root@host", host, 5059, key)
        }

        fn text(&self) -> String {
            fs::read_to_string(self.hosts.file()).expect("the file")
        }
    }

    #[test]
    fn a_host_is_learned_once_in_the_format_of_openssh_and_known_from_then_on() {
        let folder = Folder::new();
        let key = key(Algorithm::Ed25519);
        assert_eq!(folder.check("10.0.0.1", &key), Ok(Verdict::Learned));
        assert_eq!(folder.check("10.0.0.1", &key), Ok(Verdict::Known));
        assert_eq!(folder.text(), format!("[10.0.0.1]:5059 {}\n", key.to_openssh().unwrap()));
        let mode = fs::metadata(folder.hosts.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// Run by root, as `sudo novofon-bot enterprise test` is; for anybody else they are his own.
    #[test]
    fn what_is_made_is_the_folders_owners() {
        let folder = Folder::new();
        let _ = std::os::unix::fs::chown(folder.folder.path(), Some(65534), Some(65534));
        let owner = fs::metadata(folder.folder.path()).unwrap().uid();
        for host in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            if host == "10.0.0.3" {
                // ssh-keygen writes it anew, as root's.
                let _ = std::os::unix::fs::chown(folder.hosts.file(), Some(0), Some(0));
            }
            assert_eq!(folder.check(host, &key(Algorithm::Ed25519)), Ok(Verdict::Learned));
            for made in [folder.hosts.file(), &folder.folder.path().join("known_hosts.lock")] {
                assert_eq!(fs::metadata(made).unwrap().uid(), owner, "{}", made.display());
            }
        }
    }

    #[test]
    fn a_changed_key_is_refused_with_both_fingerprints_and_the_command_that_forgets_the_old_one() {
        let folder = Folder::new();
        fs::write(folder.hosts.file(), "# our offices\n\n").unwrap();
        let (old, new) = (key(Algorithm::Ed25519), key(Algorithm::Ed25519));
        folder.check("10.0.0.1", &old).unwrap();
        let before = folder.text();
        for _ in 0..2 {
            let error = folder.check("10.0.0.1", &new).expect_err("another key");
            let SshError::HostKeyChanged(changed) = &error else { panic!("{error}") };
            let ChangedKey { presented, known, line, remedy, .. } = &**changed;
            assert_eq!(presented, &format!("ssh-ed25519 {}", new.fingerprint(HashAlg::Sha256)));
            assert_eq!(known, &format!("ssh-ed25519 {}", old.fingerprint(HashAlg::Sha256)));
            assert_eq!(*line, 3, "comments and empty lines count");
            let file = folder.hosts.file();
            let sudo = match fs::metadata(file).unwrap().uid() {
                0 => String::new(),
                owner => format!("sudo -u '#{owner}' "),
            };
            let expected = format!("{sudo}ssh-keygen -R '[10.0.0.1]:5059' -f '{}'", file.display());
            assert_eq!(remedy, &expected, "who runs it keeps the file readable for the bot");
            // Root's tests see both.
            let _ = std::os::unix::fs::chown(file, Some(65534), None);
            assert!(error.to_string().contains(remedy) && error.to_string().contains(presented));
        }
        assert_eq!(folder.text(), before, "the new key was not written");
    }

    #[test]
    fn a_key_of_another_kind_is_a_change_too() {
        let folder = Folder::new();
        folder.check("10.0.0.1", &key(Algorithm::Ed25519)).unwrap();
        let error = folder.check("10.0.0.1", &key(ecdsa())).expect_err("the host is known by another key");
        assert!(error.is_host_key(), "{error}");
        assert_eq!(folder.hosts.algorithms("10.0.0.1", 5059), Ok(vec![Algorithm::Ed25519]));
    }

    #[test]
    fn a_host_with_several_keys_is_known_by_each() {
        let folder = Folder::new();
        let keys = [key(Algorithm::Ed25519), key(ecdsa())];
        let lines = keys.iter().map(|key| format!("[10.0.0.1]:5059 {}\n", key.to_openssh().unwrap()));
        fs::write(folder.hosts.file(), lines.collect::<String>()).unwrap();
        for key in &keys {
            assert_eq!(folder.check("10.0.0.1", key), Ok(Verdict::Known));
        }
    }

    #[test]
    fn a_revoked_key_is_refused() {
        let folder = Folder::new();
        let key = key(Algorithm::Ed25519);
        fs::write(folder.hosts.file(), format!("@revoked * {}\n", key.to_openssh().unwrap())).unwrap();
        let error = folder.check("10.0.0.1", &key).expect_err("revoked");
        assert!(matches!(error, SshError::HostKeyRevoked { line: 1, .. }), "{error}");
    }

    #[test]
    fn nobody_is_trusted_when_the_file_cannot_be_read_or_written() {
        let folder = Folder::new();
        let key = key(Algorithm::Ed25519);
        fs::create_dir(folder.hosts.file()).unwrap();
        let error = folder.check("10.0.0.1", &key).expect_err("a folder is no file");
        assert!(matches!(error, SshError::KnownHosts { .. }), "{error}");

        let hosts = KnownHosts::new("/proc/no-such-place/known_hosts");
        let error = hosts.check("root@host", "10.0.0.1", 5059, &key).expect_err("it cannot be remembered");
        assert!(matches!(error, SshError::KnownHosts { .. }), "{error}");
    }

    #[test]
    fn many_hosts_that_are_learned_at_once_are_all_remembered() {
        let folder = Folder::new();
        // Without a newline at its end, as an editor may leave it.
        fs::write(folder.hosts.file(), "# by hand").unwrap();
        let file = folder.hosts.file().to_path_buf();
        let key = Arc::new(key(Algorithm::Ed25519));
        std::thread::scope(|scope| {
            for number in 0..16 {
                let (file, key) = (file.clone(), key.clone());
                scope.spawn(move || {
                    // Each with a handle of its own, as two programs would have.
                    let hosts = KnownHosts::new(file);
                    hosts.check("root@host", &format!("10.0.0.{number}"), 5059, &key).unwrap();
                });
            }
        });
        let text = folder.text();
        assert_eq!(text.lines().count(), 17, "{text}");
        assert!(text.starts_with("# by hand\n["));
        assert!(!folder.folder.path().join("known_hosts.new").exists());
    }

    #[test]
    fn a_link_stays_a_link_and_the_mode_stays() {
        let folder = Folder::new();
        let real = folder.folder.path().join("real");
        fs::write(&real, "").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, folder.hosts.file()).unwrap();
        let before = folder.hosts.stamp();
        folder.check("10.0.0.1", &key(Algorithm::Ed25519)).unwrap();
        assert_ne!(folder.hosts.stamp(), before);
        assert!(fs::symlink_metadata(folder.hosts.file()).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_to_string(&real).unwrap().lines().count(), 1);
    }
}
