//! The past, from `backfill` through real tools into real databases, held against the upstream's own figures.

mod five_commands;
mod past;
mod push;

use std::collections::{BTreeMap, HashMap};
use std::process::Command;

use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{Fault, Handle, Model, Publication};
use trtc_exporter::tencent::action::INTERACTIVE_TIME;
use trtc_exporter::usage::{App, Date, Media};

use crate::exporter::{Running, command, flag, run};
use crate::upstream::{Home, simulator};
use past::{APP, Past};

/// `increase()` from the first sample of the past to the last scrape is the upstream's own sum of all dates, although the
/// exporter could not reach the upstream for its first hours, which were scraped as zeros, and buckets that were there in
/// part at first sight have grown since.
#[tokio::test]
async fn increase_is_exact_from_the_past_to_what_was_scraped() {
    let mut past = Past::begin_hours_ago(9, Publication::ROUGH, &[]).await;
    past.upstream().order(Fault::Status(502).always());
    past.live_for_minutes(100, 50).await;
    past.upstream().clear_faults();
    past.first_answers().await;
    let file = past.home().path().join("history.om");
    let labels =
        [past::LABELS[0], past::LABELS[1]].map(|(name, value)| format!("--label={name}={value}"));
    let said = past
        .backfill(&[&labels[0], &labels[1], &flag("--output", &file)])
        .await;
    let asked = answered(past.upstream(), 0);
    let twice: Vec<_> = asked
        .iter()
        .filter(|((_, date), times)| past.is_long_over(*date) && **times > 1)
        .collect();
    assert!(
        asked.len() >= 62 && twice.is_empty(),
        "it waits instead of asking again: {twice:?}"
    );
    past.live_for_minutes(180, 30).await;
    past.scrape_until_all_is_credited(&file).await;

    let history = std::fs::read_to_string(&file).expect("it is there");
    past::write_blocks(past.home(), "history", &history);
    past::write_blocks(past.home(), "scraped", past.scraped());
    let prometheus = past::prometheus(past.home());
    let begin = past::samples(&history)
        .map(|(_, at)| at)
        .min()
        .expect("there are some");
    let seam = past::samples(&history)
        .map(|(_, at)| at)
        .max()
        .expect("there are some");
    let (first_scrape, end) = past.scraped_between();
    assert!(seam <= first_scrape, "they overlap");
    let all = end - begin;
    for app in [App::Id(APP), App::Total] {
        for media in INTERACTIVE_TIME.media() {
            let labels = format!("sdk_app_id=\"{app}\",media=\"{media}\"");
            let grown = format!("increase(trtc_usage_seconds_total{{{labels}}}[{all}s])");
            let increase = prometheus.value_at(&grown, end).await.unwrap_or(0.0);
            let ahead = past
                .last_scrape()
                .sum("trtc_usage_overcounted_seconds", &labels);
            assert_eq!(increase - ahead, past.truth(app, media), "{app} {media}");
        }
    }

    let samples = past::samples(&history).count();
    assert!(said.contains(&format!("samples={samples}")), "{said}");
    // The first scrape may fall into the second of the seam.
    let until = seam.min(first_scrape - 1);
    let written = past::samples(&history).filter(|&(_, at)| at <= until);
    let mut stored = 0.0;
    for name in ["trtc_usage_bucket_seconds", "trtc_usage_seconds_total"] {
        let query = format!("sum(count_over_time({name}[{}s]))", until - begin);
        stored += prometheus
            .value_at(&query, until)
            .await
            .expect("there are some");
    }
    assert_eq!(stored, written.count() as f64);
}

/// Days that the upstream no longer answers for are there as long as they are to be kept, packed or not.
#[tokio::test]
async fn kept_days_outlive_the_upstreams_answers() {
    let mut past =
        Past::begin_hours_ago(40 * 24, Publication::ROUGH, &["--storage.retention=80d"]).await;
    past.all_dates_are_entered().await;
    let began = past.today();
    let expected = past.day(began.minus_days(25));
    past.jump_to_the_present().await;
    let asked = past.upstream().counts().requests;
    let file = past.home().path().join("history.csv");
    let output = flag("--output", &file);
    let range = [began.minus_days(28), began.minus_days(25)].map(|date| date.to_string());
    let arguments = [
        "--format=csv",
        "--start",
        &range[0],
        "--end",
        &range[1],
        &output,
    ];
    let said = past.backfill(&arguments).await;
    assert!(!said.contains("level=warn"), "{said}");
    let csv = std::fs::read_to_string(&file).expect("it is there");
    let sum: f64 = csv
        .lines()
        .filter(|line| line.starts_with(&range[1]) && line.contains(&format!(",{APP},")))
        .map(|line| {
            line.rsplit_once(',')
                .expect("cells")
                .1
                .parse::<f64>()
                .expect("a number")
        })
        .sum();
    assert!(expected > 0.0);
    assert_eq!(sum, expected);
    let of_then = |entry: &trtc_exporter::simulator::Entry| {
        entry
            .query
            .is_some_and(|query| query.start <= began.minus_days(25))
    };
    assert!(
        !past.upstream().requests()[asked as usize..]
            .iter()
            .any(of_then),
        "nobody asks for them"
    );
}

