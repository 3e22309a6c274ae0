//! The configuration: YAML text to validated values. All problems of a file are found in one pass and told together,
//! each with its line and what would be right. Nothing past this module sees YAML.

mod defaults;
pub mod duration;
mod load;
mod redacted;
mod secret_file;
mod validate;
pub mod yaml;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;
use crate::tencent::Action;

pub use load::{ConfigError, Loaded, load, parse};
pub use redacted::redacted_yaml;
pub use secret_file::{SecretFileError, SecretTextError, read_secret_file};

/// What the exporter runs by.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How often an app's current day is asked for.
    pub poll_interval: Duration,
    /// A bucket counts as settled this long after its TimeKey.
    pub settle_after: Duration,
    /// At least one.
    pub accounts: Vec<Account>,
}

/// One Tencent Cloud account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Value of the label `account`; unique.
    pub name: Arc<str>,
    /// Scheme, host and port: `https`, or `http` to a loopback address.
    pub endpoint: reqwest::Url,
    /// `X-TC-Region`.
    pub region: String,
    /// `X-TC-Language`, the language of error messages.
    pub language: String,
    /// Limit of one attempt, from connecting to the last byte.
    pub request_timeout: Duration,
    /// Where its keys come from.
    pub credentials: CredentialSource,
    /// What is asked for; at least one.
    pub items: Vec<Item>,
    /// Whose usage; may be empty when `total` is set.
    pub apps: Vec<AppConfig>,
    /// Whether the account's sum is asked for too.
    pub total: bool,
}

/// A billing item and the action that reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Value of the label `item`; unique within the account.
    pub name: Arc<str>,
    /// Where its numbers come from.
    pub action: &'static Action,
    /// The account's rate limit for the action.
    pub requests_per_second: f64,
}

/// One TRTC application.
#[derive(Clone, Debug, PartialEq)]
pub struct AppConfig {
    /// Its id; unique within the account.
    pub sdk_app_id: u64,
    /// Value of the label `app_name` of `trtc_app_info`.
    pub name: Option<String>,
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

#[cfg(test)]
mod tests;
