//! The whole chain by the real programs: simulated upstream, exporter, Prometheus with the rules of deploy, Alertmanager,
//! and somebody who is called by its webhook.
//!
//! Days of it pass in less than a minute, and nothing is made up for that but time:
//!
//! - The rules compare with the same hours of three days before. Upstream and exporter live through these hours on a
//!   scripted clock, with jumps between them, up to the present. What each scrape shows becomes blocks of Prometheus by
//!   `promtool tsdb create-blocks-from openmetrics`, and what the recording rules make of it by `create-blocks-from rules`,
//!   as for rules that are loaded late.
//! - Alerts then have to last for seconds instead of minutes, and are looked at every second: [`rules::hurried`] changes
//!   `for` and `interval` in a copy of the rules, and nothing else. How long alerts really have to last is tested by
//!   tests/deploy/rules.

mod alertmanager;
mod past;
mod rules;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use trtc_exporter::usage::App;

use crate::prometheus_server::Prometheus;
use crate::wait::eventually;
use alertmanager::{Alertmanager, Receiver};
use past::{APP, APP_NAME, Past};

const SPIKE: &str = "TrtcUsageSpike";

/// Hours before the present in which the rule looks for what is usual: from one before to one after this time of day.
const USUAL: [(u32, u32); 3] = [(73, 71), (49, 47), (25, 23)];

/// What such an hour is recorded as.
const USUAL_RULE: &str = "app:trtc_streams:max2h";

#[tokio::test]
async fn a_spike_calls_somebody_and_kills_cost_no_usage() {
    let mut past = Past::begin_hours_ago(75).await;
    past.enter_all_dates().await;
    let folder = live_through_days(&mut past).await;
    let receiver = Receiver::start().await;
    let alertmanager = Alertmanager::start(&receiver).await;
    configure(folder.path(), &past, &alertmanager);
    let prometheus = Prometheus::in_folder(folder.path());

    let usual = prometheus
        .value(&of_app("app:trtc_streams:usual_max"))
        .await;
    prometheus
        .query(&of_app("app:trtc_streams:median15m"))
        .await;
    let spikes = format!("ALERTS{{alertname=\"{SPIKE}\"}}");
    let spikes = prometheus.result(&spikes).await;
    assert!(spikes.is_empty(), "all is as usual: {spikes:?}");

    past.spike_since_minutes(40);
    past.kill_and_start().await;
    let called = eventually("somebody is called", || {
        receiver.firing(SPIKE, App::Id(APP))
    })
    .await;
    says_what_has_happened(&called, usual);
    for app in past::TARGETS {
        grows_as_the_upstream(&prometheus, &past, app).await;
    }
}

/// Scrapes the hours that matter, kills the exporter between them, and leaves everything as blocks in a folder.
async fn live_through_days(past: &mut Past) -> TempDir {
    for (from, to) in USUAL {
        past.kill_and_start().await;
        // Some minutes to spare: the present moves on while the test runs.
        past.jump_to(from * 60 + 30);
        past.live_until(to * 60 - 10).await;
    }
    let usual = past.windows().to_vec();
    past.jump_to(40);
    past.live_until(0).await;
    let folder = tempfile::tempdir().expect("a directory");
    past.write_blocks(folder.path());
    rules::write_blocks_of_recorded(folder.path(), USUAL_RULE, &usual).await;
    folder
}

fn configure(folder: &Path, past: &Past, alertmanager: &Alertmanager) {
    rules::write_hurried(folder);
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
         rule_files: ['*.rules.yml']\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}] }}\n\
         scrape_configs:\n  - job_name: {}\n    static_configs:\n      \
         - {{ targets: ['{}'], labels: {{ instance: {} }} }}\n",
        alertmanager.address(),
        past::JOB,
        past.scraped(),
        past::INSTANCE,
    );
    fs::write(folder.join("prometheus.yml"), config).expect("writable");
}

fn of_app(name: &str) -> String {
    format!("{name}{{sdk_app_id=\"{APP}\"}}")
}

fn says_what_has_happened(called: &Value, usual: f64) {
    let labels = json!({
        "alertname": SPIKE,
        "severity": "warning",
        "account": "main",
        "sdk_app_id": APP.to_string(),
        "item": "interactive",
        "app_name": APP_NAME,
    });
    assert_eq!(called["labels"], labels);
    let annotation = |name: &str| called["annotations"][name].as_str().expect("a text");
    let summary = annotation("summary");
    assert!(summary.starts_with("live-shows has "), "{summary}");
    assert!(
        summary.ends_with(" TRTC streams at once, far more than usual"),
        "{summary}"
    );
    let description = annotation("description");
    let said: Option<f64> = description
        .split_once(&format!(
            "{APP_NAME} (SdkAppId {APP}, account main, item interactive) has at most "
        ))
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    let said = said.unwrap_or_else(|| panic!("nothing of what is usual: {description}"));
    assert!(
        (said / usual - 1.0).abs() < 0.2,
        "{said}, but usual is {usual}"
    );
    assert_eq!(
        annotation("runbook_url"),
        "deploy/runbook.md#trtcusagespike"
    );
}

/// Over all the time since the first scrape, through jumps of the clock, restarts and the spike, within 1 %.
async fn grows_as_the_upstream(prometheus: &Prometheus, past: &Past, app: App) {
    let mut seen = Vec::new();
    for _ in 0..60 {
        let increase = format!(
            "sum(increase(trtc_usage_seconds_total{{sdk_app_id=\"{app}\"}}[{}s]))",
            past.seconds_since_first_scrape()
        );
        let increase = prometheus.value(&increase).await;
        let truth = past.upstream_has_grown(app);
        if truth > 0.0 && (increase / truth - 1.0).abs() < 0.01 {
            return;
        }
        seen.push((increase, truth));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{app}: Prometheus and the upstream differ: {seen:?}");
}
