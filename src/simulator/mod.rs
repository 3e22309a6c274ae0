//! The upstream, in process: Tencent Cloud's usage API for TRTC with invented usage. `trtc-exporter demo` runs against it,
//! `trtc-exporter simulate` serves it alone, and tests take it as the truth.
//!
//! ```text
//! server -> gateway -> protocol   who asks, is the signature right
//!   wire       |    -> quota      within the rate limit
//!              |    -> query      what is asked
//!              |    -> faults     what a test has ordered to go wrong
//!              |    -> issuing    keys for a time, as STS and the metadata server give them
//!              |    -> listing    which apps there are
//!              |    -> answer    <- model <- traffic       what was streamed
//!              |                          <- service       and what was mixed, recorded and relayed of it
//!              |                          <- publication   and what of it is visible yet
//!              `----> log         what was asked and how it went
//! ```
//!
//! Only `server` does I/O and only the gateway has state; all usage is a pure function of seed, app, bucket and `now`, so
//! the same question at the same time has the same answer whatever was asked before, and a year costs no memory.

mod answer;
mod character;
mod control;
mod faults;
mod gateway;
mod issuing;
mod listing;
mod log;
mod model;
mod page;
mod protocol;
mod publication;
mod query;
mod quota;
mod random;
mod refusal;
mod row;
mod server;
mod service;
#[cfg(test)]
mod testing;
mod traffic;
mod wire;

pub use answer::Quirks;
pub use character::{DEMO_APPS, DemoApp, HIDDEN_APP};
pub use faults::{Fault, Order};
pub use gateway::{MACHINE_ROLE, Options, Reply, SECRET_ID, SECRET_KEY, Simulator};
pub use log::{Counts, Entry, Outcome};
pub use model::{Model, Usage};
pub use protocol::{Credential, REGION, Received, TIMESTAMP_TOLERANCE};
pub use publication::Publication;
pub use query::{MAX_DATES, Query};
pub use refusal::{ACTION_OFFLINE, Refusal};
pub use row::Row;
pub use server::Handle;
pub use traffic::Spike;
