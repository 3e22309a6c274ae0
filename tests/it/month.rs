//! What the month has come to, against what the upstream's days add up to: through restarts and into the next month.

use std::sync::Arc;

use trtc_exporter::billing::{Month, Price};
use trtc_exporter::clock::{Clock, ScriptedClock};
use trtc_exporter::simulator::{Handle, Model, Publication};
use trtc_exporter::usage::{App, Date, Media, billable_minutes};

use crate::exporter::{Exporter, Scrape, flag};
use crate::upstream::{Home, simulator_with};

const APP: u64 = 1_400_000_002;
const BILLING: &str = "billing:
  currency: CNY
  prices: { interactive: { audio: 7.25, video_hd: 28 } }";

struct Stage {
    home: Home,
    clock: Arc<ScriptedClock>,
    upstream: Handle,
}

impl Stage {
    async fn set() -> Self {
        let home = Home::new();
        let clock = Arc::new(ScriptedClock::following(home.clock_script()));
        let model = Model {
            publication: Publication::NORMAL,
            ..Model::default()
        };
        let upstream = simulator_with(model, Arc::clone(&clock) as Arc<dyn Clock>).await;
        home.configure(&upstream, &[APP], BILLING);
        Self {
            home,
            clock,
            upstream,
        }
    }

    async fn start(&self) -> Exporter {
        let flags = [
            flag("--config.file", &self.home.config()),
            flag("--storage.path", &self.home.state()),
            flag("--clock.script", &self.home.clock_script()),
        ];
        Exporter::start(flags).await
    }

    fn today(&self) -> Date {
        Date::of(self.clock.now().utc)
    }

    /// Moves on to noon in Beijing, when the figures of the day before are final.
    fn be_at_noon_of(&self, date: Date) {
        let begun = self.clock.now();
        let noon = date.midnight().unix() + 12 * 3600;
        let ahead = noon - begun.utc.timestamp() + self.ahead();
        self.home.set_clock(u32::try_from(ahead).expect("later"), 0);
    }

    fn ahead(&self) -> i64 {
        let script = std::fs::read_to_string(self.home.clock_script()).unwrap_or_default();
        let ahead = script.split(' ').next().and_then(|text| text.parse().ok());
        ahead.unwrap_or(0)
    }

    /// The minutes of a month as far as the upstream shows it now.
    fn minutes(&self, app: App, media: Media, month: Month) -> u64 {
        let last = month.last().min(self.today());
        let dates = month.first().through(last);
        let of = |date: Date| {
            let range = date.midnight()..date.succ().midnight();
            billable_minutes(self.upstream.truth(app, media, range) * 1000)
        };
        dates.map(of).sum()
    }

    fn cost(&self, month: Month) -> f64 {
        let price = |text: &str| text.parse::<Price>().expect("a price");
        let of = |media, text| price(text).of(self.minutes(App::Total, media, month));
        (of(Media::Audio, "7.25") + of(Media::VideoHd, "28")).to_f64()
    }

    fn month_is_right(&self, scrape: &Scrape) -> bool {
        [App::Id(APP), App::Total].into_iter().all(|app| {
            [Media::Audio, Media::VideoHd].into_iter().all(|media| {
                let labels = [
                    ("account", "main"),
                    ("sdk_app_id", &app.to_string()),
                    ("item", "interactive"),
                    ("media", media.as_str()),
                ];
                let shown = scrape.value("trtc_usage_month_billable_minutes", &labels);
                shown == Some(self.minutes(app, media, Month::of(self.today())) as f64)
            })
        })
    }
}

fn total(scrape: &Scrape) -> f64 {
    scrape.sum("trtc_cost_estimate_total", "")
}

#[tokio::test]
async fn the_month_is_what_its_days_add_up_to_and_costs_go_on_into_the_next() {
    let stage = Stage::set().await;
    let month = Month::of(stage.today()).succ();
    let middle = month.first().through(month.last()).nth(17).expect("a date");
    stage.be_at_noon_of(middle);
    let exporter = stage.start().await;
    let scrape = exporter
        .scrape_until("the month is known", |scrape| {
            stage.month_is_right(scrape)
                && scrape.sum("trtc_cost_month_estimate", "") == stage.cost(month)
        })
        .await;
    assert!(total(&scrape) > 0.0 && total(&scrape) >= stage.cost(month));
    assert_eq!(scrape.sum("trtc_usage_unreconciled_seconds", ""), 0.0);
    exporter.kill();

    let next = month.succ();
    stage.be_at_noon_of(next.first().succ().succ());
    let before = total(&scrape);
    let exporter = stage.start().await;
    let scrape = exporter
        .scrape_until("both months are known", |scrape| {
            let shown = total(scrape);
            assert!(
                shown == 0.0 || shown >= before,
                "it fell from {before} to {shown}"
            );
            stage.month_is_right(scrape)
                && scrape.sum("trtc_cost_month_estimate", "") == stage.cost(next)
        })
        .await;
    assert!(total(&scrape) >= before + stage.cost(next));
}
