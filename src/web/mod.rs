//! The HTTP server: what Prometheus scrapes, what probes ask, what an operator looks at.
//!
//! It hands out what others keep ([`Site`]) and waits for nobody: a slow, stuck or hostile client costs a place among
//! a bounded number and is cut when its time is over, while other scrapes go on. Nothing here polls the upstream,
//! renders usage or decides what is healthy beyond comparing times.

mod access;
mod body;
mod connection;
mod crowd;
mod limits;
mod listen;
mod origin;
mod page;
mod passed;
mod patience;
mod rate;
mod routes;
mod server;
mod site;
mod tls;
mod users;

pub use access::{Access, Guard};
pub use limits::Limits;
pub use listen::{BindError, ListenAddress, ListenAddressError, bind};
pub use passed::{PassedError, PassedSockets};
pub use rate::RateLimit;
pub use server::{serve, serve_stream};
pub use site::{Inquiry, Reload, Site};
pub use tls::{HTTP_1_1, HTTP_2, NOT_TLS};
pub use users::Users;

#[cfg(test)]
mod tests;
