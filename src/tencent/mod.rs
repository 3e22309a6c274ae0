//! The upstream as a protocol: which actions there are, how a request is signed, what an answer says, and the client
//! that puts them on the wire. `sign`, `skew` and `wire` are pure; nothing here decides when to ask or what usage adds up to.

pub mod action;
mod clean;
pub mod client;
mod codes;
pub mod credentials;
pub mod error;
mod gateway;
mod http;
pub mod sign;
pub mod skew;
mod upstream;
pub mod wire;

pub use action::{Action, Item, Parameter};
pub use error::{CallError, Class, Scope};
pub use skew::Skew;
pub use upstream::{Authorities, CredentialSource, Place, Role, SecretSource, Upstream};
pub use wire::Query;
