//! What has come back and waits a moment for more: saving costs a transaction on disk and showing a page, and many polls
//! can share both.

use std::time::Duration;

/// How long the first of a batch waits. Nobody notices so little, and at the upstream's 20 requests per second one
/// transaction and one page do for a few polls, after an outage for many.
const PATIENCE: Duration = Duration::from_millis(100);

/// Things that are taken out together.
#[derive(Debug)]
pub(super) struct Batch<T> {
    waiting: Vec<T>,
    due_at: Option<Duration>,
}

impl<T> Batch<T> {
    pub(super) const fn new() -> Self {
        Self {
            waiting: Vec::new(),
            due_at: None,
        }
    }

    pub(super) fn push(&mut self, one: T, now: Duration) {
        self.due_at.get_or_insert(now + PATIENCE);
        self.waiting.push(one);
    }

    /// When all of it is to be taken; `None` while there is nothing.
    pub(super) fn due_at(&self) -> Option<Duration> {
        self.due_at
    }

    /// All of it, in the order of arrival.
    pub(super) fn take(&mut self) -> Vec<T> {
        self.due_at = None;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_decides_when_all_are_taken() {
        let mut batch = Batch::new();
        assert_eq!(batch.due_at(), None);
        batch.push('a', Duration::from_secs(1));
        batch.push('b', Duration::from_secs(2));
        assert_eq!(batch.due_at(), Some(Duration::from_secs(1) + PATIENCE));
        assert_eq!(batch.take(), ['a', 'b']);
        assert_eq!(batch.due_at(), None);
        batch.push('c', Duration::from_secs(3));
        assert_eq!(batch.due_at(), Some(Duration::from_secs(3) + PATIENCE));
    }
}
