//! The Security Token Service: gives keys for a time to whoever may take on a role, known by other keys or by the
//! identity token of a pod.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Request, StatusCode, Url};
use zeroize::Zeroizing;

use super::Credentials;
use super::issued::{self, Issued, PodIdentity};
use crate::secret::Secret;
use crate::tencent::clean::clean_of;
use crate::tencent::gateway::{Call, Gateway, Service};
use crate::tencent::http::{self, in_full};
use crate::tencent::wire::{self, WireError};
use crate::tencent::{CredentialSource, Role, Upstream};
use crate::trust::SystemRoots;

const STS: Service = Service {
    name: "sts",
    version: "2018-08-13",
};

const ENDPOINT: &str = "https://sts.tencentcloudapi.com";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A token has up to 4096 bytes, a key up to 1024.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How an account asks STS; set up when it first does.
pub(super) struct Sts {
    upstream: Upstream,
    endpoint: Url,
    roots: SystemRoots,
    gateway: OnceLock<Gateway>,
}

impl Sts {
    pub(super) fn new(upstream: &Upstream, roots: &SystemRoots) -> Self {
        Self {
            endpoint: endpoint(&upstream.endpoint),
            // Whose keys are used is told with each call, so none is kept here.
            upstream: Upstream {
                credentials: CredentialSource::Chain,
                role: None,
                ..upstream.clone()
            },
            roots: roots.clone(),
            gateway: OnceLock::new(),
        }
    }

    /// The host that is asked, for people.
    pub(super) fn host(&self) -> &str {
        self.endpoint.host_str().unwrap_or_default()
    }

    /// Keys of `role`, for whom `keys` belong to.
    ///
    /// # Errors
    /// Says why there are none, and nothing secret.
    pub(super) async fn assume_role(
        &self,
        role: &Role,
        keys: &Credentials,
        timestamp: i64,
    ) -> Result<Issued, String> {
        let request = self.gateway()?.request(Call {
            action: "AssumeRole",
            body: issued::assume_role(role),
            timestamp,
            signer: Some(keys),
        });
        let request = request.map_err(|error| error.to_string())?;
        let secrets: Vec<&str> = keys.texts().collect();
        self.ask(request, &secrets).await
    }

    /// Keys of the pod's role, for the pod that `token` belongs to.
    ///
    /// # Errors
    /// Says why there are none, and nothing secret.
    pub(super) async fn assume_role_with_web_identity(
        &self,
        pod: &PodIdentity,
        token: &Secret,
        timestamp: i64,
    ) -> Result<Issued, String> {
        let request = self.gateway()?.request(Call {
            action: "AssumeRoleWithWebIdentity",
            body: issued::assume_role_with_web_identity(pod, token),
            timestamp,
            signer: None,
        });
        let mut request = request.map_err(|error| error.to_string())?;
        let region = HeaderValue::from_str(&pod.region)
            .map_err(|_| "TKE_REGION cannot be sent in a header".to_owned())?;
        request.headers_mut().insert("x-tc-region", region);
        self.ask(request, &[token.expose()]).await
    }

    fn gateway(&self) -> Result<&Gateway, String> {
        if let Some(gateway) = self.gateway.get() {
            return Ok(gateway);
        }
        let made = Gateway::new(
            STS,
            &self.endpoint,
            &self.upstream,
            &self.roots,
            CONNECT_TIMEOUT,
        );
        let made = made.map_err(|error| error.to_string())?;
        Ok(self.gateway.get_or_init(|| made))
    }

    async fn ask(&self, request: Request, secrets: &[&str]) -> Result<Issued, String> {
        let limit = self.upstream.request_timeout;
        let asking = tokio::time::timeout(limit, self.attempt(request));
        let failed = |problem: String| clean_of(&problem, secrets.iter().copied());
        asking
            .await
            .unwrap_or_else(|_| Err(format!("no complete answer within {limit:?}")))
            .map_err(failed)
    }

    async fn attempt(&self, request: Request) -> Result<Issued, String> {
        let transport = |error: reqwest::Error| in_full(&error.without_url());
        let mut response = self.gateway()?.send(request).await.map_err(transport)?;
        let status = response.status();
        let mut body = Zeroizing::new(Vec::new());
        let is_whole = http::read(&mut response, &mut body, MAX_BODY_BYTES)
            .await
            .map_err(transport)?;
        match wire::refusal(&body) {
            Some(WireError::Refused {
                code,
                message,
                request_id,
            }) => {
                let request_id = request_id.as_deref().unwrap_or("-");
                Err(format!("{code}: {message} (RequestId {request_id})"))
            }
            Some(WireError::Malformed(reason)) => Err(reason),
            None if status != StatusCode::OK => Err(format!("HTTP status {}", status.as_u16())),
            None if !is_whole => Err("the answer is too large".to_owned()),
            None => issued::of_sts(&body),
        }
    }
}

/// The STS that belongs to an endpoint of TRTC: of the same site and region. Whoever speaks for TRTC on loopback, a
/// simulator, speaks for STS too.
fn endpoint(of_trtc: &Url) -> Url {
    let usual = || ENDPOINT.parse().expect("it is a URL");
    if http::is_loopback(of_trtc) {
        return of_trtc.clone();
    }
    let rest = of_trtc
        .host_str()
        .and_then(|host| host.strip_prefix("trtc."));
    let rest = rest.filter(|rest| rest.ends_with("tencentcloudapi.com"));
    rest.and_then(|rest| format!("https://sts.{rest}").parse().ok())
        .unwrap_or_else(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sts_is_asked_at_the_same_site() {
        for (of_trtc, of_sts) in [
            (
                "https://trtc.tencentcloudapi.com",
                "https://sts.tencentcloudapi.com/",
            ),
            (
                "https://trtc.intl.tencentcloudapi.com",
                "https://sts.intl.tencentcloudapi.com/",
            ),
            (
                "https://trtc.ap-guangzhou.tencentcloudapi.com",
                "https://sts.ap-guangzhou.tencentcloudapi.com/",
            ),
            ("http://127.0.0.1:10089", "http://127.0.0.1:10089/"),
            // Keys of one service are not for a stranger that stands in for it.
            ("https://trtc.example", "https://sts.tencentcloudapi.com/"),
            (
                "https://proxy.example:8443",
                "https://sts.tencentcloudapi.com/",
            ),
        ] {
            let of_trtc = of_trtc.parse().expect("a URL");
            assert_eq!(endpoint(&of_trtc).as_str(), of_sts);
        }
    }
}
