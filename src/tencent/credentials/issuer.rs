//! Who gives temporary keys to a machine or a pod for what it is. Each says what it is, and asks when it is told to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use zeroize::Zeroizing;

use super::CredentialsError;
use super::issued::{self, Issued, PodIdentity};
use super::sts::Sts;
use super::surroundings::Surroundings;
use crate::secret::file;
use crate::tencent::http::{self, in_full};
use crate::tencent::{CredentialSource, Place};

/// The metadata server is at hand or not there at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

const METADATA_PATH: &str = "/latest/meta-data/cam/security-credentials/";

const MAX_BODY_BYTES: usize = 64 * 1024;

/// Who may have keys for this machine or pod.
#[derive(Debug)]
pub(super) enum Issuer {
    /// The metadata server of a virtual machine.
    CvmRole { metadata: Url },
    /// STS, for a pod that TKE has given an identity.
    TkeOidc {
        pod: PodIdentity,
        token_file: PathBuf,
    },
    /// The same for one that was given none: nobody to ask.
    NoPod(CredentialsError),
}

/// Why an issuer gave no keys.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not there, or this machine has no role: somebody else may have keys.
    Absent(String),
    /// It is there, and something is wrong.
    Wrong(String),
}

/// Whom to ask, in order.
pub(super) fn issuers(source: &CredentialSource, surroundings: &Surroundings) -> Vec<Issuer> {
    let machine = || Issuer::CvmRole {
        metadata: surroundings.metadata(),
    };
    let pod = surroundings.pod_identity();
    match source {
        CredentialSource::Chain => {
            let pod = pod.ok().map(Issuer::of_pod);
            [machine()].into_iter().chain(pod).collect()
        }
        CredentialSource::Only(Place::CvmRole) => vec![machine()],
        CredentialSource::Only(Place::TkeOidc) => {
            vec![pod.map_or_else(Issuer::NoPod, Issuer::of_pod)]
        }
        CredentialSource::Only(_) | CredentialSource::Configured { .. } => Vec::new(),
    }
}

impl Issuer {
    fn of_pod((pod, token_file): (PodIdentity, PathBuf)) -> Self {
        Self::TkeOidc { pod, token_file }
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::CvmRole { .. } => Place::CvmRole,
            Self::TkeOidc { .. } | Self::NoPod(_) => Place::TkeOidc,
        }
    }

    /// Keys, and the name of the role that they are of.
    pub(super) async fn issue(
        &self,
        sts: &Sts,
        timestamp: i64,
    ) -> Result<(Issued, String), Refusal> {
        match self {
            Self::CvmRole { metadata } => of_machine(metadata).await,
            Self::TkeOidc { pod, token_file } => {
                // Read each time: the cluster replaces the token well before it expires.
                let token = file::read(token_file).map_err(|error| {
                    Refusal::Wrong(format!("cannot read {}: {error}", token_file.display()))
                })?;
                let asked = sts.assume_role_with_web_identity(pod, &token, timestamp);
                let issued = asked.await.map_err(Refusal::Wrong)?;
                Ok((issued, issued::short_name(&pod.role_arn).to_owned()))
            }
            Self::NoPod(error) => Err(Refusal::Wrong(error.to_string())),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CvmRole { .. } => f.write_str("the role of this machine"),
            Self::TkeOidc { .. } | Self::NoPod(_) => f.write_str("the role of this pod"),
        }
    }
}

async fn of_machine(metadata: &Url) -> Result<(Issued, String), Refusal> {
    let http = http::nearby(METADATA_TIMEOUT).map_err(|error| Refusal::Wrong(error.to_string()))?;
    let mut url = metadata.clone();
    url.set_path(METADATA_PATH);
    let body = get(&http, url.clone()).await?;
    let role = issued::role_name(&body)
        .ok_or_else(|| Refusal::Absent("what answers is no metadata server".to_owned()))?;
    url.set_path(&format!("{METADATA_PATH}{role}"));
    let body = get(&http, url).await?;
    let issued = issued::of_metadata(&body).map_err(Refusal::Wrong)?;
    Ok((issued, role.to_owned()))
}

async fn get(http: &Client, url: Url) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let asking = async {
        let mut response = http.get(url).send().await?;
        let mut body = Zeroizing::new(Vec::new());
        let is_whole = http::read(&mut response, &mut body, MAX_BODY_BYTES).await?;
        Ok((response.status(), is_whole, body))
    };
    let absent = |error: reqwest::Error| {
        Refusal::Absent(format!(
            "no metadata server: {}",
            in_full(&error.without_url())
        ))
    };
    let (status, is_whole, body) = tokio::time::timeout(METADATA_TIMEOUT, asking)
        .await
        .map_err(|_| Refusal::Absent("no metadata server answers".to_owned()))?
        .map_err(absent)?;
    match status {
        StatusCode::OK if is_whole => Ok(body),
        StatusCode::NOT_FOUND => Err(Refusal::Absent("it has none".to_owned())),
        status => Err(Refusal::Absent(format!(
            "HTTP status {} instead of a role",
            status.as_u16()
        ))),
    }
}
