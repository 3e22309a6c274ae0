//! How it is usually done in Rust: a registry of the `prometheus` crate, gathered, encoded and compressed for each scrape.
//! `naive DIRECTORY` holds the gauges and counters of page.prom.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::{CounterVec, Encoder, GaugeVec, Opts, Registry, TextEncoder};

fn main() {
    let directory = PathBuf::from(std::env::args_os().nth(1).expect("a directory"));
    let page = std::fs::read_to_string(directory.join("page.prom")).expect("a page");
    let registry = fill(&page);
    whole::serve(move |wants_gzip| {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&registry.gather(), &mut text)
            .expect("memory");
        if !wants_gzip {
            return text.into();
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).expect("memory");
        Bytes::from(gzip.finish().expect("memory"))
    });
}

enum Family {
    Gauge(GaugeVec),
    Counter(CounterVec),
}

/// A registry with the samples of a page; histograms are left out.
fn fill(page: &str) -> Registry {
    let registry = Registry::new();
    let mut families = HashMap::new();
    let mut kinds = HashMap::new();
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            kinds.extend(kind.split_once(' '));
        }
        let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels: Vec<(&str, &str)> = labels[..labels.len() - 1]
            .split("\",")
            .filter_map(|label| label.split_once("=\""))
            .map(|(name, value)| (name, value.trim_end_matches('"')))
            .collect();
        let (names, values): (Vec<&str>, Vec<&str>) = labels.into_iter().unzip();
        let Some(&kind @ ("gauge" | "counter")) = kinds.get(name) else {
            continue;
        };
        let family = families
            .entry(name)
            .or_insert_with(|| register(&registry, kind, name, &names));
        let value = value.parse().expect("a number");
        match family {
            Family::Gauge(vec) => vec.with_label_values(&values).set(value),
            Family::Counter(vec) => vec.with_label_values(&values).inc_by(value),
        }
    }
    registry
}

fn register(registry: &Registry, kind: &str, name: &str, labels: &[&str]) -> Family {
    let opts = Opts::new(
        name,
        "Some help, about as long as a line of it is in the exporter's own page.",
    );
    if kind == "gauge" {
        let vec = GaugeVec::new(opts, labels).expect("valid names");
        registry
            .register(Box::new(vec.clone()))
            .expect("names differ");
        Family::Gauge(vec)
    } else {
        let vec = CounterVec::new(opts, labels).expect("valid names");
        registry
            .register(Box::new(vec.clone()))
            .expect("names differ");
        Family::Counter(vec)
    }
}
