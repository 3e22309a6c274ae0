//! Families as the `prometheus` crate gathers them, in both formats. (Its own encoder knows text 0.0.4 only.)

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::syntax::{self, Format, Kind};

/// What ends an OpenMetrics page: without it a reader takes the page for cut off.
const EOF: &str = "# EOF\n";

/// The end of a page: all of `families`, and in OpenMetrics the mark of the end.
pub(super) fn encode(families: &[MetricFamily], format: Format) -> String {
    let mut out = String::with_capacity(16 * 1024);
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => Kind::Counter,
            MetricType::GAUGE => Kind::Gauge,
            MetricType::HISTOGRAM => Kind::Histogram,
            // Nothing registers a summary or an untyped metric.
            MetricType::SUMMARY | MetricType::UNTYPED => continue,
        };
        syntax::header(&mut out, format, family.name(), kind, family.help());
        for metric in family.get_metric() {
            let name = family.name();
            match kind {
                Kind::Counter => sample(
                    &mut out,
                    name,
                    metric,
                    None,
                    metric.get_counter().get_value(),
                ),
                Kind::Gauge => sample(&mut out, name, metric, None, metric.get_gauge().get_value()),
                Kind::Histogram => histogram(&mut out, format, name, metric),
            }
        }
    }
    if format == Format::OpenMetrics {
        out.push_str(EOF);
    }
    out
}

fn histogram(out: &mut String, format: Format, name: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count() as f64;
    let buckets = histogram.get_bucket().iter();
    let finite = buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count() as f64));
    let bucket_name = format!("{name}_bucket");
    for (bound, count) in finite.chain([(f64::INFINITY, count)]) {
        let bound = syntax::bound(format, bound);
        sample(out, &bucket_name, metric, Some(&bound), count);
    }
    sample(
        out,
        &format!("{name}_sum"),
        metric,
        None,
        histogram.get_sample_sum(),
    );
    sample(out, &format!("{name}_count"), metric, None, count);
}

fn sample(out: &mut String, name: &str, metric: &Metric, bound: Option<&str>, value: f64) {
    out.push_str(name);
    let labels = metric.get_label().iter().map(pair);
    let mut opening = "{";
    for (name, value) in labels.chain(bound.map(|bound| ("le", bound))) {
        out.push_str(opening);
        syntax::label(out, name, value);
        opening = ",";
    }
    if opening == "," {
        out.push('}');
    }
    out.push(' ');
    syntax::float(out, value);
    out.push('\n');
}

fn pair(label: &LabelPair) -> (&str, &str) {
    (label.name(), label.value())
}
