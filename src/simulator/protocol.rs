//! The gateway's door: who sends this request, is the signature right, which action is meant. Pure: a request is parts
//! already received, the time is an argument. The steps of the signature are those of `tencent::sign`, run on what arrived.

use std::fmt;

use hyper::HeaderMap;

use super::refusal::Refusal;
use crate::secret::Secret;
use crate::tencent::{action, sign};

/// The only region that TRTC's usage actions are served from.
pub const REGION: &str = "ap-guangzhou";

/// The largest accepted distance between the request's timestamp and the gateway's clock, in seconds.
pub const TIMESTAMP_TOLERANCE: i64 = sign::TOLERANCE_SECONDS;

/// Keys that the gateway accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who signs.
    pub secret_id: String,
    /// What it is signed with.
    pub secret_key: Secret,
    /// For temporary keys: what `X-TC-Token` must say.
    pub token: Option<Secret>,
    /// When they are accepted no longer, in Unix seconds.
    pub expires: Option<i64>,
}

impl Credential {
    /// Long-term keys.
    pub fn new(secret_id: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            secret_id: secret_id.into(),
            secret_key: Secret::new(secret_key.into()),
            token: None,
            expires: None,
        }
    }

    /// The same keys as temporary ones.
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Secret::new(token.into()));
        self
    }

    /// The same keys for a time.
    pub fn until(mut self, expires: i64) -> Self {
        self.expires = Some(expires);
        self
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("secret_id", &self.secret_id)
            .finish_non_exhaustive()
    }
}

/// An HTTP request as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// What follows the `?`, still encoded.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> Received<'a> {
    /// The text of a header; `None` when it is missing, empty or not text.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        let value = self.headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn required(&self, name: &str, parameter: &str) -> Result<&'a str, Refusal> {
        self.header(name).ok_or_else(|| Refusal::missing(parameter))
    }

    /// Whether messages are wanted in English; Chinese is the gateway's default.
    pub(super) fn wants_english(&self) -> bool {
        self.header("x-tc-language") == Some("en-US")
    }
}

/// Checks everything that does not depend on the action, and gives back the id that has signed.
///
/// # Errors
/// The refusal that the gateway answers with.
pub(super) fn authenticate<'a>(
    request: &Received<'a>,
    credentials: &[Credential],
    now: i64,
) -> Result<&'a str, Refusal> {
    check_form(request)?;
    let timestamp = timestamp(request)?;
    let authorization = Authorization::parse(request.required("authorization", "Authorization")?)?;
    let credential = credentials
        .iter()
        .find(|credential| credential.secret_id == authorization.secret_id)
        .ok_or_else(|| {
            Refusal::new(
                "AuthFailure.SecretIdNotFound",
                format!("There is no SecretId `{}`.", authorization.secret_id),
            )
        })?;
    if (now - timestamp).abs() > TIMESTAMP_TOLERANCE {
        return Err(Refusal::new(
            "AuthFailure.SignatureExpire",
            format!(
                "The timestamp {timestamp} is {} seconds away from the server's time {now}; \
                 at most {TIMESTAMP_TOLERANCE} are allowed.",
                (now - timestamp).abs()
            ),
        ));
    }
    check_signature(request, &authorization, timestamp, credential)?;
    check_token(request, credential, now)?;
    Ok(authorization.secret_id)
}

/// Checks the common parameters that name the action, and gives back its name. Whether there is such an action is for
/// the caller to say.
///
/// # Errors
/// The refusal that the gateway answers with.
pub(super) fn route<'a>(request: &Received<'a>) -> Result<&'a str, Refusal> {
    let action = request.required("x-tc-action", "Action")?;
    let version = request.required("x-tc-version", "Version")?;
    if version != action::VERSION {
        return Err(Refusal::new(
            "NoSuchVersion",
            format!("The API has no version `{version}`."),
        ));
    }
    let region = request.required("x-tc-region", "Region")?;
    if region != REGION {
        return Err(Refusal::new(
            "UnsupportedRegion",
            format!("The action is not served in `{region}`, only in `{REGION}`."),
        ));
    }
    Ok(action)
}

fn check_form(request: &Received<'_>) -> Result<(), Refusal> {
    let media_type = request.required("content-type", "Content-Type")?;
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let wanted = match request.method {
        "POST" => "application/json",
        "GET" => "application/x-www-form-urlencoded",
        other => {
            return Err(Refusal::new(
                "UnsupportedProtocol",
                format!("The method {other} is not served, only GET and POST."),
            ));
        }
    };
    if media_type.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "A {} request needs the Content-Type `{wanted}`, not `{media_type}`.",
            request.method
        )))
    }
}

