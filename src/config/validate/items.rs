//! What an account is asked for: billing items, and the actions that report them.

use super::super::yaml::Value;
use super::super::{Item, defaults};
use super::bounded;
use super::label::unique_name;
use super::unique::Seen;
use crate::quote::quote;
use crate::tencent::Action;

/// From one request in a hundred seconds to more than any quota that the upstream grants.
const RATES: (f64, f64) = (0.01, 1000.0);

pub(super) fn items(value: &Value<'_>) -> Option<Vec<Item>> {
    let listed = value.list()?;
    if listed.is_empty() {
        value.problem("the list is empty; name an item, or leave `items` out for the default one");
        return None;
    }
    let names = Seen::default();
    listed
        .iter()
        .map(|value| item(value, &names))
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

fn item<'a>(value: &Value<'a>, names: &Seen<&'a str>) -> Option<Item> {
    let fields = value.fields(&["name", "action", "requests_per_second"])?;
    let name = unique_name(&fields, "the item known is `interactive`", names);
    if let Some(unknown) = name.filter(|&name| name != defaults::INTERACTIVE)
        && let Some(value) = fields.get("name")
    {
        value.problem(format!(
            "there is no item {}; the item known is `interactive`",
            quote(unknown)
        ));
    }
    let known = Action::ALL.map(|action| action.name).join(" or ");
    let action = fields
        .require("action", &format!("give {known}"))
        .and_then(|value| {
            value.parsed(&known, |text| {
                Action::by_name(text).ok_or("no action known here")
            })
        });
    let rate = fields
        .get("requests_per_second")
        .and_then(|value| rate(&value));
    let item = defaults::item(name?, action?);
    Some(Item {
        requests_per_second: rate.unwrap_or(item.requests_per_second),
        ..item
    })
}

fn rate(value: &Value<'_>) -> Option<f64> {
    let rate = value.number()?;
    bounded(value, rate, rate, (RATES.0, RATES.0), (RATES.1, RATES.1))
}
