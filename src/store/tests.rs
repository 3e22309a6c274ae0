//! The store as the poller uses it: what is saved is there after a restart, and what is not a state is refused.

mod archive;
mod costs;
mod months;
mod tampering;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::usage::{App, Counted, Media};

const AFTER: Duration = TimeDelta::minutes(15);

fn target(app: App) -> Target {
    Target {
        account: "main".into(),
        app,
        item: "interactive".into(),
    }
}

fn date() -> Date {
    "2024-02-28".parse().expect("a date")
}

fn poll(app: App, date: Date, rows: &[(i64, u64)]) -> Poll {
    let mut answer = Answer::new(vec![Media::Audio]);
    for &(slot, value) in rows {
        answer
            .push(date.midnight().plus_seconds(slot * 300), &[value])
            .expect("a sane row");
    }
    let asked_at =
        DateTime::from_timestamp(date.midnight().unix() + 23 * 3600, 0).expect("in range");
    Poll {
        target: target(app),
        date,
        since: None,
        asked_at,
        answer,
    }
}

fn save(store: &mut Store, poll: Poll) -> Saved {
    store
        .save(&[poll], AFTER)
        .expect("saved")
        .remove(0)
        .expect("merged")
}

fn published(ledger: &Ledger) -> u64 {
    ledger
        .series(Media::Audio)
        .map_or(0, |series| series.published_ms)
}

fn connection(store: &Store) -> &Connection {
    store.connection().expect("is open")
}

fn damage(directory: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = directory.join("trtc-exporter.db");
    let mut bytes = std::fs::read(&path).expect("the database is there");
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("writable");
}

#[test]
fn what_was_saved_is_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let app = App::Id(1_400_000_001);
    {
        let mut store = Store::open(directory.path()).expect("opens");
        save(&mut store, poll(app, date(), &[(0, 1000)]));
        let saved = save(&mut store, poll(app, date(), &[(0, 1500), (1, 7)]));
        assert_eq!(published(&saved.ledger), 507);
        assert_eq!(saved.arrivals.len(), 1);
    }
    let store = Store::open(directory.path()).expect("opens again");
    let restored = store.restore(&target(app), date()).expect("restored");
    assert_eq!(published(&restored.ledger), 507);
    assert_eq!(restored.asked.len(), 1);
    assert_eq!(restored.sums.len(), 1);
    let last_success = restored.last_success.expect("there was one");
    assert_eq!(last_success, poll(app, date(), &[]).asked_at);
}

#[test]
fn only_a_poll_of_today_is_a_success_worth_remembering() {
    let mut store = Store::in_memory().expect("opens");
    let today = poll(App::Total, date(), &[]);
    let background = Poll {
        asked_at: today.asked_at + TimeDelta::hours(20),
        ..today.clone()
    };
    let last_success = |store: &Store| {
        let restored = store.restore(&target(App::Total), date());
        restored.expect("restored").last_success
    };
    save(&mut store, background.clone());
    assert_eq!(last_success(&store), None);
    save(&mut store, today.clone());
    save(&mut store, background);
    assert_eq!(last_success(&store), Some(today.asked_at));
}

#[test]
fn targets_do_not_share_anything_but_the_watermark() {
    let mut store = Store::in_memory().expect("opens");
    let polls = [
        poll(App::Total, date(), &[(100, 5)]),
        poll(App::Id(1), date(), &[]),
    ];
    let results = store.save(&polls, AFTER).expect("saved");
    let settled: Vec<_> = results
        .into_iter()
        .map(|result| result.expect("merged").ledger.settled)
        .collect();
    let watermark = date().midnight().plus_seconds(100 * 300);
    assert_eq!(
        settled,
        [Some(watermark), Some(watermark.plus_seconds(-300))]
    );
}

#[test]
fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let _first = Store::open(directory.path()).expect("opens");
    let error = Store::open(directory.path()).expect_err("is in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(Store::open(directory.path()).expect("opens"));
    damage(directory.path(), |bytes| bytes[..100].fill(7));
    let error = Store::open(directory.path()).expect_err("is damaged");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("restore it from a backup"));
}

/// Lost to its key, a series would begin at 0 again: a counter that falls.
#[test]
fn totals_that_cannot_be_found_again_are_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let refill = || {
        let path = directory.path().join("trtc-exporter.db");
        drop(std::fs::remove_file(path));
        let mut store = Store::open(directory.path()).expect("opens");
        let polls = [1, 2].map(|id| poll(App::Id(id), date(), &[(0, 1000)]));
        store.save(&polls, AFTER).expect("saved");
    };
    let refuses = || match Store::open(directory.path()) {
        Err(OpenError::Damaged { .. }) => {}
        other => panic!("{other:?}"),
    };

    for nth in 0..2 {
        refill();
        damage(directory.path(), |bytes| {
            let key = b"main1interactive";
            let mut places = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(key));
            let place = places.nth(nth).expect("in the table and in its index");
            bytes[place] ^= 1;
        });
        refuses();
    }

    refill();
    let connection = Connection::open(directory.path().join("trtc-exporter.db")).expect("opens");
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; UPDATE series SET target = 3 WHERE target = 1")
        .expect("changes");
    drop(connection);
    refuses();
}

