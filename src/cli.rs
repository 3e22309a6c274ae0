//! The command line: what each flag is called, what it may be, what it is when left out. Reads no file and starts
//! nothing.

mod command;
mod first_steps;
mod flags;
mod paper;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Error};

use crate::backfill;
use crate::config::Shard;
use crate::push::Destination;
use crate::web::ListenAddress;

pub use first_steps::first_steps;
pub use flags::{LogFlags, SimulatorFlags, WebFlags};

/// What was called for.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// How to log; the same for every call.
    pub log: LogFlags,
    /// The file that moves the clock, in tests of the whole program.
    pub clock_script: Option<PathBuf>,
    /// What to do.
    pub call: Call,
}

/// The calls there are.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Run the exporter, or only check its configuration.
    Run {
        /// Where the configuration comes from.
        source: ConfigSource,
        /// Which part of it is run.
        shard: Shard,
        /// `--config.check`: validate, say so and exit.
        check: bool,
        /// How to serve.
        web: WebFlags,
        /// Where state is kept.
        storage: Storage,
        /// Where settled buckets are pushed.
        destination: Option<Destination>,
    },
    /// Run the exporter against a simulator in this process.
    Demo {
        /// What is simulated.
        simulator: SimulatorFlags,
        /// How to serve.
        web: WebFlags,
        /// Where state is kept; nowhere unless it was asked for.
        storage: Storage,
        /// Where settled buckets are pushed.
        destination: Option<Destination>,
    },
    /// Serve the simulator alone.
    Simulate {
        /// Where it listens.
        listen_address: ListenAddress,
        /// What is simulated.
        simulator: SimulatorFlags,
    },
    /// Write the past of what is configured.
    Backfill(backfill::Order),
    /// Ask a running exporter whether it is healthy.
    Healthcheck {
        /// Where it listens.
        listens_on: ListenAddress,
    },
    /// Print this, made of the command line itself.
    Print(String),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// From `--config.file`.
    File(PathBuf),
    /// From `--sdk-app-id`; at least one id.
    SdkAppIds(Vec<u64>),
}

/// How state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// In this folder; without one nowhere: counters begin at zero with every start.
    pub folder: Option<PathBuf>,
    /// For how many days buckets are kept.
    pub kept_days: u64,
}

/// Reads the process's own command line. Ends the process where there is nothing to run: with 0 after `--help` and
/// `--version`, with 2 after a usage error, which it prints.
pub fn parse() -> Invocation {
    parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Reads a command line, the program's name first, and the environment behind it.
pub fn parse_from<T: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = T>,
) -> Result<Invocation, Error> {
    let mut command = command::command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let flags = flags::Flags::from_arg_matches(&matches)?;
    command::refuse_misplaced(&matches)
        .and_then(|()| invocation(flags, &matches))
        .map_err(|conflict| command.error(ErrorKind::ArgumentConflict, conflict))
}

fn invocation(flags: flags::Flags, matches: &ArgMatches) -> Result<Invocation, String> {
    let flags::Flags {
        command,
        source,
        web,
        storage,
        remote_write,
        log,
        clock_script,
    } = flags;
    let web = WebFlags {
        systemd_socket: web.systemd_socket && listens_on_passed_sockets(matches)?,
        ..web
    };
    let call = match command {
        Some(flags::Subcommand::Completions { shell }) => Call::Print(paper::completions(shell)),
        Some(flags::Subcommand::Man) => Call::Print(paper::manual()),
        None => Call::Run {
            check: source.check,
            shard: Shard::new(source.shard_index, source.shard_count)
                .map_err(|error| error.to_string())?,
            source: config_source(source, matches)?,
            web,
            storage: storage.or_in("data"),
            destination: remote_write.destination(),
        },
        Some(flags::Subcommand::Demo { simulator }) => Call::Demo {
            simulator,
            web,
            storage: storage.or_in(""),
            destination: remote_write.destination(),
        },
        Some(flags::Subcommand::Simulate {
            listen_address,
            simulator,
        }) => Call::Simulate {
            listen_address,
            simulator,
        },
        Some(flags::Subcommand::Backfill(flags)) => Call::Backfill(flags.order(
            source.file,
            source.sdk_app_ids,
            storage.or_in("data").folder,
        )),
        Some(flags::Subcommand::Healthcheck) => Call::Healthcheck {
            listens_on: first_known(web.listen_addresses)?,
        },
    };
    Ok(Invocation {
        log,
        clock_script,
        call,
    })
}

/// An exporter serves the same on all of its addresses.
fn first_known(addresses: Vec<ListenAddress>) -> Result<ListenAddress, String> {
    let known = addresses.into_iter().find(|address| address.port != 0);
    known.ok_or_else(|| {
        "`healthcheck` cannot know which port the exporter was given by port 0; give one by --web.listen-address"
            .to_owned()
    })
}

/// A file and app ids exclude each other; where one is a flag and the other comes from the environment, the flag wins.
fn config_source(source: flags::SourceFlags, matches: &ArgMatches) -> Result<ConfigSource, String> {
    let file = matches.value_source("file");
    let ids = matches.value_source("sdk_app_ids");
    if ids.is_none()
        || (file == Some(ValueSource::CommandLine) && ids == Some(ValueSource::EnvVariable))
    {
        return Ok(ConfigSource::File(source.file));
    }
    if file == ids {
        return Err("--config.file and --sdk-app-id exclude each other; give one".to_owned());
    }
    Ok(ConfigSource::SdkAppIds(source.sdk_app_ids))
}

/// Passed sockets and addresses exclude each other likewise.
fn listens_on_passed_sockets(matches: &ArgMatches) -> Result<bool, String> {
    let addresses = matches.value_source("listen_addresses");
    let passed = matches.value_source("systemd_socket");
    if addresses != Some(ValueSource::DefaultValue) && addresses == passed {
        return Err(
            "--web.listen-address and --web.systemd-socket exclude each other; give one".to_owned(),
        );
    }
    Ok(addresses != Some(ValueSource::CommandLine))
}

#[cfg(test)]
mod tests;
