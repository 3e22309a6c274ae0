//! Mappings of items to mappings of their media, as prices and packages have them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::super::Item;
use super::super::super::yaml::Value;
use super::super::items::either;
use crate::quote::quote;
use crate::tencent;
use crate::usage::{Media, Unit};

/// What is said of one media of one item.
pub(super) type Said<T> = (Arc<str>, Media, T);

/// Reads what is said of each media of each item. Items that the account does not ask for have no usage here.
pub(super) fn by_media<T>(
    value: &Value<'_>,
    asked: Option<&[Item]>,
    read: impl Fn(&Value<'_>) -> Option<T>,
) -> Option<Vec<Said<T>>> {
    let mut said = Vec::new();
    for (name, value) in some_entries(value, "name an item")? {
        let Some(item) = item(name, &value, asked) else {
            continue;
        };
        for (name, value) in some_entries(&value, "name a media").unwrap_or_default() {
            if let (Some(media), Some(read)) = (media(name, &value, item), read(&value)) {
                said.push((Arc::from(item.name), media, read));
            }
        }
    }
    Some(said)
}

fn some_entries<'a>(value: &Value<'a>, advice: &str) -> Option<Vec<(&'a str, Value<'a>)>> {
    let entries = value.entries()?;
    if entries.is_empty() {
        value.problem(format!(
            "there is nothing in it; {advice}, or leave the key out"
        ));
    }
    Some(entries)
}

/// An item that is counted in minutes and that the account is asked for, as far as that is known.
fn item(name: &str, value: &Value<'_>, asked: Option<&[Item]>) -> Option<&'static tencent::Item> {
    let is_asked = |item: &&tencent::Item| {
        asked.is_none_or(|asked| asked.iter().any(|asked| asked.kind == *item))
    };
    let items = tencent::Item::ALL.iter().filter(has_minutes);
    let possible = either(items.filter(is_asked).map(|item| item.name));
    let problem = match tencent::Item::by_name(name) {
        None => format!("there is no item {}; expected {possible}", quote(name)),
        Some(item) if !has_minutes(&item) => {
            "the item is a bandwidth and has no minutes; leave it out".to_owned()
        }
        Some(item) if !is_asked(&item) => {
            "the account does not ask for the item, so that its usage is not known; \
             list it under the account's `items`, or leave it out"
                .to_owned()
        }
        Some(item) => return Some(item),
    };
    value.problem(problem);
    None
}

fn has_minutes(item: &&tencent::Item) -> bool {
    item.first_action().unit == Unit::Seconds
}

/// One of the media that the actions of the item report.
fn media(name: &str, value: &Value<'_>, item: &tencent::Item) -> Option<Media> {
    let actions = item.actions.iter();
    let reported: BTreeSet<Media> = actions.flat_map(|action| action.media()).collect();
    let media = reported.iter().find(|media| media.as_str() == name);
    if media.is_none() {
        let possible = either(reported.iter().map(|media| media.as_str()));
        value.problem(format!(
            "the item has no media {}; expected {possible}",
            quote(name)
        ));
    }
    media.copied()
}
