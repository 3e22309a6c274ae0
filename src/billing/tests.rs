//! Estimates from outside: prices, packages and days, and what comes of them.

mod oracle;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::usage::{Date, Media, TimeKey};

const ITEM: &str = "interactive";

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

fn midnight(text: &str) -> Option<TimeKey> {
    Some(date(text).midnight())
}

/// The ratios of the China site's packages.
fn ratios() -> BTreeMap<Arc<str>, BTreeMap<Media, Ratio>> {
    let media = [
        (Media::Audio, "1"),
        (Media::VideoSd, "2"),
        (Media::VideoHd, "4"),
        (Media::VideoFullHd, "15"),
    ];
    let media = media.map(|(media, ratio)| (media, ratio.parse().expect("a ratio")));
    BTreeMap::from([(ITEM.into(), BTreeMap::from(media))])
}

fn package(name: &str, minutes: u64, from: &str) -> Package {
    Package {
        name: name.into(),
        minutes,
        from: date(from),
        until: None,
        renews: None,
        left: None,
        items: ratios(),
    }
}

fn billing(packages: Vec<Package>) -> Billing {
    let mut prices = PriceTable::default();
    for (media, price) in [
        (Media::Audio, "7"),
        (Media::VideoSd, "14"),
        (Media::VideoHd, "28"),
    ] {
        prices.insert(
            ITEM.into(),
            media,
            Rate::flat(price.parse().expect("a price")),
        );
    }
    Billing {
        currency: "CNY".into(),
        prices,
        packages,
    }
}

/// Days from their minutes; every date as far as `today` is known, from the first that is named.
fn days(today: &str, minutes: &[(&str, Media, u64)]) -> DailyMinutes {
    let mut days = DailyMinutes::new(date(today));
    for &(day, media, minutes) in minutes {
        days.add(date(day), &ITEM.into(), media, minutes);
    }
    let first = minutes.iter().map(|&(day, ..)| date(day)).min();
    first
        .into_iter()
        .flat_map(|first| first.through(date(today)))
        .for_each(|date| days.know(date));
    days
}

fn line(estimate: &Estimate, media: Media) -> (u64, u64, u64, Option<String>) {
    let line = estimate.lines[&(Arc::from(ITEM), media)];
    (
        line.minutes,
        line.covered,
        line.paid,
        line.cost.map(|cost| cost.to_string()),
    )
}

#[test]
fn without_packages_everything_is_paid() {
    let days = days(
        "2026-11-03",
        &[
            ("2026-10-31", Media::Audio, 5000),
            ("2026-11-01", Media::Audio, 1),
            ("2026-11-03", Media::Audio, 1000),
            ("2026-11-03", Media::VideoFullHd, 2),
            ("2026-11-04", Media::Audio, 9000),
        ],
    );
    let estimate = Estimate::of(&billing(Vec::new()), month("2026-11"), &days);
    assert_eq!(
        line(&estimate, Media::Audio),
        (1001, 0, 1001, Some("7.007".into()))
    );
    assert_eq!(line(&estimate, Media::VideoSd), (0, 0, 0, Some("0".into())));
    assert_eq!(
        line(&estimate, Media::VideoFullHd),
        (2, 0, 2, None),
        "it has no price"
    );
    assert_eq!(estimate.cost().to_string(), "7.007");
    assert_eq!(estimate.unknown_days, 0);
    let before = Estimate::of(&billing(Vec::new()), month("2026-10"), &days);
    assert_eq!(line(&before, Media::Audio).0, 5000);
    assert_eq!(before.unknown_days, 30);
}

#[test]
fn a_package_covers_small_media_first_until_it_is_empty() {
    let billing = billing(vec![package("starter", 10, "2026-11-01")]);
    let days = days(
        "2026-11-02",
        &[
            ("2026-11-01", Media::VideoHd, 2),
            ("2026-11-01", Media::VideoSd, 1),
            ("2026-11-01", Media::Audio, 3),
            ("2026-11-02", Media::Audio, 5),
        ],
    );
    let estimate = Estimate::of(&billing, month("2026-11"), &days);
    assert_eq!(
        line(&estimate, Media::Audio),
        (8, 4, 4, Some("0.028".into()))
    );
    assert_eq!(line(&estimate, Media::VideoSd), (1, 1, 0, Some("0".into())));
    assert_eq!(
        line(&estimate, Media::VideoHd),
        (2, 1, 1, Some("0.028".into()))
    );
    let balance = Balance {
        package: "starter".into(),
        used: 10,
        left: 0,
        ends_at: midnight("2026-11-01"),
        unknown_days: 0,
    };
    assert_eq!(estimate.balances, [balance], "it fell short on the first");
}

