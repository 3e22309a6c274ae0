//! What others read beside the process that has the state open.

use super::*;
use crate::usage::Beginning;

fn dates() -> RangeInclusive<Date> {
    date().minus_days(40)..=date().succ()
}

#[test]
fn a_reader_sees_what_was_saved_while_it_is_open_and_after() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(Archive::open(directory.path()).expect("no error").is_none());
    let app = App::Id(1);
    let mut store = Store::open(directory.path()).expect("opens");
    assert!(is_in_use(directory.path()));
    save(&mut store, poll(app, date(), &[(0, 1000)]));
    let archive = Archive::open(directory.path())
        .expect("readable")
        .expect("is there");
    save(&mut store, poll(app, date(), &[(0, 1500), (1, 7)]));
    let days = archive.days(&target(app), &dates()).expect("readable");
    let column = &days[&date()].columns()[0];
    assert_eq!(column.words_ms, [1500, 7]);
    assert_eq!(column.entered_ms, [1000, 0], "the rest was credited");
    let asked = archive.asked(&target(app), &dates()).expect("readable");
    assert_eq!(asked.keys().collect::<Vec<_>>(), [&date()]);
    drop(archive);
    save(&mut store, poll(app, date(), &[(0, 1600)]));
    drop(store);
    assert!(!is_in_use(directory.path()));

    let archive = Archive::open(directory.path())
        .expect("readable")
        .expect("is there");
    let words = |archive: &Archive| {
        let days = archive.days(&target(app), &dates()).expect("readable");
        days[&date()].columns()[0].words_ms.clone()
    };
    assert_eq!(words(&archive), [1600, 7]);
    let mut store = Store::open(directory.path()).expect("a reader keeps nobody out");
    save(&mut store, poll(app, date(), &[(0, 1700)]));
    assert_eq!(words(&archive), [1700, 7]);
}

#[test]
fn a_target_begins_when_it_is_expected_or_else_with_its_first_answer() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(directory.path()).expect("opens");
    let archive = Archive::open(directory.path())
        .expect("readable")
        .expect("is there");
    let beginning = |app| archive.beginning(&target(app)).expect("readable");
    let first = poll(App::Id(1), date(), &[]);
    let before = first.asked_at - TimeDelta::hours(3);
    assert_eq!(beginning(App::Id(1)), None);

    store.expect(&[target(App::Id(1))], before).expect("saved");
    let expected = Beginning {
        shown_from: Some(before),
        since: None,
    };
    assert_eq!(beginning(App::Id(1)), Some(expected));
    store
        .expect(&[target(App::Id(1))], first.asked_at)
        .expect("nothing to do");
    save(&mut store, first.clone());
    let expected = Beginning {
        since: Some(date()),
        ..expected
    };
    assert_eq!(beginning(App::Id(1)), Some(expected));

    save(&mut store, poll(App::Id(2), date(), &[]));
    let at_once = Beginning {
        shown_from: Some(first.asked_at),
        since: Some(date()),
    };
    assert_eq!(beginning(App::Id(2)), Some(at_once));
}

#[test]
fn state_of_the_version_before_is_refused_to_readers_and_migrated_for_the_exporter() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(directory.path()).expect("opens");
    save(&mut store, poll(App::Id(1), date(), &[(0, 1000)]));
    drop(store);
    let connection = Connection::open(directory.path().join("trtc-exporter.db")).expect("opens");
    connection
        .execute_batch(
            "ALTER TABLE target DROP COLUMN shown_from; DROP TABLE pushed; ALTER TABLE day DROP COLUMN source;
             DROP TABLE gone_over; DROP TABLE day_sum; DROP TABLE month; DROP TABLE cost; DROP TABLE watermark;
             CREATE TABLE watermark (account TEXT NOT NULL, item TEXT NOT NULL, time_key INTEGER NOT NULL,
                 PRIMARY KEY (account, item)) STRICT, WITHOUT ROWID;
             PRAGMA user_version = 1",
        )
        .expect("changes");
    drop(connection);
    let error = Archive::open(directory.path()).expect_err("is older");
    assert!(matches!(error, OpenError::Older { .. }), "{error}");
    drop(Store::open(directory.path()).expect("migrates"));
    let archive = Archive::open(directory.path())
        .expect("readable")
        .expect("is there");
    let beginning = archive.beginning(&target(App::Id(1))).expect("readable");
    assert_eq!(
        beginning,
        Some(Beginning {
            shown_from: None,
            since: Some(date())
        })
    );
}

#[test]
fn a_packed_day_is_smaller_and_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(directory.path()).expect("opens");
    let idle: Vec<(i64, u64)> = (0..288).map(|slot| (slot, 0)).collect();
    for days in 0..3 {
        save(&mut store, poll(App::Id(1), date().minus_days(days), &idle));
    }
    let archive = Archive::open(directory.path())
        .expect("readable")
        .expect("is there");
    let days = || {
        archive
            .days(&target(App::Id(1)), &dates())
            .expect("readable")
    };
    let (before, whole) = (days(), sizes(&store));
    store.pack_until(date().pred()).expect("saved");
    store.pack_until(date().pred()).expect("nothing to do");
    let packed = sizes(&store);
    assert_eq!(days(), before);
    assert!(
        packed[0] * 5 < whole[0] && packed[1] * 5 < whole[1],
        "{whole:?} {packed:?}"
    );
    assert_eq!(packed[2], whole[2], "it is asked for still");
}

/// The bytes of each kept day, in the order of dates.
fn sizes(store: &Store) -> Vec<i64> {
    let mut statement = connection(store)
        .prepare("SELECT length(buckets) FROM day ORDER BY date")
        .expect("SQL");
    let sizes = statement.query_map((), |row| row.get(0)).expect("rows");
    sizes.map(|size| size.expect("a number")).collect()
}
