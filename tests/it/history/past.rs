//! Upstream and exporter on a clock that begins hours ago; what was scraped; and the databases that take it in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use trtc_exporter::clock::{Clock, ScriptedClock};
use trtc_exporter::simulator::{Handle, Model, Options, Publication, Simulator};
use trtc_exporter::tencent::action::INTERACTIVE_TIME;
use trtc_exporter::usage::{App, Date, Media};

use crate::exporter::{Exporter, Scrape, flag, run};
use crate::ports::free_address;
use crate::prometheus_server::Prometheus;
use crate::upstream::Home;

/// Whose usage is looked at. It has some at any time of day.
pub(super) const APP: u64 = 1_400_000_003;

/// As whose target Prometheus knows the exporter.
pub(super) const LABELS: [(&str, &str); 2] = [("job", "trtc"), ("instance", "exporter:10088")];

/// More than the upstream grants, for the days to pass faster.
const REQUESTS_PER_SECOND: u16 = 500;

pub(super) struct Past {
    home: Home,
    clock: Arc<ScriptedClock>,
    /// Minutes by which the wall clock is behind, and minutes that the script has moved it on.
    behind: u32,
    ahead: u32,
    upstream: Handle,
    exporter: Exporter,
    flags: Vec<String>,
    first: Date,
    scraped: String,
    scrapes: Vec<(i64, Scrape)>,
    /// What the upstream showed when all of it was credited.
    shown_then: BTreeMap<(App, Media), f64>,
}

