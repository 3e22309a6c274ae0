//! What months have cost: of each the most that it was ever estimated at, so that their sum is a counter.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::SaveError;
use super::rows::parsed;
use crate::billing::{Money, Month};
use crate::usage::Media;

/// What a month has cost so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthCost {
    /// The billing item.
    pub item: Arc<str>,
    /// The media.
    pub media: Media,
    /// The month.
    pub month: Month,
    /// By the prices of today.
    pub cost: Money,
}

/// Sums over all months, by item and media.
pub type Totals = BTreeMap<(Arc<str>, Media), Money>;

pub(super) fn keep(
    transaction: &Transaction<'_>,
    account: &str,
    currency: &str,
    costs: &[MonthCost],
) -> Result<Totals, SaveError> {
    for cost in costs {
        keep_most(transaction, account, currency, cost)?;
    }
    totals(transaction, account, currency)
}

fn keep_most(
    transaction: &Transaction<'_>,
    account: &str,
    currency: &str,
    cost: &MonthCost,
) -> Result<(), SaveError> {
    let month = cost.month.to_string();
    let key = params![account, currency, &*cost.item, cost.media.as_str(), month];
    let kept = transaction
        .prepare_cached(
            "SELECT billionths FROM cost
             WHERE account = ?1 AND currency = ?2 AND item = ?3 AND media = ?4 AND month = ?5",
        )?
        .query_row(key, |row| money(row, 0))
        .optional()?;
    if kept.is_some_and(|kept| kept >= cost.cost) {
        return Ok(());
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO cost VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            account,
            currency,
            &*cost.item,
            cost.media.as_str(),
            month,
            cost.cost.billionths().to_string()
        ])?;
    Ok(())
}

fn totals(
    transaction: &Transaction<'_>,
    account: &str,
    currency: &str,
) -> Result<Totals, SaveError> {
    let mut statement = transaction.prepare_cached(
        "SELECT item, media, billionths FROM cost WHERE account = ?1 AND currency = ?2",
    )?;
    let rows = statement.query_map([account, currency], |row| {
        let item: Arc<str> = row.get::<_, String>(0)?.into();
        let media = parsed(&row.get::<_, String>(1)?, 1)?;
        Ok(((item, media), money(row, 2)?))
    })?;
    let mut totals = Totals::new();
    for row in rows {
        let (key, cost) = row?;
        *totals.entry(key).or_default() += cost;
    }
    Ok(totals)
}

fn money(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Money> {
    let billionths = parsed(&row.get::<_, String>(index)?, index)?;
    Ok(Money::from_billionths(billionths))
}
