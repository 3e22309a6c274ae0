//! Hands laid on the files of a running process. Whatever is done to them, the next start finds what was shown, or the
//! process has stopped saving, and so crediting.

use std::fs::{self, File};

use tempfile::TempDir;

use super::*;

const APP: App = App::Id(1_400_000_001);

/// A store of which some usage has been shown already.
fn begun() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(&directory.path().join("data")).expect("opens");
    save(&mut store, poll(APP, date(), &[(0, 1000)]));
    save(&mut store, poll(APP, date(), &[(0, 1000), (1, 7)]));
    (directory, store)
}

/// What the next start finds, the process having been killed: nothing is closed or put in order.
fn found_after_a_crash(directory: &TempDir, store: Store) -> u64 {
    let copy = directory.path().join("copy");
    fs::create_dir(&copy).expect("made");
    for entry in fs::read_dir(directory.path().join("data")).expect("is there") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), copy.join(entry.file_name())).expect("copied");
    }
    drop(store);
    let store = Store::open(&copy).expect("opens");
    published(
        &store
            .restore(&target(APP), date())
            .expect("restored")
            .ledger,
    )
}

fn refuses(store: &mut Store) {
    let result = store.save(&[poll(APP, date(), &[(2, 50)])], AFTER);
    assert!(matches!(result, Err(SaveError::Changed(_))), "{result:?}");
}

#[test]
fn what_was_removed_is_written_anew() {
    let names = |suffix: &str| format!("trtc-exporter.db{suffix}");
    let removals: [&[String]; 5] = [
        &[names("")],
        &[names("-wal")],
        &[names(""), names("-wal")],
        &[names(""), names("-wal"), names("-shm")],
        &[
            names(""),
            names("-wal"),
            names("-shm"),
            "trtc-exporter.lock".to_owned(),
        ],
    ];
    for removed in removals {
        let (directory, mut store) = begun();
        for name in removed {
            fs::remove_file(directory.path().join("data").join(name)).expect("was there");
        }
        let saved = save(&mut store, poll(APP, date(), &[(0, 1000), (1, 7), (2, 50)]));
        assert_eq!(published(&saved.ledger), 57, "{removed:?}");
        let again = Store::open(&directory.path().join("data"));
        assert!(matches!(again, Err(OpenError::InUse { .. })), "{removed:?}");
        assert_eq!(found_after_a_crash(&directory, store), 57, "{removed:?}");
    }
}

/// Between the look before a save and the look after it.
#[test]
fn what_is_removed_or_replaced_during_a_save_is_noticed() {
    let (directory, mut store) = begun();
    let data = directory.path().join("data");
    let written = store.write(|transaction| {
        let merged = merge(transaction, &poll(APP, date(), &[(2, 50)]), AFTER)?;
        fs::remove_dir_all(&data).expect("removed");
        Ok(merged)
    });
    assert_eq!(published(&written.expect("saved").ledger), 57);
    assert_eq!(found_after_a_crash(&directory, store), 57);

    let (directory, mut store) = begun();
    let path = directory.path().join("data/trtc-exporter.db");
    let written = store.write(|_| {
        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).expect("copied");
        fs::rename(copy, &path).expect("replaced");
        Ok(())
    });
    assert!(matches!(written, Err(SaveError::Changed(_))), "{written:?}");
    refuses(&mut store);
}

#[test]
fn a_folder_that_was_moved_away_is_made_again() {
    let (directory, mut store) = begun();
    let away = directory.path().join("away");
    fs::rename(directory.path().join("data"), &away).expect("moved");
    let saved = save(&mut store, poll(APP, date(), &[(0, 1000), (1, 7), (2, 50)]));
    assert_eq!(published(&saved.ledger), 57);
    assert_eq!(found_after_a_crash(&directory, store), 57);
    let before = Store::open(&away).expect("opens");
    let before = before.restore(&target(APP), date()).expect("restored");
    assert_eq!(published(&before.ledger), 7, "what was moved away is whole");
}

#[test]
fn what_cannot_be_written_anew_now_is_later() {
    let (directory, mut store) = begun();
    let data = directory.path().join("data");
    fs::remove_dir_all(&data).expect("removed");
    fs::write(&data, "in the way").expect("written");
    let result = store.save(&[poll(APP, date(), &[(2, 50)])], AFTER);
    assert!(matches!(result, Err(SaveError::Open(_))), "{result:?}");
    fs::remove_file(&data).expect("removed");
    let saved = save(&mut store, poll(APP, date(), &[(2, 50)]));
    assert_eq!(published(&saved.ledger), 57);
}

#[test]
fn what_somebody_else_has_written_to_is_not_saved_to() {
    let database = |directory: &TempDir| directory.path().join("data/trtc-exporter.db");
    let changes: [fn(&Path); 5] = [
        |path| fs::write(path, "").expect("truncated"),
        |path| fs::write(path, vec![7; 4096 * 20]).expect("overwritten"),
        |path| {
            let file = File::options().write(true).open(path).expect("opens");
            file.set_len(4096).expect("truncated");
        },
        |path| fs::write(path.with_extension("db-wal"), "").expect("truncated"),
        |path| {
            let copy = path.with_extension("copy");
            fs::copy(path, &copy).expect("copied");
            fs::rename(copy, path).expect("replaced");
        },
    ];
    for change in changes {
        let (directory, mut store) = begun();
        change(&database(&directory));
        let left = fs::read(database(&directory)).expect("is there");
        refuses(&mut store);
        refuses(&mut store);
        assert!(store.restore(&target(APP), date()).is_err());
        assert!(store.forget_before(date()).is_err());
        drop(store);
        let kept = fs::read(database(&directory)).expect("is there");
        assert!(
            left == kept,
            "what the operator has put there is left alone"
        );
    }
}

/// With its old log beside it, a restored copy would be a mixture of both.
#[test]
fn a_copy_that_was_restored_while_running_is_whole_at_the_next_start() {
    let (directory, mut store) = begun();
    let data = directory.path().join("data");
    let backup = directory.path().join("backup.db");
    connection(&store)
        .execute("VACUUM INTO ?1", [backup.to_str().expect("text")])
        .expect("copied");
    for slot in 2..200 {
        save(&mut store, poll(APP, date(), &[(slot, 50)]));
    }
    fs::copy(&backup, data.join("trtc-exporter.db")).expect("restored");
    refuses(&mut store);
    assert_eq!(found_after_a_crash(&directory, store), 7);
}

#[test]
fn readers_do_no_harm() {
    let (directory, mut store) = begun();
    let path = directory.path().join("data/trtc-exporter.db");
    for slot in 2..5 {
        let reader = Connection::open(&path).expect("opens");
        let rows: i64 = reader
            .query_row("SELECT count(*) FROM day", (), |row| row.get(0))
            .expect("readable");
        assert_eq!(rows, 1);
        reader
            .execute(
                "VACUUM INTO ?1",
                [directory.path().join(format!("{slot}")).to_str()],
            )
            .expect("copied");
        drop(reader);
        save(&mut store, poll(APP, date(), &[(slot, 50)]));
    }
    assert_eq!(found_after_a_crash(&directory, store), 157);
}

#[test]
fn nobody_else_can_read_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, _store) = begun();
    let folder = fs::metadata(directory.path().join("data")).expect("is there");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}