impl Past {
    /// Starts both, hours before the present.
    pub(super) async fn begin_hours_ago(
        hours: u32,
        publication: Publication,
        more_flags: &[&str],
    ) -> Self {
        let home = Home::new();
        home.set_clock(0, -3600 * hours.cast_signed());
        let clock = Arc::new(ScriptedClock::following(home.clock_script()));
        let options = Options {
            model: Model {
                publication,
                ..Model::default()
            },
            requests_per_second: Some(REQUESTS_PER_SECOND),
            ..Options::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let upstream = Simulator::start(listener, options, Arc::clone(&clock) as Arc<dyn Clock>)
            .expect("it serves");
        let more = format!(
            "items:\n  - name: interactive\n    action: DescribeTrtcInteractiveTime\n    \
             requests_per_second: {REQUESTS_PER_SECOND}"
        );
        home.configure(&upstream, &[APP], &more);
        let flags = [
            flag("--config.file", &home.config()),
            flag("--storage.path", &home.state()),
            flag("--clock.script", &home.clock_script()),
        ];
        let more = more_flags.iter().map(|&flag| flag.to_owned());
        let flags: Vec<String> = flags.into_iter().chain(more).collect();
        Self {
            exporter: Exporter::start(&flags).await,
            flags,
            first: Date::of(clock.now().utc).minus_days(30),
            home,
            clock,
            behind: hours * 60,
            ahead: 0,
            upstream,
            scraped: String::new(),
            scrapes: Vec::new(),
            shown_then: BTreeMap::new(),
        }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    pub(super) fn upstream(&self) -> &Handle {
        &self.upstream
    }

    /// Waits until the exporter has asked for every date that the upstream answers for.
    pub(super) async fn all_dates_are_entered(&self) {
        // Two targets, 31 dates each, and their sums; today more than once.
        let all = |scrape: &Scrape| scrape.sum("trtc_polls_total", "") >= 80.0;
        self.exporter
            .scrape_until("all dates are entered", all)
            .await;
    }

    /// The present, in Unix time.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().utc.timestamp()
    }

    pub(super) fn today(&self) -> Date {
        Date::of(self.clock.now().utc)
    }

    /// What the upstream shows of the app on a date.
    pub(super) fn day(&self, date: Date) -> f64 {
        super::day(&self.upstream, App::Id(APP), date)
    }

    /// Days pass in which nobody asks for anything; then the exporter goes on, and sees to its old days.
    pub(super) async fn jump_to_the_present(&mut self) {
        self.ahead = self.behind;
        self.set_clock();
        let now = self.clock.now().utc.timestamp() as f64;
        let polled = |scrape: &Scrape| {
            let succeeded = scrape.samples("trtc_poll_last_success_timestamp_seconds");
            succeeded.filter(|(_, at)| *at > now + 1.0).count() == 2
        };
        self.exporter
            .scrape_until("both are polled again", polled)
            .await;
    }

    /// Whether the exporter asks for a date only once, in the first hours.
    pub(super) fn is_long_over(&self, date: Date) -> bool {
        date < Date::of(self.clock.now().utc).pred()
    }

    /// Lets so many minutes pass, with a scrape every few of them.
    pub(super) async fn live_for_minutes(&mut self, minutes: u32, step: u32) {
        for _ in 0..minutes / step {
            self.scrape_after_a_poll().await;
            self.ahead += step;
            self.set_clock();
        }
        self.scrape_after_a_poll().await;
    }

    /// Lets so many minutes pass.
    pub(super) fn pass_minutes(&mut self, minutes: u32) {
        self.ahead += minutes;
        self.set_clock();
    }

    /// kill -9 and on, while so many minutes pass.
    pub(super) async fn kill_and_go_on(&mut self, minutes: u32) {
        self.ahead += minutes;
        self.set_clock();
        self.exporter.signal("KILL");
        self.exporter.ended().await;
        self.exporter = Exporter::start(&self.flags).await;
    }

    /// The sum of all samples of a name.
    pub(super) async fn shown(&self, name: &str) -> f64 {
        self.exporter.scrape().await.sum(name, "")
    }

    pub(super) fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// Waits for each target's first answer.
    pub(super) async fn first_answers(&mut self) {
        let exporter = &self.exporter;
        let up = |scrape: &Scrape| scrape.sum("trtc_up", "") >= 2.0;
        exporter.scrape_until("both are answered", up).await;
        self.first = Date::of(self.clock.now().utc).minus_days(30);
    }

    async fn scrape_after_a_poll(&mut self) {
        let exporter = &self.exporter;
        let polls = |scrape: &Scrape| scrape.sum("trtc_polls_total", "");
        let before = polls(&exporter.scrape().await);
        let scrape = exporter
            .scrape_until("polls end", |scrape| polls(scrape) >= before + 3.0)
            .await;
        self.record(scrape);
    }

    /// As Prometheus would have stored it.
    fn record(&mut self, scrape: Scrape) {
        let at = self.clock.now().utc.timestamp();
        if self.scrapes.last().is_some_and(|(before, _)| *before >= at) {
            return;
        }
        let [(job, trtc), (instance, exporter)] = LABELS;
        for line in scrape.0.lines() {
            let Some(rest) = line.strip_prefix("trtc_usage_seconds_total{") else {
                continue;
            };
            let sample = format!(
                "trtc_usage_seconds_total{{{job}=\"{trtc}\",{instance}=\"{exporter}\",{rest} {at}"
            );
            writeln!(self.scraped, "{sample}").expect("memory");
        }
        self.scrapes.push((at, scrape));
    }

    /// Scrapes on until history and counters together are what the upstream shows. Time goes on meanwhile, for some dates
    /// are asked for now and then only.
    pub(super) async fn scrape_until_all_is_credited(&mut self, history: &Path) {
        let text = std::fs::read_to_string(history).expect("it is there");
        let mut climbed = std::collections::HashMap::new();
        for (sample, _) in
            samples(&text).filter(|(sample, _)| sample.starts_with("trtc_usage_seconds_total"))
        {
            let (series, value) = sample.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            let highest: &mut f64 = climbed.entry(series.to_owned()).or_default();
            *highest = highest.max(value);
        }
        let entered: f64 = climbed.values().sum();
        for _ in 0..30 {
            for _ in 0..20 {
                let scrape = self.exporter.scrape().await;
                let credited = scrape.sum("trtc_usage_seconds_total", "")
                    - scrape.sum("trtc_usage_overcounted_seconds", "");
                let shown = self.shown_by_upstream();
                if entered + credited == shown.values().sum::<f64>() {
                    self.shown_then = shown;
                    tokio::time::sleep(Duration::from_millis(1_100)).await;
                    return self.record(scrape);
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            self.ahead += 16;
            self.set_clock();
        }
        panic!("it never comes to what the upstream shows");
    }

    /// What was scraped, as OpenMetrics.
    pub(super) fn scraped(&self) -> &str {
        &self.scraped
    }

    pub(super) fn last_scrape(&self) -> &Scrape {
        &self.scrapes.last().expect("there was one").1
    }

    /// When the first and the last scrape were, in Unix time.
    pub(super) fn scraped_between(&self) -> (i64, i64) {
        let at = |scrape: Option<&(i64, Scrape)>| scrape.expect("there was one").0;
        (at(self.scrapes.first()), at(self.scrapes.last()))
    }

    /// What the upstream showed of all dates that it was ever asked for, when all of it was credited. It goes on while
    /// others work on what was scraped until then.
    pub(super) fn truth(&self, app: App, media: Media) -> f64 {
        self.shown_then[&(app, media)]
    }

    fn shown_by_upstream(&self) -> BTreeMap<(App, Media), f64> {
        let today = Date::of(self.clock.now().utc);
        let range = self.first.midnight()..today.succ().midnight();
        let of = |app| {
            let range = range.clone();
            INTERACTIVE_TIME.media().map(move |media| {
                let shown = self.upstream.truth(app, media, range.clone());
                ((app, media), shown as f64)
            })
        };
        [App::Id(APP), App::Total]
            .into_iter()
            .flat_map(of)
            .collect()
    }

    /// Runs it beside the exporter, by the same clock; returns what it logged.
    pub(super) async fn backfill(&self, arguments: &[&str]) -> String {
        let mut command = super::calling(&self.home, arguments);
        command.arg(flag("--clock.script", &self.home.clock_script()));
        let (code, _, said) = run(&mut command).await;
        assert_eq!(code, Some(0), "{said}");
        said
    }

    fn set_clock(&self) {
        let behind = self.behind.cast_signed();
        self.home.set_clock(self.ahead * 60, -60 * behind);
    }
}

/// Each sample without its time, and its time.
pub(super) fn samples(text: &str) -> impl Iterator<Item = (&str, i64)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (sample, at) = line.rsplit_once(' ').expect("a time");
            (sample, at.parse().expect("a number"))
        })
}

