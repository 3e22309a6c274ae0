//! What usage is and how it adds up: buckets, days, series and the ledger. Pure: no async, no I/O, no clock; `now` is
//! an argument, arithmetic is in integer milliseconds.

mod answer;
mod beijing;
mod media;
mod target;
mod view;

pub use answer::{Answer, Rejected};
pub use beijing::{BUCKET_SECONDS, Date, TimeKey};
pub use media::Media;
pub use target::{App, Target};
pub use view::{SeriesView, View};
