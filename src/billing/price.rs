//! What minutes cost, as price lists write it.

use std::fmt;
use std::str::FromStr;

use super::Money;
use super::decimal::{self, DecimalError, PLACES};

/// A price per 1,000 minutes, with at most six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price {
    millionths: u64,
}

impl Price {
    /// What so many minutes cost: exact, because a millionth per 1,000 minutes is a billionth per minute.
    pub fn of(self, minutes: u64) -> Money {
        Money::from_billionths(i128::from(self.millionths).saturating_mul(minutes.into()))
    }
}

impl From<u32> for Price {
    /// So many whole units of the currency.
    fn from(units: u32) -> Self {
        let millionths = u64::from(units) * 1_000_000;
        Self { millionths }
    }
}

impl FromStr for Price {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let millionths = decimal::millionths(text)?;
        Ok(Self { millionths })
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.millionths.into(), PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn minutes_cost_what_the_list_says() {
        let price: Price = "25.5".parse().expect("a price");
        assert_eq!(price.to_string(), "25.5");
        assert_eq!(price.of(1000).to_string(), "25.5");
        assert_eq!(price.of(1).to_string(), "0.0255");
        let finest: Price = "0.000001".parse().expect("a price");
        assert_eq!(finest.of(1).to_string(), "0.000000001");
        let highest: Price = "18446744073709.551615".parse().expect("a price");
        assert_eq!(highest.of(u64::MAX), Money::from_billionths(i128::MAX));
    }

    proptest! {
        #[test]
        fn a_price_is_read_as_it_is_written(millionths in any::<u64>()) {
            let price = Price { millionths };
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }

        #[test]
        fn a_price_is_additive(millionths in any::<u64>(), a in any::<u32>(), b in any::<u32>()) {
            let price = Price { millionths };
            let (a, b) = (u64::from(a), u64::from(b));
            prop_assert_eq!(price.of(a) + price.of(b), price.of(a + b));
        }
    }
}
