//! By what an account is billed: a currency, prices, prepaid packages.

mod by_media;
mod packages;
mod prices;

use std::sync::Arc;

use super::super::Item;
use super::super::yaml::Value;
use crate::billing::{Billing, PriceTable};

/// More minutes than all of mankind could talk in a month.
const MAX_MINUTES: u64 = 1_000_000_000_000_000;

/// Reads the section. What the account is asked for is not given when that is not known.
pub(super) fn billing(value: &Value<'_>, asked: Option<&[Item]>) -> Option<Billing> {
    let fields = value.fields(&["currency", "prices", "packages"])?;
    let currency = fields
        .require(
            "currency",
            "give that of the prices; it becomes the label `currency`",
        )
        .and_then(|value| value.parsed("three capitals such as CNY or USD", currency));
    let (prices, packages) = (fields.get("prices"), fields.get("packages"));
    if prices.is_none() && packages.is_none() {
        value.problem("there is nothing to estimate by; give `prices`, `packages` or both, or leave `billing` out");
    }
    let prices = prices.map_or_else(
        || Some(PriceTable::default()),
        |value| prices::prices(&value, asked),
    );
    let packages = packages.map_or(Some(Vec::new()), |value| packages::packages(&value, asked));
    Some(Billing {
        currency: currency?,
        prices: prices?,
        packages: packages?,
    })
}

/// The form of ISO 4217, whose list is longer than what the upstream takes.
fn currency(text: &str) -> Result<Arc<str>, &'static str> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(Arc::from(text))
    } else {
        Err("not a currency")
    }
}
