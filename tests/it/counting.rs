//! The promise: the counter's increase is what the upstream's own figures grew by, whatever happens on the way.

use std::sync::Arc;
use std::time::Duration;

use trtc_exporter::clock::{Clock, ScriptedClock};
use trtc_exporter::simulator::{Fault, Handle, Model, Publication};
use trtc_exporter::usage::{App, Date, Media};

use crate::exporter::{Exporter, Scrape, flag};
use crate::upstream::{Home, simulator_with};

const APP: u64 = 1_400_000_001;
const MINUTE: u32 = 60;

/// An upstream and an exporter on one scripted clock.
struct Stage {
    home: Home,
    clock: Arc<ScriptedClock>,
    ahead: u32,
    /// The oldest date that the upstream is ever asked for.
    first: Date,
    upstream: Handle,
    exporter: Option<Exporter>,
    /// What the upstream showed, and what was credited, when both were first seen to agree.
    base: Option<(f64, f64)>,
    peak: f64,
}

impl Stage {
    async fn set(model: Model) -> Self {
        let home = Home::new();
        let clock = Arc::new(ScriptedClock::following(home.clock_script()));
        let first = Date::of(clock.now().utc).minus_days(30);
        let upstream = simulator_with(model, Arc::clone(&clock) as Arc<dyn Clock>).await;
        home.configure(&upstream, &[APP], "total: false");
        let mut stage = Self {
            home,
            clock,
            ahead: 0,
            first,
            upstream,
            exporter: None,
            base: None,
            peak: 0.0,
        };
        stage.start().await;
        stage
    }

    async fn start(&mut self) {
        let flags = [
            flag("--config.file", &self.home.config()),
            flag("--storage.path", &self.home.state()),
            flag("--clock.script", &self.home.clock_script()),
        ];
        self.exporter = Some(Exporter::start(flags).await);
    }

    fn exporter(&self) -> &Exporter {
        self.exporter.as_ref().expect("it runs")
    }

    fn kill(&mut self) {
        self.exporter.take().expect("it runs").kill();
    }

    fn advance(&mut self, minutes: u32) {
        self.ahead += minutes * MINUTE;
        self.home.set_clock(self.ahead, 0);
    }

    /// What the upstream says of the app, over all dates that it answers for and all media.
    fn shown(&self) -> f64 {
        self.shown_in(self.first, Date::of(self.clock.now().utc))
    }

    fn shown_in(&self, first: Date, last: Date) -> f64 {
        let range = first.midnight()..last.succ().midnight();
        let sum = |media| self.upstream.truth(App::Id(APP), media, range.clone());
        Media::KNOWN.into_iter().map(sum).sum::<u64>() as f64
    }

