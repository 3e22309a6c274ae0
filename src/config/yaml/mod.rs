//! A reader for configuration files in YAML: text to a tree that knows its lines, and typed access to that tree which
//! collects problems instead of stopping at the first. It knows YAML and nothing of any particular configuration.
//!
//! What YAML offers beyond plain data is refused with a problem of its own: aliases (an alias can blow a small file up
//! to gigabytes), tags, keys that are not text, a second document, a key given twice.

mod parse;
mod problem;
mod suggest;
mod tree;
mod value;

pub use parse::{MAX_BYTES, parse};
pub use problem::{Problem, Report};
pub use tree::Node;
pub use value::{Fields, Value};