/// What the day's sum says in Prometheus is what the upstream says, for each day of a month that nobody was there for.
#[tokio::test]
async fn every_day_of_a_month_without_an_exporter_is_exact() {
    let upstream = simulator(calm()).await;
    let home = home(&upstream, &[APP]);
    let text = backfill(&home, &[]).await.1;
    past::write_blocks(&home, "history", &text);
    let prometheus = past::prometheus(&home);
    let today = Date::of(SystemClock::start().now().utc);
    let mut days = 0;
    for date in (1..31).map(|days| today.minus_days(days)) {
        // From the last bucket of the day before to the last of this one, so that nothing is extrapolated.
        let end = date.succ().midnight().plus_seconds(-300).unix();
        let query = format!("sum(increase(trtc_usage_seconds_total{{sdk_app_id=\"{APP}\"}}[1d]))");
        let expected = day(&upstream, App::Id(APP), date);
        assert_eq!(
            prometheus.value_at(&query, end).await,
            Some(expected),
            "{date}"
        );
        let query = format!(
            "sum(sum_over_time(trtc_usage_bucket_seconds{{sdk_app_id=\"{APP}\"}}[86399s]))"
        );
        assert_eq!(
            prometheus.value_at(&query, end).await,
            Some(expected),
            "{date}"
        );
        days += usize::from(expected > 0.0);
    }
    assert!(days > 25, "{days}");
}

/// VictoriaMetrics imports its format, and says the same.
#[tokio::test]
async fn victoria_metrics_says_the_same() {
    let upstream = simulator(calm()).await;
    let home = home(&upstream, &[APP]);
    let (said, text) = backfill(&home, &["--format=victoriametrics"]).await;
    let database = past::VictoriaMetrics::start(home.path()).await;
    database.import(text.clone()).await;
    let written = past::samples(&text).count();
    assert!(said.contains(&format!("samples={written}")), "{said}");
    let today = Date::of(SystemClock::start().now().utc);
    for date in [today.pred(), today.minus_days(30)] {
        let end = date.succ().midnight().plus_seconds(-300).unix();
        let query = format!("sum(increase(trtc_usage_seconds_total{{sdk_app_id=\"{APP}\"}}[1d]))");
        let expected = day(&upstream, App::Id(APP), date);
        assert_eq!(
            database.value_at(&query, end).await,
            Some(expected),
            "{date}"
        );
    }
    let all = "sum(count_over_time({__name__=~\"trtc_usage_.*\"}[40d]))";
    let end = today.succ().midnight().unix();
    assert_eq!(database.value_at(all, end).await, Some(written as f64));
}

/// Killed in the middle, it goes on from there: no final answer is asked for again, and the output is as if nothing had
/// been. Before it is whole there is none. The rate limit holds and failures are outlived.
#[tokio::test]
async fn an_interrupted_backfill_goes_on_where_it_was() {
    let upstream = simulator(calm()).await;
    let home = home(&upstream, &[APP]);
    let whole = backfill(&home, &["--end", &yesterday().to_string()])
        .await
        .1;
    let before = upstream.counts().requests;
    let file = home.path().join("history.om");
    let yesterday = yesterday().to_string();
    let arguments = ["--end", &yesterday, &flag("--output", &file)];
    upstream.order(Fault::Status(503).next(3));
    let running = Running::start(&mut calling(&home, &arguments));
    upstream
        .wait_for(|counts| counts.requests > before + 30)
        .await;
    drop(running);
    assert!(!file.exists());
    let kept_before = answered(&upstream, before);
    let middle = upstream.counts().requests;
    let (said, _) = backfill(&home, &arguments).await;
    let mut asked = kept_before;
    for (question, times) in answered(&upstream, middle) {
        *asked.entry(question).or_default() += times;
    }
    let twice = asked.values().filter(|&&times| times > 1).count();
    // Those whose answer was on its way when it was killed.
    assert!(twice <= 20, "{twice}");
    assert!(upstream.counts().requests - middle < 50, "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), whole);
    let left: Vec<_> = std::fs::read_dir(home.path())
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().starts_with("history.om.")),
        "{left:?}"
    );
    assert!(upstream.peak(INTERACTIVE_TIME.name) <= 20);
    assert_eq!(upstream.counts().refused_with("RequestLimitExceeded"), 0);
}

