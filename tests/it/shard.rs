//! Several exporters with one configuration, each with its part of the apps.

use std::collections::BTreeSet;

use trtc_exporter::simulator::Model;

use crate::exporter::{Exporter, Scrape, command, flag, logged, run};
use crate::upstream::{Home, simulator};

const ACTION: &str = "DescribeTrtcInteractiveTime";
const FIRST: u64 = 1_400_000_001;

/// Families of which every target has series from its first poll on.
const FAMILIES: [&str; 4] = [
    "trtc_app_info",
    "trtc_up",
    "trtc_usage_day_seconds",
    "trtc_usage_seconds_total",
];

async fn start(home: &Home, index: u32, count: u32) -> Exporter {
    let state = home.path().join(format!("data-{index}-of-{count}"));
    let flags = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &state),
        format!("--shard.index={index}"),
        format!("--shard.count={count}"),
    ];
    Exporter::start(flags).await
}

fn series(scrape: &Scrape) -> Vec<String> {
    let of_family = |name: &'static str| {
        let samples = scrape.samples(name);
        samples.map(move |(labels, _)| format!("{name}{{{labels}}}"))
    };
    FAMILIES.into_iter().flat_map(of_family).collect()
}

/// The values of `sdk_app_id` in `trtc_up`.
fn targets(scrape: &Scrape) -> BTreeSet<String> {
    let id = |(labels, _): (&str, f64)| {
        let (_, rest) = labels.split_once("sdk_app_id=\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    scrape.samples("trtc_up").filter_map(id).collect()
}

#[tokio::test]
async fn three_shards_show_together_what_one_exporter_shows_alone() {
    let upstream = simulator(Model::default()).await;
    let apps: Vec<u64> = (FIRST..).take(30).collect();
    let home = Home::at(&upstream, &apps);
    let mut shards = Vec::new();
    for index in 0..3 {
        shards.push(start(&home, index, 3).await);
    }
    let mut together = Vec::new();
    for (index, shard) in shards.iter().enumerate() {
        shard.ready().await;
        let scrape = shard.scrape().await;
        assert!(targets(&scrape).len() >= 5, "{:?}", targets(&scrape));
        assert_eq!(
            scrape.value("trtc_exporter_shard_index", &[]),
            Some(index as f64)
        );
        assert_eq!(scrape.value("trtc_exporter_shards", &[]), Some(3.0));
        together.extend(series(&scrape));
    }
    let counts = upstream.wait_for(|counts| counts.requests >= 200).await;
    assert_eq!(counts.answered, counts.requests);
    let peak = upstream.peak(ACTION);
    assert!(peak <= 20, "{peak} in one second");
    for shard in shards {
        let scrape = shard.scrape().await;
        assert!(
            scrape.sum("trtc_api_rate_limit_wait_seconds_total", "") > 0.0,
            "each has work for more than its part of the limit"
        );
        shard.kill();
    }

    let alone = Exporter::configured(&home.config(), &home.state()).await;
    alone.ready().await;
    let mut alone = series(&alone.scrape().await);
    alone.sort_unstable();
    together.sort_unstable();
    assert_eq!(together, alone, "every series once");
}

#[tokio::test]
async fn a_shard_without_an_app_is_ready_and_asks_nothing() {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    // Of two shards the first has this app; src/config/shard.rs knows.
    home.configure(&upstream, &[FIRST], "total: false");
    let idle = start(&home, 1, 2).await;
    idle.ready().await;
    assert_eq!(idle.get("/-/healthy").await.0, 200);
    let (_, config) = idle.get("/config").await;
    assert!(
        config.starts_with("# What --shard.index=1 runs") && config.ends_with("accounts: []\n"),
        "{config}"
    );
    assert_eq!(targets(&idle.scrape().await), BTreeSet::new());
    let busy = start(&home, 0, 2).await;
    busy.ready().await;
    assert_eq!(targets(&busy.scrape().await).len(), 1);
    busy.kill();
    let asked = upstream.counts().requests;

    // A reload gives it something to do: the second app is its own, the first still is not.
    home.configure(&upstream, &[FIRST, FIRST + 1], "total: false");
    idle.signal("HUP");
    logged(idle.log(), "Configuration reloaded").await;
    upstream.wait_for(|counts| counts.requests > asked).await;
    let own = BTreeSet::from([(FIRST + 1).to_string()]);
    let polled = |scrape: &Scrape| targets(scrape) == own;
    idle.scrape_until("the app is polled", polled).await;
    let (_, config) = idle.get("/config").await;
    assert!(config.contains("requests_per_second: 10"), "{config}");
    assert!(!config.contains(&FIRST.to_string()), "{config}");
}

#[tokio::test]
async fn shards_that_there_cannot_be_are_usage_errors() {
    for (arguments, hint) in [
        (["--shard.index=2", "--shard.count=2"], "possible is 0 to 1"),
        (["--shard.index=0", "--shard.count=0"], "give 1 or more"),
    ] {
        let (code, _, said) = run(command().args(arguments)).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(hint), "{said}");
    }
    // What the downward API gives for a label that the pod does not have.
    let (code, _, said) = run(command().env("TRTC_EXPORTER_SHARD_INDEX", "")).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--shard.index"), "{said}");
}

#[tokio::test]
async fn a_check_warns_of_more_shards_than_the_limit_has_requests() {
    let home = Home::new();
    home.write(
        "trtc-exporter.yml",
        "accounts: [{ name: main, apps: [] }]\n",
    );
    let check = [
        flag("--config.file", &home.config()),
        "--config.check".to_owned(),
    ];
    for (count, warned) in [(20, false), (30, true)] {
        let mut warnings = 0;
        for index in 0..count {
            let shard = [
                format!("--shard.index={index}"),
                format!("--shard.count={count}"),
            ];
            let (code, out, said) = run(command().args(&check).args(shard)).await;
            assert_eq!(code, Some(0), "{said}");
            warnings += out.matches("20 shards are the most").count();
        }
        assert_eq!(
            warnings,
            usize::from(warned),
            "the shard that asks for the total"
        );
    }
}
