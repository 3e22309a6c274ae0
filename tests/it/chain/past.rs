//! Upstream and exporter on a clock that begins in the past and is scripted up to the present, and what scrapes have seen.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use trtc_exporter::clock::{Clock, ScriptedClock};
use trtc_exporter::simulator::{Handle, Model, Options, Outcome, Publication, Simulator};
use trtc_exporter::tencent::action::INTERACTIVE_TIME;
use trtc_exporter::usage::{App, Date, TimeKey};

use crate::exporter::{Exporter, Scrape, flag};
use crate::ports::free_address;
use crate::upstream::Home;

/// Whose usage is looked at. It has some at any time of day.
pub(super) const APP: u64 = 1_400_000_003;
pub(super) const APP_NAME: &str = "live-shows";

/// As whose target Prometheus knows the exporter.
pub(super) const JOB: &str = "trtc";
pub(super) const INSTANCE: &str = "exporter";

/// What is asked for.
pub(super) const TARGETS: [App; 2] = [App::Id(APP), App::Total];

/// More than the upstream grants, for the days to pass faster.
const REQUESTS_PER_SECOND: u16 = 500;

/// From one scrape to the next.
const STEP: u32 = 5;

pub(super) struct Past {
    home: Home,
    clock: Arc<ScriptedClock>,
    /// Minutes by which the wall clock is wrong, and minutes that the script has moved it on. The same in the present.
    behind: u32,
    ahead: u32,
    upstream: Handle,
    scraped: SocketAddr,
    exporter: Option<Exporter>,
    /// Everything scraped, as OpenMetrics, and the windows of Unix time in which it was.
    recorded: String,
    windows: Vec<(i64, i64)>,
    /// The oldest date that the upstream is ever asked for.
    first: Date,
    /// What the upstream showed at the first scrape, of each target.
    base: Option<[f64; 2]>,
}

