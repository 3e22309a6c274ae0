//! Starting: from exec to the first good `/metrics`, with nothing saved and with much; and what lies in memory and on disk.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Tools;
use crate::process::Process;
use crate::stage::{FAST, QUIET, Stage, wait};
use crate::table::{Table, median};

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
    let mut stage = Stage::new(tools.exporter.clone(), 10, FAST);
    stage.wait_until_ready();
    wait("all of history is polled", || {
        (stage.sum("trtc_polls_total") > 31.0 * 11.0).then_some(())
    });
    table.row([
        "resident with 10 apps, all polled".to_owned(),
        format!("{:.1}", stage.exporter.resident_mib()),
    ]);
    println!();
    table.print();
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
