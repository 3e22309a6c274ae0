//! What lies outside the configuration: the environment, the files of other tools, the machine's metadata server. A test
//! brings its own.

use std::path::PathBuf;

use reqwest::Url;

use super::CredentialsError;
use super::issued::PodIdentity;
use crate::secret::Secret;
use crate::tencent::{Role, http};

pub(super) const ID_VARIABLE: &str = "TENCENTCLOUD_SECRET_ID";
pub(super) const KEY_VARIABLE: &str = "TENCENTCLOUD_SECRET_KEY";

/// Each of the tools reads the token from another one.
pub(super) const TOKEN_VARIABLES: [&str; 3] = [
    "TENCENTCLOUD_TOKEN",
    "TENCENTCLOUD_SECURITY_TOKEN",
    "TENCENTCLOUD_SESSION_TOKEN",
];

const PROFILE_VARIABLE: &str = "TENCENTCLOUD_CREDENTIALS_FILE";
const PROFILE_IN_HOME: &str = ".tencentcloud/credentials";

const CLI_PROFILE_VARIABLE: &str = "TCCLI_PROFILE";
const CLI_PROFILES_IN_HOME: &str = ".tccli";

const ROLE_VARIABLE: &str = "TENCENTCLOUD_ROLE_ARN";
const SESSION_VARIABLE: &str = "TENCENTCLOUD_ROLE_SESSION_NAME";

const METADATA: &str = "http://metadata.tencentyun.com";

/// For tests of the whole program, and for `simulate`, which plays that part too: loopback only, as anybody who answers
/// there decides by whose keys is asked.
const METADATA_VARIABLE: &str = "TRTC_EXPORTER_METADATA_ENDPOINT";

/// Looks up an environment variable by its name.
pub type Variables = dyn Fn(&str) -> Option<String>;

/// What lies outside the configuration.
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
    pub(super) fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.set(name).map(Secret::new)
    }

    /// The profile file that is named, or else the user's; then the machine's.
    pub(super) fn profiles(&self) -> impl Iterator<Item = PathBuf> {
        let of_user = || Some(self.home()?.join(PROFILE_IN_HOME));
        let named = self.set(PROFILE_VARIABLE).map(PathBuf::from);
        named
            .or_else(of_user)
            .into_iter()
            .chain([self.system_profile.clone()])
    }

    /// The file of the command line's profile.
    pub(super) fn cli_profile(&self) -> Option<PathBuf> {
        let profile = self.set(CLI_PROFILE_VARIABLE);
        let profile = profile.as_deref().unwrap_or("default");
        let folder = self.home()?.join(CLI_PROFILES_IN_HOME);
        Some(folder.join(format!("{profile}.credential")))
    }

    /// The role that the environment names.
    pub(super) fn role(&self) -> Option<Role> {
        let role = Role::new(self.set(ROLE_VARIABLE)?);
        Some(Role {
            session_name: self.set(SESSION_VARIABLE).unwrap_or(role.session_name),
            ..role
        })
    }

    /// What TKE tells a pod about its role, and the file of its token.
    ///
    /// # Errors
    /// When not all of it is there; names what is missing.
    pub(super) fn pod_identity(&self) -> Result<(PodIdentity, PathBuf), CredentialsError> {
        let required = |name: &'static str| self.set(name).ok_or(CredentialsError::NotSet(name));
        let token_file = required("TKE_WEB_IDENTITY_TOKEN_FILE")?;
        let pod = PodIdentity {
            region: required("TKE_REGION")?,
            provider_id: required("TKE_PROVIDER_ID")?,
            role_arn: required("TKE_ROLE_ARN")?,
        };
        Ok((pod, PathBuf::from(token_file)))
    }

    /// Where the machine's metadata server is.
    pub(super) fn metadata(&self) -> Url {
        let usual = || METADATA.parse().expect("it is a URL");
        let is_possible = |url: &Url| url.scheme() == "http" && http::is_loopback(url);
        let named = self.set(METADATA_VARIABLE);
        let named = named.and_then(|text| text.parse().ok()).filter(is_possible);
        named.unwrap_or_else(usual)
    }

    fn home(&self) -> Option<PathBuf> {
        self.set("HOME").map(PathBuf::from)
    }
}
