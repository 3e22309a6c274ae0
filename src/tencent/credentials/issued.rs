//! Temporary keys as their issuers hand them out: what STS is asked, and how its answer and the metadata server's are
//! read. Pure; what cannot be read is never quoted, for half of it may be a key.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::Credentials;
use crate::secret::Secret;
use crate::secret::file::check;
use crate::tencent::Role;

/// Keys for a time.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) credentials: Credentials,
    pub(super) expires: DateTime<Utc>,
}

/// What a pod that may take on a role is given by TKE, beside its token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PodIdentity {
    pub(super) region: String,
    pub(super) provider_id: String,
    pub(super) role_arn: String,
}

/// The body of `AssumeRole`.
pub(super) fn assume_role(role: &Role) -> String {
    let mut body = json!({
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "DurationSeconds": role.duration.as_secs(),
    });
    if let Some(external_id) = &role.external_id {
        body["ExternalId"] = external_id.expose().into();
    }
    body.to_string()
}

/// The body of `AssumeRoleWithWebIdentity`.
pub(super) fn assume_role_with_web_identity(pod: &PodIdentity, token: &Secret) -> String {
    json!({
        "ProviderId": pod.provider_id,
        "WebIdentityToken": token.expose(),
        "RoleArn": pod.role_arn,
        "RoleSessionName": Role::SESSION_NAME,
        "DurationSeconds": Role::DURATION.as_secs(),
    })
    .to_string()
}

/// Reads the answer of either.
pub(super) fn of_sts(body: &[u8]) -> Result<Issued, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        response: Response,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        credentials: Keys,
        expired_time: i64,
    }
    let Answer { response } = json_of(body)?;
    response.credentials.until(response.expired_time)
}

/// Reads the metadata server's answer for a role.
pub(super) fn of_metadata(body: &[u8]) -> Result<Issued, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        code: Option<String>,
        tmp_secret_id: Option<Secret>,
        tmp_secret_key: Option<Secret>,
        token: Option<Secret>,
        expired_time: Option<i64>,
    }
    let answer: Answer = json_of(body)?;
    if answer.code.as_deref().is_some_and(|code| code != "Success") {
        return Err("it has no keys for the role now".to_owned());
    }
    let keys = || {
        Some(Keys {
            tmp_secret_id: answer.tmp_secret_id?,
            tmp_secret_key: answer.tmp_secret_key?,
            token: answer.token?,
        })
    };
    match (keys(), answer.expired_time) {
        (Some(keys), Some(expires)) => keys.until(expires),
        _ => Err("the answer lacks a key or its time".to_owned()),
    }
}

/// The name of the machine's role, which becomes part of a path; `None` when it is not one.
pub(super) fn role_name(body: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(body).ok()?.lines().next()?.trim();
    let possible = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    let is_name = (1..=128).contains(&name.len()) && name.bytes().all(possible);
    (is_name && !name.starts_with('.')).then_some(name)
}

/// The last part of an ARN, which is the role's name or number.
pub(super) fn short_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    tmp_secret_id: Secret,
    tmp_secret_key: Secret,
    token: Secret,
}

impl Keys {
    fn until(self, expires: i64) -> Result<Issued, String> {
        for (name, secret) in [
            ("TmpSecretId", &self.tmp_secret_id),
            ("TmpSecretKey", &self.tmp_secret_key),
            ("Token", &self.token),
        ] {
            check(secret.expose()).map_err(|problem| format!("{name} in the answer {problem}"))?;
        }
        Ok(Issued {
            credentials: Credentials {
                secret_id: self.tmp_secret_id.expose().to_owned(),
                secret_key: self.tmp_secret_key,
                token: Some(self.token),
            },
            expires: DateTime::from_timestamp(expires, 0)
                .ok_or("the answer says no time until which the keys are good")?,
        })
    }
}

