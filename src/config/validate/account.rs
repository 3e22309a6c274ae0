//! An account: how it is reached and whose usage it has.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::yaml::Value;
use super::super::{Account, AppConfig, Shard, defaults};
use super::authorities::authorities;
use super::billing::billing;
use super::items::items;
use super::label::{self, unique_name};
use super::unique::Seen;
use super::{bounded, credentials, endpoint, span};
use crate::tencent::{CredentialSource, Upstream};

const KEYS: &[&str] = &[
    "name",
    "endpoint",
    "region",
    "language",
    "request_timeout",
    "ca_file",
    "credentials",
    "items",
    "apps",
    "total",
    "billing",
];

/// The languages that the upstream writes its error messages in.
const LANGUAGES: [&str; 2] = ["en-US", "zh-CN"];

const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// SdkAppIds are 32 bits wide in every SDK.
const MAX_SDK_APP_ID: u64 = u32::MAX as u64;

pub(super) fn account<'a>(
    value: &Value<'a>,
    folder: &Path,
    names: &Seen<&'a str>,
) -> Option<Account> {
    let fields = value.fields(KEYS)?;
    let name = unique_name(
        &fields,
        "name the account: it becomes the label `account`",
        names,
    );
    let endpoint = fields
        .get("endpoint")
        .and_then(|value| endpoint_url(&value));
    let region = fields
        .get("region")
        .and_then(|value| value.parsed("a region such as ap-guangzhou", region));
    let language = fields
        .get("language")
        .and_then(|value| value.parsed("en-US or zh-CN", language));
    let request_timeout = span(&fields, "request_timeout", MIN_TIMEOUT, MAX_TIMEOUT);
    let ca = fields.get("ca_file");
    if let (Some(ca), Some("http")) = (&ca, endpoint.as_ref().map(reqwest::Url::scheme)) {
        ca.warning("has no effect, because the endpoint is not encrypted");
    }
    let authorities = ca.and_then(|value| authorities(&value, folder));
    let (credentials, role) = fields
        .get("credentials")
        .and_then(|value| credentials::credentials(value, folder))
        .unwrap_or((CredentialSource::Chain, None));
    let items = fields
        .get("items")
        .map_or_else(|| Some(defaults::items()), |value| items(&value));
    let billing = fields
        .get("billing")
        .and_then(|value| billing(&value, items.as_deref()));
    let listed = fields.get("apps");
    let found = listed.is_none().then_some(Shard::WHOLE);
    let apps = listed.map_or(Some(Vec::new()), |value| apps(&value));
    let total = fields
        .get("total")
        .and_then(|value| value.truth())
        .unwrap_or(true);
    if !total && found.is_none() && apps.as_ref().is_some_and(Vec::is_empty) {
        value.problem(
            "there is nothing to ask for: no app, and `total` is false; list an app, or leave `apps` out to have them \
             found, or `total`",
        );
    }
    Some(Account {
        name: Arc::from(name?),
        upstream: Upstream {
            endpoint: endpoint.unwrap_or_else(defaults::endpoint),
            region: region.unwrap_or_else(|| defaults::REGION.to_owned()),
            language: language.unwrap_or_else(|| defaults::LANGUAGE.to_owned()),
            request_timeout: request_timeout.unwrap_or(defaults::REQUEST_TIMEOUT),
            authorities,
            credentials,
            role,
        },
        items: items.unwrap_or_else(defaults::items),
        apps: apps?,
        found,
        total,
        billing,
    })
}

fn endpoint_url(value: &Value<'_>) -> Option<reqwest::Url> {
    endpoint::parse(value.text()?)
        .map_err(|error| value.problem(error.to_string()))
        .ok()
}

/// It becomes an HTTP header, so it must not be just anything.
fn region(text: &str) -> Result<String, &'static str> {
    let possible = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(possible) {
        Ok(text.to_owned())
    } else {
        Err("not a region")
    }
}

fn language(text: &str) -> Result<String, &'static str> {
    if LANGUAGES.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err("not a language of the upstream")
    }
}

fn apps(value: &Value<'_>) -> Option<Vec<AppConfig>> {
    let ids = Seen::default();
    let apps = value
        .list()?
        .iter()
        .map(|value| app(value, &ids))
        .collect::<Vec<_>>();
    apps.into_iter().collect()
}

fn app(value: &Value<'_>, ids: &Seen<u64>) -> Option<AppConfig> {
    let fields = value.fields(&["sdk_app_id", "name"])?;
    let name = fields
        .get("name")
        .and_then(|value| label::label(&value).map(ToOwned::to_owned));
    let value = fields.require(
        "sdk_app_id",
        "give the app's number as the TRTC console shows it",
    )?;
    let number = value.whole_number()?;
    let sdk_app_id = bounded(
        &value,
        number,
        number,
        (1, 1),
        (MAX_SDK_APP_ID, MAX_SDK_APP_ID),
    )?;
    ids.note(&value, sdk_app_id);
    Some(AppConfig { sdk_app_id, name })
}
