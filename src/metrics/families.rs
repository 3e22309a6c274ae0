//! The usage families: their names, types, HELP texts, and the samples that one target has in each.

use crate::usage::{Media, SeriesView, Unit, View, billable_minutes};

use super::syntax::{self, Format, Kind};

/// One target: its labels, written once, and its figures.
#[derive(Debug)]
pub(super) struct Row {
    /// `account`, `sdk_app_id` and `item`.
    pub(super) labels: Box<str>,
    /// `account`, `sdk_app_id` and `app_name`; in one row of each app only, whatever number of items it has.
    pub(super) app: Option<Box<str>>,
    /// `None` until something is known.
    pub(super) view: Option<View>,
}

impl Row {
    /// The figures, once there are any: restored ones, or those of the first poll.
    fn known(&self) -> Option<&View> {
        self.of(Unit::Seconds)
            .filter(|view| view.up.is_some() || !view.series.is_empty())
    }

    /// The figures, if they are in this unit.
    fn of(&self, unit: Unit) -> Option<&View> {
        self.view.as_ref().filter(|view| view.unit == unit)
    }

    fn series(&self) -> &[SeriesView] {
        self.of(Unit::Seconds).map_or(&[], |view| &view.series)
    }

    /// The series whose counters are known to be no lower than they have been seen.
    fn counters(&self) -> &[SeriesView] {
        let known = self.of(Unit::Seconds).filter(|view| !view.catching_up);
        known.map_or(&[], |view| &view.series)
    }
}

/// A family of samples over all targets.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    samples: fn(&Row, &mut Samples<'_>),
}

impl Family {
    /// Appends the samples of `row`.
    pub(super) fn render(&self, row: &Row, out: &mut String) {
        let name = self.name;
        (self.samples)(row, &mut Samples { name, out });
    }
}

/// Writes the header of the usage family of this name in OpenMetrics; nothing when there is none.
pub fn header_in_open_metrics(out: &mut String, name: &str) {
    if let Some(family) = FAMILIES.iter().find(|family| family.name == name) {
        syntax::header(out, Format::OpenMetrics, name, family.kind, family.help);
    }
}

