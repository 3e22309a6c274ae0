//! Small files that hold secrets.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::CredentialsError;
use crate::secret::Secret;

/// No file of credentials is larger; the longest token is 4096 bytes.
const MAX_BYTES: u64 = 64 * 1024;

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
