//! Invented targets, figures and answers, the same at every run.

use std::fmt::Write as _;
use std::sync::Arc;

use trtc_exporter::metrics::{BuildInfo, TargetInfo, Telemetry};
use trtc_exporter::tencent::action::INTERACTIVE_TIME;
use trtc_exporter::usage::{App, Date, Media, SeriesView, Target, TimeKey, Unit, View};

/// An app has 47 series: so many apps make about 1,000, 10,000 and 60,000.
pub(crate) const APPS: [usize; 3] = [21, 213, 1_277];

pub(crate) const DAY: &str = "2024-02-28";

pub(crate) fn telemetry() -> Arc<Telemetry> {
    let build = BuildInfo {
        version: "0.0.0",
        revision: "unknown",
        rustc: "1.95.0",
    };
    Arc::new(Telemetry::new(build, trtc_exporter::collect::CODES))
}

pub(crate) fn target(index: usize) -> Target {
    Target {
        account: "main".into(),
        app: App::Id(1_400_000_001 + index as u64),
        item: "interactive".into(),
    }
}

pub(crate) fn targets(count: usize) -> Vec<TargetInfo> {
    let info = |index| TargetInfo {
        target: target(index),
        app_name: None,
    };
    (0..count).map(info).collect()
}

/// What target `index` shows after `polls` polls: every figure differs from the last one's.
pub(crate) fn view(index: usize, polls: u64) -> View {
    let seed = index as u64 * 7_919 + polls * 104_729;
    let series = INTERACTIVE_TIME
        .media()
        .zip(1..)
        .map(|(media, factor)| SeriesView {
            media,
            total_ms: seed * factor * 1_000_000 % 1_000_000_007_000,
            overcounted_ms: 0,
            bucket_ms: seed * factor % 36_000 * 1000,
            today_ms: seed * factor % 8_640_000 * 1000,
            yesterday_ms: index as u64 * factor % 8_640_000 * 1000,
            month_minutes: Some(seed * factor % 1_000_000),
        });
    View {
        unit: Unit::Seconds,
        series: series.collect(),
        bucket: Some(TimeKey::from_unix(
            1_709_049_600 + polls.cast_signed() * 300,
        )),
        revised_up_ms: seed % 1000 * 1000,
        revised_down_ms: 0,
        unreconciled_ms: Some(0),
        catching_up: false,
        up: Some(true),
        last_success: Some(1_709_049_600 + polls.cast_signed() * 60 + index as i64 % 60),
    }
}

/// An answer of a whole day, 288 rows of 5 columns. `generation` changes its last rows, as the upstream does.
pub(crate) fn answer(app: usize, generation: u64) -> String {
    let midnight = DAY.parse::<Date>().expect("a date").midnight();
    let mut rows = Vec::with_capacity(288);
    for slot in 0..288_u64 {
        let late = if slot >= 285 { generation } else { 0 };
        let seed = app as u64 * 31 + slot * 7_919 + late * 13;
        let mut row = format!(
            r#"{{"TimeKey":"{}""#,
            midnight.plus_seconds(slot.cast_signed() * 300)
        );
        for ((column, _), factor) in INTERACTIVE_TIME.columns.iter().zip(1..) {
            write!(row, r#","{column}":{}"#, seed * factor % 36_000).expect("memory");
        }
        rows.push(row + "}");
    }
    format!(
        r#"{{"Response":{{"Usages":[{{"SdkAppId":"{}","SdkAppIdTrtcTimeUsages":[{}]}}],"RequestId":"7a1f8a2e-90c3-4b1e-8a51-9a4d2c6f0b11"}}}}"#,
        1_400_000_001 + app,
        rows.join(",")
    )
}

/// The media that [`answer`] speaks about.
pub(crate) fn media() -> Vec<Media> {
    INTERACTIVE_TIME.media().collect()
}
