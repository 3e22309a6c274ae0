//! Prepaid packages: how many minutes, when, and for what.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::super::Item;
use super::super::super::yaml::{Fields, Value};
use super::super::bounded;
use super::super::label::unique_name;
use super::super::unique::Seen;
use super::MAX_MINUTES;
use super::by_media::by_media;
use crate::billing::{Left, Package, Ratio, Renewal};
use crate::usage::{Date, Media};

const KEYS: &[&str] = &[
    "name", "minutes", "from", "until", "renews", "left", "items",
];

/// From before there was TRTC to when this will not run any more.
const DATES: [&str; 2] = ["2015-01-01", "2099-12-31"];

/// Far beyond what the largest resolution takes.
const MAX_RATIO: u64 = 1000;

pub(super) fn packages(value: &Value<'_>, asked: Option<&[Item]>) -> Option<Vec<Package>> {
    let names = Seen::default();
    let listed = value.list()?;
    if listed.is_empty() {
        value.problem("the list is empty; name a package, or leave `packages` out");
    }
    let read: Vec<_> = listed
        .iter()
        .map(|value| package(value, asked, &names))
        .collect();
    read.into_iter().collect()
}

fn package<'a>(
    value: &Value<'a>,
    asked: Option<&[Item]>,
    names: &Seen<&'a str>,
) -> Option<Package> {
    let fields = value.fields(KEYS)?;
    let name = unique_name(
        &fields,
        "name the package: it becomes the label `package`",
        names,
    );
    let minutes = fields
        .require("minutes", "give how many it has")
        .and_then(|value| minutes(&value, 1, MAX_MINUTES));
    let from = fields
        .require("from", "give the first date it covers")
        .and_then(|value| date(&value));
    let until = optional(&fields, "until", |value| until(value, from));
    let renews = optional(&fields, "renews", |value| value.parsed("monthly", renewal));
    let left = optional(&fields, "left", |value| left(value, minutes));
    let items = fields
        .require(
            "items",
            "give per item how many of its minutes one minute of each media takes",
        )
        .and_then(|value| items(&value, asked));
    let package = Package {
        name: Arc::from(name?),
        minutes: minutes?,
        from: from?,
        until: until?,
        renews: renews?,
        left: left?,
        items: items?,
    };
    if let (Some(left), Some(value)) = (package.left, fields.get("left"))
        && !package.is_open(left.on)
    {
        value.problem(format!(
            "the package does not cover {}; give a date that it does",
            left.on
        ));
    }
    Some(package)
}

/// What a key says that may be left out. Nothing comes back where it says something wrong.
fn optional<'a, T>(
    fields: &Fields<'a>,
    name: &'static str,
    read: impl FnOnce(&Value<'a>) -> Option<T>,
) -> Option<Option<T>> {
    fields
        .get(name)
        .map_or(Some(None), |value| read(&value).map(Some))
}

fn minutes(value: &Value<'_>, min: u64, max: u64) -> Option<u64> {
    let minutes = value.whole_number()?;
    bounded(value, minutes, minutes, (min, min), (max, max))
}

fn date(value: &Value<'_>) -> Option<Date> {
    let date = value.parsed("a date such as 2026-11-01", |text| {
        let date = text.parse::<Date>().ok();
        // Its reader takes one digit for two, and years of any length.
        date.filter(|date| date.to_string() == text)
            .ok_or("not a date")
    })?;
    let [first, last] = DATES.map(|date| date.parse::<Date>().expect("a date"));
    bounded(value, date, date, (first, first), (last, last))
}

fn until(value: &Value<'_>, from: Option<Date>) -> Option<Date> {
    let until = date(value)?;
    match from {
        Some(from) if until < from => {
            value.problem(format!(
                "{until} is before `from`, {from}; give the last date it covers"
            ));
            None
        }
        _ => Some(until),
    }
}

fn renewal(text: &str) -> Result<Renewal, &'static str> {
    if text == Renewal::Monthly.to_string() {
        Ok(Renewal::Monthly)
    } else {
        Err("not a way to renew")
    }
}

fn left(value: &Value<'_>, of: Option<u64>) -> Option<Left> {
    let fields = value.fields(&["minutes", "on"])?;
    let minutes = fields
        .require("minutes", "give how many the console shows")
        .and_then(|value| minutes(&value, 0, of.unwrap_or(MAX_MINUTES)));
    let on = fields
        .require("on", "give the date on which the console showed them")
        .and_then(|value| date(&value));
    Some(Left {
        minutes: minutes?,
        on: on?,
    })
}

fn items(
    value: &Value<'_>,
    asked: Option<&[Item]>,
) -> Option<BTreeMap<Arc<str>, BTreeMap<Media, Ratio>>> {
    let mut items = BTreeMap::<_, BTreeMap<_, _>>::new();
    for (item, media, ratio) in by_media(value, asked, ratio)? {
        items.entry(item).or_default().insert(media, ratio);
    }
    Some(items)
}

fn ratio(value: &Value<'_>) -> Option<Ratio> {
    let ratio: Ratio = value.parsed("a ratio such as 4 or 1.5", str::parse)?;
    bounded(
        value,
        ratio.taken_by(1),
        ratio,
        (1, "0.000001"),
        (MAX_RATIO, MAX_RATIO),
    )?;
    Some(ratio)
}
