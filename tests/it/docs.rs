//! What README.md says is true of the program: names, flags, defaults, keys, examples, queries and commands. Whatever it
//! shows is taken from its text and tried, so that the two cannot drift apart.

pub(crate) mod page;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use trtc_exporter::collect::CODES;
use trtc_exporter::config;
use trtc_exporter::simulator::Model;
use trtc_exporter::tencent::Action;
use trtc_exporter::usage::{Answer, Date, Ledger, Media, Settling, TimeKey};
use trtc_exporter::web_config;

use crate::exporter::{Exporter, command, flag, run};
use crate::pki::Authority;
use crate::prometheus_server::Prometheus;
use crate::upstream::{Home, simulator};
use page::{Page, labels_of, spans};

#[tokio::test]
async fn every_metric_is_there_and_every_one_that_is_there_is_named() {
    let page = Page::read();
    let exporter = Exporter::start(["demo"]).await;
    exporter.ready().await;
    let scrape =
        exporter.scrape().await.0 + &scrape_of_all_there_is().await + &of_temporary_keys().await;

    let mut kinds = BTreeMap::new();
    for line in scrape
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        kinds.insert(name, kind);
        assert!(page.has_span(name), "{name} is not in README.md");
    }
    let table = page.table(&["Name", "Type", "Labels", "Meaning"]);
    assert!(table.len() > 20, "{}", table.len());
    for row in &table {
        let name = spans(&row[0])[0];
        assert_eq!(kinds.get(name), Some(&row[1].as_str()), "type of {name}");
        let (mut labels, mut listed) = (labels_of(&scrape, name), spans(&row[2]));
        labels.sort_unstable();
        listed.sort_unstable();
        assert_eq!(labels, listed, "labels of {name}");
    }
    // It is pushed, and not on the page.
    let pushed = "trtc_usage_settled_seconds";
    for name in page.words("trtc_").filter(|name| *name != pushed) {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| kinds.get_key_value(name.strip_suffix(suffix)?))
            .filter(|(_, kind)| **kind == "histogram")
            .map_or(name, |(family, _)| family);
        assert!(kinds.contains_key(family), "there is no {name}");
    }
}

/// What the demo does not show, because not everybody has it.
async fn scrape_of_all_there_is() -> String {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    let more = "items:\n  - name: interactive\n  - name: relay\nbilling:\n  currency: CNY\n  \
                prices: { interactive: { audio: 7 } }\n  packages:\n    - name: starter\n      minutes: 100000\n      \
                from: 2024-01-01\n      until: 2099-12-31\n      items: { interactive: { video_sd: 2 } }";
    home.configure(&upstream, &[1_400_000_001], more);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    let scrape = exporter.scrape_until("a package is forecast", |scrape| {
        let forecast = scrape.samples("trtc_package_end_timestamp_seconds");
        forecast.count() == 1
    });
    scrape.await.0
}

/// What only shows where keys expire.
async fn of_temporary_keys() -> String {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    let endpoint = upstream.endpoint();
    home.write(
        "trtc-exporter.yml",
        &format!(
            "accounts: [{{ name: main, endpoint: {endpoint}, credentials: {{ from: cvm_role }} }}]"
        ),
    );
    let arguments = [flag("--config.file", &home.config())];
    let in_memory = ["--storage.path=".to_owned()];
    let exporter = Exporter::start_with(arguments.into_iter().chain(in_memory), |command| {
        command.env("TRTC_EXPORTER_METADATA_ENDPOINT", endpoint);
    })
    .await;
    let scrape = exporter.scrape_until("there are keys", |scrape| {
        scrape.sum("trtc_credentials_info", "") == 1.0
    });
    scrape.await.0
}

#[tokio::test]
async fn the_excerpt_is_from_the_demo() {
    let page = Page::read();
    let exporter = Exporter::start(["demo"]).await;
    exporter.ready().await;
    let excerpt = page.fences("text").remove(0);
    let series = |line: &str| match line.strip_prefix('#') {
        Some(_) => line.to_owned(),
        None => line.rsplit_once(' ').expect("a value").0.to_owned(),
    };
    exporter
        .scrape_until("all of the excerpt shows", |scrape| {
            let shown: Vec<String> = scrape.0.lines().map(series).collect();
            excerpt.lines().all(|line| shown.contains(&series(line)))
        })
        .await;
}

#[test]
fn every_code_and_media_is_named() {
    let page = Page::read();
    // What is relayed has no media.
    let media = Media::KNOWN
        .into_iter()
        .filter(|&media| media != Media::Bandwidth);
    let media = media.map(Media::as_str);
    for name in CODES.iter().copied().chain(["other"]).chain(media) {
        assert!(page.has_span(name), "{name} is not in README.md");
    }
}

