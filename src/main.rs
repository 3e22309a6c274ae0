//! The door of the program: from the command line to an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::error;

use trtc_exporter::app::{self, AppError, Source};
use trtc_exporter::cli::{self, Call, Invocation};
use trtc_exporter::clock::{Clock, ScriptedClock, SystemClock};
use trtc_exporter::config::ConfigError;
use trtc_exporter::error::with_causes;
use trtc_exporter::threads::Threads;
use trtc_exporter::web::PassedSockets;
use trtc_exporter::{backfill, demo, healthcheck, log, web_config};

const FAILURE: u8 = 1;
const UNUSABLE_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let Invocation {
        log,
        clock_script,
        call,
    } = cli::parse();
    let clock: Arc<dyn Clock> = match clock_script {
        Some(script) => Arc::new(ScriptedClock::following(script)),
        None => Arc::new(SystemClock::start()),
    };
    if let Call::Run {
        source,
        shard,
        check: true,
        web,
        ..
    } = call
    {
        let source = Source::Given { source, shard };
        return check(&source, web.config_file.as_deref());
    }
    if let Call::Print(text) = &call {
        return print(text);
    }
    let passed = passed_sockets(&call);
    let result = log::init(log.level, log.format, Arc::clone(&clock))
        .map_err(AppError::Log)
        .and_then(|()| Threads::start().map_err(AppError::Threads))
        .and_then(|threads| {
            let polling = threads.polling().clone();
            threads.run(run(call, passed, clock, polling))
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(AppError::Config(problems)) => {
            tell(&problems);
            ExitCode::from(UNUSABLE_CONFIGURATION)
        }
        Err(AppError::Backfill(error)) if error.is_of_usage() => {
            complain(&error);
            ExitCode::from(UNUSABLE_CONFIGURATION)
        }
        Err(AppError::Unhealthy(unhealthy)) => {
            complain(&unhealthy);
            ExitCode::from(FAILURE)
        }
        Err(failure) => {
            error!(error = with_causes(&failure), "Cannot run");
            ExitCode::from(FAILURE)
        }
    }
}

/// To be called before there are threads.
fn passed_sockets(call: &Call) -> Option<PassedSockets> {
    match call {
        Call::Run { web, .. } | Call::Demo { web, .. } => {
            web.systemd_socket.then(PassedSockets::take)
        }
        Call::Simulate { .. } | Call::Healthcheck { .. } | Call::Backfill(_) | Call::Print(_) => {
            None
        }
    }
}

async fn run(
    call: Call,
    passed: Option<PassedSockets>,
    clock: Arc<dyn Clock>,
    polling: Handle,
) -> Result<(), AppError> {
    match call {
        Call::Run {
            source,
            shard,
            web,
            storage,
            destination,
            ..
        } => {
            let source = Source::Given { source, shard };
            app::run(source, web, passed, storage, destination, clock, &polling).await
        }
        Call::Demo {
            simulator,
            web,
            storage,
            destination,
        } => {
            demo::demo(
                simulator,
                web,
                passed,
                storage,
                destination,
                clock,
                &polling,
            )
            .await
        }
        Call::Simulate {
            listen_address,
            simulator,
        } => demo::simulate(&listen_address, &simulator, clock).await,
        Call::Backfill(order) => Ok(backfill::run(order, clock).await?),
        Call::Healthcheck { listens_on } => Ok(healthcheck::check(&listens_on).await?),
        Call::Print(_) => Ok(()),
    }
}

/// `--config.check`: for a person or a script at a terminal, so without a log's dressing.
#[expect(clippy::print_stdout, reason = "the answer is what the call is for")]
fn check(source: &Source, web_config: Option<&Path>) -> ExitCode {
    let of_web = || web_config.map_or(Ok(Vec::new()), web_config::check);
    let mut is_valid = true;
    for outcome in [source.check(), of_web()] {
        match outcome {
            Ok(warnings) => {
                for warning in warnings {
                    println!("warning: {warning}");
                }
            }
            Err(problems) => {
                tell(&problems);
                is_valid = false;
            }
        }
    }
    if !is_valid {
        return ExitCode::from(UNUSABLE_CONFIGURATION);
    }
    println!("The configuration is valid.");
    ExitCode::SUCCESS
}

/// Tells what is wrong with a configuration. Where nothing says what to poll, this is most likely somebody's first call.
fn tell(problems: &ConfigError) {
    complain(problems);
    if let ConfigError::NotFound(file) = problems {
        complain(&cli::first_steps(file));
    }
}

/// Whoever reads may have read enough, as `head` does: that is no failure.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&error);
            ExitCode::from(FAILURE)
        }
        _ => ExitCode::SUCCESS,
    }
}

#[expect(
    clippy::print_stderr,
    reason = "problems of a file are a list to read, not log lines, and a probe's reason is one bare line"
)]
fn complain(problems: &dyn Display) {
    eprintln!("{problems}");
}
