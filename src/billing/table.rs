//! An account's price list.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Money, Price};
use crate::usage::Media;

/// What minutes of one media cost within a month: each minute has the price of the tier that it falls in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    tiers: Vec<Tier>,
    beyond: Price,
}

/// A price for the minutes of a month up to a number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The last minute of the month that has this price.
    pub up_to: u64,
    /// Per 1,000 minutes.
    pub price: Price,
}

/// A tier that no minute falls in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tier {index} does not end above the one before it")]
pub struct TierError {
    /// Which one, from 0.
    pub index: usize,
}

impl Rate {
    /// One price, however many minutes.
    pub fn flat(price: Price) -> Self {
        Self {
            tiers: Vec::new(),
            beyond: price,
        }
    }

    /// Tiers one upon the other, and a price for the minutes beyond the last of them.
    ///
    /// # Errors
    /// When they do not ascend from above 0.
    pub fn graduated(tiers: Vec<Tier>, beyond: Price) -> Result<Self, TierError> {
        let mut begin = 0;
        for (index, tier) in tiers.iter().enumerate() {
            if tier.up_to <= begin {
                return Err(TierError { index });
            }
            begin = tier.up_to;
        }
        Ok(Self { tiers, beyond })
    }

    /// The tiers that have an end; none of a flat price.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// The price of the minutes beyond them.
    pub fn beyond(&self) -> Price {
        self.beyond
    }

    /// What the first `minutes` of a month cost.
    pub fn cost(&self, minutes: u64) -> Money {
        let mut begin = 0;
        let mut cost = Money::ZERO;
        for tier in &self.tiers {
            let end = tier.up_to.min(minutes);
            cost += tier.price.of(end - begin);
            begin = end;
        }
        cost + self.beyond.of(minutes - begin)
    }
}

/// What is charged for, by item and media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceTable {
    items: BTreeMap<Arc<str>, BTreeMap<Media, Rate>>,
}

impl PriceTable {
    /// Sets what minutes of `media` cost as a part of `item`.
    pub fn insert(&mut self, item: Arc<str>, media: Media, rate: Rate) {
        self.items.entry(item).or_default().insert(media, rate);
    }

    /// What so many minutes of a month cost; `None` when no price is given for them.
    pub fn cost(&self, item: &str, media: Media, minutes_of_month: u64) -> Option<Money> {
        let rate = self.items.get(item)?.get(&media)?;
        Some(rate.cost(minutes_of_month))
    }

    /// All prices: per item, per media.
    pub fn items(&self) -> &BTreeMap<Arc<str>, BTreeMap<Media, Rate>> {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(text: &str) -> Price {
        text.parse().expect("a price")
    }

    #[test]
    fn each_minute_has_the_price_of_its_tier() {
        let tier = Tier {
            up_to: 1_000_000,
            price: price("28"),
        };
        let rate = Rate::graduated(vec![tier], price("25.5")).expect("ascending");
        for (minutes, cost) in [
            (0, "0"),
            (1, "0.028"),
            (1_000_000, "28000"),
            (1_000_001, "28000.0255"),
            (2_000_000, "53500"),
        ] {
            assert_eq!(rate.cost(minutes).to_string(), cost, "{minutes}");
        }
    }

    #[test]
    fn tiers_ascend() {
        let tiers = |ends: &[u64]| {
            let tier = |&up_to| Tier {
                up_to,
                price: price("1"),
            };
            Rate::graduated(ends.iter().map(tier).collect(), price("1")).map(|_| ())
        };
        assert_eq!(tiers(&[]), Ok(()));
        assert_eq!(tiers(&[1, 2, 5]), Ok(()));
        assert_eq!(tiers(&[0]), Err(TierError { index: 0 }));
        assert_eq!(tiers(&[1, 2, 2]), Err(TierError { index: 2 }));
    }

    #[test]
    fn what_has_no_price_has_no_cost() {
        let mut table = PriceTable::default();
        table.insert("interactive".into(), Media::Audio, Rate::flat(price("7")));
        let cost = |item, media| table.cost(item, media, 1000).map(|cost| cost.to_string());
        assert_eq!(cost("interactive", Media::Audio), Some("7".into()));
        assert_eq!(cost("interactive", Media::VideoSd), None);
        assert_eq!(cost("relay", Media::Audio), None);
    }

    fn rates() -> impl Strategy<Value = Rate> {
        let ends = prop::collection::btree_set(1..5_000_u64, 0..6);
        let prices = prop::collection::vec(0..200_000_000_u64, 6);
        (ends, prices, 0..200_000_000_u64).prop_map(|(ends, prices, beyond)| {
            let read = |millionths: u64| {
                price(&Money::from_billionths(i128::from(millionths) * 1000).to_string())
            };
            let tiers = ends.into_iter().zip(prices).map(|(up_to, price)| Tier {
                up_to,
                price: read(price),
            });
            Rate::graduated(tiers.collect(), read(beyond)).expect("ascending")
        })
    }

    proptest! {
        #[test]
        fn more_minutes_never_cost_less(rate in rates(), minutes in 0..6_000_u64, more in 0..6_000_u64) {
            prop_assert!(rate.cost(minutes) <= rate.cost(minutes + more));
        }

        /// The cost is the sum over single minutes, each at the price of its own tier.
        #[test]
        fn tiers_are_additive(rate in rates(), minutes in 0..6_000_u64) {
            let price_of = |minute: u64| {
                let tier = rate.tiers().iter().find(|tier| minute <= tier.up_to);
                tier.map_or(rate.beyond(), |tier| tier.price)
            };
            let sum: Money = (1..=minutes).map(|minute| price_of(minute).of(1)).sum();
            prop_assert_eq!(rate.cost(minutes), sum);
        }
    }
}
