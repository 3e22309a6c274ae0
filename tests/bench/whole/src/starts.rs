//! Starting: from exec to the first good `/metrics`, with nothing saved and with much; and what lies in memory and on disk.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::stage::{FAST, QUIET, Stage, wait};
use crate::table::{Table, median};
use crate::{APPS, Tools};

const STARTS: usize = 15;

pub(crate) fn measure(tools: &Tools) {
    println!("\n### Starting\n");
    let mut table = Table::new(["from exec to the first good `/metrics`", "ms"]);
    table.row(["limit".to_owned(), millis(&limit(tools))]);
    let mut stage = Stage::new(tools.exporter.clone(), 10, QUIET);
    table.row([
        "trtc-exporter, 10 apps, nothing saved".to_owned(),
        millis(&cold(&mut stage)),
    ]);
    table.row([
        "trtc-exporter, 10 apps".to_owned(),
        millis(&restarts(&mut stage)),
    ]);
    let mut stage = Stage::filled(tools.exporter.clone(), 6000);
    table.row([
        "trtc-exporter, 6000 apps".to_owned(),
        millis(&restarts(&mut stage)),
    ]);
    table.print();

    let mut table = Table::new(["size", "MiB"]);
    let binary = std::fs::metadata(&tools.exporter)
        .expect("it is there")
        .len();
    table.row([
        "the binary".to_owned(),
        format!("{:.1}", binary as f64 / f64::from(1 << 20)),
    ]);
    for apps in [10, APPS[2]] {
        table.row([
            format!("resident with {apps} apps, all polled"),
            format!("{:.1}", resident_mib(tools, apps)),
        ]);
    }
    println!();
    table.print();
}

/// Once every app is polled, with few apps also their history.
fn resident_mib(tools: &Tools, apps: usize) -> f64 {
    let mut stage = Stage::new(tools.exporter.clone(), apps, FAST);
    stage.wait_until_ready();
    if apps < APPS[0] {
        wait("all of history is polled", || {
            (stage.sum("trtc_polls_total") > 31.0 * (apps + 1) as f64).then_some(())
        });
    }
    stage.exporter.resident_mib()
}

fn limit(tools: &Tools) -> Vec<Duration> {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["page.prom", "page.prom.gz"] {
        std::fs::write(directory.path().join(name), [b'#'; 8192]).expect("writable");
    }
    let start = |_| {
        let begin = Instant::now();
        let process = Process::start_telling(Command::new(&tools.limit).arg(directory.path()));
        wait("it answers", || {
            crate::client::Client::new(process.address)
                .scrape(false)
                .ok()
        });
        begin.elapsed()
    };
    (0..STARTS).map(start).collect()
}

fn cold(stage: &mut Stage) -> Vec<Duration> {
    let start = |_| {
        stage.forget();
        stage.restart()
    };
    (0..STARTS).map(start).collect()
}

fn restarts(stage: &mut Stage) -> Vec<Duration> {
    (0..STARTS).map(|_| stage.restart()).collect()
}

fn millis(times: &[Duration]) -> String {
    let millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    format!("{:.1}", median(&millis))
}
