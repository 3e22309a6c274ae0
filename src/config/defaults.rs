//! What holds where the configuration says nothing.

use std::sync::Arc;
use std::time::Duration;

use super::{Account, AppConfig, Config, Item};
use crate::tencent::action::INTERACTIVE;
use crate::tencent::{CredentialSource, Upstream};

pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(60);
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(15 * 60);
pub(super) const ENDPOINT: &str = "https://trtc.tencentcloudapi.com";
/// The only region that the usage actions are served in.
pub(super) const REGION: &str = "ap-guangzhou";
pub(super) const LANGUAGE: &str = "en-US";
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Name of the account that `--sdk-app-id` makes.
const ACCOUNT: &str = "default";

pub(super) fn items() -> Vec<Item> {
    vec![Item::of(&INTERACTIVE)]
}

pub(super) fn endpoint() -> reqwest::Url {
    reqwest::Url::parse(ENDPOINT).expect("the default endpoint is a URL")
}

impl Config {
    /// The configuration that `--sdk-app-id` stands for: one account named `default`, keys from the usual places,
    /// everything else as if left out. An id given twice counts once.
    pub fn from_sdk_app_ids(ids: &[u64]) -> Self {
        let mut apps: Vec<AppConfig> = Vec::with_capacity(ids.len());
        for &sdk_app_id in ids {
            if apps.iter().all(|app| app.sdk_app_id != sdk_app_id) {
                apps.push(AppConfig {
                    sdk_app_id,
                    name: None,
                });
            }
        }
        Self {
            poll_interval: POLL_INTERVAL,
            settle_after: SETTLE_AFTER,
            accounts: vec![Account {
                name: Arc::from(ACCOUNT),
                upstream: Upstream {
                    endpoint: endpoint(),
                    region: REGION.to_owned(),
                    language: LANGUAGE.to_owned(),
                    request_timeout: REQUEST_TIMEOUT,
                    authorities: None,
                    credentials: CredentialSource::Chain,
                    role: None,
                },
                items: items(),
                apps,
                found: None,
                total: true,
                billing: None,
            }],
        }
    }
}
