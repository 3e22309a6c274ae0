//! The section `rate_limit`: a token bucket over all requests.

use std::time::Duration;

use super::given;
use crate::config::duration;
use crate::config::yaml::Value;
use crate::web::RateLimit;

/// Reads the section; an interval of 0 means no limit.
pub(super) fn limit(value: &Value<'_>) -> Option<RateLimit> {
    let fields = value.fields(&["interval", "burst"])?;
    let interval = given(&fields, "interval").map_or(Some(Duration::ZERO), |value| {
        value.parsed("a duration such as 100ms or 1s", duration::parse)
    });
    let burst = given(&fields, "burst").map_or(Some(0), |value| {
        let burst = u32::try_from(value.whole_number()?);
        if burst.is_err() {
            value.problem("is out of bounds");
        }
        burst.ok()
    });
    let (interval, burst) = (interval?, burst?);
    if interval.is_zero() {
        return None;
    }
    if burst == 0 {
        value.problem("`burst` is 0 or missing, which would refuse every request; give 1 or more");
        return None;
    }
    Some(RateLimit::new(interval, burst))
}
