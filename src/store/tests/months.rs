//! The upstream's own sums of days beside its buckets.

use super::*;
use crate::usage::Source;

const SOURCE: Source = Source(2);

fn at(date: Date, hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(date.midnight().unix() + hours * 3600, 0).expect("in range")
}

/// Buckets of a date, asked for when they were final.
fn buckets(date: Date, values: &[(i64, u64)]) -> Poll {
    let poll = poll(App::Total, date, values);
    Poll {
        asked_at: at(date.succ(), 12),
        answer: poll.answer.said_by(SOURCE),
        ..poll
    }
}

/// The sums of the dates up to `last`, asked for on the next day at noon.
fn sums(last: Date, days: &[(Date, u64)]) -> Poll {
    let mut answer = Answer::new(vec![Media::Audio]).of_days().said_by(SOURCE);
    for &(date, ms) in days {
        answer.push(date.midnight(), &[ms]).expect("a sane row");
    }
    Poll {
        target: target(App::Total),
        date: last,
        since: Some(last.first_of_month()),
        asked_at: at(last.succ(), 12),
        answer,
    }
}

#[test]
fn sums_are_kept_counted_and_change_no_counter() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, last) = (date().pred(), date());
    let mut store = Store::open(directory.path()).expect("opens");
    let before = save(&mut store, buckets(first.pred(), &[]));
    save(&mut store, buckets(first, &[(3, 61_000), (4, 30_000)]));
    let after = save(&mut store, buckets(last, &[(0, 10_000)]));
    assert!(before.reconciled.is_none());
    let saved = save(&mut store, sums(last, &[(first, 91_000), (last, 10_000)]));
    assert_eq!(saved.ledger, after.ledger);
    let reconciled = saved.reconciled.expect("sums");
    assert_eq!(
        reconciled.month,
        Counted::new(last, vec![(Media::Audio, 2 + 1)])
    );
    assert_eq!(
        (reconciled.unreconciled_ms, &*reconciled.disputed),
        (0, &[][..])
    );
    drop(store);

    let store = Store::open(directory.path()).expect("opens");
    let kept = store
        .restore(&target(App::Total), last.succ())
        .expect("readable");
    assert_eq!(kept.month, Some((reconciled, at(last.succ(), 12))));
    let kept = store.sums(&target(App::Total), last).expect("readable");
    assert_eq!(kept, [Sums::new(last, vec![(Media::Audio, 10_000)])]);
}

#[test]
fn a_day_whose_buckets_do_not_add_up_is_disputed() {
    let (first, last) = (date().pred(), date());
    let mut store = Store::in_memory().expect("opens");
    save(&mut store, buckets(first, &[(3, 60_000)]));
    save(&mut store, buckets(last, &[(3, 60_000)]));
    let told = sums(last, &[(first, 61_000), (last, 59_000)]);
    let saved = save(&mut store, told).reconciled.expect("sums");
    assert_eq!(
        saved.unreconciled_ms, 0,
        "as far apart as rounding may make them"
    );
    let told = sums(last, &[(first, 360_000), (last, 60_000)]);
    let saved = save(&mut store, told).reconciled.expect("sums");
    assert_eq!(
        (saved.unreconciled_ms, &*saved.disputed),
        (300_000, &[first][..])
    );
}

#[test]
fn of_a_day_that_is_not_told_the_buckets_count() {
    let (first, last) = (date().pred(), date());
    let mut store = Store::in_memory().expect("opens");
    save(&mut store, buckets(first, &[(3, 90_000)]));
    let saved = save(&mut store, sums(last, &[(last, 60_000)]))
        .reconciled
        .expect("sums");
    assert_eq!(saved.month, Counted::new(last, vec![(Media::Audio, 2 + 1)]));
    assert_eq!(saved.unreconciled_ms, 0);
}

