//! The section `basic_auth_users`: names and bcrypt hashes. No problem quotes a hash.

use std::str::FromStr;

use bcrypt::HashParts;
use rustls::crypto::ring;

use crate::config::yaml::Value;
use crate::secret::Secret;
use crate::web::Users;

/// What bcrypt allows; each step more doubles the time.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

pub(super) fn users(value: &Value<'_>) -> Option<Users> {
    let users = value.entries()?.into_iter().map(|(name, value)| {
        if name.contains(':') {
            value.problem("a name with a colon cannot be sent; choose another");
        }
        let value = value.hidden();
        let hash = value.text()?;
        let is_hash = HashParts::from_str(hash).is_ok_and(|hash| COSTS.contains(&hash.get_cost()));
        if !is_hash {
            value.problem("not a bcrypt hash; `htpasswd -nBC 10 NAME` makes one");
            return None;
        }
        Some((name.to_owned(), Secret::new(hash.to_owned())))
    });
    let users: Option<Vec<_>> = users.collect::<Vec<_>>().into_iter().collect();
    let random = ring::default_provider().secure_random;
    let users = Users::new(users?, random);
    if users.is_err() {
        value
            .problem("the system has no random numbers, without which passwords cannot be guarded");
    }
    users.ok()
}
