//! The command line on paper: for shells that complete it, and as a manual page. Both are made of its definition, so they
//! cannot fall behind it.

use clap_complete::Shell;
use clap_mangen::Man;

use super::command::command;
use crate::build_info;

/// A script that makes `shell` complete the command line.
pub(super) fn completions(shell: Shell) -> String {
    let mut command = command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    text(script)
}

/// The manual page, in roff; subcommands are named there, and have `--help` of their own.
pub(super) fn manual() -> String {
    let mut command = command()
        .version(build_info::VERSION)
        .disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let written = Man::new(command).render(&mut page);
    written.expect("memory takes everything");
    text(page)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("it is made of text")
}
