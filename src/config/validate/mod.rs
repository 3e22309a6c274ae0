//! The rules of this configuration: which keys there are, what each may be, what goes together.

mod account;
mod authorities;
mod billing;
mod credentials;
mod endpoint;
mod items;
mod label;
mod unique;

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use super::yaml::{Fields, Value};
use super::{Config, defaults, duration};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Reads the whole configuration. Nothing comes back only where a problem was put on the list. What comes back beside a
/// problem is not to be used: defaults may stand in it where the file says something wrong.
pub(super) fn config(root: &Value<'_>, folder: &Path) -> Option<Config> {
    let fields = root.fields(&["poll_interval", "settle_after", "accounts"])?;
    let poll_interval = span(&fields, "poll_interval", SECOND, HOUR);
    let settle_after = span(&fields, "settle_after", Duration::ZERO, DAY);
    let accounts = fields.require("accounts", "list at least one account")?;
    let listed = accounts.list()?;
    if listed.is_empty() {
        accounts.problem("the list is empty; at least one account is needed");
    }
    let names = unique::Seen::default();
    let accounts = listed
        .iter()
        .filter_map(|value| account::account(value, folder, &names));
    Some(Config {
        accounts: accounts.collect(),
        poll_interval: poll_interval.unwrap_or(defaults::POLL_INTERVAL),
        settle_after: settle_after.unwrap_or(defaults::SETTLE_AFTER),
    })
}

/// A duration between two bounds, if it is given and good.
fn span(fields: &Fields<'_>, name: &'static str, min: Duration, max: Duration) -> Option<Duration> {
    let value = fields.get(name)?;
    let given = value.parsed("a duration such as 90s or 1m30s", duration::parse)?;
    let [min_text, max_text, given_text] = [min, max, given].map(duration::format);
    bounded(&value, given, given_text, (min, min_text), (max, max_text))
}

/// A value between two bounds; each comes with the way it is written.
fn bounded<T: PartialOrd>(
    value: &Value<'_>,
    given: T,
    given_text: impl Display,
    (min, min_text): (T, impl Display),
    (max, max_text): (T, impl Display),
) -> Option<T> {
    if given >= min && given <= max {
        return Some(given);
    }
    value.problem(format!(
        "{given_text} is out of bounds; possible is {min_text} to {max_text}"
    ));
    None
}
