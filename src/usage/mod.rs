//! What usage is and how it adds up: buckets, days, series and the ledger. Pure: no async, no I/O, no clock; `now` is
//! an argument, arithmetic is in integer milliseconds.

mod answer;
mod beijing;
mod day;
mod ledger;
mod media;
mod minutes;
mod month;
mod settle;
mod standing;
mod target;
mod unit;
mod view;

pub use answer::{Answer, Rejected};
pub use beijing::{BUCKET_SECONDS, BUCKETS_PER_DAY, Date, TimeKey};
pub use day::{Column, Day};
pub use ledger::{Ledger, Merged, Series, Settling, touched_dates};
pub use media::{Media, Named};
pub use minutes::billable_minutes;
pub use month::Counted;
pub use settle::{ANSWERED_DATES, final_at};
pub use standing::{Standing, Sums};
pub use target::{App, Beginning, Target};
pub use unit::{Source, Unit};
pub use view::{SeriesView, View};
