//! How the program logs: one event, one line, as Prometheus writes them. Nothing that is logged can break out of its
//! line or forge a field: whatever is not plain is quoted, and whatever is not printable is escaped.
//!
//! Time comes from the program's clock. Spans are not shown; what belongs to a line is among its event's fields.

mod line;
mod panic;

use std::fmt;
use std::io;
use std::sync::Arc;

use chrono::SecondsFormat;
use clap::ValueEnum;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::clock::Clock;
use line::Line;

/// The least severity that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// What helps to find an error in the program.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should know.
    Warn,
    /// What an operator must see to.
    Error,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `ts=… caller=… level=info msg="…" key=value`.
    Logfmt,
    /// One JSON object with the same fields.
    Json,
}

/// The crate's own events, whose level is configurable.
const OWN_TARGET: &str = env!("CARGO_CRATE_NAME");

/// Lets the whole process log to standard error from here on, its panics too. Fails when that has been settled already.
pub fn init(
    level: Level,
    format: Format,
    clock: Arc<dyn Clock>,
) -> Result<(), SetGlobalDefaultError> {
    set_global_default(subscriber(level, format, clock, io::stderr))?;
    panic::log_all();
    Ok(())
}

/// What [`init`] installs, with a writer of one's own. Dependencies are heard from `warn` on only, because what they
/// have to say below that is about them.
pub fn subscriber<W>(
    level: Level,
    format: Format,
    clock: Arc<dyn Clock>,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let own = LevelFilter::from(level);
    let filter = Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target(OWN_TARGET, own);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines { format, clock })
        .with_writer(writer)
        // It would be reported by a macro that panics when standard error is closed.
        .log_internal_errors(false);
    Registry::default().with(filter).with(lines)
}

struct Lines {
    format: Format,
    clock: Arc<dyn Clock>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let now = self.clock.now().utc;
        let mut line = Line::new(self.format);
        line.text("ts", &now.to_rfc3339_opts(SecondsFormat::Millis, true));
        line.text("caller", &caller(metadata));
        line.text("level", &metadata.level().as_str().to_ascii_lowercase());
        event.record(&mut line);
        writeln!(writer, "{}", line.finish())
    }
}

/// File and line for events of ours; for others their module, because their file's path belongs to the build machine.
fn caller(metadata: &Metadata<'_>) -> String {
    let own = metadata.target().split("::").next() == Some(OWN_TARGET);
    match (metadata.file(), metadata.line()) {
        (Some(file), Some(line)) if own => {
            format!("{}:{line}", file.strip_prefix("src/").unwrap_or(file))
        }
        _ => metadata.target().to_owned(),
    }
}

#[cfg(test)]
mod tests;