#[test]
fn packages_are_used_in_their_order_and_on_their_dates() {
    let mut first = package("first", 100, "2026-11-01");
    first.until = Some(date("2026-11-02"));
    let billing = billing(vec![first, package("second", 10, "2026-11-02")]);
    let minutes = ["2026-11-01", "2026-11-02", "2026-11-03"].map(|date| (date, Media::Audio, 60));
    let estimate = Estimate::of(&billing, month("2026-11"), &days("2026-11-03", &minutes));
    let stand = |index: usize| {
        let balance = &estimate.balances[index];
        (balance.used, balance.left)
    };
    assert_eq!((stand(0), stand(1)), ((100, 0), (10, 0)));
    assert_eq!(line(&estimate, Media::Audio).2, 20 - 10 + 60);
    let early = Estimate::of(&billing, month("2026-10"), &days("2026-11-03", &minutes));
    assert_eq!((early.balances[0].used, early.balances[0].left), (0, 100));
}

#[test]
fn what_expires_is_not_left() {
    let mut expired = package("expired", 100, "2026-11-01");
    expired.until = Some(date("2026-11-02"));
    let minutes = [
        ("2026-11-01", Media::Audio, 60),
        ("2026-11-03", Media::Audio, 60),
    ];
    let estimate = Estimate::of(
        &billing(vec![expired]),
        month("2026-11"),
        &days("2026-11-03", &minutes),
    );
    assert_eq!(
        (estimate.balances[0].used, estimate.balances[0].left),
        (60, 0)
    );
    assert_eq!(estimate.balances[0].ends_at, midnight("2026-11-03"));
}

#[test]
fn free_minutes_come_again_with_each_month() {
    let mut free = package("free", 100, "2026-10-01");
    free.renews = Some(Renewal::Monthly);
    let billing = billing(vec![free]);
    let days = days(
        "2026-12-01",
        &[
            ("2026-10-31", Media::Audio, 30),
            ("2026-11-01", Media::Audio, 80),
            ("2026-11-30", Media::Audio, 80),
        ],
    );
    let stand = |of: &str| {
        let estimate = Estimate::of(&billing, month(of), &days);
        let Balance {
            used,
            left,
            unknown_days,
            ..
        } = estimate.balances[0];
        (used, left, unknown_days)
    };
    assert_eq!(stand("2026-10"), (30, 70, 30));
    assert_eq!(stand("2026-11"), (100, 0, 0));
    assert_eq!(stand("2026-12"), (0, 100, 0));
    let november = Estimate::of(&billing, month("2026-11"), &days);
    assert_eq!(
        line(&november, Media::Audio),
        (160, 100, 60, Some("0.42".into()))
    );
}

#[test]
fn what_the_console_said_stands_for_what_is_not_known() {
    let mut old = package("old", 1000, "2026-01-01");
    let minutes = [
        ("2026-11-01", Media::Audio, 40),
        ("2026-11-10", Media::Audio, 50),
        ("2026-11-11", Media::Audio, 20),
    ];
    let days = days("2026-11-12", &minutes);
    let estimate = Estimate::of(&billing(vec![old.clone()]), month("2026-11"), &days);
    let balance = &estimate.balances[0];
    assert_eq!(
        (balance.used, balance.left, balance.unknown_days),
        (110, 890, 304)
    );

    old.left = Some(Left {
        minutes: 30,
        on: date("2026-11-10"),
    });
    let estimate = Estimate::of(&billing(vec![old]), month("2026-11"), &days);
    let balance = &estimate.balances[0];
    assert_eq!(
        (balance.used, balance.left, balance.unknown_days),
        (1000, 0, 0)
    );
    assert_eq!(
        line(&estimate, Media::Audio),
        (110, 70, 40, Some("0.28".into()))
    );
}

/// On the 15th: ten minutes a day in the week before. What the 15th itself has used so far says nothing of the pace.
fn ten_a_day() -> DailyMinutes {
    let minutes = [
        ("2026-11-01", Media::Audio, 30),
        ("2026-11-08", Media::Audio, 30),
        ("2026-11-11", Media::VideoSd, 20),
        ("2026-11-15", Media::Audio, 40),
    ];
    days("2026-11-15", &minutes)
}

fn ends_at(package: Package, days: &DailyMinutes) -> Option<TimeKey> {
    let estimate = Estimate::of(&billing(vec![package]), month("2026-11"), days);
    estimate.balances[0].ends_at
}

#[test]
fn a_package_lasts_as_long_as_the_pace_of_a_week_says() {
    let starter = |minutes| package("starter", minutes, "2026-11-01");
    assert_eq!(
        ends_at(starter(1100), &ten_a_day()),
        midnight("2027-02-23"),
        "1000 are left on the 15th"
    );
    assert_eq!(
        ends_at(starter(105), &ten_a_day()),
        midnight("2026-11-15"),
        "it fell short today"
    );
    assert_eq!(
        ends_at(starter(145), &ten_a_day()),
        midnight("2026-11-19").map(|at| at.plus_seconds(12 * 3600))
    );
    let idle = days("2026-11-15", &[("2026-11-01", Media::Audio, 30)]);
    assert_eq!(ends_at(starter(1100), &idle), None);
}

