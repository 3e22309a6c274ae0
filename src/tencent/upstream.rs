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
}

/// A secret, or the file that holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// Its text.
    Inline(Secret),
    /// A file that is read again when it changes.
    File(PathBuf),
}
