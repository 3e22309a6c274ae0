//! Handles to the series of an account, or of one billing item or one action of it: what happens is told to them, by name
//! of the event. Each registers its series with its labels, counters at 0, so that `increase()` sees the first rise.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Counter, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry,
};

/// From a fast answer to the longest request timeout that makes sense.
const REQUEST_SECONDS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The upstream promises 5 minutes to 3 hours; what comes later came after an outage.
const ARRIVAL_SECONDS: [f64; 13] = [
    300.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0, 5400.0, 7200.0, 10_800.0, 21_600.0,
    43_200.0, 86_400.0,
];

/// The code of every failure that is none of the known ones.
const OTHER: &str = "other";

/// What is known of an account's upstream.
#[derive(Debug)]
pub struct AccountTelemetry {
    clock_skew: OnceKnown,
    credentials: GaugeVec,
    credentials_expiry: OnceKnown,
    refresh_failures: IntCounter,
    found_apps: OnceKnown,
    listed_at: OnceKnown,
}

impl AccountTelemetry {
    /// This machine's clock is so far ahead of the upstream's.
    pub fn clock_skew(&self, seconds: f64) {
        self.clock_skew.set(seconds);
    }

    /// The keys in use come from this kind of place, and are of this role; empty without one.
    pub fn credentials_are(&self, source: &str, role: &str) {
        self.credentials.reset();
        self.credentials.with_label_values(&[source, role]).set(1.0);
    }

    /// They expire at `unix` seconds; `None` when they do not, or nobody knows.
    pub fn credentials_expire(&self, unix: Option<f64>) {
        match unix {
            Some(unix) => self.credentials_expiry.set(unix),
            None => self.credentials_expiry.unset(),
        }
    }

    /// So many of its apps are known by the upstream's list.
    pub fn apps_found(&self, apps: usize) {
        self.found_apps.set(apps as f64);
        self.listed_at.show();
    }

    /// The upstream has listed them at `unix` seconds.
    pub fn apps_listed(&self, unix: f64) {
        self.listed_at.set(unix);
    }

    /// The upstream's list is nobody's business.
    pub fn apps_are_configured(&self) {
        self.found_apps.unset();
        self.listed_at.unset();
    }

    /// So often more temporary keys could not be had.
    pub fn credentials_not_refreshed(&self, times: u64) {
        self.refresh_failures.inc_by(times);
    }
}

impl Scoped for AccountTelemetry {
    const LABELS: &[&str] = &["account"];

    fn register(scope: &mut Scope<'_>) -> Self {
        Self {
            clock_skew: scope.gauge_once_known(
                "trtc_api_clock_skew_seconds",
                "How far this machine's clock is ahead of the upstream's, by the Date of its answers; negative when behind. \
                 Good to about a second; absent before the first answer. Requests are refused from 300 on, either way.",
            ),
            credentials: scope.gauges(
                "trtc_credentials_info",
                "Where the keys in use come from, and the role they are of, empty without one; always 1. \
                 Absent while there are none.",
                &["source", "role"],
            ),
            credentials_expiry: scope.gauge_once_known(
                "trtc_credentials_expiry_timestamp_seconds",
                "When the temporary keys in use expire; they are renewed before. Absent with keys that do not expire.",
            ),
            refresh_failures: scope.counter(
                "trtc_credentials_refresh_failures_total",
                "Attempts to get temporary keys that brought none.",
            ),
            found_apps: scope.gauge_once_known(
                "trtc_discovered_apps",
                "Apps that are polled because the upstream lists them. Absent where they are configured.",
            ),
            listed_at: scope.gauge_once_known(
                "trtc_discovery_last_success_timestamp_seconds",
                "When the upstream last listed the account's apps; 0 while it has not. Absent where they are configured.",
            ),
        }
    }
}

/// A gauge that is not shown before it was set: 0 would say something.
#[derive(Debug)]
struct OnceKnown(GaugeVec);

impl OnceKnown {
    fn set(&self, value: f64) {
        self.0.with_label_values::<&str>(&[]).set(value);
    }

    fn unset(&self) {
        self.0.reset();
    }

    /// From now on it is shown, as 0 before it is set.
    fn show(&self) {
        self.0.with_label_values::<&str>(&[]);
    }
}

