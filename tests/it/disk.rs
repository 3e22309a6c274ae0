//! What disks do to the real program: full, read-only, emptied, restored. It goes on serving, says so, and never shows
//! what it could lose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{Fault, Handle, Model};
use trtc_exporter::usage::TimeKey;

use crate::exporter::{Exporter, SOON, Scrape, command, flag, logged, run};
use crate::upstream::{Home, simulator};
use crate::wait::eventually_for;

const APP: u64 = 1_400_000_001;
const DATABASE: &str = "trtc-exporter.db";

/// Runs the program where its state lies on a small disk of its own, which is gone with the process. The test reaches it
/// through the process.
async fn on_a_disk_of_its_own(home: &Home) -> Exporter {
    fs::create_dir(home.state()).expect("made");
    let arguments = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
    ];
    Exporter::start_with(arguments, |command| {
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let mut alone = Command::new("unshare");
        // As root this needs no other user; others are root in a world of their own.
        alone.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        alone.arg("mount -t tmpfs -o size=4m disk \"$0\" && exec \"$@\"");
        alone.arg(home.state()).arg(program).args(arguments);
        *command = alone;
    })
    .await
}

fn disk(exporter: &Exporter, home: &Home) -> PathBuf {
    let state = home.state();
    let inside = state.strip_prefix("/").expect("absolute");
    PathBuf::from(format!("/proc/{}/root", exporter.id())).join(inside)
}

fn counter(scrape: &Scrape) -> f64 {
    scrape.sum("trtc_usage_seconds_total", "")
}

fn saved(scrape: &Scrape) -> f64 {
    let name = "trtc_exporter_state_last_save_successful";
    scrape.value(name, &[]).expect("always there")
}

/// Lets usage happen that the counter must come to show, or not.
fn use_more(upstream: &Handle) {
    let now = SystemClock::start().now().utc.timestamp();
    let begin = TimeKey::from_unix(now - 3600).slot();
    upstream.inject_spike(APP, begin, 50.0, Duration::from_secs(3000));
}

async fn counted(exporter: &Exporter, above: f64) -> f64 {
    let scrape = exporter
        .scrape_until("usage is counted", |scrape| counter(scrape) > above)
        .await;
    counter(&scrape)
}

/// A home, its upstream, and an app whose usage an hour ago is about to rise.
async fn set_up() -> (Home, Handle) {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    home.configure(&upstream, &[APP], "total: false");
    (home, upstream)
}

#[tokio::test]
async fn a_full_disk_stops_the_counter_and_room_sets_it_going() {
    let (home, upstream) = set_up().await;
    let exporter = on_a_disk_of_its_own(&home).await;
    exporter.ready().await;
    let disk = disk(&exporter, &home);
    let filler = disk.join("filler");
    // Until there is no room for a single byte; what SQLite has reserved already is soon used up.
    let full = fs::write(&filler, vec![0; 8 << 20]);
    assert!(full.is_err(), "the disk is small");
    let scrape = exporter
        .scrape_until("saving fails", |scrape| saved(scrape) == 0.0)
        .await;
    logged(exporter.log(), "State cannot be saved").await;
    let before = counter(&scrape);
    use_more(&upstream);
    let failures = |scrape: &Scrape| scrape.sum("trtc_poll_failures_total", "code=\"not_saved\"");
    let (so_far, polls) = (failures(&scrape), 3.0);
    let scrape = exporter
        .scrape_until("more polls fail", |scrape| {
            failures(scrape) >= so_far + polls
        })
        .await;
    assert_eq!(counter(&scrape), before, "what is not saved is not shown");
    assert_eq!(exporter.get("/-/healthy").await.0, 200);

    fs::remove_file(filler).expect("removed");
    counted(&exporter, before).await;
    logged(exporter.log(), "State can be saved again").await;
    assert_eq!(saved(&exporter.scrape().await), 1.0);
}

