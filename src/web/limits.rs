//! What a client may take of the server's time and space.

use std::time::Duration;

/// Limits on clients. The defaults suit every scraper; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From a connection's begin, later from a request's first byte, until its head is complete.
    pub head: Duration,
    /// How long a connection is kept between requests. Longer than the five minutes for which Prometheus keeps one, so
    /// that it is never our side that cuts a connection just as the next scrape is sent on it.
    pub idle: Duration,
    /// From the moment a reader makes us wait until it has taken the whole response. More than anybody's scrape
    /// timeout is worth, and short enough that stuck readers do not use up the scrapes allowed at once.
    pub write: Duration,
    /// How long a connection is kept to which a client certificate was shown: it may have expired since.
    pub certified: Duration,
    /// Connections at once. When one more comes, the one that has been idle longest gives way, and if none is idle, the one
    /// that has been busy longest.
    pub connections: usize,
    /// How long requests in flight may go on after shutdown has begun.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(6 * 60),
            write: Duration::from_secs(30),
            certified: Duration::from_secs(60 * 60),
            connections: 1024,
            drain: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The defaults, for a process that may have this many files and sockets open. Clients get half of them: the
    /// upstream's connections and the state need some too.
    pub fn within(descriptors: u64) -> Self {
        let defaults = Self::default();
        let half = usize::try_from(descriptors / 2).unwrap_or(usize::MAX);
        Self {
            connections: defaults.connections.min(half).max(1),
            ..defaults
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_half_of_the_descriptors() {
        for (descriptors, connections) in [(0, 1), (64, 32), (1024, 512), (u64::MAX, 1024)] {
            assert_eq!(Limits::within(descriptors).connections, connections);
        }
    }
}
