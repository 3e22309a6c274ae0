//! The grammar of both exposition formats: headers, labels and numbers. Knows no metric by name.
//!
//! Samples read the same in Prometheus text 0.0.4 and in OpenMetrics 1.0; only headers differ, because OpenMetrics
//! names a counter's family without its `_total`.

use std::borrow::Cow;

/// A form in which metrics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Text, Self::OpenMetrics];
}

/// The type of a metric family, as both formats name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// What every counter's name ends with.
const TOTAL: &str = "_total";

/// Writes the HELP and TYPE lines of a family. `name` is that of its samples.
pub(super) fn header(out: &mut String, format: Format, name: &str, kind: Kind, help: &str) {
    let (family, kind) = match (kind, format) {
        (Kind::Counter, Format::Text) => (name, "counter"),
        // OpenMetrics has no counters of other names; `unknown` keeps the sample's name readable.
        (Kind::Counter, Format::OpenMetrics) => match name.strip_suffix(TOTAL) {
            Some(family) => (family, "counter"),
            None => (name, "unknown"),
        },
        (Kind::Gauge, _) => (name, "gauge"),
        (Kind::Histogram, _) => (name, "histogram"),
    };
    for part in ["# HELP ", family, " ", &escaped_help(format, help), "\n"] {
        out.push_str(part);
    }
    for part in ["# TYPE ", family, " ", kind, "\n"] {
        out.push_str(part);
    }
}

/// Text 0.0.4 wants quotes in HELP left alone, OpenMetrics wants them escaped.
fn escaped_help(format: Format, help: &str) -> Cow<'_, str> {
    match format {
        Format::Text if help.contains(['\\', '\n']) => {
            help.replace('\\', "\\\\").replace('\n', "\\n").into()
        }
        Format::Text => help.into(),
        Format::OpenMetrics => escaped(help),
    }
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '"', '\n']) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            _ => out.push(char),
        }
    }
    out.into()
}

/// Writes `name="value"`.
pub fn label(out: &mut String, name: &str, value: &str) {
    for part in [name, "=\"", &escaped(value), "\""] {
        out.push_str(part);
    }
}

/// `name="value",…` of several labels.
pub fn labels(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push(',');
        }
        label(&mut out, name, value);
    }
    out
}

/// Writes an integer.
pub(super) fn integer(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Writes milliseconds as seconds, exactly: `0`, `12`, `12.5`, `0.001`.
pub fn seconds(out: &mut String, ms: u64) {
    out.push_str(itoa::Buffer::new().format(ms / 1000));
    let rest = ms % 1000;
    if rest == 0 {
        return;
    }
    out.push('.');
    let digits = [rest / 100, rest / 10 % 10, rest % 10];
    let used = if digits[2] > 0 {
        3
    } else if digits[1] > 0 {
        2
    } else {
        1
    };
    out.extend(
        digits[..used]
            .iter()
            .map(|&digit| (b'0' + digit as u8) as char),
    );
}

/// Writes a float in the shortest form that reads back as the same number.
pub(super) fn float(out: &mut String, value: f64) {
    if value == f64::INFINITY {
        out.push_str("+Inf");
    } else if value == f64::NEG_INFINITY {
        out.push_str("-Inf");
    } else {
        out.push_str(&value.to_string());
    }
}

/// The upper bound of a histogram bucket as its label `le` says it: OpenMetrics wants `300.0` where text has `300`.
pub(super) fn bound(format: Format, value: f64) -> String {
    let mut out = String::new();
    float(&mut out, value);
    if format == Format::OpenMetrics && value.is_finite() && !out.contains('.') {
        out.push_str(".0");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_seconds(ms: u64) -> String {
        let mut out = String::new();
        seconds(&mut out, ms);
        out
    }

    #[test]
    fn milliseconds_become_exact_decimal_seconds() {
        for (ms, text) in [
            (0, "0"),
            (1, "0.001"),
            (10, "0.01"),
            (100, "0.1"),
            (120, "0.12"),
            (12_000, "12"),
            (12_500, "12.5"),
            (60_060, "60.06"),
            (u64::MAX, "18446744073709551.615"),
        ] {
            assert_eq!(in_seconds(ms), text);
        }
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(
            labels(&[("account", "a\"b\\c\nd"), ("item", "值")]),
            r#"account="a\"b\\c\nd",item="值""#
        );
    }

    #[test]
    fn open_metrics_names_a_counters_family_without_its_suffix() {
        let head = |format, name, kind| {
            let mut out = String::new();
            header(&mut out, format, name, kind, "It's a \"test\"\\\n.");
            out
        };
        assert_eq!(
            head(Format::Text, "a_total", Kind::Counter),
            "# HELP a_total It's a \"test\"\\\\\\n.\n# TYPE a_total counter\n"
        );
        assert_eq!(
            head(Format::OpenMetrics, "a_total", Kind::Counter),
            "# HELP a It's a \\\"test\\\"\\\\\\n.\n# TYPE a counter\n"
        );
        assert!(head(Format::OpenMetrics, "a", Kind::Counter).ends_with("# TYPE a unknown\n"));
        assert!(head(Format::OpenMetrics, "a", Kind::Histogram).ends_with("# TYPE a histogram\n"));
    }

    #[test]
    fn bounds_follow_their_format() {
        for (value, text, open_metrics) in [
            (300.0, "300", "300.0"),
            (0.25, "0.25", "0.25"),
            (f64::INFINITY, "+Inf", "+Inf"),
        ] {
            assert_eq!(bound(Format::Text, value), text);
            assert_eq!(bound(Format::OpenMetrics, value), open_metrics);
        }
    }

    proptest! {
        #[test]
        fn seconds_read_back_as_the_same_milliseconds(ms: u64) {
            let text = in_seconds(ms);
            let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
            let rest: u64 = format!("{rest:0<3}").parse().expect("digits");
            prop_assert_eq!(whole.parse::<u64>().expect("digits") * 1000 + rest, ms);
        }
    }
}