/// Every usage family, in the order of the page.
pub(super) const FAMILIES: [Family; 13] = [
    Family {
        name: "trtc_app_info",
        kind: Kind::Gauge,
        help: "A configured app and the name it was given; always 1. \
               Join with `* on (account, sdk_app_id) group_left (app_name)`.",
        samples: |row, out| {
            if let Some(labels) = &row.app {
                out.sample(labels).integer(1);
            }
        },
    },
    Family {
        name: "trtc_poll_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        help: "When a poll of this target last succeeded. Polls run in the background, never because of a scrape.",
        samples: |row, out| {
            if let Some(at) = row.view.as_ref().and_then(|view| view.last_success) {
                out.sample(&row.labels).integer(at);
            }
        },
    },
    Family {
        name: "trtc_relay_bandwidth_bits_per_second",
        kind: Kind::Gauge,
        help: "Bandwidth of relaying to CDNs in the newest settled 5-minute bucket. The upstream writes its unit nowhere; \
               it is taken for Mbps.",
        samples: |row, out| {
            for of in row.of(Unit::Bandwidth).map_or(&[][..], |view| &view.series) {
                let bits = i64::try_from(of.bucket_ms.saturating_mul(1000)).unwrap_or(i64::MAX);
                out.sample(&row.labels).integer(bits);
            }
        },
    },
    Family {
        name: "trtc_up",
        kind: Kind::Gauge,
        help: "Whether the last poll of this target succeeded. \
               While it is 0 the other series keep their last figures; usage is caught up on afterwards.",
        samples: |row, out| {
            if let Some(up) = row.view.as_ref().and_then(|view| view.up) {
                out.sample(&row.labels).integer(i64::from(up));
            }
        },
    },
    Family {
        name: "trtc_usage_billable_minutes",
        kind: Kind::Gauge,
        help: "Usage of the day in Beijing time as bills count it: \
               the seconds of each media add up over the day and are then rounded up to minutes.",
        samples: |row, out| {
            for of in row.series() {
                for (day, ms) in [("today", of.today_ms), ("yesterday", of.yesterday_ms)] {
                    out.sample(&row.labels)
                        .media(of.media)
                        .label(",day=\"", day)
                        .count(billable_minutes(ms));
                }
            }
        },
    },
    Family {
        name: "trtc_usage_bucket_seconds",
        kind: Kind::Gauge,
        help: "Usage in the newest settled 5-minute bucket. Scrapes show the same bucket again and again: \
               do not sum_over_time() it, use increase(trtc_usage_seconds_total) instead.",
        samples: |row, out| {
            for of in row.series() {
                out.sample(&row.labels)
                    .media(of.media)
                    .seconds(of.bucket_ms);
            }
        },
    },
    Family {
        name: "trtc_usage_bucket_timestamp_seconds",
        kind: Kind::Gauge,
        help: "TimeKey of the bucket that trtc_usage_bucket_seconds shows. time() minus it is how old the news is; \
               the upstream needs 5 minutes to 3 hours.",
        samples: |row, out| {
            if let Some(key) = row.view.as_ref().and_then(|view| view.bucket) {
                out.sample(&row.labels).integer(key.unix());
            }
        },
    },
    Family {
        name: "trtc_usage_day_seconds",
        kind: Kind::Gauge,
        help: "Usage of the day in Beijing time, as the upstream last said it; \
               yesterday's counts as final after 09:30 there.",
        samples: |row, out| {
            for of in row.series() {
                for (day, ms) in [("today", of.today_ms), ("yesterday", of.yesterday_ms)] {
                    out.sample(&row.labels)
                        .media(of.media)
                        .label(",day=\"", day)
                        .seconds(ms);
                }
            }
        },
    },
    Family {
        name: "trtc_usage_month_billable_minutes",
        kind: Kind::Gauge,
        help: "Billable minutes of the month in Beijing time so far: those of its days, each rounded up by itself. \
               Days before yesterday as the upstream sums them up.",
        samples: |row, out| {
            for of in row.series() {
                if let Some(minutes) = of.month_minutes {
                    out.sample(&row.labels).media(of.media).count(minutes);
                }
            }
        },
    },
    Family {
        name: "trtc_usage_overcounted_seconds",
        kind: Kind::Gauge,
        help: "How far trtc_usage_seconds_total is ahead of the upstream after it lowered its figures; \
               later usage is set against it.",
        samples: |row, out| {
            for of in row.counters() {
                out.sample(&row.labels)
                    .media(of.media)
                    .seconds(of.overcounted_ms);
            }
        },
    },
    Family {
        name: "trtc_usage_revised_seconds_total",
        kind: Kind::Counter,
        help: "By how much the upstream changed buckets that had been shown already.",
        samples: |row, out| {
            if let Some(view) = row.known().filter(|view| !view.catching_up) {
                for (direction, ms) in [("up", view.revised_up_ms), ("down", view.revised_down_ms)]
                {
                    out.sample(&row.labels)
                        .label(",direction=\"", direction)
                        .seconds(ms);
                }
            }
        },
    },
    Family {
        name: "trtc_usage_seconds_total",
        kind: Kind::Counter,
        help: "Usage credited since this series was first seen. Survives restarts and never falls; \
               audio_video is the old single-price counter and overlaps the other media.",
        samples: |row, out| {
            for of in row.counters() {
                out.sample(&row.labels).media(of.media).seconds(of.total_ms);
            }
        },
    },
    Family {
        name: "trtc_usage_unreconciled_seconds",
        kind: Kind::Gauge,
        help: "How far the upstream's own sums of days are from the sums of its buckets, over the final days of the month. \
               0 when both agree; where they do not, buckets are asked for again.",
        samples: |row, out| {
            if let Some(ms) = row.of(Unit::Seconds).and_then(|view| view.unreconciled_ms) {
                out.sample(&row.labels).seconds(ms);
            }
        },
    },
];

/// Appends the samples of one family, each as `sample(labels)`, further labels, value.
struct Samples<'a> {
    name: &'static str,
    out: &'a mut String,
}

impl Samples<'_> {
    fn sample(&mut self, labels: &str) -> &mut Self {
        for part in [self.name, "{", labels] {
            self.out.push_str(part);
        }
        self
    }

    /// `opening` runs from the comma to the quote, so that a label costs two copies; `value` needs no escaping.
    fn label(&mut self, opening: &'static str, value: &'static str) -> &mut Self {
        for part in [opening, value, "\""] {
            self.out.push_str(part);
        }
        self
    }

    fn media(&mut self, media: Media) -> &mut Self {
        self.label(",media=\"", media.as_str())
    }

    fn seconds(&mut self, ms: u64) {
        self.out.push_str("} ");
        syntax::seconds(self.out, ms);
        self.out.push('\n');
    }

    fn count(&mut self, value: u64) {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn integer(&mut self, value: i64) {
        self.out.push_str("} ");
        syntax::integer(self.out, value);
        self.out.push('\n');
    }
}
