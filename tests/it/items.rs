//! Billing items and the actions that report them: several at once, and one that is retired while it is asked.

use trtc_exporter::simulator::{Handle, Model};

use crate::exporter::{Exporter, Scrape, logged};
use crate::upstream::{Home, simulator};

const APP: u64 = 1_400_000_001;
const RETIRED: &str = "DescribeTrtcInteractiveTime";
const SUCCESSOR: &str = "DescribeTrtcUsage";

/// Whether the item `interactive` is asked for by this action, and by no other.
fn is_asked_by(scrape: &Scrape, action: &str) -> bool {
    let shown: Vec<_> = scrape.samples("trtc_item_action_info").collect();
    let expected = format!("action=\"{action}\"");
    shown.len() == 1 && shown[0].0.contains(&expected)
}

fn asked_by(upstream: &Handle, action: &str) -> usize {
    let requests = upstream.requests();
    requests
        .iter()
        .filter(|entry| entry.action == action)
        .count()
}

fn today(scrape: &Scrape) -> f64 {
    scrape.sum("trtc_usage_day_seconds", "day=\"today\"")
        + scrape.sum("trtc_usage_day_seconds", "day=\"yesterday\"")
}

#[tokio::test]
async fn a_retired_action_is_followed_by_its_successor_once_and_for_good() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[APP]);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    let before = exporter
        .scrape_until("usage shows", |scrape| today(scrape) > 0.0)
        .await;
    assert!(is_asked_by(&before, RETIRED), "{}", before.0);
    assert_eq!(asked_by(&upstream, SUCCESSOR), 0);

    upstream.retire(RETIRED, "ActionOffline");
    let after = exporter
        .scrape_until("the successor is asked, and answers", |scrape| {
            is_asked_by(scrape, SUCCESSOR) && scrape.sum("trtc_up", "") == 2.0
        })
        .await;
    let counter = |scrape: &Scrape| scrape.sum("trtc_usage_seconds_total", "");
    assert!(counter(&after) >= counter(&before));
    let told = || {
        let lines = exporter.log().lines();
        lines
            .iter()
            .filter(|line| line.contains("has retired this action"))
            .count()
    };
    assert_eq!(told(), 1, "whatever number of apps has noticed");
    assert!(
        !exporter.log().contains("level=warn msg=\"Poll failed\""),
        "it is no failure"
    );
    exporter.kill();

    let refused = asked_by(&upstream, RETIRED);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    assert!(
        is_asked_by(&exporter.scrape().await, SUCCESSOR),
        "it is remembered"
    );
    assert_eq!(asked_by(&upstream, RETIRED), refused);
}

#[tokio::test]
async fn an_action_that_was_chosen_stays_and_its_successor_is_named() {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    let items = format!("items:\n  - {{ name: interactive, action: {RETIRED} }}");
    home.configure(&upstream, &[APP], &items);
    upstream.retire(RETIRED, "InvalidAction");
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    logged(
        exporter.log(),
        "its successor is DescribeTrtcUsage, set `action: DescribeTrtcUsage`",
    )
    .await;
    exporter.ready().await;
    let scrape = exporter.scrape().await;
    assert_eq!(scrape.sum("trtc_up", ""), 0.0);
    assert_eq!(
        scrape.sum("trtc_poll_failures_total", "code=\"action_retired\""),
        2.0
    );
    assert!(is_asked_by(&scrape, RETIRED));
    assert_eq!(asked_by(&upstream, SUCCESSOR), 0);
}

#[tokio::test]
async fn another_action_by_a_reload_goes_on_with_the_same_series() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[APP]);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    let before = exporter
        .scrape_until("usage shows", |scrape| today(scrape) > 0.0)
        .await;
    let items = format!("items:\n  - {{ name: interactive, action: {SUCCESSOR} }}");
    home.configure(&upstream, &[APP], &items);
    exporter.signal("HUP");
    let after = exporter
        .scrape_until("the other action is asked", |scrape| {
            is_asked_by(scrape, SUCCESSOR) && scrape.0.contains("media=\"video_4k\"")
        })
        .await;
    for (labels, value) in before.samples("trtc_usage_seconds_total") {
        let now = after
            .samples("trtc_usage_seconds_total")
            .find(|(other, _)| *other == labels);
        assert!(now.is_some_and(|(_, now)| now >= value), "{labels}");
    }
}