#[test]
fn a_newer_file_and_a_foreign_one_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let change = |sql: &str| {
        let connection =
            Connection::open(directory.path().join("trtc-exporter.db")).expect("opens");
        connection.execute_batch(sql).expect("changes");
    };
    drop(Store::open(directory.path()).expect("opens"));
    change("PRAGMA user_version = 99");
    let error = Store::open(directory.path()).expect_err("is newer");
    assert!(
        matches!(error, OpenError::Newer { version: 99, .. }),
        "{error:?}"
    );
    change("PRAGMA application_id = 1");
    let error = Store::open(directory.path()).expect_err("is foreign");
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
}

#[test]
fn a_damaged_day_fails_its_own_target_only() {
    let mut store = Store::in_memory().expect("opens");
    save(&mut store, poll(App::Id(1), date(), &[(0, 1000)]));
    save(&mut store, poll(App::Id(2), date(), &[(0, 1000)]));
    connection(&store)
        .execute("UPDATE day SET buckets = x'01FF' WHERE target = 1", ())
        .expect("changes");
    let polls = [
        poll(App::Id(1), date(), &[(0, 2000)]),
        poll(App::Id(2), date(), &[(0, 2000)]),
    ];
    let results = store.save(&polls, AFTER).expect("saved");
    assert!(matches!(results[0], Err(SaveError::Day { .. })));
    assert_eq!(
        published(&results[1].as_ref().expect("merged").ledger),
        1000
    );
}

#[test]
fn absurd_totals_fail_their_own_target_only() {
    for change in [
        "UPDATE target SET raised_ms = -1 WHERE id = 1",
        "UPDATE target SET settled = 9223372036854775807 WHERE id = 1",
        "UPDATE target SET floor = 'yesterday' WHERE id = 1",
        "UPDATE series SET published_ms = -1 WHERE target = 1",
        "UPDATE series SET bucket_ms = -9223372036854775808 WHERE target = 1",
        "UPDATE series SET credited_ms = published_ms + 1 WHERE target = 1",
    ] {
        let mut store = Store::in_memory().expect("opens");
        let polls = |value| [1, 2].map(|id| poll(App::Id(id), date(), &[(0, value)]));
        store.save(&polls(1000), AFTER).expect("saved");
        connection(&store).execute(change, ()).expect("changes");
        let results = store.save(&polls(2000), AFTER).expect(change);
        assert!(
            matches!(results[0], Err(SaveError::Ledger { .. })),
            "{change}: {:?}",
            results[0]
        );
        let intact = results[1].as_ref().expect(change);
        assert_eq!(published(&intact.ledger), 1000);
        let restored = store.restore(&target(App::Id(1)), date());
        assert!(
            matches!(restored, Err(SaveError::Ledger { .. })),
            "{change}"
        );
    }
}

#[test]
fn a_watermark_outside_the_calendar_is_damage() {
    for absurd in [i64::MIN, i64::MAX] {
        let mut store = Store::in_memory().expect("opens");
        save(&mut store, poll(App::Total, date(), &[(0, 1000)]));
        connection(&store)
            .execute("UPDATE watermark SET time_key = ?1", [absurd])
            .expect("changes");
        let polls = [poll(App::Total, date(), &[])];
        let results = store.save(&polls, AFTER).expect("the file is in order");
        assert!(matches!(results[0], Err(SaveError::Ledger { .. })));
    }
}

#[test]
fn forgotten_days_are_never_credited_again() {
    let mut store = Store::in_memory().expect("opens");
    let app = App::Id(1);
    save(&mut store, poll(app, date().pred(), &[]));
    save(&mut store, poll(app, date(), &[(0, 1000)]));
    store.forget_before(date().succ()).expect("forgets");
    let saved = save(&mut store, poll(app, date(), &[(0, 1000)]));
    assert_eq!(published(&saved.ledger), 1000);
    assert_eq!(
        store
            .restore(&target(app), date())
            .expect("restored")
            .asked
            .len(),
        1
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Reopened between any two polls, it comes to the same as a ledger that was never interrupted.
    #[test]
    fn restarts_at_random_points_change_nothing(
        polls in prop::collection::vec((0..3_u64, prop::collection::vec((0..288_i64, 0..9_999_u64), 0..6), any::<bool>()), 1..12),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = Store::open(directory.path()).expect("opens");
        let mut steady = Store::in_memory().expect("opens");
        for (day, rows, restart) in polls {
            let asked = poll(App::Total, date().minus_days(day), &rows);
            let saved = save(&mut store, asked.clone());
            prop_assert_eq!(&saved.ledger, &save(&mut steady, asked).ledger);
            if restart {
                drop(store);
                store = Store::open(directory.path()).expect("opens again");
                let restored = store.restore(&target(App::Total), date()).expect("restored");
                prop_assert_eq!(saved.ledger, restored.ledger);
            }
        }
    }
}
