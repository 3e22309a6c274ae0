//! What usage will cost: minutes, prices, prepaid packages, and the estimate of a month. Pure: no async, no I/O, no
//! clock; the date in progress is an argument, and no sum has a float in it.

mod daily;
mod decimal;
mod deduction;
mod estimate;
mod forecast;
mod money;
mod month;
mod package;
mod price;
mod purse;
mod table;

use std::sync::Arc;

pub use daily::DailyMinutes;
pub use decimal::{DecimalError, PLACES};
pub use estimate::{Balance, Estimate, Line};
pub use money::Money;
pub use month::{Month, MonthError};
pub use package::{Left, Package, Ratio, RatioError, Renewal};
pub use price::Price;
pub use table::{PriceTable, Rate, Tier, TierError};

/// By what an account is billed, as its operator has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billing {
    /// Value of the label `currency`, as in ISO 4217.
    pub currency: Arc<str>,
    /// What minutes cost that no package covers.
    pub prices: PriceTable,
    /// Prepaid minutes, in the order in which they are used.
    pub packages: Vec<Package>,
}

#[cfg(test)]
mod tests;
