//! Costs, as a counter made of months.

use super::*;
use crate::billing::{Money, Month};

fn cost(month: &str, billionths: i128) -> MonthCost {
    MonthCost {
        item: "interactive".into(),
        media: Media::Audio,
        month: month.parse::<Month>().expect("a month"),
        cost: Money::from_billionths(billionths),
    }
}

fn keep(store: &mut Store, costs: &[MonthCost]) -> i128 {
    let totals = store.keep_costs("main", "CNY", costs).expect("saved");
    totals.values().map(|cost| cost.billionths()).sum()
}

#[test]
fn the_sum_over_months_never_falls_and_survives() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(directory.path()).expect("opens");
    assert_eq!(keep(&mut store, &[cost("2024-02", 70)]), 70);
    assert_eq!(
        keep(&mut store, &[cost("2024-02", 60)]),
        70,
        "a revision, or a lower price"
    );
    assert_eq!(
        keep(&mut store, &[cost("2024-02", 80), cost("2024-03", 5)]),
        85
    );
    drop(store);
    let mut store = Store::open(directory.path()).expect("opens");
    let beyond_64_bits = i128::from(u64::MAX) * 3;
    assert_eq!(
        keep(&mut store, &[cost("2024-03", beyond_64_bits)]),
        80 + beyond_64_bits
    );
    let others = store.keep_costs("main", "USD", &[]).expect("saved");
    assert!(others.is_empty(), "another currency is another counter");
}
