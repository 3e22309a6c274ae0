//! What holds for all flags alike: their names in the environment, and which subcommand takes which.

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};

use super::flags::{CONFIGURATION, Flags, LOG};
use crate::build_info;

const AFTER_HELP: &str = "\
Examples:
  trtc-exporter demo
      Invented usage at http://localhost:10088/: no account, no file, no network
  trtc-exporter --sdk-app-id=1400000001
      One app, with keys from TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY
  trtc-exporter --config.file=/etc/trtc-exporter.yml --config.check
      All problems of a configuration at once, each with its line and what would be right
  trtc-exporter --config.file=/etc/trtc-exporter.yml --storage.path=/var/lib/trtc-exporter
      The exporter, with counters that go on after a restart

Every flag can also be given by environment: TRTC_EXPORTER_ and the flag's name in upper case with underscores, as in \
TRTC_EXPORTER_WEB_LISTEN_ADDRESS=:10088; repeatable ones separate their values by commas. A flag wins over the \
environment. Secrets are never flags: they are named by the configuration file or found in the environment.

Exit codes: 0 done or stopped by a signal, 1 failure at run time, 2 usage or configuration error.";

pub(super) fn command() -> Command {
    let version = format!(
        "{}\n  revision:  {}\n  rustc:     {}",
        build_info::VERSION,
        build_info::REVISION,
        build_info::RUSTC
    );
    let command = Flags::command()
        .version(version)
        .after_help(AFTER_HELP)
        .mut_args(uniform)
        .mut_subcommands(|subcommand| subcommand.mut_args(uniform));
    // Flags of the server are good before and behind a subcommand. Where it has no use for one, that is known only to be
    // refused with a reason, and not shown.
    let global: Vec<Arg> = command
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .cloned()
        .collect();
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        let refused = global.iter().filter(|arg| !is_of_use(&name, arg));
        subcommand.args(refused.map(|arg| arg.clone().global(false).hide(true)))
    })
}

/// Whether a subcommand has a use for a flag of the exporter.
fn is_of_use(subcommand: &str, arg: &Arg) -> bool {
    match (subcommand, arg.get_help_heading()) {
        (_, None) => true,
        ("completions" | "man", Some(_)) => false,
        ("demo", Some(heading)) => heading != CONFIGURATION,
        ("simulate", Some(heading)) => heading == LOG,
        ("backfill", Some(heading)) if heading == LOG => true,
        ("backfill", Some(_)) => {
            let used = ["config.file", "sdk-app-id", "storage.path"];
            arg.get_long().is_some_and(|long| used.contains(&long))
        }
        (_, Some(_)) => arg.get_long() == Some("web.listen-address"),
    }
}

/// Every flag can come from the environment, and every switch can be switched off again by `=false`: else a flag could
/// not win over an environment that switches it on.
fn uniform(arg: Arg) -> Arg {
    let arg = match arg.get_long().map(variable) {
        Some(variable) => arg.env(variable).hide_env(true),
        None => arg,
    };
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .value_parser(BoolishValueParser::new())
        .value_name("BOOL")
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// The name of a flag in the environment.
pub(super) fn variable(flag: &str) -> String {
    format!(
        "TRTC_EXPORTER_{}",
        flag.to_ascii_uppercase().replace(['.', '-'], "_")
    )
}

/// A flag that the called subcommand has no use for is refused rather than ignored. The environment may well name it:
/// it is set for more than one call.
pub(super) fn refuse_misplaced(matches: &ArgMatches) -> Result<(), String> {
    let Some((subcommand, of_subcommand)) = matches.subcommand() else {
        return Ok(());
    };
    for arg in command().get_arguments() {
        let id = arg.get_id().as_str();
        let given = |matches: &ArgMatches| {
            let known = matches.try_contains_id(id).is_ok();
            known && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        if !is_of_use(subcommand, arg) && (given(matches) || given(of_subcommand)) {
            let flag = arg.get_long().unwrap_or(id);
            return Err(format!(
                "--{flag} cannot be used with `{subcommand}`, which has no use for it"
            ));
        }
    }
    Ok(())
}