/// For whoever reconciles a bill: each bucket as it is, in the two forms alike, and nothing of other apps.
#[tokio::test]
async fn figures_add_up_to_the_upstreams() {
    let upstream = simulator(calm()).await;
    let home = home(&upstream, &[APP, 1_400_000_001]);
    let date = yesterday().to_string();
    let narrow = |format: &str| {
        [
            format!("--format={format}"),
            format!("--start={date}"),
            format!("--end={date}"),
            format!("--sdk-app-id={APP}"),
        ]
    };
    let mut sums = HashMap::new();
    let csv = backfill(&home, &narrow("csv").each_ref().map(String::as_str))
        .await
        .1;
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(cells[0].starts_with(&date), "{line}");
        assert_eq!(cells[2..5], ["main", &APP.to_string(), "interactive"]);
        *sums.entry(cells[5].to_owned()).or_insert(0.0) +=
            cells[6].parse::<f64>().expect("a number");
    }
    for (media, sum) in &sums {
        let range = yesterday().midnight()..yesterday().succ().midnight();
        let media: Media = media.parse().expect("a media");
        assert_eq!(*sum, upstream.truth(App::Id(APP), media, range) as f64);
    }
    assert_eq!(
        sums.values().sum::<f64>(),
        day(&upstream, App::Id(APP), yesterday())
    );
    let lines = backfill(&home, &narrow("jsonl").each_ref().map(String::as_str))
        .await
        .1;
    assert_eq!(lines.lines().count() + 1, csv.lines().count());
    let objects = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let sum: f64 = objects
        .map(|object| object["seconds"].as_f64().expect("a number"))
        .sum();
    assert_eq!(sum, sums.values().sum::<f64>());
}

#[tokio::test]
async fn what_cannot_be_is_said_at_once() {
    let upstream = simulator(calm()).await;
    let home = home(&upstream, &[APP]);
    for (argument, code, needle) in [
        ("--sdk-app-id=5", 2, "no account"),
        ("--account=other", 2, "no such account"),
        ("--output=/nowhere/history.om", 1, "/nowhere"),
    ] {
        let (exit, out, said) = run(&mut calling(&home, &[argument])).await;
        assert_eq!((exit, out.as_str()), (Some(code), ""), "{said}");
        assert!(said.contains(needle), "{said}");
    }
    upstream.order(Fault::refuse("AuthFailure.SecretIdNotFound").always());
    let (exit, _, said) = run(&mut calling(&home, &[])).await;
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("SecretIdNotFound"), "{said}");
    assert!(upstream.counts().requests < 25, "it does not insist");
}

fn calm() -> Model {
    Model {
        publication: Publication::CALM,
        ..Model::default()
    }
}

fn home(upstream: &Handle, apps: &[u64]) -> Home {
    let home = Home::new();
    home.configure(upstream, apps, "");
    home
}

fn yesterday() -> Date {
    Date::of(SystemClock::start().now().utc).pred()
}

fn day(upstream: &Handle, app: App, date: Date) -> f64 {
    let range = date.midnight()..date.succ().midnight();
    let sum = |media| upstream.truth(app, media, range.clone());
    INTERACTIVE_TIME.media().map(sum).sum::<u64>() as f64
}

/// How often each question was answered, since so many requests.
fn answered(upstream: &Handle, since: u64) -> BTreeMap<(App, Date), u32> {
    let mut answered = BTreeMap::new();
    for entry in upstream.requests().into_iter().skip(since as usize) {
        if let (trtc_exporter::simulator::Outcome::Answered(_), Some(query)) =
            (entry.outcome, entry.query)
            && query.is_one_date()
        {
            *answered.entry((query.app, query.start)).or_default() += 1;
        }
    }
    answered
}

fn calling(home: &Home, arguments: &[&str]) -> Command {
    let mut command = command();
    command
        .arg("backfill")
        .arg(flag("--config.file", &home.config()))
        .arg(flag("--storage.path", &home.state()))
        .args(arguments);
    command
}

/// Runs it to a good end: what it logged, and what it wrote to standard output.
async fn backfill(home: &Home, arguments: &[&str]) -> (String, String) {
    let (code, out, said) = run(&mut calling(home, arguments)).await;
    assert_eq!(code, Some(0), "{said}");
    (said, out)
}
