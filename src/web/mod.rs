//! The HTTP server: what Prometheus scrapes, what probes ask, what an operator looks at.
//!
//! It hands out what others keep ([`Site`]) and waits for nobody: a slow, stuck or hostile client costs a place among
//! a bounded number and is cut when its time is over, while other scrapes go on. Nothing here polls the upstream,
//! renders usage or decides what is healthy beyond comparing times.

mod body;
mod connection;
mod crowd;
mod limits;
mod listen;
mod page;
mod passed;
mod patience;
mod routes;
mod server;
mod site;

pub use limits::Limits;
pub use listen::{BindError, ListenAddress, ListenAddressError, bind};
pub use passed::{PassedError, PassedSockets};
pub use server::{serve, serve_stream};
pub use site::{Reload, Site};

#[cfg(test)]
mod tests;
