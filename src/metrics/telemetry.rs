//! The exporter's own metrics, kept by the `prometheus` crate. Names, HELP texts and buckets of all of them are here.
//!
//! A series is shown for as long as somebody holds its handle: after a reload the series of accounts and items that are
//! gone vanish with the last handle, and those that stay keep their counts.

use std::sync::Arc;

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntCounter, IntGauge, Opts, Registry};

use super::figures::{AccountFigures, Figures};
use super::handles::{
    AccountTelemetry, ActionTelemetry, Handles, ItemTelemetry, SourceTelemetry, registered,
};

/// What this build is.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// Of the crate.
    pub version: &'static str,
    /// Of the source.
    pub revision: &'static str,
    /// The compiler's version.
    pub rustc: &'static str,
}

/// All of the exporter's own metrics.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    accounts: Handles<AccountTelemetry>,
    items: Handles<ItemTelemetry>,
    actions: Handles<ActionTelemetry>,
    sources: Handles<SourceTelemetry>,
    figures: Figures,
    reload_successful: IntGauge,
    reload_at: Gauge,
    save_successful: IntGauge,
    saved_at: Gauge,
    shard_index: IntGauge,
    shard_count: IntGauge,
    push_lag: IntGauge,
    pushed: IntCounter,
    push_failures: IntCounter,
    push_dropped: IntCounter,
}

impl Telemetry {
    /// Metrics whose label `code` takes the values `codes`, and `other` for every failure that is none of them.
    pub fn new(build: BuildInfo, codes: &'static [&'static str]) -> Self {
        let registry = Registry::new();
        registered(&registry, build_info(build));
        let gauge = |name, help| registered(&registry, Gauge::new(name, help));
        let int_gauge = |name, help| registered(&registry, IntGauge::new(name, help));
        let reload_successful = int_gauge(
            "trtc_exporter_config_last_reload_successful",
            "Whether the configuration could be read when it was last tried; after a bad one the one before runs on.",
        );
        let reload_at = gauge(
            "trtc_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read successfully.",
        );
        let saved_at = gauge(
            "trtc_exporter_state_last_save_timestamp_seconds",
            "When state was last saved, which comes before counters are shown; 0 while none was.",
        );
        let save_successful = int_gauge(
            "trtc_exporter_state_last_save_successful",
            "Whether state could be saved when that was last tried; while it cannot, nothing more is credited.",
        );
        // It has been opened.
        save_successful.set(1);
        let shard_index = int_gauge(
            "trtc_exporter_shard_index",
            "Which shard of the configured apps is polled here, from 0.",
        );
        let shard_count = int_gauge(
            "trtc_exporter_shards",
            "Into how many shards the configured apps are split.",
        );
        shard_count.set(1);
        let counter = |name, help| registered(&registry, IntCounter::new(name, help));
        let push_lag = int_gauge(
            "trtc_exporter_remote_write_lag_seconds",
            "How far the target that is furthest behind is from its newest settled bucket; 0 without remote write.",
        );
        let pushed = counter(
            "trtc_exporter_remote_write_samples_total",
            "Settled buckets of a media that the receiver has taken.",
        );
        let push_failures = counter(
            "trtc_exporter_remote_write_failures_total",
            "Requests that the receiver did not take.",
        );
        let push_dropped = counter(
            "trtc_exporter_remote_write_dropped_samples_total",
            "Settled buckets of a media that the receiver refused for good, which are left out.",
        );
        let figures = registered(&registry, Ok(Figures::new()));
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("names differ");
        Self {
            accounts: Handles::new(registry.clone(), codes),
            items: Handles::new(registry.clone(), codes),
            actions: Handles::new(registry.clone(), codes),
            sources: Handles::new(registry.clone(), codes),
            figures,
            registry,
            reload_successful,
            reload_at,
            save_successful,
            saved_at,
            shard_index,
            shard_count,
            push_lag,
            pushed,
            push_failures,
            push_dropped,
        }
    }

    /// The handle for what concerns a whole account; the living one when there is one.
    pub fn account(&self, account: &str) -> Arc<AccountTelemetry> {
        self.accounts.get(&[account])
    }

    /// The handle for polls of a billing item; the living one when there is one.
    pub fn item(&self, account: &str, item: &str) -> Arc<ItemTelemetry> {
        self.items.get(&[account, item])
    }

    /// The handle for requests of an action; the living one when there is one.
    pub fn action(&self, account: &str, action: &str) -> Arc<ActionTelemetry> {
        self.actions.get(&[account, action])
    }

    /// The handle that shows by which action an item is asked for, as long as it is held.
    pub fn source(&self, account: &str, item: &str, action: &str) -> Arc<SourceTelemetry> {
        self.sources.get(&[account, item, action])
    }

    /// From now on these are the figures of their account.
    pub fn account_figures(&self, figures: AccountFigures) {
        self.figures.set(figures);
    }

    /// From now on there are no figures but of these accounts.
    pub fn only_figures_of(&self, is_kept: impl Fn(&str) -> bool) {
        self.figures.retain(is_kept);
    }

    /// The configuration was read at `unix` seconds.
    pub fn reload_succeeded(&self, unix: f64) {
        self.reload_successful.set(1);
        self.reload_at.set(unix);
    }

    /// The configuration could not be read.
    pub fn reload_failed(&self) {
        self.reload_successful.set(0);
    }

    /// State was saved at `unix` seconds.
    pub fn saved(&self, unix: f64) {
        self.save_successful.set(1);
        self.saved_at.set(unix);
    }

    /// State could not be saved.
    pub fn not_saved(&self) {
        self.save_successful.set(0);
    }

    /// Only this part of the configured apps is polled here.
    pub fn shard_is(&self, index: u32, count: u32) {
        self.shard_index.set(i64::from(index));
        self.shard_count.set(i64::from(count));
    }

    /// So many seconds of settled buckets are not pushed yet.
    pub fn push_lag(&self, seconds: i64) {
        self.push_lag.set(seconds);
    }

    /// So many samples were pushed.
    pub fn pushed(&self, samples: u64) {
        self.pushed.inc_by(samples);
    }

    /// A request was not taken, and so many samples never will be.
    pub fn push_failed(&self, dropped: u64) {
        self.push_failures.inc();
        self.push_dropped.inc_by(dropped);
    }

    /// Everything at this instant.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.accounts.forget_dropped();
        self.items.forget_dropped();
        self.actions.forget_dropped();
        self.sources.forget_dropped();
        self.registry.gather()
    }
}

