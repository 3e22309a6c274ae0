//! Sockets that systemd listens on and passes to the program when it starts it, as of a `.socket` unit.

use std::io;

use listenfd::ListenFd;
use socket2::SockRef;
use tokio::net::TcpListener;

/// The first descriptor that is passed; the others follow it.
const FIRST_DESCRIPTOR: usize = 3;

/// What was passed to this process.
pub struct PassedSockets(ListenFd);

/// Passed sockets that cannot be served on.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// There are none.
    #[error(
        "--web.systemd-socket: no socket was passed (LISTEN_FDS and LISTEN_PID name none for this process); \
         start the program by a systemd .socket unit, or leave the flag out to listen on --web.listen-address"
    )]
    Nothing,
    /// It is something else, e.g. a Unix socket.
    #[error(
        "--web.systemd-socket: descriptor {descriptor} is no TCP socket; give its .socket unit a ListenStream= with a port"
    )]
    NotTcp {
        /// Its number in this process.
        descriptor: usize,
        /// What was found out about it.
        source: io::Error,
    },
    /// It is one connection, as for an inetd service.
    #[error(
        "--web.systemd-socket: descriptor {0} is a connection; give its .socket unit Accept=no"
    )]
    Connection(usize),
    /// The system does not let it be used.
    #[error("--web.systemd-socket: descriptor {descriptor} cannot be used")]
    Unusable {
        /// Its number in this process.
        descriptor: usize,
        /// Why.
        source: io::Error,
    },
}

impl PassedSockets {
    /// Takes them, and their names out of the environment. Threads share that, so it is for a time when there are none.
    pub fn take() -> Self {
        Self(ListenFd::from_env())
    }

    /// Accepts on all of them.
    ///
    /// # Errors
    /// When there is none, or one that cannot be accepted on.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn into_listeners(mut self) -> Result<Vec<TcpListener>, PassedError> {
        let passed = self.0.len();
        if passed == 0 {
            return Err(PassedError::Nothing);
        }
        (0..passed).map(|index| self.listener(index)).collect()
    }

    fn listener(&mut self, index: usize) -> Result<TcpListener, PassedError> {
        let descriptor = FIRST_DESCRIPTOR + index;
        let listener = self
            .0
            .take_tcp_listener(index)
            .map_err(|source| PassedError::NotTcp { descriptor, source })?
            .ok_or(PassedError::Nothing)?;
        let unusable = |source| PassedError::Unusable { descriptor, source };
        if !SockRef::from(&listener).is_listener().map_err(unusable)? {
            return Err(PassedError::Connection(descriptor));
        }
        listener.set_nonblocking(true).map_err(unusable)?;
        TcpListener::from_std(listener).map_err(unusable)
    }
}
