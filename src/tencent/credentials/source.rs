//! The places on this machine that may hold keys. Each says what it is, which files it depends on, and what it holds.

use std::fmt;
use std::path::{Path, PathBuf};

use super::surroundings::{ID_VARIABLE, KEY_VARIABLE, Surroundings, TOKEN_VARIABLES};
use super::{Credentials, CredentialsError, cli_profile, files, profile};
use crate::secret::Secret;
use crate::secret::file::{self, SecretFileError};
use crate::tencent::{CredentialSource, Place, Role, SecretSource};

/// Keys, and the role that the place they were found in names.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) credentials: Credentials,
    pub(super) role: Option<Role>,
}

impl From<Credentials> for Kept {
    fn from(credentials: Credentials) -> Self {
        Self {
            credentials,
            role: None,
        }
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
    /// Of Tencent Cloud's command line.
    CliProfile(PathBuf),
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
            let environment = [environment(surroundings)].into_iter();
            environment.chain(profiles(surroundings)).collect()
        }
        CredentialSource::Only(Place::Environment) => vec![environment(surroundings)],
        CredentialSource::Only(Place::Profile) => profiles(surroundings).collect(),
        CredentialSource::Only(Place::Configuration | Place::CvmRole | Place::TkeOidc) => {
            Vec::new()
        }
    }
}

fn profiles(surroundings: &Surroundings) -> impl Iterator<Item = Source> {
    let of_cli = surroundings.cli_profile().map(Source::CliProfile);
    surroundings.profiles().map(Source::Profile).chain(of_cli)
}

fn environment(surroundings: &Surroundings) -> Source {
    Source::Environment {
        secret_id: surroundings.secret(ID_VARIABLE),
        secret_key: surroundings.secret(KEY_VARIABLE),
        token: TOKEN_VARIABLES
            .into_iter()
            .find_map(|name| Some((name, surroundings.secret(name)?))),
    }
}

impl Source {
    /// What kind of place it is.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Configured { .. } => Place::Configuration,
            Self::Environment { .. } => Place::Environment,
            Self::Profile(_) | Self::CliProfile(_) => Place::Profile,
        }
    }

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
            Self::Profile(path) | Self::CliProfile(path) => vec![path],
        }
    }

    /// What this place holds; `None` when it holds nothing, and the next one is to be asked.
    pub(super) fn load(&self) -> Result<Option<Kept>, CredentialsError> {
        match self {
            Self::Configured {
                secret_id,
                secret_key,
                token,
            } => {
                let credentials = Credentials {
                    secret_id: configured("secret_id", secret_id)?.expose().to_owned(),
                    secret_key: configured("secret_key", secret_key)?,
                    token: token
                        .as_ref()
                        .map(|token| configured("token", token))
                        .transpose()?,
                };
                Ok(Some(credentials.into()))
            }
            Self::Environment {
                secret_id,
                secret_key,
                token,
            } => from_environment(secret_id.as_ref(), secret_key.as_ref(), token.as_ref()),
            Self::Profile(path) => from_profile(path),
            Self::CliProfile(path) => from_cli_profile(path),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured { .. } => f.write_str("the configuration"),
            Self::Environment { .. } => write!(f, "the environment ({ID_VARIABLE})"),
            Self::Profile(path) | Self::CliProfile(path) => {
                write!(f, "the profile file {}", path.display())
            }
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
) -> Result<Option<Kept>, CredentialsError> {
    let (there, missing) = match (secret_id, secret_key) {
        (Some(id), Some(key)) => {
            let credentials = Credentials {
                secret_id: checked(ID_VARIABLE, id.expose())?.expose().to_owned(),
                secret_key: checked(KEY_VARIABLE, key.expose())?,
                token: token
                    .map(|(name, token)| checked(*name, token.expose()))
                    .transpose()?,
            };
            return Ok(Some(credentials.into()));
        }
        (None, None) => return Ok(None),
        (Some(_), None) => (ID_VARIABLE, KEY_VARIABLE),
        (None, Some(_)) => (KEY_VARIABLE, ID_VARIABLE),
    };
    Err(CredentialsError::Half { there, missing })
}

fn from_profile(path: &Path) -> Result<Option<Kept>, CredentialsError> {
    let Some(text) = files::read_if_there(path)? else {
        return Ok(None);
    };
    let profile = profile::parse(text.expose())
        .ok_or_else(|| CredentialsError::NoDefault(path.to_owned()))?;
    let names = ["secret_id", "secret_key", "token"];
    let (id, key, token) = (profile.secret_id, profile.secret_key, profile.token);
    Ok(Some(of_file(path, names, id, key, token)?.into()))
}

fn from_cli_profile(path: &Path) -> Result<Option<Kept>, CredentialsError> {
    let Some(text) = files::read_if_there(path)? else {
        return Ok(None);
    };
    let profile =
        cli_profile::parse(text.expose()).map_err(|problem| CredentialsError::NoProfile {
            path: path.to_owned(),
            problem,
        })?;
    let Some(profile) = profile else {
        return Ok(None);
    };
    let role = profile.role();
    let names = ["secretId", "secretKey", "token"];
    let token = profile.token.filter(|token| !token.expose().is_empty());
    let credentials = of_file(path, names, profile.secret_id, profile.secret_key, token)?;
    Ok(Some(Kept { credentials, role }))
}

/// What a file says under these names.
fn of_file(
    path: &Path,
    [id_name, key_name, token_name]: [&str; 3],
    secret_id: Option<Secret>,
    secret_key: Option<Secret>,
    token: Option<Secret>,
) -> Result<Credentials, CredentialsError> {
    let required = |name: &str, text: Option<Secret>| {
        let text = text.as_ref().map_or("", Secret::expose);
        checked(format!("{name} in {}", path.display()), text)
    };
    Ok(Credentials {
        secret_id: required(id_name, secret_id)?.expose().to_owned(),
        secret_key: required(key_name, secret_key)?,
        token: token
            .map(|token| required(token_name, Some(token)))
            .transpose()?,
    })
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
