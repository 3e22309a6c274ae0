//! From an empty Prometheus to a month of history by the five commands of README.md, as they stand there.

use std::path::Path;
use std::process::Command;

use trtc_exporter::usage::{App, Date};

use super::{calm, home};
use crate::docs::page::Page;
use crate::exporter::{Running, command, logged, run};
use crate::ports::free_address;
use crate::prometheus_server::Prometheus;
use crate::upstream::simulator;
use trtc_exporter::clock::{Clock, SystemClock};

const APPS: [u64; 2] = [1_400_000_001, 1_400_000_003];

#[tokio::test]
async fn five_commands_lead_to_a_month() {
    let page = Page::read();
    let upstream = simulator(calm()).await;
    let home = home(&upstream, &APPS);
    let (exporter, prometheus) = (free_address(), free_address());
    let with_free_ports = |text: &str| {
        text.replace("localhost:10088", &exporter.to_string())
            .replace("localhost:9090", &prometheus.to_string())
    };
    let of_prometheus = |yaml: &&String| yaml.contains("scrape_configs:");
    let fences = page.fences("yaml");
    let yaml = fences
        .iter()
        .find(of_prometheus)
        .expect("step 4 of the quick start");
    home.write(
        "prometheus.yml",
        &with_free_ports(yaml).replace("30s", "1s"),
    );
    let of_history = |fence: &&String| fence.contains("trtc-exporter backfill");
    let fences = page.fences("sh");
    let fence = fences.iter().find(of_history).expect("the five commands");
    let commands: Vec<String> = fence.lines().map(with_free_ports).collect();
    assert_eq!(commands.len(), 5, "{commands:?}");
    let shell = |line: &str| shell(home.path(), line, &exporter.to_string());

    let exporter_runs = Running::start(&mut shell(&commands[0]));
    logged(exporter_runs.log(), "msg=Listening").await;
    for line in &commands[1..3] {
        let (code, _, said) = run(&mut shell(line)).await;
        assert_eq!(code, Some(0), "{line}\n{said}");
        assert!(!said.contains("level=warn"), "{said}");
    }
    let prometheus_runs = Running::start(&mut shell(&commands[3]));
    let database = Prometheus::at(prometheus);
    database
        .query("trtc_usage_seconds_total{sdk_app_id!=\"total\"} offset 1d")
        .await;
    database.query("trtc_up").await;
    let (code, said, complaint) = run(&mut shell(&commands[4])).await;
    assert_eq!(code, Some(0), "{complaint}");
    let value = said
        .split_whitespace()
        .skip_while(|word| *word != "=>")
        .nth(1);
    let increase: f64 = value
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("{said}"));
    let today = Date::of(SystemClock::start().now().utc);
    let days = (0..31).map(|days| today.minus_days(days));
    let used: f64 = days
        .flat_map(|date| APPS.map(|app| super::day(&upstream, App::Id(app), date)))
        .sum();
    // The window begins and ends between two samples, where Prometheus extrapolates.
    assert!(
        (increase / used - 1.0).abs() < 0.001,
        "{increase} instead of {used}"
    );
    // History and what is scraped are one: the month has no series that the present has not.
    let series = |query: &str| format!("count({query})");
    let now = database.value(&series("trtc_usage_seconds_total")).await;
    let month = database
        .value(&series("count_over_time(trtc_usage_seconds_total[31d])"))
        .await;
    assert_eq!(now, month);
    drop((exporter_runs, prometheus_runs));
}

/// A line as typed in a folder, in the foreground.
fn shell(folder: &Path, line: &str, exporter: &str) -> Command {
    let line = line.strip_suffix(" &").unwrap_or(line);
    let program = command().get_program().to_owned();
    let beside = Path::new(&program)
        .parent()
        .expect("it is in a folder")
        .display();
    let mut shell = Command::new("sh");
    let path = std::env::var("PATH").unwrap_or_default();
    shell
        .args(["-c", &format!("exec {line}")])
        .current_dir(folder)
        .env("PATH", format!("{beside}:{path}"));
    for (name, _) in command().get_envs() {
        shell.env_remove(name);
    }
    shell.env("TRTC_EXPORTER_WEB_LISTEN_ADDRESS", exporter);
    shell
}
