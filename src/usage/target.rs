//! What is polled: one app (or the account's total) for one billing item of one account.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Date;

/// Whose usage a target asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum App {
    /// One TRTC application, by its SdkAppId.
    Id(u64),
    /// The sum over all applications of the account: asked for without an SdkAppId.
    Total,
}

impl App {
    /// How the upstream and the label `sdk_app_id` call the account's sum.
    pub const TOTAL: &'static str = "total";
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Total => f.write_str(Self::TOTAL),
        }
    }
}

impl FromStr for App {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::TOTAL {
            Ok(Self::Total)
        } else {
            text.parse().map(Self::Id)
        }
    }
}

/// The identity of a target: the labels that all its series share. State is kept under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The account's name in the configuration.
    pub account: Arc<str>,
    /// Whose usage.
    pub app: App,
    /// The billing item, e.g. `interactive`.
    pub item: Arc<str>,
}

/// When an exporter began with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Since when the target's series may have been scraped; unknown of state that an early version began.
    pub shown_from: Option<DateTime<Utc>>,
    /// The date of the first answer.
    pub since: Option<Date>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.app, self.item)
    }
}