impl Past {
    /// Starts both, hours before the present.
    pub(super) async fn begin_hours_ago(hours: u32) -> Self {
        let home = Home::new();
        home.set_clock(0, -3600 * hours.cast_signed());
        let clock = Arc::new(ScriptedClock::following(home.clock_script()));
        let first = Date::of(clock.now().utc).minus_days(30);
        let model = Model {
            spontaneous_spikes: false,
            // What is shown grows and is corrected, but a settled bucket is always there.
            publication: Publication {
                late: 0.0,
                very_late: 0.0,
                ..Publication::NORMAL
            },
            ..Model::default()
        };
        let options = Options {
            model,
            requests_per_second: Some(REQUESTS_PER_SECOND),
            ..Options::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let upstream = Simulator::start(listener, options, Arc::clone(&clock) as Arc<dyn Clock>)
            .expect("it serves");
        let of_account = format!(
            "  - {{ sdk_app_id: {APP}, name: {APP_NAME} }}\nitems:\n  - name: interactive\n    \
             action: {}\n    requests_per_second: {REQUESTS_PER_SECOND}",
            INTERACTIVE_TIME.name
        );
        home.configure(&upstream, &[], &of_account);
        let mut past = Self {
            home,
            clock,
            behind: hours * 60,
            ahead: 0,
            upstream,
            scraped: free_address(),
            exporter: None,
            recorded: String::new(),
            windows: Vec::new(),
            first,
            base: None,
        };
        past.start().await;
        past
    }

    async fn start(&mut self) {
        let flags = [
            flag("--config.file", &self.home.config()),
            flag("--storage.path", &self.home.state()),
            flag("--clock.script", &self.home.clock_script()),
            format!("--web.listen-address={}", self.scraped),
        ];
        self.exporter = Some(Exporter::start(flags).await);
    }

    /// kill -9, and on from what was saved.
    pub(super) async fn kill_and_start(&mut self) {
        self.exporter.take().expect("it runs").kill();
        self.start().await;
    }

    /// Moves the clock to so many minutes before the present.
    pub(super) fn jump_to(&mut self, minutes_ago: u32) {
        self.ahead = self.behind - minutes_ago;
        self.set_clock();
    }

    /// Lets time pass until each of the upstream's dates has been asked for, and takes that for the beginning.
    pub(super) async fn enter_all_dates(&mut self) {
        for _ in 0..600 {
            self.polled().await;
            if TARGETS.iter().all(|&app| self.dates_asked(app) == 31) {
                self.polled().await;
                self.record(&self.scrape().await);
                self.base = Some(TARGETS.map(|app| self.shown(app)));
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the dates of a month are never all asked for");
    }

    fn dates_asked(&self, app: App) -> usize {
        let requests = self.upstream.requests().into_iter();
        let answered = requests.filter(|entry| matches!(entry.outcome, Outcome::Answered(_)));
        let queries = answered.filter_map(|entry| entry.query);
        let dates = queries
            .filter(|query| query.app == app && query.is_one_date())
            .map(|query| query.start);
        dates.collect::<BTreeSet<Date>>().len()
    }

    /// Scrapes every few minutes until so many minutes before the present.
    pub(super) async fn live_until(&mut self, minutes_ago: u32) {
        let start = self.clock.now().utc.timestamp();
        loop {
            let scrape = self.polled().await;
            self.record(&scrape);
            let left = self.behind - self.ahead - minutes_ago;
            if left == 0 {
                break;
            }
            self.jump_to(minutes_ago + left - STEP.min(left));
        }
        self.windows.push((start, self.clock.now().utc.timestamp()));
    }

    /// Waits until everything has been asked for at the present time of the script.
    async fn polled(&self) -> Scrape {
        let now = self.clock.now().utc.timestamp() as f64;
        for _ in 0..6_000 {
            let scrape = self.scrape().await;
            let polled = scrape.samples("trtc_poll_last_success_timestamp_seconds");
            if polled.filter(|(_, at)| *at >= now).count() == TARGETS.len() {
                return scrape;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!(
            "it never polls\n{}",
            self.exporter().log().lines().join("\n")
        );
    }

    fn exporter(&self) -> &Exporter {
        self.exporter.as_ref().expect("it runs")
    }

    async fn scrape(&self) -> Scrape {
        self.exporter().scrape().await
    }

    /// As Prometheus would have stored it.
    fn record(&mut self, scrape: &Scrape) {
        let at = self.clock.now().utc.timestamp();
        for line in scrape.0.lines().filter(|line| line.starts_with("trtc_")) {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let separator = if labels == "}" { "" } else { "," };
            writeln!(
                self.recorded,
                "{name}{{job=\"{JOB}\",instance=\"{INSTANCE}\"{separator}{labels} {value} {at}"
            )
            .expect("memory");
        }
    }

    /// Writes what was scraped as blocks into `tsdb` of a folder.
    pub(super) fn write_blocks(&self, folder: &Path) {
        let file = folder.join("scraped.om");
        std::fs::write(&file, format!("{}# EOF\n", self.recorded)).expect("writable");
        let done = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([file, folder.join("tsdb")])
            .output()
            .expect("promtool is installed: tests/run sees to that");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// From when to when there were scrapes, in Unix time.
    pub(super) fn windows(&self) -> &[(i64, i64)] {
        &self.windows
    }

    /// Where the exporter is scraped.
    pub(super) fn scraped(&self) -> SocketAddr {
        self.scraped
    }

    /// The app uses a hundred times the usual, since so many minutes and for another hour. What the upstream has shown
    /// already is revised upwards.
    pub(super) fn spike_since_minutes(&self, minutes: i64) {
        let now = TimeKey::from_unix(self.clock.now().utc.timestamp());
        let from = now.plus_seconds(-60 * minutes).slot();
        let lasts = Duration::from_secs(60 * (60 + minutes.unsigned_abs()));
        self.upstream.inject_spike(APP, from, 100.0, lasts);
    }

    /// A whole number, a second more than it is.
    pub(super) fn seconds_since_first_scrape(&self) -> i64 {
        let (_, first) = self
            .recorded
            .lines()
            .next()
            .and_then(|line| line.rsplit_once(' '))
            .expect("a scrape");
        self.clock.now().utc.timestamp() - first.parse::<i64>().expect("a time") + 1
    }

    /// By how many seconds of usage the upstream shows more than at the first scrape.
    pub(super) fn upstream_has_grown(&self, app: App) -> f64 {
        let index = TARGETS.iter().position(|&target| target == app);
        let base = self.base.expect("there is a beginning");
        self.shown(app) - base[index.expect("one of the targets")]
    }

    fn shown(&self, app: App) -> f64 {
        let today = Date::of(self.clock.now().utc);
        let range = self.first.midnight()..today.succ().midnight();
        let sum = |media| self.upstream.truth(app, media, range.clone());
        INTERACTIVE_TIME.media().map(sum).sum::<u64>() as f64
    }

    fn set_clock(&self) {
        let behind = self.behind.cast_signed();
        self.home.set_clock(self.ahead * 60, -60 * behind);
    }
}
