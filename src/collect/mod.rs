//! When the upstream is asked for what: quota and schedule decide, purely; the poller, the only loop of the program, acts
//! on it. What an answer means is not known here.
//!
//! A *lane* is everything that shares one rate limit. Its *schedule* names the attempt to make next, its *quota* whether
//! it may be made now. An *attempt* is one request; a *poll* is one or more attempts until an answer or a failure.

mod asked;
mod batch;
mod clock_watch;
mod credentials_watch;
mod discovery;
mod failure;
mod figures;
mod jitter;
mod lane;
mod listing;
mod poller;
mod queue;
mod quota;
mod saving;
mod schedule;
mod work;
mod workshop;

pub use failure::CODES;
pub(crate) use listing::find_apps;
pub use poller::{Command, Poller, Tools};
pub(crate) use quota::{Availability, Permit, Quota};
pub use workshop::SetUpError;
pub(crate) use workshop::targets_of;
