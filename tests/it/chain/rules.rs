//! The shipped rules in a hurry, and what they would have recorded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::exporter::flag;
use crate::prometheus_server::Prometheus;

/// The files of deploy/prometheus/rules.
fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules");
    let entries = fs::read_dir(folder).expect("a folder");
    let files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    files
}

/// The same rules, looked at every second, with alerts that have to last for two.
pub(super) fn hurried(rules: &str) -> String {
    let hurry = |line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        match line.trim_start().split_once(": ") {
            Some(("for", _)) => format!("{indent}for: 2s\n"),
            Some(("interval", _)) => format!("{indent}interval: 1s\n"),
            _ => format!("{line}\n"),
        }
    };
    rules.lines().map(hurry).collect()
}

/// Puts copies in a hurry into a folder, called `*.rules.yml`.
pub(super) fn write_hurried(folder: &Path) {
    for file in shipped() {
        let rules = hurried(&fs::read_to_string(&file).expect("readable"));
        let name = file.file_stem().expect("a name").to_string_lossy();
        fs::write(folder.join(format!("{name}.rules.yml")), rules).expect("writable");
    }
}

/// Adds to the blocks of a folder what the recording rules make of them in these windows of Unix time: the rule `wanted`
/// and those that it builds on.
pub(super) async fn write_blocks_of_recorded(folder: &Path, wanted: &str, windows: &[(i64, i64)]) {
    fs::write(folder.join("prometheus.yml"), "{}").expect("writable");
    for rule in builds_on(wanted) {
        // It reads what the rule before has made, from its start on.
        let prometheus = Prometheus::in_folder(folder);
        prometheus.ready().await;
        let file = folder.join("one-rule.yml");
        fs::write(&file, rule).expect("writable");
        let promtools: Vec<Child> = windows
            .iter()
            .map(|(start, end)| {
                Command::new("promtool")
                    .args(["tsdb", "create-blocks-from", "rules", "--quiet"])
                    .arg(format!("--url={}", prometheus.base()))
                    .arg(format!("--start={start}"))
                    .arg(format!("--end={end}"))
                    .arg(flag("--output-dir", &folder.join("tsdb")))
                    .arg(&file)
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("promtool is installed: tests/run sees to that")
            })
            .collect();
        for promtool in promtools {
            let done = promtool.wait_with_output().expect("our child");
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{said}");
        }
    }
}

/// The recording rule of this name and those that its expression names, directly or not, each in a file of its own, in the
/// order of the shipped file: there a rule comes after what it builds on.
fn builds_on(wanted: &str) -> Vec<String> {
    const BEGIN: &str = "\n      - record: ";
    let shipped = shipped().into_iter();
    let files: String = shipped
        .map(|file| fs::read_to_string(file).expect("readable"))
        .collect();
    let rules: Vec<(&str, &str)> = files
        .split(BEGIN)
        .skip(1)
        .map(|rule| rule.split("\n\n").next().unwrap_or(rule))
        .map(|rule| rule.split_once('\n').expect("a name and an expression"))
        .collect();
    let mut needed = vec![wanted];
    let mut files = Vec::new();
    for (name, rest) in rules.into_iter().rev() {
        if needed.iter().any(|text| text.contains(name)) {
            needed.push(rest);
            files.insert(
                0,
                format!(
                    "groups:\n  - name: one\n    interval: 1m\n    rules:{BEGIN}{name}\n{rest}\n"
                ),
            );
        }
    }
    files
}

#[test]
fn what_is_usual_builds_on_six_rules() {
    let files = builds_on("app:trtc_streams:max2h").into_iter();
    let name = |file: String| {
        file.split("- record: ")
            .nth(1)?
            .lines()
            .next()
            .map(str::to_owned)
    };
    let names: Vec<String> = files.filter_map(name).collect();
    assert_eq!(
        names,
        [
            "app:trtc_usage_age_seconds:min",
            "app_media:trtc_streams:avg5m",
            "app:trtc_streams:avg5m",
            "app:trtc_streams:median15m",
            "app:trtc_streams:filled",
            "app:trtc_streams:max2h",
        ]
    );
}

/// The copy differs in how long things last, wherever they do, and in nothing else.
#[test]
fn only_for_and_interval_are_hurried() {
    for file in shipped() {
        let rules = fs::read_to_string(&file).expect("readable");
        let copy = hurried(&rules);
        let lines = rules.lines().zip(copy.lines());
        let changed: Vec<(&str, &str)> = lines.filter(|(line, copy)| line != copy).collect();
        for (line, copy) in &changed {
            let key = |line: &str| line.split_once(": ").map(|(key, _)| key.to_owned());
            assert_eq!(key(line), key(copy), "{line}");
        }
        let is = |key: &str| {
            rules
                .lines()
                .filter(|line| line.trim_start().starts_with(key))
                .count()
        };
        let alerts = is("- alert: ");
        assert_eq!(is("for: "), alerts, "each alert once");
        assert_eq!(
            changed.len(),
            alerts + is("interval: "),
            "{}",
            file.display()
        );
        assert_eq!(rules.lines().count(), copy.lines().count());
    }
}
