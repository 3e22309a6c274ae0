//! The request of remote write 1.0: protobuf, compressed by snappy.

use prost::Message;

use crate::history::Sample;
use crate::usage::{Media, Target};

const NAME: &str = "trtc_usage_settled_seconds";

/// Samples on their way.
#[derive(Default)]
pub(super) struct Request {
    message: WriteRequest,
    samples: usize,
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    /// In Unix milliseconds.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

impl Request {
    /// Adds the samples of a series, in ascending time.
    pub(super) fn add(
        &mut self,
        target: &Target,
        media: Media,
        more: &[(String, String)],
        samples: &[Sample],
    ) {
        let own = [
            ("__name__", NAME.to_owned()),
            ("account", target.account.to_string()),
            ("item", target.item.to_string()),
            ("media", media.to_string()),
            ("sdk_app_id", target.app.to_string()),
        ];
        let own = own
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let labels = own.chain(more.iter().cloned());
        let mut labels: Vec<Label> = labels.map(|(name, value)| Label { name, value }).collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        let points = samples.iter().map(|sample| Point {
            value: sample.ms as f64 / 1000.0,
            timestamp: sample.at.unix() * 1000,
        });
        self.samples += samples.len();
        self.message.timeseries.push(TimeSeries {
            labels,
            samples: points.collect(),
        });
    }

    /// How many samples there are.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    pub(super) fn into_body(self) -> Vec<u8> {
        let message = self.message.encode_to_vec();
        let mut encoder = snap::raw::Encoder::new();
        encoder
            .compress_vec(&message)
            .expect("no request has 4 GiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{App, TimeKey};

    #[test]
    fn a_request_reads_back_with_its_labels_sorted() {
        let target = Target {
            account: "main".into(),
            app: App::Total,
            item: "interactive".into(),
        };
        let sample = Sample {
            at: TimeKey::from_unix(1_700_000_100),
            ms: 1500,
        };
        let mut request = Request::default();
        let job = [("job".to_owned(), "trtc".to_owned())];
        request.add(&target, Media::VideoHd, &job, &[sample]);
        assert_eq!(request.samples(), 1);
        let body = snap::raw::Decoder::new()
            .decompress_vec(&request.into_body())
            .expect("snappy");
        let message = WriteRequest::decode(body.as_slice()).expect("protobuf");
        let series = &message.timeseries[0];
        let labels: Vec<_> = series
            .labels
            .iter()
            .map(|label| (label.name.as_str(), label.value.as_str()))
            .collect();
        let expected = [
            ("__name__", NAME),
            ("account", "main"),
            ("item", "interactive"),
            ("job", "trtc"),
            ("media", "video_hd"),
            ("sdk_app_id", "total"),
        ];
        assert_eq!(labels, expected);
        let point = Point {
            value: 1.5,
            timestamp: 1_700_000_100_000,
        };
        assert_eq!(series.samples, [point]);
    }
}
