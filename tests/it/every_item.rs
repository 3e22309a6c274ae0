//! Every billing item at once: what the real program shows of it is what the upstream says.

use std::sync::Arc;

use tokio::net::TcpListener;
use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{Handle, Model, Options, Publication, Quirks, Simulator};
use trtc_exporter::tencent::{Action, Item};
use trtc_exporter::usage::{App, Date, Media, TimeKey, Unit};

use crate::exporter::{Exporter, Scrape};
use crate::upstream::Home;

const APP: u64 = 1_400_000_001;

/// More than the upstream allows, so that a day's news is there at once.
const REQUESTS_PER_SECOND: u16 = 200;

/// Each by its first action.
const ALL: [(&str, &str); 6] = [
    ("interactive", "DescribeTrtcInteractiveTime"),
    ("mix_transcoding", "DescribeMixTranscodingUsage"),
    ("recording_single", "DescribeRecordingUsage"),
    ("recording_multi", "DescribeRecordingUsage"),
    ("recording", "DescribeRecordStatistic"),
    ("relay", "DescribeRelayUsage"),
];

/// Where there are two actions, by the other one.
const OTHERS: [(&str, &str); 2] = [
    ("interactive", "DescribeTrtcUsage"),
    ("mix_transcoding", "DescribeTrtcMcuTranscodeTime"),
];

/// An upstream whose yesterday does not change any more, and an exporter that asks it for these items.
struct Stage {
    upstream: Handle,
    exporter: Exporter,
    _home: Home,
}

impl Stage {
    async fn set(items: &[(&str, &str)], quirks: Quirks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let options = Options {
            model: Model {
                publication: Publication::CALM,
                ..Model::default()
            },
            quirks,
            requests_per_second: Some(REQUESTS_PER_SECOND),
            ..Options::default()
        };
        let upstream = Simulator::start(listener, options, Arc::new(SystemClock::start()));
        let upstream = upstream.expect("it serves");
        let home = Home::new();
        let item = |(name, action): &(&str, &str)| {
            let limit = REQUESTS_PER_SECOND;
            format!("\n  - {{ name: {name}, action: {action}, requests_per_second: {limit} }}")
        };
        let items: String = items.iter().map(item).collect();
        home.configure(&upstream, &[APP], &format!("items:{items}"));
        let exporter = Exporter::configured(&home.config(), &home.state()).await;
        Self {
            upstream,
            exporter,
            _home: home,
        }
    }

    /// Whether what is shown of the item is all that the upstream says by this action.
    fn shows(&self, scrape: &Scrape, item: &Item, action: &Action, app: App) -> bool {
        match action.unit {
            Unit::Seconds => action.media().all(|media| {
                let shown = yesterday(scrape, item, app, media.as_str());
                shown == Some(self.used_yesterday(item, app, media))
            }),
            Unit::Bandwidth => self.shows_bandwidth(scrape, item, app),
        }
    }

    fn used_yesterday(&self, item: &Item, app: App, media: Media) -> f64 {
        let today = Date::of(SystemClock::start().now().utc);
        let range = today.pred().midnight()..today.midnight();
        self.upstream.truth_of(item, app, media, range) as f64
    }

    fn shows_bandwidth(&self, scrape: &Scrape, item: &Item, app: App) -> bool {
        let shown = |name| value(scrape, name, item, app, &[]);
        let Some(key) = shown("trtc_usage_bucket_timestamp_seconds") else {
            return false;
        };
        let key = TimeKey::from_unix(key as i64);
        let range = key..key.plus_seconds(300);
        let kbps = self.upstream.truth_of(item, app, Media::Bandwidth, range);
        shown("trtc_relay_bandwidth_bits_per_second") == Some(kbps as f64 * 1000.0)
    }
}

/// Seconds of yesterday.
fn yesterday(scrape: &Scrape, item: &Item, app: App, media: &str) -> Option<f64> {
    let more = [("media", media), ("day", "yesterday")];
    value(scrape, "trtc_usage_day_seconds", item, app, &more)
}

fn value(scrape: &Scrape, name: &str, item: &Item, app: App, more: &[(&str, &str)]) -> Option<f64> {
    let app = app.to_string();
    let labels = [
        ("account", "main"),
        ("sdk_app_id", &app),
        ("item", item.name),
    ];
    scrape.value(name, &[&labels, more].concat())
}

#[tokio::test]
async fn every_item_shows_what_the_upstream_says_whatever_the_action() {
    for items in [&ALL[..], &OTHERS] {
        let stage = Stage::set(items, Quirks::default()).await;
        for (item, action) in items {
            let item = Item::by_name(item).expect("an item");
            let action = Action::by_name(action).expect("an action");
            for app in [App::Id(APP), App::Total] {
                let what = format!("{} of {app} is shown", item.name);
                let agrees = |scrape: &Scrape| stage.shows(scrape, item, action, app);
                stage.exporter.scrape_until(&what, agrees).await;
            }
        }
    }
}

/// The column repeats the first one, see [`Quirks::unknown_column`]: that is audio.
#[tokio::test]
async fn what_the_upstream_begins_to_report_is_a_series_of_its_own() {
    let quirks = Quirks {
        unknown_column: true,
        ..Quirks::default()
    };
    let stage = Stage::set(&ALL, quirks).await;
    for (item, media) in [
        ("interactive", "video_time_8k"),
        ("mix_transcoding", "8k"),
        ("recording_single", "8k"),
        ("recording", "video_time_8k"),
    ] {
        let item = Item::by_name(item).expect("an item");
        let app = App::Id(APP);
        let is_there = |scrape: &Scrape| {
            let audio = stage.used_yesterday(item, app, Media::Audio);
            audio > 0.0 && yesterday(scrape, item, app, media) == Some(audio)
        };
        stage.exporter.scrape_until(media, is_there).await;
    }
    let relay = Item::by_name("relay").expect("an item");
    let is_there = |scrape: &Scrape| {
        scrape.sum(
            "trtc_relay_bandwidth_bits_per_second",
            "sdk_app_id=\"total\"",
        ) > 0.0
            && stage.shows_bandwidth(scrape, relay, App::Total)
    };
    stage.exporter.scrape_until("a bandwidth", is_there).await;
}
