//! What was asked and how it went: the last requests one by one, and all of them as counts. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::query::Query;
use crate::clock::Moment;
use crate::usage::App;

/// How many requests are remembered.
const CAPACITY: usize = 10_000;

/// One request that reached the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it had arrived completely.
    pub at: Moment,
    /// Its action as sent; empty when it named none.
    pub action: String,
    /// What it asked; `None` when that could not be understood or was not looked at.
    pub query: Option<Query>,
    /// How it went.
    pub outcome: Outcome,
}

impl Entry {
    /// Whose usage was asked for.
    pub fn app(&self) -> Option<App> {
        self.query.map(|query| query.app)
    }
}

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered, with so many rows.
    Answered(usize),
    /// Refused by the gateway's own rules, with this code.
    Refused(String),
    /// Met by an ordered fault of this [name](super::Fault::name).
    Faulted(String),
}

/// Sums over all requests since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub requests: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Those that met a fault, by its name.
    pub faulted: BTreeMap<String, u64>,
}

impl Counts {
    /// How often the gateway has refused with `code`.
    pub fn refused_with(&self, code: &str) -> u64 {
        self.refused.get(code).copied().unwrap_or(0)
    }

    /// How often the fault of this name has happened.
    pub fn faulted_with(&self, name: &str) -> u64 {
        self.faulted.get(name).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.requests += 1;
        match outcome {
            Outcome::Answered(_) => self.answered += 1,
            Outcome::Refused(code) => *self.refused.entry(code.clone()).or_default() += 1,
            Outcome::Faulted(name) => *self.faulted.entry(name.clone()).or_default() += 1,
        }
    }
}

/// The last requests; older ones are forgotten.
#[derive(Debug, Default)]
pub(super) struct Log(VecDeque<Entry>);

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_the_newest() {
        let mut log = Log::default();
        for second in 0..CAPACITY as u64 + 5 {
            log.push(Entry {
                at: Moment {
                    utc: chrono::DateTime::UNIX_EPOCH,
                    mono: Duration::from_secs(second),
                },
                action: String::new(),
                query: None,
                outcome: Outcome::Answered(0),
            });
        }
        let entries = log.entries();
        assert_eq!(entries.len(), CAPACITY);
        assert_eq!(entries[0].at.mono, Duration::from_secs(5));
    }
}
