//! When the upstream is asked for what: quota and schedule decide, purely; the poller, the only loop of the program, acts
//! on it. What an answer means is not known here.

mod jitter;
mod lane;
mod queue;
mod quota;
mod schedule;

pub use lane::{Attempt, Lane, Next, Outcome};
pub use schedule::{Job, Pace, Verdict};
