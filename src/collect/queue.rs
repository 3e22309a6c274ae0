//! Targets by the time at which they are due, each at most once.

use std::collections::BTreeSet;
use std::time::Duration;

/// A queue over target indices.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: BTreeSet<(Duration, usize)>,
    due: Vec<Option<Duration>>,
}

impl Queue {
    /// Puts a target in, or moves it.
    pub(super) fn put(&mut self, target: usize, due: Duration) {
        self.remove(target);
        if self.due.len() <= target {
            self.due.resize(target + 1, None);
        }
        self.due[target] = Some(due);
        self.order.insert((due, target));
    }

    pub(super) fn remove(&mut self, target: usize) {
        if let Some(due) = self.due.get_mut(target).and_then(Option::take) {
            self.order.remove(&(due, target));
        }
    }

    /// The target that is due first, and when.
    pub(super) fn first(&self) -> Option<(Duration, usize)> {
        self.order.first().copied()
    }
}
