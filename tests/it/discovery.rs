//! Apps that nobody has listed, in the real program: found, followed, and done without where that is not allowed.

use std::collections::BTreeSet;
use std::ops::RangeFrom;
use std::sync::Arc;
use std::time::Duration;

use trtc_exporter::clock::{Clock, ScriptedClock, SystemClock};
use trtc_exporter::simulator::{Handle, Model, SECRET_ID};
use trtc_exporter::usage::Date;

use crate::exporter::{Exporter, Scrape, command, flag, run};
use crate::upstream::{Home, simulator, simulator_with};

const LIST: &str = "DescribeAppStatList";

/// An account at `upstream`; `more` may name apps.
fn configure(home: &Home, upstream: &Handle, more: &str) {
    home.write(
        "trtc-exporter.yml",
        &format!(
            "poll_interval: 1s\naccounts:\n  - name: main\n    endpoint: {}\n    \
             credentials: {{ secret_id: {SECRET_ID}, secret_key_file: key }}\n{more}",
            upstream.endpoint()
        ),
    );
}

async fn start(home: &Home, more: &[&str]) -> Exporter {
    let arguments = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
        flag("--clock.script", &home.clock_script()),
    ];
    let more = more.iter().map(ToString::to_string);
    Exporter::start(arguments.into_iter().chain(more)).await
}

/// An upstream that lives in the same time as the exporters of a home.
async fn upstream_of(home: &Home, apps: &[u64]) -> Handle {
    let model = Model {
        apps: apps.to_vec(),
        ..Model::default()
    };
    let clock = Arc::new(ScriptedClock::following(home.clock_script()));
    simulator_with(model, clock).await
}