/// What happens to one billing item of an account.
#[derive(Debug)]
pub struct ItemTelemetry {
    polls: IntCounter,
    failures: Failures,
    arrival_lag: Histogram,
    rejected_rows: IntCounter,
}

impl ItemTelemetry {
    /// A poll ended, well or with a failure code.
    pub fn poll_ended(&self, result: Result<(), &str>) {
        self.polls.inc();
        self.failures.count(result);
    }

    /// A bucket was seen for the first time, so long after its TimeKey.
    pub fn arrived(&self, lag_seconds: f64) {
        self.arrival_lag.observe(lag_seconds.max(0.0));
    }

    /// So many rows of an answer were left out.
    pub fn rejected(&self, rows: u64) {
        self.rejected_rows.inc_by(rows);
    }
}

impl Scoped for ItemTelemetry {
    const LABELS: &[&str] = &["account", "item"];

    fn register(scope: &mut Scope<'_>) -> Self {
        Self {
            polls: scope.counter(
                "trtc_polls_total",
                "Polls that ended, one for each app and date asked for.",
            ),
            failures: scope.failures("trtc_poll_failures_total", "Polls that brought no usage."),
            arrival_lag: scope.histogram(
                "trtc_usage_arrival_lag_seconds",
                "How long after its TimeKey a 5-minute bucket was seen for the first time.",
                &ARRIVAL_SECONDS,
            ),
            rejected_rows: scope.counter(
                "trtc_usage_rejected_rows_total",
                "Rows left out of answers: TimeKey unreadable or days away, value negative or absurd, app not the one asked for.",
            ),
        }
    }
}

/// By which action a billing item is asked for.
#[derive(Debug)]
pub struct SourceTelemetry {
    _info: IntGauge,
}

impl Scoped for SourceTelemetry {
    const LABELS: &[&str] = &["account", "item", "action"];

    fn register(scope: &mut Scope<'_>) -> Self {
        Self {
            _info: scope.info(
                "trtc_item_action_info",
                "The upstream's action that an item is asked for by; always 1. \
                 With `action: auto` it becomes another one when the upstream retires it.",
            ),
        }
    }
}

/// What happens to requests of one action of an account.
#[derive(Debug)]
pub struct ActionTelemetry {
    requests: IntCounter,
    failures: Failures,
    duration: Histogram,
    throttled: IntCounter,
    waited: Counter,
}

impl ActionTelemetry {
    /// A request ended after `took`, well or with a failure code.
    pub fn request_ended(&self, took: Duration, result: Result<(), &str>) {
        self.requests.inc();
        self.failures.count(result);
        self.duration.observe(took.as_secs_f64());
    }

    /// The upstream said that its rate limit was met.
    pub fn throttled(&self) {
        self.throttled.inc();
    }

    /// A request waited so long for its turn.
    pub fn waited(&self, time: Duration) {
        self.waited.inc_by(time.as_secs_f64());
    }
}

impl Scoped for ActionTelemetry {
    const LABELS: &[&str] = &["account", "action"];

    fn register(scope: &mut Scope<'_>) -> Self {
        Self {
            requests: scope.counter("trtc_api_requests_total", "Requests sent to the upstream."),
            failures: scope.failures(
                "trtc_api_request_failures_total",
                "Requests that brought no answer to work with.",
            ),
            duration: scope.histogram(
                "trtc_api_request_duration_seconds",
                "From sending a request to the last byte of its answer.",
                &REQUEST_SECONDS,
            ),
            throttled: scope.counter(
                "trtc_api_throttled_total",
                "Requests that the upstream refused by its rate limit. \
                 Should stay at 0 while nothing else uses the account's quota.",
            ),
            waited: scope.seconds_counter(
                "trtc_api_rate_limit_wait_seconds_total",
                "Time that requests waited here so as to keep the upstream's rate limit.",
            ),
        }
    }
}