#[test]
fn an_upstream_that_tells_buckets_has_told_sums() {
    let (first, last) = (date().pred(), date());
    let mut store = Store::in_memory().expect("opens");
    let mut told = sums(last, &[(first, 30_000), (first, 20_000)]);
    told.answer
        .push(first.midnight().plus_seconds(300), &[40_000])
        .expect("a sane row");
    let saved = save(&mut store, told).reconciled.expect("sums");
    assert_eq!(saved.month, Counted::new(last, vec![(Media::Audio, 2)]));
}

#[test]
fn a_day_that_is_not_final_or_not_of_this_action_is_nobodys_dispute() {
    let (first, last) = (date().pred(), date());
    let mut store = Store::in_memory().expect("opens");
    let other = buckets(first, &[(3, 60_000)]);
    save(
        &mut store,
        Poll {
            answer: other.answer.said_by(Source(1)),
            ..other
        },
    );
    let early = buckets(last, &[(3, 60_000)]);
    save(
        &mut store,
        Poll {
            asked_at: at(last, 23),
            ..early
        },
    );
    let told = sums(last, &[(first, 600_000), (last, 600_000)]);
    let saved = save(&mut store, told).reconciled.expect("sums");
    assert_eq!(saved.unreconciled_ms, 0);
}

#[test]
fn sums_of_an_account_outlive_its_buckets() {
    let mut store = Store::in_memory().expect("opens");
    let app = target(App::Id(1));
    save(&mut store, sums(date(), &[(date(), 10_000)]));
    save(
        &mut store,
        Poll {
            target: app.clone(),
            ..sums(date(), &[(date(), 10_000)])
        },
    );
    store.forget_before(date().succ()).expect("forgets");
    assert_eq!(store.sums(&app, date()).expect("readable"), []);
    assert_eq!(
        store
            .sums(&target(App::Total), date())
            .expect("readable")
            .len(),
        1
    );
}

#[test]
fn a_damaged_month_is_told_anew_and_the_counters_go_on() {
    let mut store = Store::in_memory().expect("opens");
    save(&mut store, buckets(date().pred(), &[]));
    let ledger = save(&mut store, buckets(date(), &[(0, 10_000)])).ledger;
    for wrong in [
        "minutes = 'nonsense'",
        "minutes = '{\"audio\":-1}'",
        "through = 'nonsense'",
        "unreconciled_ms = -1",
    ] {
        let told = sums(date(), &[(date(), 10_000)]);
        save(&mut store, told).reconciled.expect("sums");
        let damage = format!("UPDATE month SET {wrong}");
        connection(&store).execute(&damage, ()).expect("damaged");
        let kept = store.restore(&target(App::Total), date().succ());
        let kept = kept.expect("readable");
        assert_eq!((kept.ledger, kept.month), (ledger.clone(), None), "{wrong}");
    }
}

#[test]
fn sums_of_apps_outlive_their_buckets_where_the_account_has_none_of_its_own() {
    let mut store = Store::in_memory().expect("opens");
    let app = target(App::Id(1));
    let told = Poll {
        target: app.clone(),
        ..sums(date(), &[(date().pred(), 10_000), (date(), 10_000)])
    };
    save(&mut store, told);
    save(&mut store, sums(date(), &[(date(), 10_000)]));
    store.forget_before(date().succ()).expect("forgets");
    let kept = store.sums(&app, date().pred()).expect("readable");
    let kept: Vec<_> = kept.iter().map(Sums::date).collect();
    assert_eq!(kept, [date().pred()], "of that date nobody else tells");
    let much_later = "2025-05-01".parse().expect("a date");
    store.forget_before(much_later).expect("forgets");
    assert_eq!(store.sums(&app, date().pred()).expect("readable"), []);
}

#[test]
fn a_date_is_counted_in_when_its_sum_is_final() {
    let mut store = Store::in_memory().expect("opens");
    let (first, last) = (date().pred(), date());
    let mut told = sums(last, &[(first, 60_000), (last, 600_000)]);
    told.asked_at = at(last.succ(), 9);
    let saved = save(&mut store, told).reconciled.expect("sums");
    let month = Counted::new(first, vec![(Media::Audio, 1)]);
    assert_eq!(saved.month, month, "its buckets know better until then");
}
