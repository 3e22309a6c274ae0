//! The configuration: YAML text to validated values. All problems of a file are found in one pass and told together,
//! each with its line and what would be right. Nothing past this module sees YAML.

mod defaults;
pub mod duration;
mod item;
mod load;
mod redacted;
mod shard;
mod validate;
pub mod yaml;

use std::sync::Arc;
use std::time::Duration;

use crate::billing::Billing;
use crate::tencent::Upstream;

pub use item::{Choice, Item};
pub(crate) use load::read;
pub use load::{ConfigError, Loaded, load, parse};
pub use redacted::redacted_yaml;
pub use shard::{Shard, ShardError};

/// What the exporter runs by.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How often an app's current day is asked for.
    pub poll_interval: Duration,
    /// A bucket counts as settled this long after its TimeKey.
    pub settle_after: Duration,
    /// At least one, unless this is a [`Shard`] that has none.
    pub accounts: Vec<Account>,
}

/// One Tencent Cloud account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Value of the label `account`; unique.
    pub name: Arc<str>,
    /// Where its requests go, and what they carry.
    pub upstream: Upstream,
    /// What is asked for; at least one, each once.
    pub items: Vec<Item>,
    /// Whose usage; may be empty when `total` is set, or apps are found.
    pub apps: Vec<AppConfig>,
    /// The part of the upstream's own list of apps that is polled too; `None`: that list is nobody's business.
    pub found: Option<Shard>,
    /// Whether the account's sum is asked for too.
    pub total: bool,
    /// By what its usage is billed, when that is told.
    pub billing: Option<Billing>,
}

/// One TRTC application.
#[derive(Clone, Debug, PartialEq)]
pub struct AppConfig {
    /// Its id; unique within the account.
    pub sdk_app_id: u64,
    /// Value of the label `app_name` of `trtc_app_info`.
    pub name: Option<String>,
}

#[cfg(test)]
mod tests;
