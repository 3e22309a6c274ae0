//! Files that hold one secret each: what such a file may contain, and who may read it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::Secret;

/// No key or token of Tencent Cloud is longer than 4096 bytes.
const MAX_BYTES: usize = 4096;

/// Why a secret file gives no secret. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be opened or read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// What it holds is not a secret.
    #[error("the file's content {0}")]
    Unusable(#[from] SecretTextError),
}

/// Why a text is no secret that could be sent. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretTextError {
    /// Nothing in it.
    #[error("is empty; put the secret there")]
    Empty,
    /// A blank or a line end before or behind it.
    #[error("has white space around it; remove that")]
    Surrounded,
    /// Something that cannot be part of an HTTP header.
    #[error("has characters that no key has; only visible ASCII is possible")]
    Unsendable,
    /// Longer than any key is.
    #[error("is longer than {MAX_BYTES} bytes; no key is")]
    TooLong,
}

/// Reads a secret file. Line ends behind the secret are not part of it, because editors and `echo` put them there.
pub fn read(path: &Path) -> Result<Secret, SecretFileError> {
    // Room for a line end, and for one byte more to see that there is more.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 3));
    File::open(path)?
        .take(MAX_BYTES as u64 + 3)
        .read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretTextError::Unsendable)?;
    let text = text.trim_end_matches(['\r', '\n']);
    check(text)?;
    Ok(Secret::new(text.to_owned()))
}

/// Whether a text can be a key or a token.
pub fn check(text: &str) -> Result<(), SecretTextError> {
    if text.is_empty() {
        Err(SecretTextError::Empty)
    } else if text.len() > MAX_BYTES {
        Err(SecretTextError::TooLong)
    } else if text.trim() != text {
        Err(SecretTextError::Surrounded)
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(SecretTextError::Unsendable)
    } else {
        Ok(())
    }
}

/// The permission bits, when they let others read the file than those who have to.
#[cfg(unix)]
pub fn readable_by_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let metadata = std::fs::metadata(path).ok()?;
    let mode = metadata.permissions().mode() & 0o777;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    lets_others_read(mode, is_ours).then_some(mode)
}

/// Everybody is too many. A group is, too, unless the file is somebody else's: then it may be by the group that this process
/// reads it, as in Kubernetes, where root owns the files of a Secret.
#[cfg(unix)]
const fn lets_others_read(mode: u32, is_ours: bool) -> bool {
    mode & 0o004 != 0 || (is_ours && mode & 0o040 != 0)
}

/// Without Unix permissions there is nothing to say.
#[cfg(not(unix))]
pub fn readable_by_others(_path: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, content).expect("a file");
        super::read(&path)
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_read_what_somebody_else_owns() {
        for (mode, is_ours, warned) in [
            (0o600, true, false),
            (0o640, true, true),
            (0o604, true, true),
            (0o440, false, false),
            (0o444, false, true),
        ] {
            assert_eq!(lets_others_read(mode, is_ours), warned, "{mode:o}");
        }
    }

    #[test]
    fn line_ends_behind_a_secret_are_dropped() {
        for content in ["fake-key", "fake-key\n", "fake-key\r\n", "fake-key\n\n"] {
            assert_eq!(read(content.as_bytes()).as_deref(), Ok("fake-key"));
        }
        let longest = "k".repeat(MAX_BYTES);
        assert_eq!(read(format!("{longest}\r\n").as_bytes()), Ok(longest));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_without_showing_it() {
        for (content, expected) in [
            (&b""[..], SecretTextError::Empty),
            (b"\n", SecretTextError::Empty),
            (b" fake", SecretTextError::Surrounded),
            (b"fake \n", SecretTextError::Surrounded),
            (b"fa ke", SecretTextError::Unsendable),
            (b"fake\nfake", SecretTextError::Unsendable),
            (b"fa\xffke", SecretTextError::Unsendable),
            (&[b'k'; MAX_BYTES + 1], SecretTextError::TooLong),
            (&[b'k'; 10 * MAX_BYTES], SecretTextError::TooLong),
        ] {
            assert_eq!(read(content), Err(format!("the file's content {expected}")));
        }
    }
}