    /// Waits until the exporter knows all that the upstream shows, and holds what it credited against it. Time goes on
    /// meanwhile, because yesterday is asked for only now and then.
    async fn agree(&mut self) -> Scrape {
        for _ in 0..40 {
            for _ in 0..120 {
                let scrape = self.exporter().scrape().await;
                self.has_not_fallen(&scrape);
                if self.agrees(&scrape) {
                    self.base.get_or_insert((self.shown(), credited(&scrape)));
                    return scrape;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            self.advance(16);
        }
        let log = self.exporter().log().lines().join("\n");
        panic!(
            "it never agrees: {:?} now {}\n{}\n{log}",
            self.base,
            self.shown(),
            self.exporter().scrape().await.0
        );
    }

    /// While it catches up on old state, the counter is not shown.
    fn has_not_fallen(&mut self, scrape: &Scrape) {
        if scrape.samples("trtc_usage_seconds_total").count() > 0 {
            let counter = counter(scrape);
            assert!(
                counter >= self.peak,
                "the counter fell from {} to {counter}",
                self.peak
            );
            self.peak = counter;
        }
    }

    fn agrees(&self, scrape: &Scrape) -> bool {
        if let Some((shown, credited_then)) = self.base {
            let is_shown = scrape.samples("trtc_usage_seconds_total").count() > 0;
            return is_shown && credited(scrape) - credited_then == self.shown() - shown;
        }
        let today = Date::of(self.clock.now().utc);
        let all_dates_entered = scrape.sum("trtc_polls_total", "") >= 31.0;
        all_dates_entered
            && scrape.sum("trtc_usage_day_seconds", "") == self.shown_in(today.pred(), today)
    }
}

fn counter(scrape: &Scrape) -> f64 {
    scrape.sum("trtc_usage_seconds_total", "")
}

fn credited(scrape: &Scrape) -> f64 {
    counter(scrape) - scrape.sum("trtc_usage_overcounted_seconds", "")
}

#[tokio::test]
async fn a_cold_start_begins_at_zero_and_follows() {
    let mut stage = Stage::set(Model {
        publication: Publication::CALM,
        ..Model::default()
    })
    .await;
    let scrape = stage.agree().await;
    assert_eq!(counter(&scrape), 0.0);
    stage.advance(30);
    let scrape = stage.agree().await;
    assert!(counter(&scrape) > 0.0);
    assert_eq!(scrape.sum("trtc_usage_overcounted_seconds", ""), 0.0);
    assert!(scrape.sum("trtc_usage_arrival_lag_seconds_count", "") > 0.0);
}

#[tokio::test]
async fn killed_again_and_again_it_loses_and_doubles_nothing() {
    let mut stage = Stage::set(Model {
        publication: Publication::ROUGH,
        ..Model::default()
    })
    .await;
    stage.agree().await;
    for step in 0..12 {
        stage.advance(7 + step * 11);
        if step % 3 == 0 {
            stage.agree().await;
        }
        // In the middle of a poll, with the answer on its way.
        stage.upstream.order(Fault::Hang.next(1));
        let asked = stage.upstream.counts().requests;
        stage
            .upstream
            .wait_for(|counts| counts.requests > asked)
            .await;
        stage.kill();
        stage.upstream.clear_faults();
        stage.advance(step * 5);
        stage.start().await;
        let first = stage.exporter().scrape().await;
        stage.has_not_fallen(&first);
    }
    let scrape = stage.agree().await;
    assert!(counter(&scrape) > 0.0);
}

#[tokio::test]
async fn days_pass_and_an_outage_is_caught_up() {
    let mut stage = Stage::set(Model {
        publication: Publication::NORMAL,
        ..Model::default()
    })
    .await;
    stage.agree().await;
    for _ in 0..10 {
        stage.advance(4 * 60);
        stage.agree().await;
    }
    stage.kill();
    stage.advance(5 * 24 * 60);
    stage.start().await;
    let scrape = stage.agree().await;
    assert!(counter(&scrape) > 0.0);
    stage.upstream.order(Fault::Status(502).always());
    stage.advance(30 * 60);
    let failing =
        |scrape: &Scrape| scrape.sum("trtc_poll_failures_total", "code=\"http_status\"") > 0.0;
    stage.exporter().scrape_until("polls fail", failing).await;
    stage.upstream.clear_faults();
    stage.agree().await;
}

#[tokio::test]
async fn without_state_it_works_and_says_what_that_costs() {
    let mut stage = Stage::set(Model {
        publication: Publication::CALM,
        ..Model::default()
    })
    .await;
    stage.kill();
    let flags = [
        flag("--config.file", &stage.home.config()),
        "--storage.path=".to_owned(),
        flag("--clock.script", &stage.home.clock_script()),
    ];
    stage.exporter = Some(Exporter::start(flags).await);
    stage.agree().await;
    stage.advance(30);
    assert!(counter(&stage.agree().await) > 0.0);
    let told = stage
        .exporter()
        .log()
        .lines()
        .iter()
        .filter(|line| line.contains("No state is kept"))
        .count();
    assert_eq!(told, 1);
}
