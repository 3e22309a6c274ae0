//! Figures of whole accounts, made from how their targets stand and from what is kept: usage of no configured app, what it
//! costs, how packages stand. They change slowly and take some reading, so they are made anew now and then only.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::work::{AccountWork, TargetWork};
use crate::billing::{Balance, Billing, DailyMinutes, Estimate, Month, Package};
use crate::config::Shard;
use crate::metrics::{AccountFigures, Bill, Cost, PackageFigures, Unassigned};
use crate::store::{MonthCost, SaveError, Store};
use crate::usage::{App, Date, Media, Sums, TimeKey, Unit, billable_minutes};

/// In its first days a month may still learn of the one before.
const OLD_MONTH_DAYS: i64 = 5;

/// At a very low pace a package ends in some other century, which says nothing.
const FORESEEABLE_SECONDS: i64 = 10 * 365 * 24 * 3600;

/// The figures of one account.
///
/// # Errors
/// When what is kept of it cannot be read, or its costs cannot be kept.
pub(super) fn figures(
    work: &AccountWork,
    today: Date,
    store: &mut Store,
) -> Result<AccountFigures, SaveError> {
    let account = &work.account;
    let is_sharded = account.items.iter().any(|item| item.shard != Shard::WHOLE);
    // Prices and packages are the whole account's, and a shard without its sum has only some of its apps.
    let is_known = account.total || (!is_sharded && !account.apps.is_empty());
    let bill = match &account.billing {
        Some(billing) if is_known => Some(bill(work, billing, today, store)?),
        _ => None,
    };
    let has_both = account.total && !account.apps.is_empty();
    Ok(AccountFigures {
        account: Arc::clone(&account.name),
        unassigned: if has_both && !is_sharded {
            unassigned(work, today)
        } else {
            Vec::new()
        },
        bill,
    })
}

/// The targets whose usage is a time.
fn times(work: &AccountWork) -> impl Iterator<Item = &TargetWork> {
    let targets = work.lanes.iter().flat_map(|lane| &lane.targets);
    targets.filter(|target| target.item.unit == Unit::Seconds)
}

fn unassigned(work: &AccountWork, today: Date) -> Vec<Unassigned> {
    let mut left: BTreeMap<(Arc<str>, Media, &'static str), i64> = BTreeMap::new();
    for target in times(work) {
        let sign = if target.target.app == App::Total {
            1
        } else {
            -1
        };
        for series in target.standing.view(today).series {
            for (day, ms) in [
                ("today", series.today_ms),
                ("yesterday", series.yesterday_ms),
            ] {
                let item = Arc::clone(&target.target.item);
                let left = left.entry((item, series.media, day)).or_default();
                *left = left.saturating_add(sign * i64::try_from(ms).unwrap_or(i64::MAX));
            }
        }
    }
    let one = |((item, media, day), ms)| Unassigned {
        item,
        media,
        day,
        ms,
    };
    left.into_iter().map(one).collect()
}

fn bill(
    work: &AccountWork,
    billing: &Billing,
    today: Date,
    store: &mut Store,
) -> Result<Bill, SaveError> {
    let days = daily_minutes(work, billing, today, store)?;
    let month = Month::of(today);
    let estimate = Estimate::of(billing, month, &days);
    let mut costs = month_costs(&estimate);
    if today.days_since(month.first()) < OLD_MONTH_DAYS {
        costs.extend(month_costs(&Estimate::of(billing, month.pred(), &days)));
    }
    let totals = store.keep_costs(&work.account.name, &billing.currency, &costs)?;
    let cost = |((item, media), total)| Cost {
        month: estimate
            .lines
            .get(&(Arc::clone(&item), media))
            .and_then(|line| line.cost)
            .unwrap_or_default(),
        item,
        media,
        total,
    };
    let package = |(balance, package): (&Balance, &Package)| PackageFigures {
        package: Arc::clone(&balance.package),
        minutes_left: balance.left,
        ends_at: balance
            .ends_at
            .map(TimeKey::unix)
            .filter(|&at| at < today.midnight().unix() + FORESEEABLE_SECONDS),
        expires_at: package.until.map(|until| until.succ().midnight().unix()),
    };
    let balances = estimate.balances.iter().zip(&billing.packages);
    Ok(Bill {
        currency: Arc::clone(&billing.currency),
        costs: totals.into_iter().map(cost).collect(),
        packages: balances.map(package).collect(),
    })
}

fn month_costs(estimate: &Estimate) -> Vec<MonthCost> {
    let priced = estimate.lines.iter().filter_map(|((item, media), line)| {
        Some(MonthCost {
            item: Arc::clone(item),
            media: *media,
            month: estimate.month,
            cost: line.cost?,
        })
    });
    priced.collect()
}

/// What the account has used, day by day: by its own sum where that is asked for, otherwise by the sum of its apps. Days
/// are as the upstream sums them up, yesterday and today as their buckets say.
fn daily_minutes(
    work: &AccountWork,
    billing: &Billing,
    today: Date,
    store: &Store,
) -> Result<DailyMinutes, SaveError> {
    let mut days = DailyMinutes::new(today);
    let first = first_date(billing, today);
    let is_basis = |target: &&TargetWork| (target.target.app == App::Total) == work.account.total;
    for target in times(work).filter(is_basis) {
        let kept = store.sums(&target.target, first)?;
        let live = target.standing.sums();
        let is_live = |date: Date| live.iter().any(|sums| sums.date() == date);
        let old = kept.iter().filter(|sums| !is_live(sums.date()));
        for sums in old.chain(live.iter().filter(|sums| sums.date() <= today)) {
            add(&mut days, &target.target.item, sums);
        }
    }
    Ok(days)
}

fn add(days: &mut DailyMinutes, item: &Arc<str>, sums: &Sums) {
    days.know(sums.date());
    for media in sums.media() {
        days.add(sums.date(), item, media, billable_minutes(sums.get(media)));
    }
}

/// From when on days matter: since the month before, or since the oldest package began.
fn first_date(billing: &Billing, today: Date) -> Date {
    let packages = billing.packages.iter().map(|package| package.from);
    let month_before = Month::of(today).pred().first();
    packages.chain([month_before]).min().unwrap_or(month_before)
}
