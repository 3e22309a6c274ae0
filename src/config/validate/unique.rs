//! Things that may be given once only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use super::super::yaml::Value;

/// What has been given so far, and on which line.
pub(super) struct Seen<T>(RefCell<HashMap<T, usize>>);

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T: Eq + Hash + Display> Seen<T> {
    /// Takes note of `key`; a problem at `value` if it is not the first of its kind.
    pub(super) fn note(&self, value: &Value<'_>, key: T) {
        let mut seen = self.0.borrow_mut();
        if let Some(first) = seen.get(&key) {
            value.problem(format!(
                "{key} is already given on line {first}; each may be given once"
            ));
        } else {
            seen.insert(key, value.line());
        }
    }
}
