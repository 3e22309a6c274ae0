use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::simulator::testing::beijing;
use crate::usage::BUCKET_SECONDS;

/// Long after everything has become final.
const LATER: &str = "2030-01-01 00:00:00";

/// A Monday.
const MONDAY: &str = "2024-03-04";

const APP: u64 = 1_400_000_001;

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).expect("in range")
}

fn dense() -> Model {
    Model {
        sparse: false,
        ..Model::default()
    }
}

fn streamed(model: &Model) -> Usage<'_> {
    model.of(&INTERACTIVE)
}

fn final_day(model: &Model, app: App, date: Date) -> Vec<(TimeKey, u64)> {
    let rows = streamed(model).day(app, date, beijing(LATER));
    rows.into_iter()
        .map(|(key, row)| (key, Media::KNOWN.iter().map(|&media| row[media]).sum()))
        .collect()
}

/// Every way in which a model can publish.
fn publications() -> impl Strategy<Value = Publication> {
    prop::sample::select(vec![
        Publication::CALM,
        Publication::NORMAL,
        Publication::ROUGH,
    ])
}

fn items() -> impl Strategy<Value = &'static Item> {
    (0..Item::ALL.len()).prop_map(|index| Item::by_name(Item::ALL[index].name).expect("known"))
}

proptest! {
    #[test]
    fn nothing_shows_in_its_first_five_minutes_and_all_after_three_hours(
        seed: u64, app: u32, item in items(), slot in 0_i64..2_000_000, publication in publications(),
    ) {
        let model = Model { seed, publication, ..dense() };
        let (app, bucket) = (App::Id(app.into()), TimeKey::from_unix(slot * BUCKET_SECONDS));
        let usage = model.of(item);
        prop_assert_eq!(usage.shown(app, bucket, at(bucket.unix() + 299)), None);
        prop_assert!(usage.shown(app, bucket, at(bucket.unix() + 180 * 60)).is_some());
    }

    #[test]
    fn a_date_is_final_at_nine_the_next_morning(
        seed: u64, app: u32, item in items(), slot in 0_i64..2_000_000, publication in publications(),
        later in 0_i64..10_000_000,
    ) {
        let model = Model { seed, publication, ..dense() };
        let (app, bucket) = (App::Id(app.into()), TimeKey::from_unix(slot * BUCKET_SECONDS));
        let nine = bucket.date().succ().midnight().unix() + 9 * 3600;
        let shown = model.of(item).shown(app, bucket, at(nine));
        prop_assert_eq!(shown, model.of(item).shown(app, bucket, at(nine + later)));
        let calm = Model { publication: Publication::CALM, ..model };
        prop_assert_eq!(shown, calm.of(item).shown(app, bucket, at(nine)), "the truth is the same whatever the way");
    }

    #[test]
    fn without_revisions_a_bucket_only_grows(
        seed: u64, slot in 0_i64..2_000_000, mut times in prop::collection::vec(0_i64..4 * 3600, 2..20),
    ) {
        let publication = Publication { revised: 0.0, ..Publication::ROUGH };
        let model = Model { seed, publication, ..dense() };
        let bucket = TimeKey::from_unix(slot * BUCKET_SECONDS);
        times.sort_unstable();
        let mut before: Option<Row> = None;
        for since in times {
            let row = streamed(&model).shown(App::Id(APP), bucket, at(bucket.unix() + since));
            prop_assert!(row.is_some() || before.is_none(), "what was shown stays");
            if let (Some(before), Some(row)) = (before, row) {
                for media in Media::KNOWN {
                    prop_assert!(before[media] <= row[media]);
                }
            }
            before = row;
        }
    }

    #[test]
    fn the_total_is_the_sum_of_the_apps_as_shown(seed: u64, item in items(), slot in 0_i64..288, since in 0_i64..1_000) {
        let model = Model { seed, ..Model::default() };
        let bucket = date(MONDAY).midnight().plus_seconds(slot * BUCKET_SECONDS);
        let now = at(bucket.unix() + since * 60);
        let shown = |app| model.of(item).shown(app, bucket, now);
        let apps = model.apps.iter().filter_map(|&id| shown(App::Id(id)));
        prop_assert_eq!(shown(App::Total), apps.reduce(Row::beside));
    }

    #[test]
    fn a_date_adds_up_or_has_a_peak(seed: u64, item in items(), minute in 0_i64..3_000) {
        let model = Model { seed, ..Model::default() };
        let now = at(date(MONDAY).midnight().unix() + minute * 60);
        let range = date(MONDAY).midnight()..date(MONDAY).succ().midnight();
        let rows = model.of(item).day(App::Total, date(MONDAY), now);
        for media in Media::KNOWN {
            let figures = rows.iter().map(|(_, row)| row[media]);
            let expected = match media {
                Media::Bandwidth => figures.max().unwrap_or(0),
                _ => figures.sum(),
            };
            prop_assert_eq!(model.of(item).truth(App::Total, media, range.clone(), now), expected);
        }
    }
}

