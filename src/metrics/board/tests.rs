//! The board seen through the exposition, as a scrape sees it.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::bufread::GzDecoder;
use proptest::prelude::*;

use super::*;
use crate::metrics::{BuildInfo, Encoding, Telemetry};
use crate::usage::{App, Media, SeriesView, TimeKey, Unit};

fn exposition() -> Arc<Exposition> {
    let build = BuildInfo {
        version: "0.0.0",
        revision: "unknown",
        rustc: "1.95.0",
    };
    Arc::new(Exposition::new(Arc::new(Telemetry::new(
        build,
        &["timeout"],
    ))))
}

fn target(account: &str, app: App, item: &str, app_name: Option<&str>) -> TargetInfo {
    TargetInfo {
        target: Target {
            account: account.into(),
            app,
            item: item.into(),
        },
        app_name: app_name.map(str::to_owned),
    }
}

fn board_of(targets: Vec<TargetInfo>, exposition: &Arc<Exposition>) -> Board {
    let mut board = Board::new(Arc::clone(exposition));
    board.list(targets);
    board
}

fn targets(count: usize) -> Vec<TargetInfo> {
    let target = |id| {
        target(
            "main",
            App::Id(1_400_000_000 + id as u64),
            "interactive",
            None,
        )
    };
    (0..count).map(target).collect()
}

/// A view whose every figure is `n`.
fn view(n: u64, media: &[Media]) -> View {
    let series = media.iter().map(|&media| SeriesView {
        media,
        total_ms: n * 1000,
        overcounted_ms: n * 1000,
        bucket_ms: n * 1000,
        today_ms: n * 1000,
        yesterday_ms: n * 1000,
        month_minutes: Some(n),
    });
    View {
        unit: Unit::Seconds,
        series: series.collect(),
        bucket: Some(TimeKey::from_unix(n as i64)),
        revised_up_ms: n * 1000,
        revised_down_ms: n * 1000,
        unreconciled_ms: Some(n * 1000),
        catching_up: false,
        up: Some(true),
        last_success: Some(n as i64),
    }
}

fn plain(document: &crate::metrics::Document) -> Vec<u8> {
    let body = document.parts().flatten().copied().collect::<Vec<u8>>();
    assert_eq!(body.len(), document.len());
    body
}

fn gunzipped(document: &crate::metrics::Document) -> Vec<u8> {
    let body = plain(document);
    let mut decoder = GzDecoder::new(&body[..]);
    let mut text = Vec::new();
    decoder.read_to_end(&mut text).expect("one whole member");
    assert!(decoder.into_inner().is_empty(), "and nothing behind it");
    text
}

/// The page without the exporter's own metrics, which are at its end.
fn usage(body: Vec<u8>) -> String {
    let text = String::from_utf8(body).expect("text");
    let own = text.find("# HELP process_").expect("own metrics");
    text[..own].to_owned()
}

fn shown(exposition: &Exposition, format: Format) -> String {
    usage(plain(&exposition.document(format, Encoding::Identity)))
}

/// Two accounts, an app with two items, a target of which nothing is known, one that was restored, one that fails.
fn small_board() -> Arc<Exposition> {
    let exposition = exposition();
    let list = vec![
        target(
            "main",
            App::Id(1_400_243_510),
            "interactive",
            Some("prod \"eu\""),
        ),
        target("main", App::Id(1_400_243_510), "live", Some("prod \"eu\"")),
        target("main", App::Total, "interactive", None),
        target("b", App::Id(7), "interactive", None),
    ];
    let mut board = board_of(list, &exposition);
    let audio = SeriesView {
        media: Media::Audio,
        total_ms: 90_500,
        overcounted_ms: 1,
        bucket_ms: 12_000,
        today_ms: 86_400_000,
        yesterday_ms: 0,
        month_minutes: Some(2000),
    };
    let video = SeriesView {
        media: Media::VideoHd,
        total_ms: 3_600_000,
        overcounted_ms: 0,
        bucket_ms: 0,
        today_ms: 100,
        yesterday_ms: 20,
        month_minutes: None,
    };
    board.set(
        0,
        View {
            unit: Unit::Seconds,
            series: vec![audio, video],
            bucket: Some(TimeKey::from_unix(1_599_494_700)),
            revised_up_ms: 1500,
            revised_down_ms: 2000,
            unreconciled_ms: Some(1500),
            catching_up: false,
            up: Some(true),
            last_success: Some(1_599_495_600),
        },
    );
    board.set(
        2,
        View {
            series: vec![video],
            ..View::default()
        },
    );
    board.set(
        3,
        View {
            up: Some(false),
            ..View::default()
        },
    );
    board.publish();
    exposition
}

#[test]
fn a_small_board_in_text() {
    assert_eq!(
        shown(&small_board(), Format::Text),
        include_str!("golden.txt")
    );
}

