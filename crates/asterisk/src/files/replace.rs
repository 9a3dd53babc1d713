//! Putting new bytes where a file is, in one step: the file is the old one or the new one, never half of it. Owner, mode, ACL and
//! labels stay.

use std::{
    ffi::CStr,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
use tempfile::NamedTempFile;

/// An ACL or a label is shorter.
const LONGEST_ATTRIBUTE: usize = 64 << 10;

/// A file as it was, to be put back if need be.
#[derive(Debug)]
pub struct Old {
    /// The file itself, links followed.
    pub path: PathBuf,
    /// All of it, as it was when it was read.
    pub bytes: Vec<u8>,
    file: File,
}

impl Old {
    /// # Errors
    /// It can't be read, or is no regular file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let mut file = File::open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes)?;
        Ok(Old { path, bytes, file })
    }

    /// Whether we could replace it: its folder must take a new file.
    pub fn can_be_replaced(&self) -> bool {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
            && rustix::fs::access(&self.path, rustix::fs::Access::WRITE_OK).is_ok()
    }

    /// # Errors
    /// The file is as it was.
    pub fn replace_by(&self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes, &self.path)
    }

    /// As it was, with its times: nothing happened to it.
    ///
    /// # Errors
    /// The new bytes are still there.
    pub fn put_back(&self) -> io::Result<()> {
        self.put(&self.bytes, &self.path)?;
        let modified = self.file.metadata()?.modified()?;
        File::options().write(true).open(&self.path)?.set_modified(modified)
    }

    /// A copy as a file of its own.
    ///
    /// # Errors
    /// There is none.
    pub fn copy_to(&self, backup: &Path) -> io::Result<()> {
        self.put(&self.bytes, backup)
    }

    /// In the same folder first, so that the last step is a rename: unlike a copy, that follows no link that somebody put
    /// there. The name can't be guessed, and an `#include "*.conf"` passes it over.
    fn put(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut fresh = NamedTempFile::with_prefix_in(".novofon-bot.", folder)?;
        fresh.write_all(bytes)?;
        self.give_attributes(fresh.as_file())?;
        fresh.as_file().sync_all()?;
        fresh.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }

    fn give_attributes(&self, fresh: &File) -> io::Result<()> {
        let (old, new) = (self.file.metadata()?, fresh.metadata()?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::fchown(fresh, Some(old.uid()), Some(old.gid()))?;
        }
        fresh.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        // A file system without them has none to lose.
        let mut names = vec![0; LONGEST_ATTRIBUTE];
        let Ok(length) = flistxattr(&self.file, &mut names[..]) else { return Ok(()) };
        for name in names[..length].split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            let mut value = vec![0; LONGEST_ATTRIBUTE];
            let length = fgetxattr(&self.file, name, &mut value[..])?;
            fsetxattr(fresh, name, &value[..length], XattrFlags::empty())?;
        }
        Ok(())
    }
}

/// A link may be followed only if root or the owner of what it leads to made it: whoever may write to the folder could point it at
/// any file of root's.
///
/// # Errors
/// It can't be looked at.
pub fn is_trusted_link(path: &Path) -> io::Result<bool> {
    let link = fs::symlink_metadata(path)?;
    Ok(!link.is_symlink() || link.uid() == 0 || link.uid() == fs::metadata(path)?.uid())
}
