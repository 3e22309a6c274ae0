//! The places themselves. Each says what it is, which files it depends on, and what it holds; the role of a virtual
//! machine or a pod would be one more of them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Credentials, CredentialsError, files, profile};
use crate::secret::Secret;
use crate::secret::file::{self, SecretFileError};
use crate::tencent::{CredentialSource, SecretSource};

const ID_VARIABLE: &str = "TENCENTCLOUD_SECRET_ID";
const KEY_VARIABLE: &str = "TENCENTCLOUD_SECRET_KEY";

/// Each of the tools reads the token from another one.
const TOKEN_VARIABLES: [&str; 3] = [
    "TENCENTCLOUD_TOKEN",
    "TENCENTCLOUD_SECURITY_TOKEN",
    "TENCENTCLOUD_SESSION_TOKEN",
];

const PROFILE_IN_HOME: &str = ".tencentcloud/credentials";

/// Looks up an environment variable by its name.
pub type Variables = dyn Fn(&str) -> Option<String>;

/// What lies outside the configuration, so that a test can bring its own.
pub struct Surroundings {
    /// The environment.
    pub variable: Box<Variables>,
    /// The profile file for all users of the machine.
    pub system_profile: PathBuf,
}

impl Surroundings {
    /// The environment of the process, and `/etc`.
    pub fn of_this_process() -> Self {
        Self {
            variable: Box::new(|name| std::env::var(name).ok()),
            system_profile: PathBuf::from("/etc/tencentcloud/credentials"),
        }
    }

    /// The value of a variable; one that is empty counts as not set.
    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }
}

/// A place that may hold credentials.
#[derive(Debug)]
pub(super) enum Source {
    Configured {
        secret_id: SecretSource,
        secret_key: SecretSource,
        token: Option<SecretSource>,
    },
    /// What was set when the process started: its environment does not change.
    Environment {
        secret_id: Option<Secret>,
        secret_key: Option<Secret>,
        token: Option<(&'static str, Secret)>,
    },
    Profile(PathBuf),
}

/// The places to look at, in order.
pub(super) fn sources(source: &CredentialSource, surroundings: &Surroundings) -> Vec<Source> {
    match source {
        CredentialSource::Configured {
            secret_id,
            secret_key,
            token,
        } => vec![Source::Configured {
            secret_id: secret_id.clone(),
            secret_key: secret_key.clone(),
            token: token.clone(),
        }],
        CredentialSource::Chain => {
            let of_user = surroundings
                .set("HOME")
                .map(|home| Source::Profile(PathBuf::from(home).join(PROFILE_IN_HOME)));
            let of_machine = Source::Profile(surroundings.system_profile.clone());
            [environment(surroundings)]
                .into_iter()
                .chain(of_user)
                .chain([of_machine])
                .collect()
        }
    }
}

fn environment(surroundings: &Surroundings) -> Source {
    let secret = |name| surroundings.set(name).map(Secret::new);
    Source::Environment {
        secret_id: secret(ID_VARIABLE),
        secret_key: secret(KEY_VARIABLE),
        token: TOKEN_VARIABLES
            .into_iter()
            .find_map(|name| Some((name, secret(name)?))),
    }
}

impl Source {
    /// The files whose change may change what [`Source::load`] says.
    pub(super) fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Configured {
                secret_id,
                secret_key,
                token,
            } => [Some(secret_id), Some(secret_key), token.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(|source| match source {
                    SecretSource::Inline(_) => None,
                    SecretSource::File(path) => Some(path),
                })
                .collect(),
            Self::Environment { .. } => Vec::new(),
            Self::Profile(path) => vec![path],
        }
    }

    /// What this place holds; `None` when it holds nothing, and the next one is to be asked.
    pub(super) fn load(&self) -> Result<Option<Credentials>, CredentialsError> {
        match self {
            Self::Configured {
                secret_id,
                secret_key,
                token,
            } => Ok(Some(Credentials {
                secret_id: configured("secret_id", secret_id)?.expose().to_owned(),
                secret_key: configured("secret_key", secret_key)?,
                token: token
                    .as_ref()
                    .map(|token| configured("token", token))
                    .transpose()?,
            })),
            Self::Environment {
                secret_id,
                secret_key,
                token,
            } => from_environment(secret_id.as_ref(), secret_key.as_ref(), token.as_ref()),
            Self::Profile(path) => from_profile(path),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured { .. } => f.write_str("the configuration"),
            Self::Environment { .. } => write!(f, "the environment ({ID_VARIABLE})"),
            Self::Profile(path) => write!(f, "the profile file {}", path.display()),
        }
    }
}

/// A secret that the configuration has or names the file of.
fn configured(name: &str, source: &SecretSource) -> Result<Secret, CredentialsError> {
    match source {
        SecretSource::Inline(text) => {
            checked(format!("{name} in the configuration"), text.expose())
        }
        SecretSource::File(path) => file::read(path).map_err(|error| match error {
            SecretFileError::Unreadable(error) => CredentialsError::File {
                path: path.clone(),
                reason: error.to_string(),
            },
            SecretFileError::Unusable(problem) => CredentialsError::Value {
                place: format!("{name} in {}", path.display()),
                problem,
            },
        }),
    }
}

/// Both variables or neither: one alone is a slip that another source must not cover up.
fn from_environment(
    secret_id: Option<&Secret>,
    secret_key: Option<&Secret>,
    token: Option<&(&'static str, Secret)>,
) -> Result<Option<Credentials>, CredentialsError> {
    let (there, missing) = match (secret_id, secret_key) {
        (Some(id), Some(key)) => {
            return Ok(Some(Credentials {
                secret_id: checked(ID_VARIABLE, id.expose())?.expose().to_owned(),
                secret_key: checked(KEY_VARIABLE, key.expose())?,
                token: token
                    .map(|(name, token)| checked(*name, token.expose()))
                    .transpose()?,
            }));
        }
        (None, None) => return Ok(None),
        (Some(_), None) => (ID_VARIABLE, KEY_VARIABLE),
        (None, Some(_)) => (KEY_VARIABLE, ID_VARIABLE),
    };
    Err(CredentialsError::Half { there, missing })
}

fn from_profile(path: &Path) -> Result<Option<Credentials>, CredentialsError> {
    let Some(text) = files::read_if_there(path)? else {
        return Ok(None);
    };
    let profile = profile::parse(text.expose())
        .ok_or_else(|| CredentialsError::NoDefault(path.to_owned()))?;
    let required = |name: &str, text: Option<Secret>| {
        let text = text.as_ref().map_or("", Secret::expose);
        checked(format!("{name} in {}", path.display()), text)
    };
    Ok(Some(Credentials {
        secret_id: required("secret_id", profile.secret_id)?
            .expose()
            .to_owned(),
        secret_key: required("secret_key", profile.secret_key)?,
        token: profile
            .token
            .map(|token| required("token", Some(token)))
            .transpose()?,
    }))
}

/// `text` if it can be part of a request; what a paste has brought along would only come back as an unknown key.
fn checked(place: impl Into<String>, text: &str) -> Result<Secret, CredentialsError> {
    match file::check(text) {
        Ok(()) => Ok(Secret::new(text.to_owned())),
        Err(problem) => Err(CredentialsError::Value {
            place: place.into(),
            problem,
        }),
    }
}