#[tokio::test]
async fn a_read_only_folder_is_refused_at_the_start() {
    let (home, _upstream) = set_up().await;
    fs::create_dir(home.state()).expect("made");
    let mut alone = Command::new("unshare");
    alone.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    alone.arg("mount -t tmpfs -o ro disk \"$0\" && exec \"$@\"");
    alone.arg(home.state()).arg(command().get_program());
    alone.args([
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
    ]);
    let (code, _, stderr) = run(&mut alone).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot use the state directory"),
        "{stderr}"
    );
    assert!(stderr.contains("Read-only file system"), "{stderr}");
}

#[tokio::test]
async fn what_is_removed_under_it_is_there_for_the_next_start() {
    let (home, upstream) = set_up().await;
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    use_more(&upstream);
    let before = counted(&exporter, 0.0).await;
    fs::remove_dir_all(home.state()).expect("removed");
    logged(exporter.log(), "it has been written anew").await;
    exporter.kill();
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    assert!(counter(&exporter.scrape().await) >= before);
}

#[tokio::test]
async fn a_file_that_others_write_to_is_left_alone_and_so_is_the_counter() {
    let (home, upstream) = set_up().await;
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    let noise = vec![7; 100_000];
    let database = home.state().join(DATABASE);
    fs::write(&database, &noise).expect("written");
    let scrape = exporter
        .scrape_until("saving fails", |scrape| saved(scrape) == 0.0)
        .await;
    use_more(&upstream);
    logged(exporter.log(), "was changed by another program").await;
    assert_eq!(counter(&exporter.scrape().await), counter(&scrape));
    exporter.signal("TERM");
    let mut exporter = exporter;
    assert_eq!(exporter.ended().await.code(), Some(0));
    assert!(fs::read(&database).expect("is there") == noise);
    let mut again = command();
    again.args([
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
    ]);
    let (code, _, stderr) = run(&mut again).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("is damaged; restore it"), "{stderr}");
}

/// A copy whose counters are lower than they have been seen.
#[tokio::test]
async fn an_old_copy_is_caught_up_with_before_its_counters_are_shown() {
    let (home, upstream) = set_up().await;
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    exporter.kill();
    let copy = home.path().join("copy");
    copy_state(&home.state(), &copy);
    make_older(&copy.join(DATABASE));
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    use_more(&upstream);
    let before = counted(&exporter, 0.0).await;
    exporter.kill();

    fs::remove_dir_all(home.state()).expect("removed");
    copy_state(&copy, &home.state());
    upstream.order(Fault::Status(502).always());
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    let scrape = exporter.scrape().await;
    assert_eq!(
        scrape.samples("trtc_usage_seconds_total").count(),
        0,
        "it is held back"
    );
    assert!(scrape.samples("trtc_usage_day_seconds").count() > 0);
    upstream.clear_faults();
    let shown = |scrape: &Scrape| scrape.samples("trtc_usage_seconds_total").count() > 0;
    let scrape = exporter.scrape_until("it is shown again", shown).await;
    assert!(counter(&scrape) >= before, "{} {before}", counter(&scrape));
}

fn copy_state(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("is there") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

/// As if its last success lay an hour back.
fn make_older(database: &Path) {
    let connection = rusqlite::Connection::open(database).expect("opens");
    let changed = connection
        .execute("UPDATE target SET last_success = last_success - 3600", ())
        .expect("changes");
    assert_eq!(changed, 1);
}

/// The file as `sqlite3 .backup` and others read it.
#[tokio::test]
async fn a_backup_while_it_runs_does_no_harm() {
    let (home, upstream) = set_up().await;
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    let script =
        "import sqlite3,sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))";
    let status = Command::new("python3")
        .args(["-c", script])
        .arg(home.state().join(DATABASE))
        .arg(home.path().join("copy.db"))
        .status();
    assert!(status.expect("there is Python").success());
    use_more(&upstream);
    counted(&exporter, 0.0).await;
    let copied = eventually_for(SOON, "a copy", || {
        fs::metadata(home.path().join("copy.db")).ok()
    });
    assert!(copied.await.len() > 4096);
    assert_eq!(saved(&exporter.scrape().await), 1.0);
}