/// Failures by code: each known one, and `other`.
#[derive(Debug)]
struct Failures {
    by_code: Vec<(&'static str, IntCounter)>,
    other: IntCounter,
}

impl Failures {
    fn count(&self, result: Result<(), &str>) {
        if let Err(code) = result {
            let known = self.by_code.iter().find(|(known, _)| *known == code);
            known.map_or(&self.other, |(_, counter)| counter).inc();
        }
    }
}

/// A set of series that share labels.
pub(super) trait Scoped: Sized {
    /// The labels.
    const LABELS: &[&str];

    /// Registers the series.
    fn register(scope: &mut Scope<'_>) -> Self;
}

/// Registers collectors under the same labels, and remembers them.
pub(super) struct Scope<'a> {
    registry: &'a Registry,
    codes: &'static [&'static str],
    labels: Vec<(&'static str, &'a str)>,
    collectors: Vec<Box<dyn Collector>>,
}

impl Scope<'_> {
    fn counter(&mut self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::with_opts(self.opts(name, help)))
    }

    fn seconds_counter(&mut self, name: &str, help: &str) -> Counter {
        self.keep(Counter::with_opts(self.opts(name, help)))
    }

    /// A gauge that is always 1: its labels say it all.
    fn info(&mut self, name: &str, help: &str) -> IntGauge {
        let info = self.keep(IntGauge::with_opts(self.opts(name, help)));
        info.set(1);
        info
    }

    fn gauge_once_known(&mut self, name: &str, help: &str) -> OnceKnown {
        OnceKnown(self.gauges(name, help, &[]))
    }

    fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.keep(GaugeVec::new(self.opts(name, help), labels))
    }

    fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets.to_vec());
        self.keep(Histogram::with_opts(opts))
    }

    fn failures(&mut self, name: &str, help: &str) -> Failures {
        let vec = self.keep(IntCounterVec::new(self.opts(name, help), &["code"]));
        let counter = |code| vec.with_label_values(&[code]);
        Failures {
            by_code: self
                .codes
                .iter()
                .map(|&code| (code, counter(code)))
                .collect(),
            other: counter(OTHER),
        }
    }

    fn opts(&self, name: &str, help: &str) -> Opts {
        let opts = Opts::new(name, help);
        self.labels
            .iter()
            .fold(opts, |opts, &(name, value)| opts.const_label(name, value))
    }

    fn keep<C: Collector + Clone + 'static>(&mut self, collector: prometheus::Result<C>) -> C {
        let collector = registered(self.registry, collector);
        self.collectors.push(Box::new(collector.clone()));
        collector
    }
}

/// Registers a collector of a program's own making: its names are valid, and no two have the same labels.
pub(super) fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    let collector = collector.expect("names and labels are valid");
    registry
        .register(Box::new(collector.clone()))
        .expect("no two have the same name and labels");
    collector
}

/// The handles of one kind that somebody holds.
pub(super) struct Handles<T> {
    registry: Registry,
    codes: &'static [&'static str],
    held: Mutex<HashMap<Vec<String>, Held<T>>>,
}

struct Held<T> {
    handle: Arc<T>,
    collectors: Vec<Box<dyn Collector>>,
}

impl<T: Scoped> Handles<T> {
    pub(super) fn new(registry: Registry, codes: &'static [&'static str]) -> Self {
        Self {
            registry,
            codes,
            held: Mutex::default(),
        }
    }

    /// The living handle under these values of its labels, or a new one.
    pub(super) fn get(&self, values: &[&str]) -> Arc<T> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held.entry(values.iter().map(ToString::to_string).collect());
        let held = entry.or_insert_with(|| {
            let mut scope = Scope {
                registry: &self.registry,
                codes: self.codes,
                labels: T::LABELS
                    .iter()
                    .copied()
                    .zip(values.iter().copied())
                    .collect(),
                collectors: Vec::new(),
            };
            Held {
                handle: Arc::new(T::register(&mut scope)),
                collectors: scope.collectors,
            }
        });
        held.handle.clone()
    }

    /// Takes away the series that nobody can change any more.
    pub(super) fn forget_dropped(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = held.extract_if(|_, held| Arc::strong_count(&held.handle) == 1);
        for collector in dropped.flat_map(|(_, held)| held.collectors) {
            self.registry
                .unregister(collector)
                .expect("what was kept is registered");
        }
    }
}

impl<T> fmt::Debug for Handles<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").finish_non_exhaustive()
    }
}
