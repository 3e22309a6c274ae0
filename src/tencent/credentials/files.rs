//! Small files that hold secrets: reading them, and noticing that they changed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::CredentialsError;
use crate::secret::Secret;

/// No file of credentials is larger; the longest token is 4096 bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// What tells one state of a file from another without reading it. The inode is there for files that are replaced
/// (Kubernetes swaps a link), the change time for those that are written twice within one tick of the modification time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` when there is no file that could be looked at.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            len: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// The text of a file, or `None` when there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Secret>, CredentialsError> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text);
    let text = Secret::new(text);
    if read? as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("larger than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

fn failed(path: &Path, error: &io::Error) -> CredentialsError {
    CredentialsError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