#[test]
fn usage_follows_from_the_seed() {
    let rows = |seed| {
        let model = Model {
            seed,
            ..Model::default()
        };
        streamed(&model).day(App::Total, date(MONDAY), beijing("2024-03-04 20:00:00"))
    };
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
}

#[test]
fn services_are_used_by_every_app_and_less_than_streams() {
    let model = Model::default();
    let range = date(MONDAY).midnight()..date(MONDAY).succ().midnight();
    let seconds = |item, app| -> u64 {
        let truth = |media| {
            model
                .of(item)
                .truth(App::Id(app), media, range.clone(), beijing(LATER))
        };
        INTERACTIVE
            .actions
            .iter()
            .flat_map(|action| action.media())
            .map(truth)
            .sum()
    };
    for app in [APP, APP + 1, APP + 2, 77, 4_711] {
        for item in &Item::ALL[1..] {
            let row = model
                .of(item)
                .day_sum(App::Id(app), date(MONDAY), beijing(LATER));
            assert!(row.is_some_and(|row| !row.is_idle()), "{} {app}", item.name);
            assert!(
                seconds(item, app) < seconds(&INTERACTIVE, app),
                "{} {app}",
                item.name
            );
        }
    }
}

#[test]
fn a_service_does_not_move_in_step_with_the_streams() {
    let model = dense();
    let share = |item: &str, row: &Row, key| {
        let item = Item::by_name(item).expect("known");
        let used = model.of(item).shown(App::Id(APP), key, beijing(LATER));
        used.expect("final")[Media::Audio] as f64 / row[Media::Audio] as f64
    };
    let rows = streamed(&model).day(App::Id(APP), date(MONDAY), beijing(LATER));
    let busy = rows.iter().filter(|(_, row)| row[Media::Audio] > 10_000);
    let shares: Vec<[f64; 2]> = busy
        .map(|(key, row)| {
            ["recording_single", "recording_multi"].map(|item| share(item, row, *key))
        })
        .collect();
    assert!(shares.len() > 20);
    for [single, multi] in &shares {
        assert!(
            (0.044..0.056).contains(single) && (0.089..0.111).contains(multi),
            "{single} {multi}"
        );
    }
    assert!(shares.iter().any(|[single, multi]| multi / single > 2.1));
    assert!(shares.iter().any(|[single, multi]| multi / single < 1.9));
}

#[test]
fn the_hidden_app_makes_the_total_larger() {
    let model = Model::default();
    let range = date(MONDAY).midnight()..date(MONDAY).succ().midnight();
    let truth = |app| model.truth(app, Media::Audio, range.clone(), beijing(LATER));
    let watched: u64 = DEMO_APPS
        .iter()
        .map(|app| truth(App::Id(app.sdk_app_id)))
        .sum();
    assert!(watched > 0);
    assert!(truth(App::Total) > watched);
}

