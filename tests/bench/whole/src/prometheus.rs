//! What a real Prometheus sees: how long its scrapes take, by its own measure.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::client::Client;
use crate::process::{Process, free_address};
use crate::stage::wait;
use crate::table::{Table, median, ratio};

/// Prints how long a real Prometheus takes for the pages of `peers`, the limit first, scraping all of them every two
/// seconds, for `seconds`.
pub(crate) fn measure(binary: &Path, peers: &[(&str, &Process)], seconds: u64) {
    let home = tempfile::tempdir().expect("a directory");
    let config = home.path().join("prometheus.yml");
    std::fs::write(&config, config_of(peers)).expect("writable");
    let address = free_address();
    let prometheus = Process::start(
        Command::new(binary)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}")),
        address,
    );
    wait("Prometheus is ready", || {
        let (status, _) = Client::new(address).ask("GET", "/-/ready", "").ok()?;
        (status == 200).then_some(())
    });
    std::thread::sleep(Duration::from_secs(seconds));

    let durations: Vec<f64> = peers
        .iter()
        .map(|(name, _)| median(&durations(&prometheus, name)))
        .collect();
    println!("\nThe same scraped by a real Prometheus, which spends most of the time itself\n");
    let mut table = Table::new(["`scrape_duration_seconds`", "median"]);
    for (index, ((name, _), duration)) in peers.iter().zip(&durations).enumerate() {
        let cell = match index {
            0 => format!("{:.1} ms", duration * 1e3),
            _ => ratio(duration / durations[0]),
        };
        table.row([(*name).to_owned(), cell]);
    }
    table.print();
}

fn config_of(peers: &[(&str, &Process)]) -> String {
    let mut config =
        "global: { scrape_interval: 2s, scrape_timeout: 2s }\nscrape_configs:\n".to_owned();
    for (name, process) in peers {
        let target = process.address;
        writeln!(
            config,
            "  - {{ job_name: '{name}', static_configs: [ {{ targets: ['{target}'] }} ] }}"
        )
        .expect("memory");
    }
    config
}

/// All durations of scrapes that succeeded, in seconds. The first ones, which make series, are left out.
fn durations(prometheus: &Process, job: &str) -> Vec<f64> {
    let query = format!("scrape_duration_seconds{{job=\"{job}\"}}[10m]");
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/api/v1/query?query={query}");
    let (_, answer) = Client::new(prometheus.address)
        .ask("GET", &path, "")
        .expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    // [[time,"value"],[time,"value"]]
    let values = answer.split("\"values\":").nth(1).unwrap_or_default();
    let durations = values.split('"').skip(1).step_by(2);
    durations
        .filter_map(|value| value.parse().ok())
        .skip(3)
        .collect()
}