#[tokio::test]
async fn every_flag_is_listed_with_its_default() {
    let page = Page::read();
    let mut help = String::new();
    for call in [
        &["--help"][..],
        &["demo", "--help"],
        &["simulate", "--help"],
        &["healthcheck", "--help"],
        &["backfill", "--help"],
    ] {
        help += &run(command().args(call)).await.1;
    }
    let listed = page.table(&["Flag", "Default", "Meaning"]);
    for flag in long_flags(&help) {
        assert!(
            listed.iter().any(|row| spans(&row[0]).contains(&flag)),
            "{flag} is not in README.md"
        );
    }
    for row in &listed {
        for flag in spans(&row[0]) {
            let said = help
                .split("\n      --")
                .find(|part| flag_of(part) == flag.trim_start_matches('-'));
            let said = said.or((flag == "--help" || flag == "--version").then_some(""));
            let said = said.unwrap_or_else(|| panic!("there is no {flag}"));
            for default in spans(&row[1]) {
                let in_help = said.contains(&format!("[default: {default}"));
                assert!(in_help, "{flag}: {default} in\n{said}");
            }
        }
    }
}

/// The flags that a help text lists, as they are given.
fn long_flags(help: &str) -> impl Iterator<Item = &str> {
    let is_part = |char: char| char.is_ascii_lowercase() || ".-".contains(char);
    help.split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(move |word| word.split(|char| !is_part(char)).next().unwrap_or(word))
}

fn flag_of(part: &str) -> &str {
    part.split([' ', '[', '\n']).next().unwrap_or(part)
}

/// The program itself tells which keys it knows, wherever it meets one that it does not.
#[test]
fn every_configuration_key_is_listed() {
    let page = Page::read();
    let unknown = "zzz: 1\naccounts:\n  - zzz: 1\n    credentials: { zzz: 1 }\n    items: [{ zzz: 1 }]\n    \
                   apps: [{ zzz: 1 }]\n    billing:\n      zzz: 1\n      prices: { interactive: { audio: [{ zzz: 1 }] } }\n      \
                   packages: [{ zzz: 1, left: { zzz: 1 } }]\n";
    let error = config::parse(unknown, Path::new("trtc-exporter.yml")).expect_err("unknown keys");
    let told = error.to_string();
    let lists: Vec<&str> = told
        .lines()
        .filter_map(|line| Some(line.split_once("known here: ")?.1))
        .collect();
    assert_eq!(lists.len(), 9, "{told}");
    for key in lists.into_iter().flat_map(spans) {
        let listed = page
            .spans()
            .any(|span| span.rsplit('.').next() == Some(key));
        assert!(listed, "{key} is not in README.md");
    }
}

#[tokio::test]
async fn yaml_is_good_for_what_reads_it() {
    let page = Page::read();
    let home = Home::new();
    let (mut of_ours, mut of_prometheus, mut of_the_web) = (0, 0, 0);
    for yaml in page.fences("yaml") {
        // The chart's, which tests/deploy/kubernetes/check hands to helm.
        if yaml.starts_with("# values.yaml") {
            continue;
        }
        if yaml.contains("scrape_configs:") {
            home.write("prometheus.yml", &yaml);
            let file = home.path().join("prometheus.yml");
            let (code, _, said) =
                run(Command::new("promtool").args(["check", "config"]).arg(file)).await;
            assert_eq!(code, Some(0), "{said}");
            of_prometheus += 1;
            continue;
        }
        if yaml.contains("tls_server_config:") {
            checked_for_the_web(&home, &yaml);
            of_the_web += 1;
            continue;
        }
        home.write("trtc-exporter.yml", &yaml);
        for secret in ["secret-id", "secret-key"] {
            home.write(secret, "FAKE");
        }
        let check = flag("--config.file", &home.config());
        let (code, out, said) = run(command().args([check.as_str(), "--config.check"])).await;
        assert_eq!(code, Some(0), "{yaml}\n{said}");
        assert!(!out.contains("warning"), "{out}");
        of_ours += 1;
    }
    assert!(of_ours >= 2 && of_prometheus >= 1 && of_the_web >= 1);
}

fn checked_for_the_web(home: &Home, yaml: &str) {
    let authority = Authority::new();
    let server = authority.server();
    home.write("server.crt", &server.cert);
    home.write("server.key", &server.key);
    home.write("scrapers-ca.crt", &authority.pem);
    home.write("web.yml", yaml);
    let warnings = web_config::check(&home.path().join("web.yml"));
    assert_eq!(warnings.expect("it is valid"), [""; 0]);
}

#[test]
fn the_defaults_are_as_written_out() {
    let page = Page::read();
    let short = page
        .spans()
        .find(|span| span.starts_with("accounts: ["))
        .expect("the shortest configuration");
    let loaded = config::parse(short, Path::new("trtc-exporter.yml")).expect("it is valid");
    let written_out = config::redacted_yaml(&loaded.config);
    assert!(
        page.fences("yaml").contains(&written_out),
        "{written_out} is not in README.md"
    );
    let keys = page.table(&["Key", "Default", "Possible", "Meaning"]);
    for row in &keys {
        let key = spans(&row[0])[0].rsplit('.').next().expect("a key");
        for default in spans(&row[1]) {
            let line = format!("{key}: {default}");
            let quoted = format!("{key}: \"{default}\"");
            assert!(
                written_out.contains(&line) || written_out.contains(&quoted),
                "{line} in\n{written_out}"
            );
        }
    }
}

