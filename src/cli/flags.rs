//! Every flag, once. The texts here are what `--help` shows.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};

use super::Storage;
use crate::backfill::Order;
use crate::config::duration;
use crate::history::{self, Wish};
use crate::log;
use crate::push::Destination;
use crate::tencent::Action;
use crate::usage::Date;
use crate::web::ListenAddress;

/// Prometheus exporter for the usage of Tencent Cloud TRTC.
///
/// Polls the usage API for every configured app within its rate limits and serves counters that never fall, whatever
/// comes late, is revised or happens to this process. Without a subcommand it runs the exporter.
#[derive(Debug, Parser)]
#[command(
    name = "trtc-exporter",
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub(super) struct Flags {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
    #[command(flatten)]
    pub(super) source: SourceFlags,
    #[command(flatten)]
    pub(super) web: WebFlags,
    #[command(flatten)]
    pub(super) storage: StorageFlags,
    #[command(flatten)]
    pub(super) remote_write: RemoteWriteFlags,
    #[command(flatten)]
    pub(super) log: LogFlags,
    /// Follow a scripted clock; see `clock::ScriptedClock`. For tests, so not shown
    #[arg(long = "clock.script", value_name = "FILE", global = true, hide = true)]
    pub(super) clock_script: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Run the exporter against a simulated upstream in this process: no account, no configuration, no network
    Demo {
        #[command(flatten)]
        simulator: SimulatorFlags,
    },
    /// Serve the simulated upstream alone, for any client to be pointed at
    Simulate {
        /// Where the simulator listens
        #[arg(
            long = "simulator.listen-address",
            value_name = "HOST:PORT",
            default_value = "127.0.0.1:10089",
            help_heading = SIMULATOR
        )]
        listen_address: ListenAddress,
        #[command(flatten)]
        simulator: SimulatorFlags,
    },
    /// Write the past, from the state of an exporter and from the upstream, for a database of series or a spreadsheet
    Backfill(BackfillFlags),
    /// Ask the exporter that listens on the first --web.listen-address whether it is healthy: exit with 0, or say why
    /// not and exit with 1
    Healthcheck,
    /// Print what makes a shell complete this command line, as in
    /// `trtc-exporter completions bash >/etc/bash_completion.d/trtc-exporter`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, as in `trtc-exporter man | man -l -`
    Man,
}

pub(super) const CONFIGURATION: &str = "Configuration";
const WEB: &str = "Web";
const STORAGE: &str = "Storage";
pub(super) const LOG: &str = "Log";
const SIMULATOR: &str = "Simulator";
const REMOTE_WRITE: &str = "Remote write";
const HISTORY: &str = "History";

#[derive(Debug, Args)]
#[command(next_help_heading = CONFIGURATION)]
pub(super) struct SourceFlags {
    /// The configuration file; SIGHUP reads it again
    #[arg(
        long = "config.file",
        value_name = "FILE",
        global = true,
        default_value = "trtc-exporter.yml"
    )]
    pub(super) file: PathBuf,
    /// An app to poll, instead of a configuration file; may be repeated. Keys come from the environment or the
    /// profile file. With `backfill`: only the past of this app
    #[arg(
        long = "sdk-app-id",
        value_name = "ID",
        global = true,
        value_delimiter = ',',
        value_parser = clap::value_parser!(u64).range(1..=u64::from(u32::MAX))
    )]
    pub(super) sdk_app_ids: Vec<u64>,
    /// Which shard of the apps this process polls, from 0; the others are polled by processes with the same configuration
    #[arg(long = "shard.index", value_name = "N", default_value_t = 0)]
    pub(super) shard_index: u32,
    /// Into how many shards the apps are split; each uses its part of the rate limits
    #[arg(long = "shard.count", value_name = "N", default_value_t = 1)]
    pub(super) shard_count: u32,
    /// Only check the configuration: exit with 0 if it is good, else tell its problems and exit with 2
    #[arg(long = "config.check")]
    pub(super) check: bool,
}

/// How to serve.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = WEB)]
pub struct WebFlags {
    /// Where to listen; may be repeated. Without a host on all interfaces, with port 0 on a free port
    #[arg(
        long = "web.listen-address",
        value_name = "[HOST]:PORT",
        global = true,
        value_delimiter = ',',
        default_value = ":10088"
    )]
    pub listen_addresses: Vec<ListenAddress>,
    /// Listen on the TCP sockets that systemd passes, instead of --web.listen-address
    #[arg(long = "web.systemd-socket", global = true)]
    pub systemd_socket: bool,
    /// TLS, client certificates, users and headers, in the format of Prometheus' exporters; read again when it changes
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,
    /// The path under which metrics are served
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        global = true,
        default_value = "/metrics",
        value_parser = telemetry_path
    )]
    pub telemetry_path: String,
    /// Let POST /-/reload read the configuration again
    #[arg(long = "web.enable-lifecycle", global = true)]
    pub enable_lifecycle: bool,
    /// Scrapes answered at once, more get 503; 0 means no limit
    #[arg(
        long = "web.max-requests",
        value_name = "N",
        global = true,
        default_value_t = 40
    )]
    pub max_requests: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = STORAGE)]
