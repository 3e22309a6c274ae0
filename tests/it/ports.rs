//! Ports for programs that have to be told theirs.

use std::net::{SocketAddr, TcpListener};

/// An address on loopback that nobody listens on. Whoever wants it should take it soon.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}
