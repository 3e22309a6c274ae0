//! How everything stands, for people and programs that ask: what there is to say, and how it looks as a page. Pure: it is
//! told all of it, and `now` with it.
//!
//! The poll loop tells how targets and rate limits stand, the store which buckets are kept; neither is waited for long.

mod model;
mod page;
mod plot;
mod question;

pub use model::{Failing, Lane, MediaStatus, Snapshot, Status, TargetStatus};
pub use page::{SECURITY_POLICY, page};
pub use plot::{Plot, Stack};
pub use question::{PER_PAGE, Question};
