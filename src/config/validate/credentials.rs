//! Where an account's keys come from. Everything below `credentials` is hidden: no problem quotes any of it.

use std::path::Path;
use std::time::Duration;

use super::super::yaml::{Fields, Value};
use super::span;
use crate::secret::Secret;
use crate::secret::file::{self, SecretFileError, check, readable_by_others};
use crate::tencent::{CredentialSource, Place, Role, SecretSource};

/// Shorter ones would be renewed over and over; longer ones the upstream does not give.
const MIN_DURATION: Duration = Duration::from_secs(15 * 60);
const MAX_DURATION: Duration = Duration::from_secs(12 * 3600);

const KEYS: &[&str] = &[
    "from",
    "secret_id",
    "secret_id_file",
    "secret_key",
    "secret_key_file",
    "token",
    "token_file",
    "role_arn",
    "role_session_name",
    "role_duration",
    "external_id",
];

/// Reads where keys come from, and the role that is taken on with them. Files of keys are read too, only to see that this
/// can be done.
pub(super) fn credentials(
    value: Value<'_>,
    folder: &Path,
) -> Option<(CredentialSource, Option<Role>)> {
    let value = value.hidden();
    let fields = value.fields(KEYS)?;
    let role = role(&fields);
    let source = keys(&value, &fields, folder, matches!(role, Given::Something(_)));
    let role = match role {
        Given::Nothing => None,
        Given::Something(role) => Some(role?),
    };
    Some((source?, role))
}

/// Where the keys come from. `is_enough`: the section says something else already, so they may come from anywhere.
fn keys(
    value: &Value<'_>,
    fields: &Fields<'_>,
    folder: &Path,
    is_enough: bool,
) -> Option<CredentialSource> {
    let secret_id = source(fields, "secret_id", "secret_id_file", folder);
    let secret_key = source(fields, "secret_key", "secret_key_file", folder);
    let token = source(fields, "token", "token_file", folder);
    let are_given = ![&secret_id, &secret_key, &token]
        .iter()
        .all(|given| matches!(given, Given::Nothing));
    if let Some(from) = fields.get("from") {
        if are_given {
            from.problem("keys are given here as well; keep one of both");
        }
        return Some(CredentialSource::Only(place(&from)?));
    }
    if is_enough && !are_given {
        return Some(CredentialSource::Chain);
    }
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

fn place(from: &Value<'_>) -> Option<Place> {
    from.parsed(
        "environment, profile, cvm_role or tke_oidc",
        |text| -> Result<_, &str> {
            let mut places = Place::CHAIN.into_iter();
            places
                .find(|place| place.as_str() == text)
                .ok_or("no place of keys")
        },
    )
}

/// The role to take on; what belongs to one is a problem without it.
fn role(fields: &Fields<'_>) -> Given<Role> {
    let session_name = fields.get("role_session_name");
    let duration = fields.get("role_duration");
    let external_id = fields.get("external_id");
    let Some(arn) = fields.get("role_arn") else {
        for of_role in [session_name, duration, external_id].into_iter().flatten() {
            of_role.problem("has no effect without `role_arn`; name the role or leave this out");
        }
        return Given::Nothing;
    };
    let arn = arn.parsed(
        "a role such as qcs::cam::uin/100000000001:roleName/reader",
        |text| Role::is_arn(text).then(|| text.to_owned()).ok_or("no role"),
    );
    let session_name = session_name.and_then(|value| {
        value.parsed("2 to 128 letters, digits and + = , . @ _ -", |text| {
            let is_name = Role::is_session_name(text);
            is_name.then(|| text.to_owned()).ok_or("no session name")
        })
    });
    let external_id = external_id.and_then(|value| secret(&value));
    let duration = span(fields, "role_duration", MIN_DURATION, MAX_DURATION);
    let complete = |arn| {
        let role = Role::new(arn);
        Role {
            session_name: session_name.unwrap_or(role.session_name),
            duration: duration.unwrap_or(role.duration),
            external_id,
            ..role
        }
    };
    Given::Something(arn.map(complete))
}

enum Given<T> {
    Nothing,
    /// Without a value there was a problem.
    Something(Option<T>),
}

fn source(
    fields: &Fields<'_>,
    inline: &'static str,
    file: &'static str,
    folder: &Path,
) -> Given<SecretSource> {
    match (fields.get(inline), fields.get(file)) {
        (None, None) => Given::Nothing,
        (Some(value), None) => Given::Something(secret(&value).map(SecretSource::Inline)),
        (None, Some(value)) => Given::Something(secret_file(&value, folder)),
        (Some(_), Some(value)) => {
            value.problem(format!("`{inline}` and `{file}` are both given; keep one"));
            Given::Something(None)
        }
    }
}

fn secret(value: &Value<'_>) -> Option<Secret> {
    let text = value.text()?;
    match check(text) {
        Ok(()) => Some(Secret::new(text.to_owned())),
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
