//! Amounts of money, exact to a billionth of the currency's unit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use super::decimal;

/// Decimals of an amount: a price per 1,000 minutes has six, and one minute is the thousandth part of that.
const PLACES: usize = 9;

/// An amount in the currency of an account, which it does not know itself. A price times minutes is exact in it, and so
/// is any sum; beyond 10^29 units it saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    billionths: i128,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { billionths: 0 };

    /// So many billionths of the currency's unit.
    pub const fn from_billionths(billionths: i128) -> Self {
        Self { billionths }
    }

    /// How many billionths of the currency's unit it is.
    pub const fn billionths(self) -> i128 {
        self.billionths
    }

    /// The nearest float, only to be shown: nothing is calculated with it.
    pub fn to_f64(self) -> f64 {
        // Up to nine million units both are whole numbers that a float holds, so that this rounds once.
        self.billionths as f64 / 1e9
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::from_billionths(self.billionths.saturating_add(other.billionths))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// All of it, in decimals: `0.007`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.billionths < 0 {
            f.write_str("-")?;
        }
        decimal::write(f, self.billionths.unsigned_abs(), PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_out_and_without_zeros_at_the_end() {
        for (billionths, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (-1, "-0.000000001"),
            (7_000_000, "0.007"),
            (12_500_000_000, "12.5"),
            (-30_000_000_000, "-30"),
            (i128::MIN, "-170141183460469231731687303715.884105728"),
        ] {
            assert_eq!(Money::from_billionths(billionths).to_string(), text);
        }
    }

    #[test]
    fn sums_are_exact_and_saturate() {
        let tenth = Money::from_billionths(100_000_000);
        let sum: Money = std::iter::repeat_n(tenth, 10).sum();
        assert_eq!(sum.to_string(), "1");
        let most = Money::from_billionths(i128::MAX);
        assert_eq!(most + tenth, most);
        assert!(Money::ZERO < tenth);
    }

    #[test]
    fn the_float_is_the_nearest() {
        for text in ["0.1", "25.123456789", "8999999.999999999"] {
            let billionths =
                format!("{:.9}", text.parse::<f64>().expect("a float")).replace('.', "");
            let money = Money::from_billionths(billionths.parse().expect("a number"));
            assert_eq!(Ok(money.to_f64()), text.parse());
        }
    }
}