#[test]
fn the_policy_allows_what_the_actions_need() {
    let page = Page::read();
    let policies = page.fences("json");
    assert_eq!(policies.len(), 1);
    let policy: serde_json::Value = serde_json::from_str(&policies[0]).expect("JSON");
    let needed = Action::ALL.map(|action| format!("name/trtc:{}", action.name));
    assert_eq!(
        policy["statement"][0]["action"],
        serde_json::json!(needed.to_vec())
    );
    assert_eq!(policy["statement"][0]["resource"], serde_json::json!(["*"]));
}

/// Each recipe is one query; one whose comment says that it may be empty is only held to be right.
#[tokio::test]
async fn recipes_work_in_a_real_prometheus() {
    let page = Page::read();
    let exporter = Exporter::start(["demo"]).await;
    exporter.ready().await;
    let prometheus = Prometheus::start(&exporter);
    let fences = page.fences("promql");
    let recipes: Vec<&str> = fences
        .iter()
        .flat_map(|fence| fence.split("\n\n"))
        .collect();
    assert!(recipes.len() > 15, "{}", recipes.len());
    for recipe in recipes {
        if recipe.contains("Empty") {
            prometheus.result(recipe).await;
        } else {
            prometheus.query(recipe).await;
        }
    }
}

/// Replays the table that explains counting.
#[test]
fn the_example_of_counting_comes_out_as_written() {
    let page = Page::read();
    let table = page.table(&["Asked at", "10:00", "10:05", "10:10"]);
    assert!(table.len() >= 5);
    let date: Date = "2024-02-28".parse().expect("a date");
    let (mut ledger, mut days) = (Ledger::default(), BTreeMap::new());
    let settling = Settling {
        after: TimeDelta::minutes(15),
        watermark: None,
    };
    for row in table {
        let mut answer = Answer::new(vec![Media::Audio]);
        for (bucket, seconds) in ["10:00", "10:05", "10:10"].iter().zip(&row[1..4]) {
            if let Ok(seconds) = seconds.parse::<u64>() {
                answer
                    .push(time(bucket), &[seconds * 1000])
                    .expect("a sane row");
            }
        }
        let asked_at: DateTime<Utc> =
            DateTime::from_timestamp(time(&row[0]).unix(), 0).expect("in range");
        ledger.merge(&mut days, date, &answer, asked_at, settling);
        let series = ledger.series(Media::Audio).expect("heard of");
        let shown = [
            series.credited_ms / 1000,
            series.published_ms as i64 / 1000,
            series.overcounted_ms() as i64 / 1000,
        ];
        assert_eq!(
            shown.map(|seconds| seconds.to_string()),
            row[4..7],
            "{row:?}"
        );
    }
}

fn time(of_day: &str) -> TimeKey {
    TimeKey::parse(&format!("2024-02-28 {of_day}:00")).expect("a time")
}

#[tokio::test]
async fn every_path_is_served() {
    let page = Page::read();
    let exporter = Exporter::start(["demo"]).await;
    exporter.ready().await;
    for row in page.table(&["Path", "Answer"]) {
        let path = spans(&row[0])[0];
        let expected = if path == "/-/reload" { 403 } else { 200 };
        assert_eq!(exporter.get(path).await.0, expected, "{path}");
    }
}

/// A test command whose filter selects nothing would pass, and prove nothing.
#[tokio::test]
async fn every_test_command_runs_something() {
    let page = Page::read();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut commands = 0;
    for span in page.spans() {
        if let Some(filter) = span.strip_prefix("cargo test --test it ") {
            let this = std::env::current_exe().expect("this very binary");
            let (_, listed, _) = run(Command::new(this).args(["--list", filter])).await;
            assert!(listed.contains(": test"), "{span} runs nothing");
        } else if let Some(filter) = span.strip_prefix("cargo test --lib ") {
            let module = root.join("src").join(filter.replace("::", "/"));
            let there = module.is_dir() || module.with_extension("rs").is_file();
            assert!(there, "{span} runs nothing");
        } else {
            continue;
        }
        commands += 1;
    }
    assert!(commands > 10, "{commands}");
}

#[test]
fn links_lead_somewhere() {
    let page = Page::read();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for target in page.links() {
        match target.strip_prefix('#') {
            Some(anchor) => assert!(page.anchors().any(|own| own == anchor), "#{anchor}"),
            None => assert!(root.join(target).exists(), "{target}"),
        }
    }
}
