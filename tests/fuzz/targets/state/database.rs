//! The file of a store, and its log, after somebody has changed bytes of them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use trtc_exporter::store::{Poll, Store};
use trtc_exporter::usage::{App, Standing, Target, TimeKey, Unit};

use super::{Date, MEDIA, SETTLE_AFTER, answer, at, contradicts_nothing, obeys_the_rules, today};

/// More than this many changes are not worth their time.
const CHANGES: usize = 64;

const FILES: [&str; 2] = ["trtc-exporter.db", "trtc-exporter.db-wal"];
const INDEX_OF_LOG: &str = "trtc-exporter.db-shm";

thread_local! {
    static PLACE: Place = Place::new();
}

pub(super) fn judge(changes: &[u8]) {
    PLACE.with(|place| {
        place.lay_out(changes);
        if let Ok(store) = Store::open(place.folder.path()) {
            count_on(store, place.folder.path());
        }
    });
}

/// A folder, and the files of a good state to put there.
struct Place {
    folder: TempDir,
    good: [Vec<u8>; 2],
}

impl Place {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let folder = folder.expect("a folder");
        let mut store = Store::open(folder.path()).expect("a store");
        let yesterday = today().pred();
        for app in apps() {
            for (date, hour) in [(yesterday.pred(), 34), (yesterday, 10), (yesterday, 12)] {
                let rows = (1..hour).map(|hour| (on(date, hour), [1_000 * hour as u64, 7]));
                save(&mut store, app, date, hour, &rows.collect::<Vec<_>>());
            }
            // So that the log has something to tell that the file does not.
            if app == App::Total {
                drop(store);
                store = Store::open(folder.path()).expect("a store");
            }
        }
        let good = FILES.map(|name| fs::read(folder.path().join(name)).expect("is there"));
        Self { folder, good }
    }

    /// Puts the files there, with bytes changed.
    fn lay_out(&self, changes: &[u8]) {
        let [mut file, mut log] = self.good.clone();
        for change in changes.chunks_exact(3).take(CHANGES) {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
            let place = place % (file.len() + log.len());
            let byte = match place.checked_sub(file.len()) {
                None => &mut file[place],
                Some(place) => &mut log[place],
            };
            *byte = change[2];
        }
        // Of a store that ended well, the index is gone.
        fs::remove_file(self.folder.path().join(INDEX_OF_LOG)).ok();
        for (name, bytes) in FILES.iter().zip([file, log]) {
            fs::write(self.folder.path().join(name), bytes).expect("written");
        }
    }
}

/// What is restored and what comes of an answer to it obey the rules; what came of it is there at the next
/// start, or refused.
fn count_on(mut store: Store, folder: &Path) {
    for app in apps() {
        let Ok(restored) = store.restore(&target(app), today()) else {
            continue;
        };
        contradicts_nothing(&restored.ledger);
        let mut standing = Standing::new(
            Unit::Seconds,
            MEDIA.to_vec(),
            restored.ledger.clone(),
            restored.sums,
            restored.last_success,
        );
        standing.catch_up(&restored.asked, at(today(), 11));
        standing.heard_of(today());
        for shown in standing.view(today()).series {
            let kept = restored.ledger.series(shown.media);
            assert_eq!(shown.total_ms, kept.map_or(0, |series| series.published_ms));
        }
        let mut last = restored.ledger;
        for (date, hour) in [(today(), 11), (today().pred(), 35)] {
            let rows = [
                (on(date.pred(), 23), [500, 0]),
                (on(date, 0), [7_000, 1]),
                (on(date, 10), [90_000, 2]),
            ];
            let Some(saved) = save(&mut store, app, date, hour, &rows) else {
                continue;
            };
            obeys_the_rules(&last, &saved, &rows);
            drop(store);
            // Damage among the days is found no earlier than they are read, and may have spread until then.
            let Ok(reopened) = Store::open(folder) else {
                return;
            };
            store = reopened;
            if let Ok(found) = store.restore(&target(app), today()) {
                assert_eq!(found.ledger, saved, "another than was saved");
            }
            last = saved;
        }
    }
    store.forget_before(today()).ok();
}

fn apps() -> [App; 2] {
    [App::Total, App::Id(1_400_000_001)]
}

fn target(app: App) -> Target {
    Target {
        account: "main".into(),
        app,
        item: "interactive".into(),
    }
}

fn on(date: Date, hour: i64) -> TimeKey {
    date.midnight().plus_seconds(hour * 3600)
}

/// Merges an answer; nothing comes back when that was refused.
fn save(
    store: &mut Store,
    app: App,
    date: Date,
    hour: i64,
    rows: &[(TimeKey, [u64; 2])],
) -> Option<trtc_exporter::usage::Ledger> {
    let poll = Poll {
        target: target(app),
        date,
        since: None,
        asked_at: at(date, hour),
        answer: answer(rows),
    };
    let saved = store.save(&[poll], SETTLE_AFTER).ok()?.remove(0);
    saved.ok().map(|saved| saved.ledger)
}
