//! Where an account's keys come from. Everything below `credentials` is hidden: no problem quotes any of it.

use std::path::Path;

use super::super::yaml::{Fields, Value};
use crate::secret::Secret;
use crate::secret::file::{self, SecretFileError, check, readable_by_others};
use crate::tencent::{CredentialSource, SecretSource};

const KEYS: &[&str] = &[
    "secret_id",
    "secret_id_file",
    "secret_key",
    "secret_key_file",
    "token",
    "token_file",
];

/// Reads the keys given in the configuration. Their files are read too, only to see that this can be done.
pub(super) fn credentials(value: Value<'_>, folder: &Path) -> Option<CredentialSource> {
    let value = value.hidden();
    let fields = value.fields(KEYS)?;
    let secret_id = source(&fields, "secret_id", "secret_id_file", folder);
    let secret_key = source(&fields, "secret_key", "secret_key_file", folder);
    let token = source(&fields, "token", "token_file", folder);
    for (half, name) in [(&secret_id, "secret_id"), (&secret_key, "secret_key")] {
        if matches!(half, Given::Nothing) {
            value.problem(format!(
                "neither `{name}` nor `{name}_file` is given; give one, or leave `credentials` out to have keys \
                 looked for in the environment and the profile file"
            ));
        }
    }
    let token = match token {
        Given::Nothing => None,
        Given::Something(token) => Some(token?),
    };
    match (secret_id, secret_key) {
        (Given::Something(Some(secret_id)), Given::Something(Some(secret_key))) => {
            Some(CredentialSource::Configured {
                secret_id,
                secret_key,
                token,
            })
        }
        _ => None,
    }
}

enum Given {
    Nothing,
    /// Without a source there was a problem.
    Something(Option<SecretSource>),
}

fn source(fields: &Fields<'_>, inline: &'static str, file: &'static str, folder: &Path) -> Given {
    match (fields.get(inline), fields.get(file)) {
        (None, None) => Given::Nothing,
        (Some(value), None) => Given::Something(secret(&value)),
        (None, Some(value)) => Given::Something(secret_file(&value, folder)),
        (Some(_), Some(value)) => {
            value.problem(format!("`{inline}` and `{file}` are both given; keep one"));
            Given::Something(None)
        }
    }
}

fn secret(value: &Value<'_>) -> Option<SecretSource> {
    let text = value.text()?;
    match check(text) {
        Ok(()) => Some(SecretSource::Inline(Secret::new(text.to_owned()))),
        Err(error) => {
            value.problem(format!("the secret {error}"));
            None
        }
    }
}

fn secret_file(value: &Value<'_>, folder: &Path) -> Option<SecretSource> {
    let text = value.text()?;
    if text.is_empty() {
        value.problem("the path is empty; name the file that holds the secret");
        return None;
    }
    let path = folder.join(text);
    match file::read(&path) {
        Ok(_) => {}
        Err(SecretFileError::Unreadable(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            let folder = folder.display();
            value.problem(format!(
                "there is no such file; a relative path is looked for in {folder}"
            ));
            return None;
        }
        Err(error) => {
            value.problem(error.to_string());
            return None;
        }
    }
    if let Some(mode) = readable_by_others(&path) {
        value.warning(format!(
            "others than its owner can read the file (mode {mode:03o}); `chmod 600` would keep it secret"
        ));
    }
    Some(SecretSource::File(path))
}
