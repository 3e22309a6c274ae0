//! Polls: what one costs, and how well many apps share the rate limit.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::Tools;
use crate::stage::{FAST, Stage, USUAL};
use crate::table::{Table, ratio};

/// What a poll costs the real program, beside what signing and parsing alone cost the official SDK.
pub(crate) fn cost(tools: &Tools, apps: usize) {
    println!("\n### What a poll costs ({apps} apps)\n");
    let mut stage = Stage::new(tools.exporter.clone(), apps, FAST);
    stage.wait_until_ready();
    let (polls, cpu, begin) = (
        stage.sum("trtc_polls_total"),
        stage.exporter.cpu(),
        Instant::now(),
    );
    std::thread::sleep(Duration::from_secs(10));
    let polls = stage.sum("trtc_polls_total") - polls;
    let per_second = polls / begin.elapsed().as_secs_f64();
    let own = (stage.exporter.cpu() - cpu).as_secs_f64() * 1e6 / polls;
    let sdk = official_sdk(tools);
    let mut table = Table::new(["CPU per poll", "µs", "polls per second and core", "ratio"]);
    let row = |name: &str, micros: f64| {
        [
            name.to_owned(),
            format!("{micros:.0}"),
            format!("{:.0}", 1e6 / micros),
            ratio(sdk / micros),
        ]
    };
    table.row(row("official SDK for Python: sign and parse only", sdk));
    table.row(row(
        "trtc-exporter: sign, HTTP, parse, merge, save on disk, publish",
        own,
    ));
    table.print();
    println!("\n({per_second:.0} polls per second came to pass, the simulator on the same cores.)");
}

fn official_sdk(tools: &Tools) -> f64 {
    let mut rows = String::new();
    for slot in 0..288 {
        let (hour, minute, time) = (slot / 12, slot % 12 * 5, 1_709_049_600 + slot * 300);
        let value = |column: i32| f64::from(slot * column * 7_919 % 36_000) / 60.0;
        let values = [1, 2, 3, 4, 5].map(value);
        write!(rows, r#"{{"TimeKey":"2024-02-28 {hour:02}:{minute:02}:00","TimeStampKey":{time},"UsageValue":{values:?}}},"#).expect("memory");
    }
    let rows = rows.trim_end_matches(',');
    let answer = format!(
        r#"{{"Response":{{"UsageKey":["Audio","SD","HD","FullHD","2K"],"UsageList":[{rows}],"RequestId":"r"}}}}"#
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), answer).expect("writable");
    let output = Command::new(&tools.python)
        .arg(tools.peers.join("sdk.py"))
        .arg(file.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// How much of 20 requests per second is used, and how old the oldest news is once every app has been asked twice.
pub(crate) fn freshness(tools: &Tools, apps: usize) {
    let mut stage = Stage::filled(tools.exporter.clone(), apps);
    stage.pace(USUAL);
    let round = (apps as f64 / USUAL).max(60.0);
    std::thread::sleep(Duration::from_secs(5));
    let (requests, begin) = (stage.sum("trtc_api_requests_total"), Instant::now());
    std::thread::sleep(Duration::from_secs_f64(if tools.quick {
        30.0
    } else {
        round * 2.2
    }));
    let used = (stage.sum("trtc_api_requests_total") - requests) / begin.elapsed().as_secs_f64();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    let successes = stage.values("trtc_poll_last_success_timestamp_seconds");
    let oldest = now
        - successes
            .into_iter()
            .filter(|&at| at > 0.0)
            .fold(f64::INFINITY, f64::min);
    println!(
        "\n{apps} apps: {used:.2} requests per second, {} refused; oldest news {oldest:.0} s, {} of the {round:.0} s that a round takes at least.",
        stage.sum("trtc_api_throttled_total"),
        ratio(oldest / round)
    );
}
