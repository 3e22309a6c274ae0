//! The files that terms were read from, and whether they have changed since.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::stamp::Stamp;

/// Files and how each looked just before it was read.
#[derive(Debug, Default)]
pub(super) struct Files(RefCell<Vec<(PathBuf, Option<Stamp>)>>);

impl Files {
    /// A file is about to be read.
    pub(super) fn note(&self, path: &Path) {
        let stamp = Stamp::of(path);
        self.0.borrow_mut().push((path.to_owned(), stamp));
    }

    /// The same files as they look now.
    pub(super) fn now(&self) -> Self {
        let now = Self::default();
        for (path, _) in self.0.borrow().iter() {
            now.note(path);
        }
        now
    }
}

impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