#[test]
fn buckets_become_visible_as_the_day_goes_by() {
    let model = dense();
    let mut before = 0;
    for hour in [1, 6, 12, 18, 24] {
        let now = at(date(MONDAY).midnight().unix() + hour * 3600);
        let rows = streamed(&model).day(App::Id(APP), date(MONDAY), now);
        assert!(rows.is_sorted_by_key(|(key, _)| *key));
        assert!(rows.len() as i64 >= (hour - 3) * 12, "at most 3 hours late");
        assert!((rows.len() as i64) < hour * 12, "at least 5 minutes late");
        assert!(rows.len() > before);
        before = rows.len();
    }
    let all = streamed(&model).day(App::Id(APP), date(MONDAY), beijing(LATER));
    assert_eq!(all.len(), 288);
    assert_eq!(all[0].0, date(MONDAY).midnight());
}

#[test]
fn days_have_a_quiet_night_and_two_peaks_and_weekends_differ() {
    let model = Model {
        spontaneous_spikes: false,
        ..dense()
    };
    let hour = |day: &str, hour: usize| -> u64 {
        let day = final_day(&model, App::Id(APP), date(day));
        day[hour * 12..][..12].iter().map(|(_, sum)| sum).sum()
    };
    let night = hour(MONDAY, 3);
    let (morning, noon) = (hour(MONDAY, 10), hour(MONDAY, 12));
    let (afternoon, evening) = (hour(MONDAY, 18), hour(MONDAY, 20));
    assert!(morning > 20 * night.max(1), "{morning} {night}");
    assert!(morning > noon && evening > afternoon);
    let saturday = hour("2024-03-09", 10);
    assert!(saturday * 3 < morning, "{saturday} {morning}");
}

#[test]
fn apps_differ_in_size_and_mix() {
    let model = Model::default();
    let range = date(MONDAY).midnight()..date(MONDAY).succ().midnight();
    let share = |app: u64, media| {
        let truth = |media| model.truth(App::Id(app), media, range.clone(), beijing(LATER));
        let all: u64 = Media::KNOWN.into_iter().map(truth).sum();
        truth(media) as f64 / all as f64
    };
    let [classroom, _, shows] = DEMO_APPS.map(|app| app.sdk_app_id);
    assert!(share(classroom, Media::Audio) > 0.5);
    assert!(share(shows, Media::Audio) < 0.2 && share(shows, Media::Video4k) > 0.0);
    let single_price = (1..100).filter(|&app| share(app, Media::AudioVideo) == 1.0);
    assert!(
        (5..30).contains(&single_price.count()),
        "some keep the old pricing"
    );
}

#[test]
fn spikes_are_rare_short_and_high() {
    let usual = Model {
        spontaneous_spikes: false,
        ..dense()
    };
    let model = dense();
    let mut lengths = Vec::new();
    let mut buckets = 0;
    for app in 0..20 {
        let mut length = 0;
        for day in 0..30 {
            let day = date(MONDAY).minus_days(day);
            let pairs = final_day(&model, App::Id(app), day)
                .into_iter()
                .zip(final_day(&usual, App::Id(app), day));
            for ((_, with), (_, without)) in pairs {
                buckets += 1;
                // A few seconds are too coarse to tell the factor.
                let factor = with as f64 / without.max(1) as f64;
                if with != without {
                    assert!(without < 300 || (3.9..8.1).contains(&factor), "{factor}");
                    length += 1;
                } else if length > 0 {
                    lengths.push(length);
                    length = 0;
                }
            }
        }
    }
    assert!(
        lengths.iter().all(|length| (1..=6).contains(length)),
        "{lengths:?}"
    );
    let per_app_and_day = lengths.len() as f64 / 600.0;
    assert!((0.1..0.4).contains(&per_app_and_day), "{per_app_and_day}");
    assert_eq!(buckets, 20 * 30 * 288);
}