fn json_of<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        format!(
            "the answer is not understood (line {}, column {})",
            error.line(),
            error.column()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(issued: Result<Issued, String>) -> Result<(String, String, i64), String> {
        let issued = issued?;
        let keys = issued.credentials;
        let token = keys.token.expect("temporary keys have one");
        Ok((
            keys.secret_id,
            format!("{} {}", keys.secret_key.expose(), token.expose()),
            issued.expires.timestamp(),
        ))
    }

    fn keys() -> (String, String, i64) {
        (
            "AKIDtmp".to_owned(),
            "fake-key fake-token".to_owned(),
            1_599_562_800,
        )
    }

    #[test]
    fn sts_is_asked_for_what_the_configuration_says() {
        let mut role = Role::new("qcs::cam::uin/1:roleName/r".to_owned());
        let body: serde_json::Value = serde_json::from_str(&assume_role(&role)).expect("JSON");
        assert_eq!(
            body,
            json!({
                "RoleArn": "qcs::cam::uin/1:roleName/r",
                "RoleSessionName": "trtc-exporter",
                "DurationSeconds": 7200,
            })
        );
        role.duration = Duration::from_secs(3600);
        role.external_id = Some(Secret::new("agreed".to_owned()));
        let body = assume_role(&role);
        assert!(
            body.contains(r#""ExternalId":"agreed""#) && body.contains("3600"),
            "{body}"
        );
    }

    #[test]
    fn the_answer_of_sts_is_read() {
        let body = br#"{"Response":{"Credentials":{"Token":"fake-token","TmpSecretId":"AKIDtmp","TmpSecretKey":"fake-key"},
            "ExpiredTime":1599562800,"Expiration":"2020-09-08T11:00:00Z","RequestId":"r"}}"#;
        assert_eq!(shown(of_sts(body)), Ok(keys()));
    }

    #[test]
    fn the_answer_of_the_metadata_server_is_read() {
        let body = br#"{"TmpSecretId":"AKIDtmp","TmpSecretKey":"fake-key","ExpiredTime":1599562800,
            "Expiration":"2020-09-08T11:00:00Z","Token":"fake-token","Code":"Success"}"#;
        assert_eq!(shown(of_metadata(body)), Ok(keys()));
        let none = shown(of_metadata(br#"{"Code":"Failed"}"#));
        assert_eq!(none, Err("it has no keys for the role now".to_owned()));
    }

    #[test]
    fn what_is_not_understood_is_not_quoted() {
        for body in [
            &br#"{"Response":{"Credentials":{"Token":7,"TmpSecretId":"AKIDtmp","TmpSecretKey":"fake-key"},"ExpiredTime":1}}"#[..],
            br#"{"Response":{"Credentials":{"Token":"","TmpSecretId":"AKIDtmp","TmpSecretKey":"fake-key"},"ExpiredTime":1}}"#,
            br#"{"Response":{"Credentials":{"Token":"x","TmpSecretId":"AKIDtmp","TmpSecretKey":"fake key"},"ExpiredTime":1}}"#,
            br#"{"Response":{"Credentials":{"Token":"x","TmpSecretId":"AKIDtmp","TmpSecretKey":"fake-key"},"ExpiredTime":"fake"}}"#,
            br#"{"TmpSecretId":"AKIDtmp","TmpSecretKey":"fake-key","Code":"Success"}"#,
            b"fake-key",
            b"",
        ] {
            for result in [of_sts(body), of_metadata(body)] {
                let problem = shown(result).expect_err("nothing usable");
                let quotes = problem.contains("fake") || problem.contains("AKID");
                assert!(!quotes, "{problem}");
            }
        }
    }

    #[test]
    fn a_role_name_is_one_segment_of_a_path() {
        assert_eq!(role_name(b"usage-reader\n"), Some("usage-reader"));
        for body in [
            &b""[..],
            b"\n",
            b"../latest",
            b"a/b",
            b"a b",
            b"<html>",
            b"..",
            b"\xff",
        ] {
            assert_eq!(role_name(body), None, "{body:?}");
        }
        assert_eq!(short_name("qcs::cam::uin/1:roleName/r"), "r");
    }
}