#[test]
fn a_package_ends_no_later_than_it_expires_or_renews() {
    let mut expiring = package("expiring", 1100, "2026-11-01");
    expiring.until = Some(date("2026-12-24"));
    assert_eq!(ends_at(expiring, &ten_a_day()), midnight("2026-12-25"));
    let renewing = |minutes| Package {
        renews: Some(Renewal::Monthly),
        ..package("renewing", minutes, "2026-11-01")
    };
    assert_eq!(ends_at(renewing(1100), &ten_a_day()), None);
    assert_eq!(ends_at(renewing(200), &ten_a_day()), midnight("2026-11-25"));
}

#[test]
fn the_pace_is_that_of_known_dates_on_which_it_is_open() {
    let young = package("young", 1000, "2026-11-11");
    assert_eq!(
        ends_at(young, &ten_a_day()),
        midnight("2027-02-19"),
        "960 are left, and 40 were used in 4 days"
    );
    let mut gaps = DailyMinutes::new(date("2026-11-15"));
    for day in ["2026-11-09", "2026-11-13"] {
        gaps.add(date(day), &ITEM.into(), Media::Audio, 50);
    }
    let starter = package("starter", 600, "2026-11-01");
    assert_eq!(ends_at(starter, &gaps), midnight("2026-11-25"));
}

fn usage() -> impl Strategy<Value = Vec<(u64, Media, u64)>> {
    let media = prop::sample::select(&Media::KNOWN[..6]);
    prop::collection::vec((0..40_u64, media, 0..500_u64), 0..40)
}

fn packages() -> impl Strategy<Value = Vec<Package>> {
    let ratio = (1..40_000_000_u64).prop_map(|millionths| {
        let text = Money::from_billionths(i128::from(millionths) * 1000).to_string();
        text.parse::<Ratio>().expect("a ratio")
    });
    let media = prop::collection::btree_map(prop::sample::select(&Media::KNOWN[..6]), ratio, 1..5);
    let until = prop::option::of(0..40_u64);
    let left = prop::option::of((0..40_u64, 0..1000_u64));
    let package = (
        1000..20_000_u64,
        0..45_u64,
        until,
        any::<bool>(),
        left,
        media,
    );
    let package = package.prop_map(|(minutes, age, lasts, renews, left, media)| {
        let from = last_date().minus_days(age);
        Package {
            name: "any".into(),
            minutes,
            from,
            until: lasts.map(|days| from.through(last_date()).nth(days as usize).unwrap_or(from)),
            renews: renews.then_some(Renewal::Monthly),
            left: left.map(|(age, minutes)| Left {
                minutes,
                on: last_date().minus_days(age).max(from),
            }),
            items: BTreeMap::from([(ITEM.into(), media)]),
        }
    });
    prop::collection::vec(package, 0..4)
}

fn last_date() -> Date {
    date("2026-12-20")
}

fn of_usage(usage: &[(u64, Media, u64)]) -> DailyMinutes {
    let mut days = DailyMinutes::new(last_date());
    for &(age, media, minutes) in usage {
        days.add(last_date().minus_days(age), &ITEM.into(), media, minutes);
    }
    days
}

proptest! {
    #[test]
    fn what_is_not_covered_is_paid(usage in usage(), packages in packages()) {
        let estimate = Estimate::of(&billing(packages), month("2026-12"), &of_usage(&usage));
        let december = usage.iter().filter(|(age, ..)| *age < 20);
        let all: u64 = december.map(|(.., minutes)| minutes).sum();
        prop_assert_eq!(estimate.lines.values().map(|line| line.minutes).sum::<u64>(), all);
        for line in estimate.lines.values() {
            prop_assert_eq!(line.covered + line.paid, line.minutes);
        }
    }

    #[test]
    fn a_package_has_used_what_is_not_left(usage in usage(), packages in packages()) {
        let billing = billing(packages);
        for of in ["2026-11", "2026-12"] {
            let estimate = Estimate::of(&billing, month(of), &of_usage(&usage));
            for (package, balance) in billing.packages.iter().zip(&estimate.balances) {
                let last = month(of).last().min(last_date());
                let is_over = package.until.is_some_and(|until| until < last);
                prop_assert_eq!(balance.left, if is_over { 0 } else { package.minutes - balance.used });
                let end = package.until.map(|until| until.succ().midnight());
                prop_assert!(end.is_none_or(|end| balance.ends_at.is_none_or(|at| at <= end)));
            }
        }
    }

    #[test]
    fn the_order_in_which_usage_is_told_does_not_matter(
        (usage, shuffled) in usage().prop_flat_map(|usage| (Just(usage.clone()), Just(usage).prop_shuffle())),
        packages in packages(),
    ) {
        let billing = billing(packages);
        let of = |usage: &[_]| Estimate::of(&billing, month("2026-12"), &of_usage(usage));
        prop_assert_eq!(of(&usage), of(&shuffled));
    }

    #[test]
    fn a_further_package_never_makes_it_dearer(usage in usage(), packages in packages()) {
        let days = of_usage(&usage);
        let cost = |packages: &[Package]| Estimate::of(&billing(packages.to_vec()), month("2026-12"), &days).cost();
        prop_assert!(cost(&packages) <= cost(&packages[..packages.len() / 2]));
    }
}
