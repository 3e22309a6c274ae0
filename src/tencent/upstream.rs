//! What an account is to the protocol: where its requests go, and what they carry.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::secret::Secret;

/// The upstream of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Scheme, host and port: `https`, or `http` to a loopback address.
    pub endpoint: reqwest::Url,
    /// `X-TC-Region`.
    pub region: String,
    /// `X-TC-Language`, the language of error messages.
    pub language: String,
    /// Limit of one attempt, from connecting to the last byte.
    pub request_timeout: Duration,
    /// Who may vouch for the endpoint, beside those whom the system trusts.
    pub authorities: Option<Authorities>,
    /// Where the account's keys come from.
    pub credentials: CredentialSource,
    /// The role that is taken on with them; without one here, whatever the place of the keys says.
    pub role: Option<Role>,
}

/// Certificate authorities of one file. Those of another file, or of the same with another content, are others.
#[derive(Clone, Debug, PartialEq)]
pub struct Authorities {
    /// Where they were read.
    pub file: PathBuf,
    /// At least one.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

/// Where an account's keys come from.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialSource {
    /// Written in the configuration.
    Configured {
        /// The SecretId.
        secret_id: SecretSource,
        /// The SecretKey.
        secret_key: SecretSource,
        /// The token of temporary keys.
        token: Option<SecretSource>,
    },
    /// Looked for in the places where Tencent Cloud's tools keep them.
    Chain,
    /// Looked for in one of those places and nowhere else.
    Only(Place),
}

/// The kinds of places that keys come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The configuration, or files that it names.
    Configuration,
    /// Variables of the environment.
    Environment,
    /// Files of Tencent Cloud's tools.
    Profile,
    /// The role of the virtual machine, as its metadata server hands it out.
    CvmRole,
    /// The role of the Kubernetes pod, for the identity token that TKE gives it.
    TkeOidc,
}

impl Place {
    /// All but the configuration, in the order in which they are looked at.
    pub const CHAIN: [Self; 4] = [
        Self::Environment,
        Self::Profile,
        Self::CvmRole,
        Self::TkeOidc,
    ];

    /// Its name in the configuration and in the label `source`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Environment => "environment",
            Self::Profile => "profile",
            Self::CvmRole => "cvm_role",
            Self::TkeOidc => "tke_oidc",
        }
    }
}

/// A role that an account's keys may take on, by `AssumeRole` of the Security Token Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// As in `qcs::cam::uin/100000000001:roleName/usage-reader`.
    pub arn: String,
    /// What the upstream's audit log calls the session.
    pub session_name: String,
    /// For how long its keys are asked for; they are renewed in time.
    pub duration: Duration,
    /// What the role's owner may have agreed on with its user.
    pub external_id: Option<Secret>,
}

impl Role {
    /// What a session is called if nobody says otherwise.
    pub const SESSION_NAME: &'static str = "trtc-exporter";

    /// The upstream's own default; it allows up to 12 hours.
    pub const DURATION: Duration = Duration::from_secs(7200);

    /// The role of this ARN, taken on in the usual way.
    pub fn new(arn: String) -> Self {
        Self {
            arn,
            session_name: Self::SESSION_NAME.to_owned(),
            duration: Self::DURATION,
            external_id: None,
        }
    }

    /// Whether `text` has the form of an ARN; which roles there are only the upstream knows.
    pub fn is_arn(text: &str) -> bool {
        let rest = text.strip_prefix("qcs::cam::uin/");
        rest.is_some_and(|rest| rest.contains('/'))
            && text.len() <= 512
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Whether `text` can be the name of a session: 2 to 128 of the characters that the upstream allows.
    pub fn is_session_name(text: &str) -> bool {
        let possible = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        (2..=128).contains(&text.len()) && text.bytes().all(possible)
    }
}

/// A secret, or the file that holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// Its text.
    Inline(Secret),
    /// A file that is read again when it changes.
    File(PathBuf),
}