fn build_info(build: BuildInfo) -> prometheus::Result<IntGauge> {
    let opts = Opts::new("trtc_exporter_build_info", "What this build is; always 1.")
        .const_label("version", build.version)
        .const_label("revision", build.revision)
        .const_label("rustc", build.rustc);
    let info = IntGauge::with_opts(opts)?;
    info.set(1);
    Ok(info)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::proto::MetricType;

    use super::super::figures::{Bill, Cost, PackageFigures, Unassigned};
    use super::super::gathered;
    use super::super::syntax::Format;
    use super::*;
    use crate::billing::Money;
    use crate::usage::Media;

    fn telemetry() -> Telemetry {
        let build = BuildInfo {
            version: "0.0.0",
            revision: "unknown",
            rustc: "1.95.0",
        };
        Telemetry::new(build, &["timeout", "throttled"])
    }

    fn text(telemetry: &Telemetry) -> String {
        gathered::encode(&telemetry.gather(), Format::Text)
    }

    #[test]
    fn every_series_exists_before_anything_happened() {
        let telemetry = telemetry();
        let _item = telemetry.item("main", "interactive");
        let _action = telemetry.action("main", "DescribeTrtcUsage");
        let _source = telemetry.source("main", "interactive", "DescribeTrtcUsage");
        let text = text(&telemetry);
        for sample in [
            r#"trtc_polls_total{account="main",item="interactive"} 0"#,
            r#"trtc_poll_failures_total{account="main",code="timeout",item="interactive"} 0"#,
            r#"trtc_poll_failures_total{account="main",code="other",item="interactive"} 0"#,
            r#"trtc_usage_arrival_lag_seconds_bucket{account="main",item="interactive",le="300"} 0"#,
            r#"trtc_usage_arrival_lag_seconds_bucket{account="main",item="interactive",le="+Inf"} 0"#,
            r#"trtc_usage_rejected_rows_total{account="main",item="interactive"} 0"#,
            r#"trtc_api_requests_total{account="main",action="DescribeTrtcUsage"} 0"#,
            r#"trtc_api_request_failures_total{account="main",action="DescribeTrtcUsage",code="throttled"} 0"#,
            r#"trtc_api_request_duration_seconds_count{account="main",action="DescribeTrtcUsage"} 0"#,
            r#"trtc_api_throttled_total{account="main",action="DescribeTrtcUsage"} 0"#,
            r#"trtc_api_rate_limit_wait_seconds_total{account="main",action="DescribeTrtcUsage"} 0"#,
            r#"trtc_item_action_info{account="main",action="DescribeTrtcUsage",item="interactive"} 1"#,
            r#"trtc_exporter_build_info{revision="unknown",rustc="1.95.0",version="0.0.0"} 1"#,
            "trtc_exporter_config_last_reload_successful 0",
            "trtc_exporter_state_last_save_successful 1",
            "trtc_exporter_state_last_save_timestamp_seconds 0",
            "trtc_exporter_shard_index 0",
            "trtc_exporter_shards 1",
            "trtc_exporter_remote_write_lag_seconds 0",
            "trtc_exporter_remote_write_dropped_samples_total 0",
        ] {
            assert!(
                text.lines().any(|line| line == sample),
                "{sample} in\n{text}"
            );
        }
        assert!(text.contains("\nprocess_resident_memory_bytes "));
    }

    #[test]
    fn events_are_counted_where_they_belong() {
        let telemetry = telemetry();
        let item = telemetry.item("main", "interactive");
        item.poll_ended(Ok(()));
        item.poll_ended(Err("timeout"));
        item.poll_ended(Err("a code that nobody knows"));
        item.rejected(3);
        item.arrived(301.0);
        let action = telemetry.action("main", "DescribeTrtcUsage");
        action.request_ended(Duration::from_millis(1500), Err("throttled"));
        action.throttled();
        action.waited(Duration::from_millis(250));
        telemetry.reload_succeeded(1_600_000_000.5);
        telemetry.reload_failed();
        telemetry.saved(1_600_000_001.0);
        telemetry.not_saved();
        telemetry.shard_is(2, 3);
        telemetry.push_lag(600);
        telemetry.pushed(40);
        telemetry.push_failed(0);
        telemetry.push_failed(7);
        let text = text(&telemetry);
        for sample in [
            r#"trtc_polls_total{account="main",item="interactive"} 3"#,
            r#"trtc_poll_failures_total{account="main",code="timeout",item="interactive"} 1"#,
            r#"trtc_poll_failures_total{account="main",code="other",item="interactive"} 1"#,
            r#"trtc_usage_rejected_rows_total{account="main",item="interactive"} 3"#,
            r#"trtc_usage_arrival_lag_seconds_bucket{account="main",item="interactive",le="300"} 0"#,
            r#"trtc_usage_arrival_lag_seconds_bucket{account="main",item="interactive",le="600"} 1"#,
            r#"trtc_usage_arrival_lag_seconds_sum{account="main",item="interactive"} 301"#,
            r#"trtc_api_request_failures_total{account="main",action="DescribeTrtcUsage",code="throttled"} 1"#,
            r#"trtc_api_request_duration_seconds_sum{account="main",action="DescribeTrtcUsage"} 1.5"#,
            r#"trtc_api_throttled_total{account="main",action="DescribeTrtcUsage"} 1"#,
            r#"trtc_api_rate_limit_wait_seconds_total{account="main",action="DescribeTrtcUsage"} 0.25"#,
            "trtc_exporter_config_last_reload_successful 0",
            "trtc_exporter_config_last_reload_success_timestamp_seconds 1600000000.5",
            "trtc_exporter_state_last_save_successful 0",
            "trtc_exporter_state_last_save_timestamp_seconds 1600000001",
            "trtc_exporter_shard_index 2",
            "trtc_exporter_shards 3",
            "trtc_exporter_remote_write_lag_seconds 600",
            "trtc_exporter_remote_write_samples_total 40",
            "trtc_exporter_remote_write_failures_total 2",
            "trtc_exporter_remote_write_dropped_samples_total 7",
        ] {
            assert!(
                text.lines().any(|line| line == sample),
                "{sample} in\n{text}"
            );
        }
    }

    #[test]
    fn figures_of_accounts_are_shown_as_last_set() {
        let telemetry = telemetry();
        let figures = AccountFigures {
            account: "main".into(),
            unassigned: vec![Unassigned {
                item: "interactive".into(),
                media: Media::Audio,
                day: "today",
                ms: -1500,
            }],
            bill: Some(Bill {
                currency: "CNY".into(),
                costs: vec![Cost {
                    item: "interactive".into(),
                    media: Media::VideoHd,
                    total: Money::from_billionths(12_345_000_000),
                    month: Money::from_billionths(7_000_000),
                }],
                packages: vec![PackageFigures {
                    package: "starter".into(),
                    minutes_left: 99_000,
                    ends_at: None,
                    expires_at: Some(1_900_000_000),
                }],
            }),
        };
        telemetry.account_figures(figures);
        let shown = text(&telemetry);
        for sample in [
            r#"trtc_usage_unassigned_seconds{account="main",item="interactive",media="audio",day="today"} -1.5"#,
            r#"trtc_cost_estimate_total{account="main",currency="CNY",item="interactive",media="video_hd"} 12.345"#,
            r#"trtc_cost_month_estimate{account="main",currency="CNY",item="interactive",media="video_hd"} 0.007"#,
            r#"trtc_package_expiry_timestamp_seconds{account="main",package="starter"} 1900000000"#,
            r#"trtc_package_minutes_left{account="main",package="starter"} 99000"#,
        ] {
            assert!(
                shown.lines().any(|line| line == sample),
                "{sample} in\n{shown}"
            );
        }
        assert!(
            !shown.contains("trtc_package_end_timestamp_seconds"),
            "it is not known"
        );
        telemetry.only_figures_of(|_| false);
        assert!(!text(&telemetry).contains("trtc_cost"));
    }

    #[test]
    fn the_clock_is_not_said_to_be_right_before_that_is_known() {
        let telemetry = telemetry();
        let account = telemetry.account("main");
        assert!(!text(&telemetry).contains("trtc_api_clock_skew_seconds"));
        account.clock_skew(-75.5);
        let sample = "trtc_api_clock_skew_seconds{account=\"main\"} -75.5\n";
        assert!(text(&telemetry).contains(sample));
        let after_reload = telemetry.account("main");
        drop(account);
        assert!(text(&telemetry).contains(sample));
        drop(after_reload);
        assert!(!text(&telemetry).contains("trtc_api_clock_skew_seconds"));
    }

    #[test]
    fn keys_in_use_have_one_source_and_perhaps_an_end() {
        let telemetry = telemetry();
        let account = telemetry.account("main");
        assert!(!text(&telemetry).contains("trtc_credentials_info"));
        assert!(!text(&telemetry).contains("trtc_credentials_expiry"));
        account.credentials_are("environment", "");
        account.credentials_expire(Some(1_600_000_000.0));
        account.credentials_are("cvm_role", "reader");
        account.credentials_not_refreshed(2);
        let shown = text(&telemetry);
        for sample in [
            r#"trtc_credentials_info{account="main",role="reader",source="cvm_role"} 1"#,
            r#"trtc_credentials_expiry_timestamp_seconds{account="main"} 1600000000"#,
            r#"trtc_credentials_refresh_failures_total{account="main"} 2"#,
        ] {
            assert!(
                shown.lines().any(|line| line == sample),
                "{sample} in\n{shown}"
            );
        }
        assert!(!shown.contains("environment"), "{shown}");
        account.credentials_expire(None);
        assert!(!text(&telemetry).contains("trtc_credentials_expiry"));
    }

    #[test]
    fn series_live_as_long_as_their_handle() {
        let telemetry = telemetry();
        let staying = telemetry.item("main", "interactive");
        let going = telemetry.item("old", "interactive");
        staying.poll_ended(Ok(()));
        let after_reload = telemetry.item("main", "interactive");
        drop((staying, going));
        assert!(!text(&telemetry).contains("account=\"old\""));
        after_reload.poll_ended(Ok(()));
        assert!(
            text(&telemetry)
                .contains("trtc_polls_total{account=\"main\",item=\"interactive\"} 2\n")
        );
        let _back = telemetry.item("old", "interactive");
        assert!(
            text(&telemetry).contains("trtc_polls_total{account=\"old\",item=\"interactive\"} 0\n")
        );
    }

    #[test]
    fn every_counter_is_named_as_open_metrics_wants_it() {
        let telemetry = telemetry();
        let _held = (telemetry.item("a", "i"), telemetry.action("a", "x"));
        for family in telemetry.gather() {
            let is_counter = family.get_field_type() == MetricType::COUNTER;
            assert_eq!(
                is_counter,
                family.name().ends_with("_total"),
                "{}",
                family.name()
            );
        }
    }
}
