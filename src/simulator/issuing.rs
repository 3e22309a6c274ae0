//! The part of STS and of the metadata server: what is asked for, and keys for a time, made up. Pure: chance decides the
//! keys, the time is an argument.

use serde_json::{Value, json};

use super::protocol::{Credential, Received};
use super::random::Chance;
use super::refusal::Refusal;

/// Where a virtual machine asks for the keys of its role.
pub(super) const METADATA_PATH: &str = "/latest/meta-data/cam/security-credentials/";

/// Version of every action of STS.
const VERSION: &str = "2018-08-13";

/// What stands in the place of a signature where a token says who asks.
const UNSIGNED: &str = "SKIP";

const DEFAULT_SECONDS: i64 = 7200;
const MAX_SECONDS: i64 = 43_200;

/// The actions of STS that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Signed, for a role.
    AssumeRole,
    /// Unsigned, for the role of whoever has a token.
    AssumeRoleWithWebIdentity,
}

impl Exchange {
    const ALL: [Self; 2] = [Self::AssumeRole, Self::AssumeRoleWithWebIdentity];

    /// What `request` asks of STS; `None` when it asks somebody else.
    pub(super) fn asked_by(request: &Received<'_>) -> Option<Self> {
        let action = request.header("x-tc-action")?;
        Self::ALL.into_iter().find(|known| known.name() == action)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
        }
    }
}

/// Checks what is asked, and gives back for how many seconds. Who asks is not checked here, but for a token: it has to be
/// `identity`, if there is one.
pub(super) fn wanted_seconds(
    exchange: Exchange,
    request: &Received<'_>,
    identity: Option<&str>,
) -> Result<i64, Refusal> {
    if request.header("x-tc-version") != Some(VERSION) {
        return Err(Refusal::new(
            "NoSuchVersion",
            "The API has no such version.",
        ));
    }
    let body: Value = serde_json::from_slice(request.body)
        .map_err(|_| Refusal::invalid("The body is not JSON."))?;
    let text = |name: &str| match body[name].as_str() {
        None | Some("") => Err(Refusal::missing(name)),
        Some(text) => Ok(text),
    };
    text("RoleArn")?;
    text("RoleSessionName")?;
    if exchange == Exchange::AssumeRoleWithWebIdentity {
        text("ProviderId")?;
        let token = text("WebIdentityToken")?;
        if request.header("authorization") != Some(UNSIGNED) {
            return Err(Refusal::invalid("A token takes the place of a signature."));
        }
        if identity.is_some_and(|identity| identity != token) {
            return Err(Refusal::new(
                "InvalidParameter.WebIdentityTokenError",
                "The token is not valid any more.",
            ));
        }
    }
    let seconds = match &body["DurationSeconds"] {
        Value::Null => DEFAULT_SECONDS,
        seconds => seconds.as_i64().unwrap_or_default(),
    };
    if (1..=MAX_SECONDS).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(Refusal::invalid("DurationSeconds is out of bounds."))
    }
}

/// Keys that are good until `expires`. They open nothing but a simulator.
pub(super) fn keys(chance: Chance, expires: i64) -> Credential {
    let id = chance.of(11).bits();
    Credential::new(
        format!("AKIDsimulatorFAKEtemporary{id:016x}"),
        format!("simulatorFAKEtemporaryKEY{:016x}", chance.of(12).bits()),
    )
    .with_token(format!("simulatorFAKEtoken{:016x}", chance.of(13).bits()))
    .until(expires)
}

/// The envelope that hands out `keys`.
pub(super) fn envelope(keys: &Credential, request_id: &str) -> String {
    json!({
        "Response": {
            "Credentials": {
                "Token": token(keys),
                "TmpSecretId": keys.secret_id,
                "TmpSecretKey": keys.secret_key.expose(),
            },
            "ExpiredTime": keys.expires,
            "RequestId": request_id,
        }
    })
    .to_string()
}

/// What the metadata server says to hand out `keys`.
pub(super) fn metadata(keys: &Credential) -> String {
    json!({
        "TmpSecretId": keys.secret_id,
        "TmpSecretKey": keys.secret_key.expose(),
        "Token": token(keys),
        "ExpiredTime": keys.expires,
        "Code": "Success",
    })
    .to_string()
}

fn token(keys: &Credential) -> &str {
    keys.token.as_ref().map_or("", |token| token.expose())
}