pub(super) struct StorageFlags {
    /// The folder that keeps the counters over restarts; empty: nothing is kept [default: data, and empty with `demo`]
    #[arg(
        long = "storage.path",
        value_name = "FOLDER",
        global = true,
        value_parser = clap::builder::OsStringValueParser::new()
    )]
    path: Option<std::ffi::OsString>,
    /// For how long buckets are kept, at least as long as the upstream answers for them: for `backfill`
    #[arg(
        long = "storage.retention",
        value_name = "DURATION",
        global = true,
        default_value = "35d",
        value_parser = kept_days
    )]
    kept_days: u64,
}

impl StorageFlags {
    /// What they mean, in the folder `default` if nothing was said.
    pub(super) fn or_in(self, default: &str) -> Storage {
        let path = self.path.unwrap_or_else(|| default.into());
        Storage {
            folder: Some(path.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty()),
            kept_days: self.kept_days,
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = REMOTE_WRITE)]
pub(super) struct RemoteWriteFlags {
    /// Push each settled bucket, once and at its own time, to this receiver of Prometheus' remote write
    #[arg(long = "remote-write.url", value_name = "URL", global = true, value_parser = receiver)]
    url: Option<reqwest::Url>,
    /// A label for what is pushed, as in job=trtc; may be repeated
    #[arg(
        long = "remote-write.label",
        value_name = "NAME=VALUE",
        global = true,
        value_delimiter = ',',
        value_parser = history::parse_label
    )]
    pushed_labels: Vec<(String, String)>,
}

impl RemoteWriteFlags {
    /// Where to push, if it is wanted.
    pub(super) fn destination(self) -> Option<Destination> {
        let labels = self.pushed_labels;
        self.url.map(|url| Destination { url, labels })
    }
}

/// How to log.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = LOG)]
pub struct LogFlags {
    /// Log messages of this severity and above
    #[arg(
        long = "log.level",
        value_name = "LEVEL",
        global = true,
        default_value = "info"
    )]
    pub level: log::Level,
    /// How a log line is written
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        global = true,
        default_value = "logfmt"
    )]
    pub format: log::Format,
}

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = SIMULATOR)]
pub struct SimulatorFlags {
    /// The same seed gives the same usage
    #[arg(long = "simulator.seed", value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The rate limit that the simulator enforces for each account and action [default: what the upstream documents]
    #[arg(
        long = "simulator.requests-per-second",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub requests_per_second: Option<u16>,
    /// Leave idle buckets out of the answers instead of sending zeros
    #[arg(long = "simulator.sparse")]
    pub sparse: bool,
    /// An action that the simulator refuses as no longer offered; may be repeated
    #[arg(
        long = "simulator.retired",
        value_name = "ACTION",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Action::ALL.map(|action| action.name))
    )]
    pub retired: Vec<String>,
}

/// What of the past to write, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = HISTORY)]
pub(super) struct BackfillFlags {
    /// The first date, in Beijing [default: so that there are 31]
    #[arg(long = "start", value_name = "YYYY-MM-DD", value_parser = date)]
    start: Option<Date>,
    /// The last date, in Beijing [default: for series, up to when the exporter began to show them; for figures, today]
    #[arg(long = "end", value_name = "YYYY-MM-DD", value_parser = date)]
    end: Option<Date>,
    /// The file to write, which is there when it is whole; - is standard output
    #[arg(long = "output", value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// How to write it
    #[arg(long = "format", value_name = "FORMAT", default_value = "openmetrics")]
    written_as: history::Format,
    /// A label that Prometheus adds to what it scrapes, as in job=trtc; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = history::parse_label)]
    labels: Vec<(String, String)>,
    /// Only the apps of this account; may be repeated
    #[arg(long = "account", value_name = "NAME", value_delimiter = ',')]
    accounts: Vec<String>,
}

impl BackfillFlags {
    /// What they ask for, together with flags of the exporter.
    pub(super) fn order(
        self,
        config: PathBuf,
        sdk_app_ids: Vec<u64>,
        state: Option<PathBuf>,
    ) -> Order {
        Order {
            config,
            sdk_app_ids,
            accounts: self.accounts,
            state,
            wish: Wish {
                start: self.start,
                end: self.end,
                figures: self.written_as.is_figures(),
            },
            format: self.written_as,
            labels: self.labels,
            output: Some(self.output).filter(|path| path.as_os_str() != "-"),
        }
    }
}

fn receiver(text: &str) -> Result<reqwest::Url, String> {
    let url: reqwest::Url = text.parse().map_err(|error| format!("{error}"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("it must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "command lines are visible to others, so no name or password can be in it".to_owned(),
        );
    }
    Ok(url)
}

/// The upstream answers for 31 dates; ten years are more than a database of one file should grow to.
fn kept_days(text: &str) -> Result<u64, String> {
    let retention = duration::parse(text).map_err(|error| error.to_string())?;
    match retention.as_secs() / 86_400 {
        days @ 31..=3650 => Ok(days),
        _ => Err("from 31d to 10y is possible".to_owned()),
    }
}

fn date(text: &str) -> Result<Date, &'static str> {
    text.parse()
        .map_err(|_| "it must be a date, as in 2024-02-29")
}

fn telemetry_path(text: &str) -> Result<String, &'static str> {
    let possible = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !text.starts_with('/') {
        Err("it must begin with a slash, as in /metrics")
    } else if !text.bytes().all(possible) {
        Err("only letters, digits and / - . _ ~ are possible")
    } else if text == "/"
        || text == "/config"
        || text.starts_with("/-/")
        || text.starts_with("/api/")
    {
        Err("something else is served under this path")
    } else {
        Ok(text.to_owned())
    }
}
