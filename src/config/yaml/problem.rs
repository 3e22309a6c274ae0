//! Problems of a file, each with its place, and the list that readers of the file share.

use std::cell::RefCell;
use std::fmt;

/// Something wrong (or doubtful) at one place of a file. Sorts by line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// Where in the tree, e.g. `accounts[0].name`; empty for the file as a whole.
    pub path: String,
    /// What is wrong; what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    /// `12: accounts[0].name: is missing; …`, to be written behind the file's name and a colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}: {}", self.line, self.what)
        } else {
            write!(f, "{}: {}: {}", self.line, self.path, self.what)
        }
    }
}

/// Collects what is found while a file is read.
#[derive(Debug, Default)]
pub struct Report {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

impl Report {
    /// Adds something that makes the file unusable.
    pub fn problem(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Adds something the operator should know of, but that does not stand in the way.
    pub fn warning(&self, warning: Problem) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Whether the file is usable so far.
    pub fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// All problems and all warnings, each sorted by line.
    pub fn into_sorted(self) -> (Vec<Problem>, Vec<Problem>) {
        let (mut problems, mut warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        problems.sort();
        warnings.sort();
        (problems, warnings)
    }
}
