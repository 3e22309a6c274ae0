//! The command line on paper: for shells that complete it, and as a manual page. Both are made of its definition, so they
//! cannot fall behind it.

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::command::command;
use crate::build_info;

/// A script that makes `shell` complete the command line.
pub(super) fn completions(shell: Shell) -> String {
    let mut command = shown();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    text(script)
}

/// The manual page, in roff: one for the program and all its subcommands.
pub(super) fn manual() -> String {
    let command = shown();
    let commands = commands(&command);
    let man = Man::new(command);
    let mut page = Vec::new();
    let written = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| commands.to_writer(&mut page))
        .and_then(|()| man.render_extra_section(&mut page))
        .and_then(|()| man.render_version_section(&mut page));
    written.expect("memory takes everything");
    text(page)
}

/// The subcommands, each with the arguments that only it has: pages of their own, which clap_mangen would refer to, do not
/// exist.
fn commands(command: &Command) -> Roff {
    let is_known = |arg: &Arg| {
        command
            .get_arguments()
            .any(|known| known.get_id() == arg.get_id())
    };
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for subcommand in command.get_subcommands() {
        roff.control("TP", []);
        roff.text([bold(subcommand.get_name())]);
        let about = subcommand.get_about().map(ToString::to_string);
        roff.text([roman(about.unwrap_or_default())]);
        roff.control("RS", []);
        for arg in subcommand.get_arguments().filter(|arg| !is_known(arg)) {
            roff.control("TP", []);
            roff.text([bold(name(arg))]);
            let help = arg.get_help().map(ToString::to_string);
            roff.text([roman(help.unwrap_or_default())]);
        }
        roff.control("RE", []);
    }
    roff
}

fn name(arg: &Arg) -> String {
    match arg.get_long() {
        Some(long) => format!("--{long}"),
        None => arg.get_id().as_str().to_ascii_uppercase(),
    }
}

/// The definition as users are to see it. A hidden flag is known for tests, or in order to be refused with a reason;
/// completions would offer it.
fn shown() -> Command {
    let mut command = command();
    // Hands the flags that are good everywhere down to the subcommands.
    command.build();
    visible(&command).version(build_info::VERSION)
}

fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|arg| !arg.is_hide_set());
    Command::new(command.get_name().to_owned())
        .about(command.get_about().cloned().unwrap_or_default())
        .long_about(command.get_long_about().cloned().unwrap_or_default())
        .after_help(command.get_after_help().cloned().unwrap_or_default())
        .args(arguments.map(|arg| arg.clone().global(false)))
        .subcommands(command.get_subcommands().map(visible))
        // Both flags are among the arguments already.
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("it is made of text")
}
