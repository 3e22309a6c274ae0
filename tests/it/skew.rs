//! A wrong clock: the real program by a clock that a test sets, against an upstream whose clock is right.

use trtc_exporter::simulator::{Fault, Handle, Model};

use crate::exporter::{Exporter, Scrape, flag, logged};
use crate::upstream::{Home, simulator};

const METRIC: &str = "trtc_api_clock_skew_seconds";
const WENT_WRONG: &str = "This machine's clock is wrong";
const RIGHT_AGAIN: &str = "This machine's clock is right again";

/// An upstream whose clock is right, and an exporter whose clock is as wrong as it is set.
struct Stage {
    home: Home,
    upstream: Handle,
    exporter: Exporter,
}

impl Stage {
    async fn set(seconds: i32) -> Self {
        let upstream = simulator(Model::default()).await;
        let home = Home::at(&upstream, &[1_400_000_001]);
        home.set_clock(0, seconds);
        let exporter = Exporter::start([
            flag("--config.file", &home.config()),
            flag("--storage.path", &home.state()),
            flag("--clock.script", &home.clock_script()),
        ])
        .await;
        Self {
            home,
            upstream,
            exporter,
        }
    }

    /// From now on this machine's clock is so far ahead.
    fn set_clock(&self, seconds: i32) {
        self.home.set_clock(0, seconds);
    }

    /// Waits until the metric shows it; the `Date` of an answer is good to a second, and the answer takes a moment.
    async fn shows(&self, seconds: i32) {
        let shown = |scrape: &Scrape| {
            skew(scrape).is_some_and(|skew| (skew - f64::from(seconds)).abs() < 2.0)
        };
        let what = format!("{METRIC} shows {seconds}");
        self.exporter.scrape_until(&what, shown).await;
    }

    /// The lines of the log that say this.
    fn told(&self, words: &str) -> Vec<String> {
        let mut lines = self.exporter.log().lines();
        lines.retain(|line| line.contains(words));
        lines
    }
}

fn skew(scrape: &Scrape) -> Option<f64> {
    scrape.value(METRIC, &[("account", "main")])
}

#[tokio::test]
async fn a_clock_that_is_right_is_shown_to_be() {
    let stage = Stage::set(0).await;
    stage.exporter.ready().await;
    stage.shows(0).await;
    assert_eq!(stage.told("clock is"), [] as [String; 0]);
}

#[tokio::test]
async fn before_the_first_answer_nothing_is_claimed() {
    let upstream = simulator(Model::default()).await;
    upstream.order(Fault::Html.always());
    let home = Home::at(&upstream, &[1_400_000_001]);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    assert_eq!(skew(&exporter.scrape().await), None);
    upstream.clear_faults();
    exporter
        .scrape_until("it is known", |scrape| skew(scrape).is_some())
        .await;
}

#[tokio::test]
async fn a_wrong_clock_is_told_once_and_so_is_its_repair() {
    let stage = Stage::set(75).await;
    stage.shows(75).await;
    logged(stage.exporter.log(), WENT_WRONG).await;
    let told = &stage.told(WENT_WRONG)[0];
    assert!(told.contains("level=warn") && told.contains("account=main"));
    assert!(told.contains("s ahead of the upstream's"), "{told}");

    // The other way, and through a reload that changes the account: still wrong, so nothing new to tell.
    stage.set_clock(-200);
    stage.shows(-200).await;
    stage
        .home
        .configure(&stage.upstream, &[1_400_000_001], "total: false");
    stage.exporter.signal("HUP");
    logged(stage.exporter.log(), "Configuration reloaded").await;
    stage.set_clock(-100);
    stage.shows(-100).await;

    stage.set_clock(0);
    stage.shows(0).await;
    logged(stage.exporter.log(), RIGHT_AGAIN).await;
    assert_eq!(stage.told(WENT_WRONG).len(), 1);
    assert_eq!(stage.told(RIGHT_AGAIN).len(), 1);
}

#[tokio::test]
async fn refused_for_its_clock_it_says_how_wrong_that_is_and_recovers() {
    let stage = Stage::set(0).await;
    stage.exporter.ready().await;
    for (seconds, words) in [(421, "s ahead of"), (-421, "s behind")] {
        stage.set_clock(seconds);
        stage.shows(seconds).await;
        let hint = format!("{words} the upstream's; signatures are accepted within 300 s");
        logged(stage.exporter.log(), &hint).await;
        let told = &stage.told(&hint)[0];
        assert!(told.contains("msg=\"Poll failed\"") && told.contains("code=signature_expire"));
        assert!(told.contains("this machine's clock is 42"), "{told}");

        stage.set_clock(0);
        stage.shows(0).await;
        let up = |scrape: &Scrape| scrape.sum("trtc_up", "") == 2.0;
        stage.exporter.scrape_until("all is well again", up).await;
    }
    assert_eq!(stage.told(WENT_WRONG).len(), 2);
    assert_eq!(stage.told(RIGHT_AGAIN).len(), 2);
}