#[test]
fn a_small_board_in_open_metrics() {
    let exposition = small_board();
    assert_eq!(
        shown(&exposition, Format::OpenMetrics),
        include_str!("golden.txt")
            .replace("HELP trtc_usage_seconds_total", "HELP trtc_usage_seconds")
            .replace("TYPE trtc_usage_seconds_total", "TYPE trtc_usage_seconds")
            .replace(
                "HELP trtc_usage_revised_seconds_total",
                "HELP trtc_usage_revised_seconds"
            )
            .replace(
                "TYPE trtc_usage_revised_seconds_total",
                "TYPE trtc_usage_revised_seconds"
            )
    );
    let body = plain(&exposition.document(Format::OpenMetrics, Encoding::Identity));
    assert_eq!(String::from_utf8_lossy(&body).matches("# EOF\n").count(), 1);
    assert!(body.ends_with(b"\n# EOF\n"));
}

#[test]
fn nothing_is_shown_before_publish_and_nothing_of_no_targets() {
    let exposition = exposition();
    let mut board = board_of(targets(3), &exposition);
    board.set(0, view(1, &Media::KNOWN));
    assert_eq!(shown(&exposition, Format::Text), "");
    board.publish();
    assert!(shown(&exposition, Format::Text).contains("sdk_app_id=\"1400000000\""));
    board_of(Vec::new(), &exposition).publish();
    assert_eq!(shown(&exposition, Format::OpenMetrics), "");
}

#[test]
fn a_new_list_begins_without_figures_and_shows_with_publish() {
    let exposition = exposition();
    let mut board = board_of(targets(2), &exposition);
    board.set(1, view(1, &Media::KNOWN));
    board.publish();
    board.list(targets(2));
    assert!(shown(&exposition, Format::Text).contains("trtc_up"));
    board.publish();
    assert!(!shown(&exposition, Format::Text).contains("trtc_up"));
    assert!(shown(&exposition, Format::Text).contains("1400000001"));
    board.list(targets(1));
    board.publish();
    assert!(!shown(&exposition, Format::Text).contains("1400000001"));
}

#[test]
fn scrapes_never_see_two_states_of_one_target() {
    const TARGETS: usize = TARGETS_PER_BLOCK * 2 + 3;
    let exposition = exposition();
    let mut board = board_of(targets(TARGETS), &exposition);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            let (exposition, done) = (&exposition, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let document = exposition.document(Format::Text, encoding);
                    assert_one_state(&usage(match encoding {
                        Encoding::Identity => plain(&document),
                        Encoding::Gzip => gunzipped(&document),
                    }));
                }
            });
        }
        for generation in 1..60 {
            for index in (0..TARGETS).filter(|index| (index + generation as usize) % 3 != 1) {
                board.set(index, view(generation, &Media::KNOWN[..2]));
            }
            board.publish();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_one_state(&shown(&exposition, Format::Text));
    assert!(shown(&exposition, Format::Text).contains("} 59\n"));
}

/// Every figure of a target is the number of its generation, but for those in other units.
fn assert_one_state(text: &str) {
    let mut generations = BTreeMap::new();
    for line in text.lines().filter(|line| {
        let others = [
            "#",
            "trtc_app_info",
            "trtc_up",
            "trtc_usage_billable_minutes",
        ];
        !others.iter().any(|other| line.starts_with(other))
    }) {
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        let app = series.split('"').nth(3).expect("a second label");
        let known = generations
            .entry(app.to_owned())
            .or_insert(value.to_owned());
        assert_eq!(known, value, "{line}");
    }
}

#[test]
fn media_and_labels_agree_with_their_names() {
    let exposition = exposition();
    let mut board = board_of(targets(1), &exposition);
    board.set(0, view(5, &Media::KNOWN));
    board.publish();
    let text = shown(&exposition, Format::Text);
    for media in Media::KNOWN {
        assert_eq!(
            text.matches(&format!(",media=\"{media}\"")).count(),
            8,
            "{media}"
        );
    }
    let mut series: Vec<&str> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' ').filter(|_| !line.starts_with('#')))
        .map(|(series, _)| series)
        .collect();
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "no series twice");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_kept_equals_what_is_rendered_anew(
        rounds in prop::collection::vec(
            (1..200_usize, prop::collection::vec((any::<prop::sample::Index>(), 0..4_u64, 0..7_usize), 0..6)),
            1..6,
        )
    ) {
        let kept = exposition();
        let mut board = board_of(Vec::new(), &kept);
        let (mut listed, mut last) = (0, BTreeMap::new());
        for (count, round) in rounds {
            // Now and then, as a reload does.
            if count % 2 == 0 || listed == 0 {
                board.list(targets(count));
                (listed, last) = (count, BTreeMap::new());
            }
            for (index, n, media) in round {
                let (index, view) = (index.index(listed), view(n, &Media::KNOWN[..media]));
                board.set(index, view.clone());
                last.insert(index, view);
            }
            board.publish();

            let fresh = exposition();
            let mut board = board_of(targets(listed), &fresh);
            for (&index, view) in &last {
                board.set(index, view.clone());
            }
            board.publish();
            for format in Format::ALL {
                let text = shown(&kept, format);
                prop_assert_eq!(&text, &shown(&fresh, format));
                prop_assert_eq!(text, usage(gunzipped(&kept.document(format, Encoding::Gzip))));
            }
        }
    }
}
