//! The credential file of Tencent Cloud's command line: JSON with the keys, and perhaps a role to take on with them.
//! Pure. Logins of people, which only the command line itself can renew, are not keys for a service.

use serde::Deserialize;

use crate::secret::Secret;
use crate::tencent::Role;

/// What such a file may say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CliProfile {
    pub(super) secret_id: Option<Secret>,
    pub(super) secret_key: Option<Secret>,
    pub(super) token: Option<Secret>,
    #[serde(rename = "role-arn")]
    role_arn: Option<String>,
    #[serde(rename = "role-session-name")]
    role_session_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl CliProfile {
    /// The role that it names. What has no form of a role is passed on: the upstream will say so.
    pub(super) fn role(&self) -> Option<Role> {
        let arn = self.role_arn.as_ref().filter(|arn| !arn.is_empty())?;
        let name = self.role_session_name.as_ref();
        let name = name.filter(|name| Role::is_session_name(name));
        let role = Role::new(arn.clone());
        Some(Role {
            session_name: name.cloned().unwrap_or(role.session_name),
            ..role
        })
    }

    fn has_keys(&self) -> bool {
        let is_set = |secret: &Option<Secret>| {
            secret
                .as_ref()
                .is_some_and(|secret| !secret.expose().is_empty())
        };
        let is_for_services = matches!(self.kind.as_deref(), None | Some("" | "default"));
        is_for_services && (is_set(&self.secret_id) || is_set(&self.secret_key))
    }
}

/// Reads `text`; `None` when it holds no keys that are for a service to use.
///
/// # Errors
/// When it is not such a file. Says where, and quotes nothing.
pub(super) fn parse(text: &str) -> Result<Option<CliProfile>, String> {
    let profile: CliProfile = serde_json::from_str(text).map_err(|error| {
        format!(
            "is not JSON as tccli writes it (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    Ok(profile.has_keys().then_some(profile))
}
