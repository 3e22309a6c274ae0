//! What minutes cost: one price, or tiers by the minutes of a month.

use super::super::super::Item;
use super::super::super::yaml::Value;
use super::super::bounded;
use super::MAX_MINUTES;
use super::by_media::by_media;
use crate::billing::{Price, PriceTable, Rate, Tier};

/// More than the largest resolution costs in the smallest currency.
const MAX_PRICE: u32 = 100_000_000;

pub(super) fn prices(value: &Value<'_>, asked: Option<&[Item]>) -> Option<PriceTable> {
    let mut table = PriceTable::default();
    for (item, media, rate) in by_media(value, asked, rate)? {
        table.insert(item, media, rate);
    }
    Some(table)
}

fn rate(value: &Value<'_>) -> Option<Rate> {
    if !value.is_list() {
        return price(value).map(Rate::flat);
    }
    let listed = value.list()?;
    let Some((last, tiers)) = listed.split_last() else {
        value.problem("the list is empty; give tiers, or one price in its place");
        return None;
    };
    let read: Vec<_> = tiers.iter().map(tier).collect();
    let beyond = beyond(last);
    let read = read.into_iter().collect::<Option<Vec<_>>>()?;
    Rate::graduated(read, beyond?)
        .map_err(|error| {
            tiers[error.index].problem("`up_to` must be larger than that of the tier before it");
        })
        .ok()
}

fn tier(value: &Value<'_>) -> Option<Tier> {
    let fields = value.fields(&["up_to", "price"])?;
    let up_to = fields
        .require(
            "up_to",
            "give the last minute of a month that has this price; only the last tier has no end",
        )
        .and_then(|value| {
            let minutes = value.whole_number()?;
            bounded(&value, minutes, minutes, (1, 1), (MAX_MINUTES, MAX_MINUTES))
        });
    let price = fields
        .require("price", PRICE_ADVICE)
        .and_then(|value| price(&value));
    Some(Tier {
        up_to: up_to?,
        price: price?,
    })
}

/// The price of the last tier.
fn beyond(value: &Value<'_>) -> Option<Price> {
    let fields = value.fields(&["up_to", "price"])?;
    if let Some(value) = fields.get("up_to") {
        value.problem("the last tier has no end; leave `up_to` out, or add a tier without it");
    }
    fields
        .require("price", PRICE_ADVICE)
        .and_then(|value| price(&value))
}

const PRICE_ADVICE: &str = "give that of 1,000 minutes";

fn price(value: &Value<'_>) -> Option<Price> {
    let price: Price = value.parsed("a price such as 7 or 25.5", str::parse)?;
    bounded(
        value,
        price,
        price,
        (Price::from(0), 0),
        (Price::from(MAX_PRICE), MAX_PRICE),
    )
}
