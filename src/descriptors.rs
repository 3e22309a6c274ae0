//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Allows the process as many as the system lets it have, and returns how many that are.
///
/// The soft limit, often 1024, protects programs that cannot count further with `select`; this one does not use it.
pub fn allow_all() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, all) {
        Ok(()) => maximum,
        Err(error) => {
            warn!(%error, limit = current, "Cannot raise the limit of open files");
            current
        }
    };
    allowed.unwrap_or(u64::MAX)
}