/// Has promtool make blocks of a text, in the folder that [`prometheus`] serves.
pub(super) fn write_blocks(home: &Home, name: &str, text: &str) {
    let file = home.path().join(format!("{name}.txt"));
    let text = text.trim_end_matches("# EOF\n");
    std::fs::write(&file, format!("{text}# EOF\n")).expect("writable");
    let done = Command::new("promtool")
        .args([
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--quiet",
            "--max-block-duration=168h",
        ])
        .args([file, home.path().join("tsdb")])
        .output()
        .expect("promtool is installed: tests/run sees to that");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A Prometheus with the blocks that were written, which scrapes nobody.
pub(super) fn prometheus(home: &Home) -> Prometheus {
    home.write("prometheus.yml", "scrape_configs: []\n");
    Prometheus::in_folder(home.path())
}

/// A real VictoriaMetrics. Killed when dropped.
pub(super) struct VictoriaMetrics {
    child: Child,
    base: String,
}

impl VictoriaMetrics {
    pub(super) async fn start(folder: &Path) -> Self {
        let address = free_address();
        let child = Command::new("victoria-metrics")
            .arg(flag("-storageDataPath", &folder.join("victoria")))
            .arg(format!("-httpListenAddr={address}"))
            .args([
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",
                "-loggerLevel=ERROR",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("victoria-metrics is installed: tests/run sees to that");
        let started = Self {
            child,
            base: format!("http://{address}"),
        };
        for _ in 0..600 {
            if crate::http::get(format!("{}/health", started.base))
                .await
                .is_ok()
            {
                return started;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("VictoriaMetrics never answers");
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Takes in samples, and shows them at once.
    pub(super) async fn import(&self, text: String) {
        let url = format!("{}/api/v1/import/prometheus", self.base);
        let response = crate::http::post(url)
            .body(text)
            .send()
            .await
            .expect("it answers");
        assert!(response.status().is_success(), "{}", response.status());
        self.shows().await;
    }

    /// Lets it show what it has taken in.
    pub(super) async fn shows(&self) {
        crate::http::get(format!("{}/internal/force_flush", self.base))
            .await
            .expect("it answers");
    }

    pub(super) async fn value_at(&self, query: &str, at: i64) -> Option<f64> {
        let url = format!("{}/api/v1/query", self.base);
        let at = at.to_string();
        let url = reqwest::Url::parse_with_params(&url, [("query", query), ("time", &at)])
            .expect("a URL");
        let body = crate::http::get(url)
            .await
            .expect("it answers")
            .text()
            .await
            .expect("whole");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["status"], "success", "{query}\n{body}");
        body["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}
