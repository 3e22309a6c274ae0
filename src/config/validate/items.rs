//! What an account is asked for: billing items, and the actions that report them.

use super::super::yaml::Value;
use super::super::{Choice, Item};
use super::bounded;
use super::label::unique_name;
use super::unique::Seen;
use crate::quote::quote;
use crate::tencent::{self, Action};

/// From one request in a hundred seconds to more than any quota that the upstream grants.
const RATES: (f64, f64) = (0.01, 1000.0);

/// The action of an item for which nothing else is said.
const AUTO: &str = "auto";

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
    let known = either(tencent::Item::ALL.iter().map(|item| item.name));
    let name = unique_name(&fields, &format!("give {known}"), names);
    let kind = name.and_then(tencent::Item::by_name);
    if let (Some(name), None, Some(value)) = (name, kind, fields.get("name")) {
        value.problem(format!(
            "there is no item {}; expected {known}",
            quote(name)
        ));
    }
    let choice = match fields.get("action") {
        None => Some(Choice::Auto),
        Some(value) => choice(&value, kind),
    };
    let rate = match fields.get("requests_per_second") {
        None => None,
        Some(value) => Some(rate(&value)?),
    };
    Some(Item {
        choice: choice?,
        requests_per_second: rate,
        ..Item::of(kind?)
    })
}

/// Which actions are possible depends on the item; of one that is unknown, any is.
fn choice(value: &Value<'_>, kind: Option<&'static tencent::Item>) -> Option<Choice> {
    let possible = kind.map_or(&Action::ALL[..], |kind| kind.actions);
    let names = possible.iter().map(|action| action.name);
    let expected = either(names.chain([AUTO]));
    value.parsed(&expected, |text| {
        let action = possible.iter().find(|action| action.name == text);
        match (action, Action::by_name(text)) {
            _ if text == AUTO => Ok(Choice::Auto),
            (Some(action), _) => Ok(Choice::Fixed(action)),
            (None, Some(_)) => Err("an action that reports something else"),
            (None, None) => Err("no action known here"),
        }
    })
}

pub(super) fn either<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn rate(value: &Value<'_>) -> Option<f64> {
    let rate = value.number()?;
    bounded(value, rate, rate, (RATES.0, RATES.0), (RATES.1, RATES.1))
}
