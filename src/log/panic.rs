//! A panic as one line of the log, where it would else be several lines of raw text.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, Location, PanicHookInfo};

use tracing::error;

/// Lets every panic of the process be logged from here on.
pub(super) fn log_all() {
    panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let asked_for = backtrace.status() == BacktraceStatus::Captured;
    error!(
        panic = panic.payload_as_str(),
        location = panic.location().map(place),
        thread = std::thread::current().name(),
        backtrace = asked_for.then(|| tracing::field::display(backtrace)),
        "Panicked; this is a bug, please report it"
    );
}

/// File, line and column. What the file's path begins with belongs to the machine that built the program.
fn place(location: &Location<'_>) -> String {
    let file = location.file();
    let own = file.strip_prefix("src/");
    let of_dependency = || file.split_once("/registry/src/")?.1.split_once('/');
    let file = own.or_else(|| Some(of_dependency()?.1)).unwrap_or(file);
    format!("{file}:{}:{}", location.line(), location.column())
}
