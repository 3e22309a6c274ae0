//! Samples as text, in the formats that databases and people read.

use std::borrow::Cow;

use clap::ValueEnum;

use super::{Sample, Series};
use crate::metrics;
use crate::usage::{Media, Target};

/// A form of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`
    #[value(name = "openmetrics")]
    OpenMetrics,
    /// Prometheus text with milliseconds, for `/api/v1/import/prometheus` of VictoriaMetrics
    #[value(name = "victoriametrics")]
    VictoriaMetrics,
    /// One line per bucket and media with usage, for spreadsheets
    Csv,
    /// The same as JSON objects
    #[value(name = "jsonl")]
    JsonLines,
}

/// What is written of all targets before anything else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Each bucket's word.
    Buckets,
    /// The counter.
    Counter,
    /// Each bucket's word, where it is not 0.
    Figures,
}

impl Family {
    const fn name(self) -> &'static str {
        match self {
            Self::Buckets => "trtc_usage_bucket_seconds",
            Self::Counter => "trtc_usage_seconds_total",
            Self::Figures => "usage",
        }
    }
}

impl Format {
    /// What is written, in this order.
    pub fn families(self) -> &'static [Family] {
        match self {
            Self::OpenMetrics | Self::VictoriaMetrics => &[Family::Buckets, Family::Counter],
            Self::Csv | Self::JsonLines => &[Family::Figures],
        }
    }

    /// Whether it is read by people who reconcile, and not by a database of series.
    pub fn is_figures(self) -> bool {
        self.families() == [Family::Figures]
    }
}

/// A label that there cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// No equals sign.
    #[error("it must be name=value, as in job=trtc")]
    NoValue,
    /// Not a label's name.
    #[error(
        "{0:?} cannot be the name of a label: letters, digits and _ are possible, no digit first, no __"
    )]
    Name(String),
    /// A label that every series has already.
    #[error("the series have a label {0} already")]
    Taken(String),
}

/// Reads `name=value`.
///
/// # Errors
/// When it cannot be a label of history's series.
pub fn parse_label(text: &str) -> Result<(String, String), LabelError> {
    let (name, value) = text.split_once('=').ok_or(LabelError::NoValue)?;
    let possible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = name
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    if !begins_well || !name.bytes().all(possible) || name.starts_with("__") {
        return Err(LabelError::Name(name.to_owned()));
    }
    if ["account", "sdk_app_id", "item", "media"].contains(&name) {
        return Err(LabelError::Taken(name.to_owned()));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Writes history in one format.
#[derive(Clone, Debug)]
pub struct Text {
    format: Format,
    labels: Vec<(String, String)>,
}

impl Text {
    /// In this format, with these labels beside the usual ones; figures have no labels.
    pub fn new(format: Format, labels: Vec<(String, String)>) -> Self {
        Self { format, labels }
    }

    /// What comes before the samples of a family.
    pub fn begin(&self, out: &mut String, family: Family) {
        match self.format {
            Format::OpenMetrics => metrics::header_in_open_metrics(out, family.name()),
            Format::Csv => out.push_str("time,timestamp,account,sdk_app_id,item,media,seconds\n"),
            Format::VictoriaMetrics | Format::JsonLines => {}
        }
    }

    /// The samples of a target in a family; returns how many there are.
    pub fn write(&self, out: &mut String, family: Family, target: &Target, all: &[Series]) -> u64 {
        let mut written = 0;
        for series in all {
            let samples = match family {
                Family::Buckets | Family::Figures => &series.buckets,
                Family::Counter => &series.counter,
            };
            let samples = samples
                .iter()
                .filter(|sample| family != Family::Figures || sample.ms > 0);
            let prefix = self.prefix(family, target, series.media);
            for sample in samples {
                match self.format {
                    Format::OpenMetrics => line(out, &prefix, sample, ""),
                    Format::VictoriaMetrics => line(out, &prefix, sample, "000"),
                    Format::Csv => csv(out, target, series.media, sample),
                    Format::JsonLines => json(out, target, series.media, sample),
                }
                written += 1;
            }
        }
        written
    }

    /// What comes after everything.
    pub fn end(&self, out: &mut String) {
        if self.format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
    }

    fn prefix(&self, family: Family, target: &Target, media: Media) -> String {
        let app = target.app.to_string();
        let own = [
            ("account", &*target.account),
            ("sdk_app_id", &app),
            ("item", &*target.item),
            ("media", media.as_str()),
        ];
        let more = self
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let labels: Vec<(&str, &str)> = own.into_iter().chain(more).collect();
        format!("{}{{{}}} ", family.name(), metrics::labels(&labels))
    }
}

/// `behind_seconds` turns the time's unit into the format's.
fn line(out: &mut String, prefix: &str, sample: &Sample, behind_seconds: &str) {
    out.push_str(prefix);
    metrics::write_seconds(out, sample.ms);
    out.push(' ');
    out.push_str(itoa::Buffer::new().format(sample.at.unix()));
    out.push_str(behind_seconds);
    out.push('\n');
}

fn csv(out: &mut String, target: &Target, media: Media, sample: &Sample) {
    let (at, unix) = (sample.at.to_string(), sample.at.unix().to_string());
    let app = target.app.to_string();
    let cells = [
        &at,
        &unix,
        &*target.account,
        &app,
        &*target.item,
        media.as_str(),
    ];
    for cell in cells {
        out.push_str(&quoted(cell));
        out.push(',');
    }
    metrics::write_seconds(out, sample.ms);
    out.push('\n');
}

fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\"")).into()
    } else {
        cell.into()
    }
}

fn json(out: &mut String, target: &Target, media: Media, sample: &Sample) {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut seconds = String::new();
    metrics::write_seconds(&mut seconds, sample.ms);
    out.push_str(&format!(
        "{{\"time\":\"{}\",\"timestamp\":{},\"account\":{},\"sdk_app_id\":\"{}\",\"item\":{},\"media\":\"{media}\",\"seconds\":{seconds}}}\n",
        sample.at,
        sample.at.unix(),
        text(&target.account),
        target.app,
        text(&target.item),
    ));
}

#[cfg(test)]
mod tests;
