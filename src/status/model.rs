//! What there is to say; `/api/v1/status` says it as JSON, in seconds and Unix seconds.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::question::pages;
use super::{Plot, Question};
use crate::usage::Target;

/// How everything stands by the poll loop, but for the buckets.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The rate limits.
    pub lanes: Vec<Lane>,
    /// Every target.
    pub targets: Vec<TargetStatus>,
}

/// One rate limit.
#[derive(Clone, Debug, Serialize)]
pub struct Lane {
    /// Whose.
    pub account: Arc<str>,
    /// By which action of the upstream.
    pub action: &'static str,
    /// Requests of the last second, and those under way.
    pub requests: usize,
    /// As many are allowed.
    pub limit: usize,
}

/// One target.
#[derive(Clone, Debug, Serialize)]
pub struct TargetStatus {
    /// Its account, app (or `total`) and billing item.
    #[serde(flatten, serialize_with = "identity")]
    pub target: Target,
    /// What the app is called.
    pub app_name: Option<String>,
    /// Whether the last poll of today succeeded; `None` before the first has ended.
    pub up: Option<bool>,
    /// When a poll of today last succeeded.
    pub last_success: Option<i64>,
    /// The newest settled bucket.
    pub bucket: Option<i64>,
    /// In how many seconds it is polled again; `None` while it is being polled.
    pub next_poll_seconds: Option<u64>,
    /// Whether counters are held back until the time of an outage is heard of.
    pub catching_up: bool,
    /// Why polls of today fail.
    pub error: Option<Failing>,
    /// What was used; nothing of a relay.
    pub media: Vec<MediaStatus>,
    /// The bandwidth of a relay in the newest settled bucket, in bit/s.
    pub bandwidth: Option<u64>,
    /// The last 24 hours; `None` when they could not be read in time.
    pub plot: Option<Plot>,
}

/// Under the names of the labels.
fn identity<S: Serializer>(target: &Target, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Identity<'a> {
        account: &'a str,
        sdk_app_id: String,
        item: &'a str,
    }
    let identity = Identity {
        account: &target.account,
        sdk_app_id: target.app.to_string(),
        item: &target.item,
    };
    identity.serialize(serializer)
}

/// Why polls fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// Label `code` of the metrics.
    pub code: &'static str,
    /// In words, with what to do about it.
    pub message: Arc<str>,
    /// Since when.
    pub since: i64,
}

/// Usage of one media of a target, in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct MediaStatus {
    /// Value of the label `media`.
    pub media: &'static str,
    /// Credited so far.
    pub total_seconds: f64,
    /// Of today in Beijing.
    pub today_seconds: f64,
    /// Of yesterday in Beijing.
    pub yesterday_seconds: f64,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Of the exporter.
    pub version: &'static str,
    /// When it was so.
    pub now: i64,
    /// Why this is less than was asked for.
    pub trouble: Option<&'static str>,
    /// Every rate limit.
    pub lanes: Vec<Lane>,
    /// How many targets there are.
    pub targets_in_all: usize,
    /// How many of them fail.
    pub targets_failing: usize,
    /// How many were found.
    pub targets_found: usize,
    /// Which page of those follows, from 1.
    pub page: usize,
    /// How many there are.
    pub pages: usize,
    /// Those of the page, failing ones first.
    pub targets: Vec<TargetStatus>,
}

impl Status {
    /// The answer by what the poll loop says, without buckets.
    pub fn answer(
        question: &Question,
        snapshot: Snapshot,
        version: &'static str,
        now: i64,
    ) -> Self {
        let Snapshot { lanes, targets } = snapshot;
        let targets_in_all = targets.len();
        let failing = targets.iter().filter(|target| target.error.is_some());
        let targets_failing = failing.count();
        let (targets, targets_found) = question.choose(targets);
        Self {
            version,
            now,
            trouble: None,
            lanes,
            targets_in_all,
            targets_failing,
            targets_found,
            page: question.page_of(targets_found),
            pages: pages(targets_found),
            targets,
        }
    }
}