#[test]
fn an_injected_spike_multiplies_its_buckets_only() {
    let plain = dense();
    let from = TimeKey::parse("2024-03-04 10:00:00").expect("a key");
    let spike = Spike {
        sdk_app_id: APP,
        from: from.plus_seconds(17),
        seconds: Duration::from_secs(30 * 60).as_secs() as i64,
        factor: 5.0,
    };
    let model = Model {
        spikes: vec![spike],
        ..dense()
    };
    let day = |model: &Model, app| final_day(model, App::Id(app), date(MONDAY));
    assert_eq!(day(&model, APP + 1), day(&plain, APP + 1));
    let pairs = day(&model, APP).into_iter().zip(day(&plain, APP));
    let hit: Vec<TimeKey> = pairs
        .filter(|((_, with), (_, without))| with != without)
        .map(|((key, with), (_, without))| {
            let factor = with as f64 / without as f64;
            assert!((4.99..5.01).contains(&factor), "{factor}");
            key
        })
        .collect();
    let expected: Vec<TimeKey> = (0..6).map(|slot| from.plus_seconds(slot * 300)).collect();
    assert_eq!(hit, expected);
}

#[test]
fn lateness_and_revisions_are_as_common_as_said() {
    let model = dense();
    let (mut late, mut very_late, mut lowered, mut buckets) = (0, 0, 0, 0);
    for day in 0..30 {
        for slot in 96..276 {
            let day = date(MONDAY).minus_days(day);
            let bucket = day.midnight().plus_seconds(slot * 300);
            let shown = |minutes: i64| {
                let now = at(bucket.unix() + minutes * 60);
                streamed(&model).shown(App::Id(APP), bucket, now)
            };
            buckets += 1;
            late += u32::from(shown(13).is_none());
            very_late += u32::from(shown(61).is_none());
            let highest = (5..=31 * 60)
                .step_by(15)
                .filter_map(|m| Some(shown(m)?[Media::Audio]));
            let end = shown(48 * 60).expect("final")[Media::Audio];
            lowered += u32::from(highest.max().expect("shown") > end);
        }
    }
    let share = |count: u32| f64::from(count) / f64::from(buckets);
    assert!((0.05..0.09).contains(&share(late)), "{}", share(late));
    assert!(
        (0.005..0.016).contains(&share(very_late)),
        "{}",
        share(very_late)
    );
    assert!(
        (0.007..0.025).contains(&share(lowered)),
        "{}",
        share(lowered)
    );
}

#[test]
fn idle_buckets_are_left_out_or_zero() {
    let small = (1..50)
        .find(|&app| {
            let day = final_day(&dense(), App::Id(app), date(MONDAY));
            day.iter().any(|(_, sum)| *sum == 0)
        })
        .expect("an app with idle buckets");
    let sparse = final_day(&Model::default(), App::Id(small), date(MONDAY));
    let dense = final_day(&dense(), App::Id(small), date(MONDAY));
    assert_eq!(dense.len(), 288);
    let used: Vec<_> = dense.into_iter().filter(|(_, sum)| *sum > 0).collect();
    assert_eq!(sparse, used);
}

#[test]
fn a_fixed_list_is_all_there_is() {
    let model = Model {
        apps: vec![7],
        only_these: true,
        ..Model::default()
    };
    assert!(model.knows(App::Id(7)) && model.knows(App::Total));
    assert!(!model.knows(App::Id(8)));
    assert!(Model::default().knows(App::Id(8)));
}

/// Pictures and other tests show this account.
#[test]
fn what_is_streamed_stays_as_it_is() {
    let range = date(MONDAY).midnight()..date("2024-03-11").midnight();
    let week = |app, until| {
        let truth = |media| Model::default().truth(app, media, range.clone(), beijing(until));
        Media::KNOWN.map(truth)[..6].to_vec()
    };
    assert_eq!(
        week(App::Total, LATER),
        [
            23_099_074, 13_564_595, 30_015_684, 36_917_184, 6_326_933, 1_578_536
        ]
    );
    assert_eq!(
        week(App::Id(77), "2024-03-06 15:00:00"),
        [464_807, 232_388, 1_395_277, 2_095_074, 371_657, 92_668]
    );
}