fn timestamp(request: &Received<'_>) -> Result<i64, Refusal> {
    let text = request.required("x-tc-timestamp", "Timestamp")?;
    // `i64::from_str` would also take a sign.
    if text.len() > 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::invalid(format!(
            "The Timestamp `{text}` is not a number of seconds."
        )));
    }
    text.parse()
        .map_err(|_| Refusal::invalid("The Timestamp is out of range."))
}

fn check_token(request: &Received<'_>, credential: &Credential, now: i64) -> Result<(), Refusal> {
    let Some(token) = &credential.token else {
        return Ok(());
    };
    let is_over = credential.expires.is_some_and(|expires| expires <= now);
    if !is_over && request.header("x-tc-token") == Some(token.expose()) {
        Ok(())
    } else {
        Err(Refusal::new(
            "AuthFailure.TokenFailure",
            "The token is missing, wrong or expired.",
        ))
    }
}

/// The parts of the `Authorization` header.
#[derive(Debug)]
struct Authorization<'a> {
    secret_id: &'a str,
    date: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Result<Self, Refusal> {
        Self::parts(text).ok_or_else(|| {
            Refusal::new(
                "AuthFailure.InvalidAuthorization",
                "The Authorization header must read `TC3-HMAC-SHA256 Credential=<SecretId>/<date>/<service>/tc3_request, \
                 SignedHeaders=content-type;host, Signature=<hex>`.",
            )
        })
    }

    fn parts(text: &'a str) -> Option<Self> {
        let fields = text.strip_prefix(sign::ALGORITHM)?.strip_prefix(' ')?;
        let mut fields = fields.split(',').map(str::trim);
        let credential = fields.next()?.strip_prefix("Credential=")?;
        let signed_headers = fields.next()?.strip_prefix("SignedHeaders=")?;
        let signature = fields.next()?.strip_prefix("Signature=")?;
        let (secret_id, scope) = credential.split_once('/')?;
        let mut scope = scope.split('/');
        let parsed = Self {
            secret_id,
            date: scope.next()?,
            service: scope.next()?,
            signed_headers: signed_headers.split(';').collect(),
            signature,
        };
        let complete = scope.next() == Some(sign::TERMINATOR)
            && scope.next().is_none()
            && fields.next().is_none()
            && !parsed.service.is_empty()
            && ["content-type", "host"]
                .iter()
                .all(|mandatory| parsed.signed_headers.contains(mandatory));
        complete.then_some(parsed)
    }
}

/// Signs what arrived once more, and compares.
///
/// Two liberties let official SDKs talk to a loopback address. The service is whatever the scope names: Python's up to
/// 3.0.400 take it from the first label of the host, which is then `127`. And the host may be signed without its port:
/// Node's signs the bare name, which is all there ever is on the real endpoints.
fn check_signature(
    request: &Received<'_>,
    authorization: &Authorization<'_>,
    timestamp: i64,
    credential: &Credential,
) -> Result<(), Refusal> {
    let wrong = |why: &str| Refusal::new("AuthFailure.SignatureFailure", why);
    let date = sign::utc_date(timestamp);
    if authorization.date != date {
        return Err(wrong(
            "The date in the credential scope is not the UTC date of the timestamp.",
        ));
    }
    let scope = sign::credential_scope(&date, authorization.service);
    let secret_key = credential.secret_key.expose();
    let key = sign::signing_key(secret_key, &date, authorization.service);
    let host = request.required("host", "Host")?;
    let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
    for host in [host, bare] {
        let canonical = canonical_request(request, &authorization.signed_headers, host)
            .ok_or_else(|| wrong("A header named in SignedHeaders was not sent."))?;
        let text = sign::string_to_sign(timestamp, &scope, &canonical);
        if sign::signature(&key, &text) == authorization.signature {
            return Ok(());
        }
    }
    Err(wrong(
        "The signature does not match the request. Check the SecretKey and what is signed.",
    ))
}

/// The canonical form of what arrived; `None` when a signed header did not.
fn canonical_request(request: &Received<'_>, signed: &[&str], host: &str) -> Option<String> {
    let action = request.header("x-tc-action").map(str::to_lowercase);
    let mut headers = Vec::with_capacity(signed.len());
    for &name in signed {
        let value = match name {
            "host" => host,
            // The documentation signs it in lower case, and everything else as it is sent.
            "x-tc-action" => action.as_deref()?,
            name => request.header(name)?,
        };
        headers.push((name, value));
    }
    headers.sort_unstable();
    let payload = match request.header("x-tc-content-sha256") {
        Some(unsigned @ "UNSIGNED-PAYLOAD") => sign::hashed_payload(unsigned.as_bytes()),
        _ => sign::hashed_payload(request.body),
    };
    Some(sign::canonical_request(
        request.method,
        request.query,
        &headers,
        &payload,
    ))
}

#[cfg(test)]
mod tests;
