//! Every query of the dashboards in deploy/grafana finds something, in a real Prometheus that scrapes the exporter and has
//! the rules of deploy/prometheus. Whether the files are good dashboards is checked by tests/deploy/dashboards.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{
    DEMO_APPS, Fault, HIDDEN_APP, Handle, Model, Publication, SECRET_ID, SECRET_KEY, Spike,
};
use trtc_exporter::usage::{App, Date, Media, TimeKey};

use crate::exporter::{Exporter, flag};
use crate::prometheus_server::Prometheus;
use crate::upstream::{Home, simulator};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What the dashboards' variables stand for, as Grafana fills them in: all there is.
const VARIABLES: [(&str, &str); 7] = [
    ("$__interval", "1m"),
    ("$__rate_interval", "1m"),
    ("$account", "demo|found"),
    ("$item", ".+"),
    ("$app", ".+"),
    ("$job", "trtc"),
    ("$instance", ".+"),
];

/// One query and where it is.
struct Query {
    place: String,
    promql: String,
    asked: Asked,
}

enum Asked {
    /// For the newest value.
    Now,
    /// For a curve, with a point every so many seconds.
    Every(i64),
}

#[tokio::test]
async fn every_query_of_the_dashboards_finds_something() {
    let upstream = simulator(busy_account()).await;
    let home = Home::new();
    home.write("trtc-exporter.yml", &configuration(&upstream));
    let arguments = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
    ];
    let exporter = Exporter::start_with(arguments, |command| {
        command.env("TRTC_EXPORTER_METADATA_ENDPOINT", upstream.endpoint());
    })
    .await;
    exporter.ready().await;
    let prometheus = Prometheus::start_with(&exporter, &rules(), Some(&past()));

    // Counters have to be seen before they rise.
    prometheus.value("sum(trtc_api_requests_total) > 0").await;
    upstream.order(Fault::refuse("InternalError").always());
    let failed = "sum(trtc_poll_failures_total{code=\"internal_error\"}) > 0";
    prometheus.value(failed).await;
    upstream.clear_faults();
    upstream.order(Fault::refuse("RequestLimitExceeded").next(2));

    let mut waiting = queries();
    assert!(waiting.len() > 40, "{}", waiting.len());
    for _ in 0..120 {
        let mut empty = Vec::new();
        for query in waiting {
            if !query.finds_something(&prometheus).await {
                empty.push(query);
            }
        }
        waiting = empty;
        if waiting.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let told = waiting
        .iter()
        .map(|query| format!("{}\n{}\n", query.place, query.promql));
    panic!("nothing is found by\n{}", told.collect::<String>());
}

/// Marks may be missing for good reasons, but they must be asked for in the right way.
#[tokio::test]
async fn prometheus_takes_the_queries_of_marks() {
    let exporter = Exporter::start(["demo"]).await;
    let prometheus = Prometheus::start(&exporter);
    let mut marks = 0;
    for (_, dashboard) in dashboards() {
        for mark in list(&dashboard["annotations"]["list"]) {
            prometheus.result(&filled_in(text(&mark["expr"]))).await;
            marks += 1;
        }
    }
    assert!(marks >= 3, "{marks}");
}

impl Query {
    async fn finds_something(&self, prometheus: &Prometheus) -> bool {
        let found = match self.asked {
            Asked::Now => prometheus.result(&self.promql).await,
            Asked::Every(seconds @ DAY) => prometheus.range(&self.promql, DAY, seconds).await,
            Asked::Every(seconds) => prometheus.range(&self.promql, 120, seconds).await,
        };
        // What a query says in place of nothing is no find.
        let is_something = |series: &Value| {
            series["metric"]["code"] != "none" && numbers(series).any(|number| !number.is_nan())
        };
        found.iter().any(is_something) || self.is_silent_by_itself()
    }

    /// Some say nothing in the first ten minutes of a day in Beijing.
    fn is_silent_by_itself(&self) -> bool {
        let day_has_begun = "and on () vector((time() + 28800) % 86400) > 600";
        let second = TimeKey::from_unix(now().timestamp()).second_of_day();
        self.promql.contains(day_has_begun) && second < 700
    }
}

/// The numbers of a series, one or many.
fn numbers(series: &Value) -> impl Iterator<Item = f64> {
    let one = series.get("value").into_iter();
    let many = series["values"].as_array().into_iter().flatten();
    one.chain(many)
        .map(|point| text(&point[1]).parse().expect("a number"))
}

/// The account of the demo and an app with the prices of old, both with far more usage than usual for two hours.
fn busy_account() -> Model {
    let mut model = Model {
        // No bucket is late, so none is taken for zero in the meantime.
        publication: Publication::CALM,
        ..Model::default()
    };
    let old = app_at_a_single_price(&model);
    model.apps.push(old);
    model.spikes = [DEMO_APPS[2].sdk_app_id, old]
        .map(|sdk_app_id| Spike {
            sdk_app_id,
            from: TimeKey::from_unix(now().timestamp() - 2 * HOUR).slot(),
            seconds: 3 * HOUR,
            factor: 50.0,
        })
        .into();
    model
}