/// The ids of what is polled, and `total`.
fn polled(scrape: &Scrape) -> BTreeSet<String> {
    let id = |labels: &str| {
        let (_, rest) = labels.split_once("sdk_app_id=\"").expect("a label");
        rest.split('"').next().expect("a value").to_owned()
    };
    scrape
        .samples("trtc_app_info")
        .map(|(labels, _)| id(labels))
        .collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn of_main(scrape: &Scrape, metric: &str) -> Option<f64> {
    scrape.value(metric, &[("account", "main")])
}

/// Lets hours pass until the condition holds: a request that was signed in the hour before is refused, and tried again later.
async fn hours_pass(
    home: &Home,
    exporter: &Exporter,
    hours: RangeFrom<u32>,
    condition: impl Fn(&Scrape) -> bool,
) -> (u32, Scrape) {
    for hour in hours.take(40) {
        home.set_clock(hour * 3600, 0);
        for _ in 0..40 {
            let scrape = exporter.scrape().await;
            if condition(&scrape) {
                return (hour, scrape);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("never came true\n{}", exporter.log().lines().join("\n"));
}

fn listings(upstream: &Handle) -> usize {
    let requests = upstream.requests();
    requests.iter().filter(|entry| entry.action == LIST).count()
}

#[tokio::test]
async fn apps_are_found_with_their_names() {
    let (home, upstream) = (Home::new(), simulator(Model::default()).await);
    configure(&home, &upstream, "");
    let exporter = start(&home, &[]).await;
    exporter.ready().await;
    let scrape = exporter.scrape().await;
    let all = [
        "1400000001",
        "1400000002",
        "1400000003",
        "1400000099",
        "total",
    ];
    assert_eq!(
        polled(&scrape),
        set(&all),
        "all of them before it says that it is ready"
    );
    assert_eq!(scrape.sum("trtc_up", ""), 5.0);
    assert_eq!(scrape.sum("trtc_app_info", "app_name=\"classroom\""), 1.0);
    assert_eq!(of_main(&scrape, "trtc_discovered_apps"), Some(4.0));
    let listed_at = of_main(&scrape, "trtc_discovery_last_success_timestamp_seconds");
    assert!(listed_at.is_some_and(|at| at > 0.0));
    let labels = [("account", "main"), ("action", LIST)];
    assert_eq!(scrape.value("trtc_api_requests_total", &labels), Some(1.0));
}

#[tokio::test]
async fn an_empty_list_means_the_total_alone() {
    let (home, upstream) = (Home::new(), simulator(Model::default()).await);
    configure(&home, &upstream, "    apps: []\n");
    let exporter = start(&home, &[]).await;
    exporter.ready().await;
    let scrape = exporter.scrape().await;
    assert_eq!(polled(&scrape), set(&["total"]));
    assert_eq!(of_main(&scrape, "trtc_discovered_apps"), None);
    assert_eq!(listings(&upstream), 0);
}

#[tokio::test]
async fn apps_that_come_are_followed_and_those_that_go_stay_until_a_reload() {
    let home = Home::new();
    let upstream = upstream_of(&home, &[1_400_000_001, 1_400_000_002]).await;
    configure(&home, &upstream, "");
    let exporter = start(&home, &[]).await;
    exporter.ready().await;
    let scrape = exporter.scrape().await;
    assert_eq!(polled(&scrape), set(&["1400000001", "1400000002", "total"]));
    let polls = scrape.sum("trtc_polls_total", "");

    upstream.set_apps(vec![1_400_000_002, 1_400_000_003]);
    let all = set(&["1400000001", "1400000002", "1400000003", "total"]);
    let is_polled = |scrape: &Scrape| scrape.sum("trtc_up", "") == 4.0;
    let (_, scrape) = hours_pass(&home, &exporter, 1.., is_polled).await;
    assert_eq!(polled(&scrape), all);
    assert!(
        scrape.sum("trtc_polls_total", "") >= polls,
        "counters go on"
    );

    exporter.signal("HUP");
    let scrape = exporter
        .scrape_until("what is gone is gone", |scrape| polled(scrape).len() == 3)
        .await;
    assert_eq!(polled(&scrape), set(&["1400000002", "1400000003", "total"]));
    assert_eq!(
        scrape.sum("trtc_up", ""),
        3.0,
        "the others go on undisturbed"
    );
}

#[tokio::test]
async fn where_the_list_is_refused_the_total_is_polled_alone() {
    for code in ["AuthFailure.UnauthorizedOperation", "InvalidAction"] {
        let home = Home::new();
        let upstream = upstream_of(&home, &[1_400_000_001]).await;
        upstream.retire(LIST, code);
        configure(&home, &upstream, "");
        let exporter = start(&home, &[]).await;
        exporter.ready().await;
        let scrape = exporter.scrape().await;
        assert_eq!(polled(&scrape), set(&["total"]));
        assert_eq!(scrape.sum("trtc_up", ""), 1.0);
        assert_eq!(of_main(&scrape, "trtc_discovered_apps"), Some(0.0));
        let never = of_main(&scrape, "trtc_discovery_last_success_timestamp_seconds");
        assert_eq!(never, Some(0.0));

        // It is asked again every hour, and told once.
        let again = |_: &Scrape| upstream.counts().refused_with(code) >= 2;
        let (hour, _) = hours_pass(&home, &exporter, 1.., again).await;
        let warnings = || {
            let lines = exporter.log().lines();
            let told = lines
                .iter()
                .filter(|line| line.contains("apps cannot be listed"));
            told.cloned().collect::<Vec<_>>()
        };
        let told = warnings();
        assert!(!told.is_empty() && told[0].contains(code), "{told:?}");
        assert!(!told[0].contains("DescribeTrtcUsage"), "{told:?}");

        upstream.revive(LIST);
        let is_found = |scrape: &Scrape| scrape.sum("trtc_up", "") == 2.0;
        let (_, scrape) = hours_pass(&home, &exporter, hour + 1.., is_found).await;
        assert_eq!(polled(&scrape), set(&["1400000001", "total"]));
        let of_refusal = |line: &&String| line.contains(code);
        assert_eq!(warnings().iter().filter(of_refusal).count(), 1, "{told:?}");
    }
}

#[tokio::test]
async fn each_app_that_is_found_is_polled_by_one_shard() {
    let ids: Vec<u64> = (1_400_000_001..1_400_000_013).collect();
    let (first, second) = (Home::new(), Home::new());
    let upstream = upstream_of(&first, &ids).await;
    let mut found = Vec::new();
    for (index, home) in [&first, &second].into_iter().enumerate() {
        configure(home, &upstream, "");
        let index = format!("--shard.index={index}");
        let exporter = start(home, &[&index, "--shard.count=2"]).await;
        exporter.ready().await;
        found.push(polled(&exporter.scrape().await));
    }
    let (one, other) = (&found[0], &found[1]);
    assert!(one.is_disjoint(other), "{found:?}");
    assert!(one.len() > 2 && other.len() > 2, "{found:?}");
    assert_eq!(one.len() + other.len(), ids.len() + 1);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let ids: Vec<u64> = (1_400_000_001..1_400_000_251).collect();
    let home = Home::new();
    let upstream = upstream_of(&home, &ids).await;
    configure(&home, &upstream, "    total: false\n");
    let exporter = start(&home, &[]).await;
    exporter
        .scrape_until("all are found", |scrape| {
            of_main(scrape, "trtc_discovered_apps") == Some(250.0)
        })
        .await;
    assert_eq!(listings(&upstream), 3);
}

#[tokio::test]
async fn the_past_of_apps_that_are_found_is_written_too() {
    let (home, upstream) = (Home::new(), simulator(Model::default()).await);
    configure(&home, &upstream, "    total: false\n");
    let yesterday = Date::of(SystemClock::start().now().utc).pred();
    let (code, figures, said) = run(command().args([
        "backfill",
        "--format=csv",
        &format!("--start={yesterday}"),
        &format!("--end={yesterday}"),
        &flag("--config.file", &home.config()),
        "--storage.path=",
    ]))
    .await;
    assert_eq!(code, Some(0), "{said}");
    let apps: BTreeSet<&str> = figures
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(3))
        .collect();
    let all = ["1400000001", "1400000002", "1400000003", "1400000099"];
    assert_eq!(apps, all.into());
}