/// An app whose usage is all `audio_video`, and more than 20 streams of it on average.
fn app_at_a_single_price(model: &Model) -> u64 {
    let yesterday = Date::of(now()).pred();
    let day = yesterday.midnight()..yesterday.succ().midnight();
    let used = |id| model.truth(App::Id(id), Media::AudioVideo, day.clone(), now());
    (1_400_000_100..)
        .find(|&id| used(id) > 20 * DAY as u64)
        .expect("one app in seven is of that kind")
}

/// An account that has budgets, prices, a package and what is relayed, and one whose keys expire and whose apps are found.
fn configuration(upstream: &Handle) -> String {
    let endpoint = upstream.endpoint();
    let mut text = format!(
        "poll_interval: 1s\naccounts:\n  - name: found\n    endpoint: {endpoint}\n    \
         credentials: {{ from: cvm_role }}\n  - name: demo\n    endpoint: {endpoint}\n    \
         credentials: {{ secret_id: {SECRET_ID}, secret_key: {SECRET_KEY} }}\n    \
         items: [{{ name: interactive }}, {{ name: relay }}]\n    \
         billing:\n      currency: CNY\n      prices: {{ interactive: {{ audio: 7, video_hd: 28 }} }}\n      packages:\n        \
         - name: starter\n          minutes: 100000000\n          from: 2024-01-01\n          until: 2099-12-31\n          \
         items: {{ interactive: {{ video_sd: 2 }} }}\n    apps:\n"
    );
    for app in upstream
        .model()
        .apps
        .iter()
        .filter(|&&app| app != HIDDEN_APP)
    {
        writeln!(text, "      - {{ sdk_app_id: {app}, name: app-{app} }}").expect("memory");
    }
    text
}

/// The rules as they are, evaluated every second.
fn rules() -> Vec<String> {
    let directory = root().join("deploy/prometheus/rules");
    let files = std::fs::read_dir(directory).expect("a folder");
    files
        .map(|file| {
            let text = std::fs::read_to_string(file.expect("readable").path()).expect("text");
            let faster = |line: &str| match line.split_once("interval: ") {
                Some((indent, _)) if indent.trim().is_empty() => format!("{indent}interval: 1s\n"),
                _ => format!("{line}\n"),
            };
            text.lines().map(faster).collect()
        })
        .collect()
}

/// What the rules had recorded about this hour on earlier days, had Prometheus been there: next to no usage.
fn past() -> String {
    const RECORDED: [(&str, &str, &[i64]); 2] = [
        ("app:trtc_streams:max2h", "", &[71, 47, 23]),
        (
            "app_day:trtc_usage_day_seconds:sum",
            ",day=\"today\"",
            &[168, 24],
        ),
    ];
    let now = now().timestamp();
    let ids = DEMO_APPS.map(|app| app.sdk_app_id.to_string());
    let mut text = String::new();
    for app in ids.iter().map(String::as_str).chain(["total"]) {
        for (name, more, hours_ago) in RECORDED {
            for (hours, minute) in hours_ago
                .iter()
                .flat_map(|h| (-1..=20).map(move |m| (h, m)))
            {
                let at = now - hours * HOUR + minute * 60;
                let labels =
                    format!("account=\"demo\",sdk_app_id=\"{app}\",item=\"interactive\"{more}");
                writeln!(text, "{name}{{{labels}}} 1 {at}").expect("memory");
            }
        }
    }
    text + "# EOF\n"
}

/// The queries of all panels, and those by which variables find their values.
fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for (file, dashboard) in dashboards() {
        for variable in list(&dashboard["templating"]["list"]) {
            if let Some(query) = variable["query"]["query"].as_str() {
                queries.push(Query {
                    place: format!("{file}, variable {}", text(&variable["name"])),
                    promql: filled_in(&values(query)),
                    asked: Asked::Now,
                });
            }
        }
        for panel in list(&dashboard["panels"]) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    place: format!(
                        "{file}, {} {}",
                        text(&panel["title"]),
                        text(&target["refId"])
                    ),
                    promql: filled_in(text(&target["expr"])),
                    asked: match (&target["instant"], &panel["interval"]) {
                        (Value::Bool(true), _) => Asked::Now,
                        (_, Value::String(interval)) if interval == "1d" => Asked::Every(DAY),
                        _ => Asked::Every(5),
                    },
                });
            }
        }
    }
    queries
}

/// What Grafana's functions for variables come down to in PromQL.
fn values(query: &str) -> String {
    let (function, argument) = query.split_once('(').expect("a function");
    let argument = argument.strip_suffix(')').expect("closed");
    match function {
        "query_result" => argument.to_owned(),
        "label_values" => {
            let (selector, label) = argument.rsplit_once(", ").expect("two arguments");
            format!("count by ({label}) ({selector})")
        }
        other => panic!("what is {other}?"),
    }
}

fn filled_in(promql: &str) -> String {
    let fill = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
    let filled = VARIABLES.iter().fold(promql.to_owned(), fill);
    assert!(!filled.contains('$'), "what is to be filled in?\n{filled}");
    filled
}

fn dashboards() -> Vec<(String, Value)> {
    ["usage.json", "exporter.json"]
        .map(|name| {
            let file = root().join("deploy/grafana").join(name);
            let text = std::fs::read_to_string(file).expect("readable");
            let dashboard = serde_json::from_str(&text).expect("JSON");
            (name.to_owned(), dashboard)
        })
        .into()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn now() -> DateTime<Utc> {
    SystemClock::start().now().utc
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
