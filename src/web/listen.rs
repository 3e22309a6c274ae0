//! Where the server listens: the address as an operator writes it, and the socket bound to it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

/// Connections that the kernel holds for us while we are busy.
const BACKLOG: i32 = 1024;

/// `host:port`, or `:port` for all interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an address; an IPv6 one without brackets. `None` means all interfaces, IPv4 and IPv6.
    pub host: Option<String>,
    /// 0 lets the kernel choose.
    pub port: u16,
}

/// A text that is no [`ListenAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address to listen on: {problem}; write \":10088\", \"127.0.0.1:10088\" or \"[::1]:10088\""
)]
pub struct ListenAddressError {
    text: String,
    problem: &'static str,
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |problem| ListenAddressError {
            text: text.to_owned(),
            problem,
        };
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| error("it has no port"))?;
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port
            .parse()
            .ok()
            .filter(|_| is_port)
            .ok_or_else(|| error("its port is not a number from 0 to 65535"))?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed
                .strip_suffix(']')
                .filter(|host| host.parse::<Ipv6Addr>().is_ok())
                .ok_or_else(|| error("its brackets hold no IPv6 address"))?,
            None if host.contains(':') => return Err(error("an IPv6 address needs brackets")),
            None if host.contains(|char: char| char.is_whitespace() || "/@[]".contains(char)) => {
                return Err(error("its host is not a name or an address"));
            }
            None => host,
        };
        Ok(Self {
            host: (!host.is_empty()).then(|| host.to_owned()),
            port,
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.as_deref() {
            None => write!(f, ":{}", self.port),
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    address: ListenAddress,
    source: io::Error,
}

/// Binds the address. A name is bound at the first of its addresses that can be.
///
/// # Errors
/// When the port is taken or not allowed, or the host is none of this machine's.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn bind(address: &ListenAddress) -> Result<TcpListener, BindError> {
    let bound = match &address.host {
        Some(host) => TcpListener::bind((host.as_str(), address.port)).await,
        None => all_interfaces(address.port),
    };
    bound.map_err(|source| BindError {
        address: address.clone(),
        source,
    })
}

/// One socket for both families; where there is no IPv6, one for IPv4.
fn all_interfaces(port: u16) -> io::Result<TcpListener> {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    match wildcard(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Err(error) if !matches!(error.kind(), AddrInUse | PermissionDenied) => {
            wildcard(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
        bound => bound,
    }
}

fn wildcard(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // So that a restart need not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for (text, host, port) in [
            (":10088", None, 10088),
            ("127.0.0.1:0", Some("127.0.0.1"), 0),
            ("localhost:65535", Some("localhost"), 65535),
            ("[::1]:10088", Some("::1"), 10088),
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(
                (address.host.as_deref(), address.port),
                (host, port),
                "{text}"
            );
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, problem) in [
            ("10088", "it has no port"),
            ("", "it has no port"),
            ("localhost:", "its port"),
            (":+80", "its port"),
            (":65536", "its port"),
            ("::1:10088", "needs brackets"),
            ("[localhost]:1", "its brackets"),
            ("[::1:10088", "its brackets"),
            ("http://localhost:10088", "needs brackets"),
            ("a b:1", "its host"),
            ("a/b:1", "its host"),
        ] {
            let error = text.parse::<ListenAddress>().expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[tokio::test]
    async fn all_interfaces_answer_on_ipv4() {
        let address: ListenAddress = ":0".parse().expect("an address");
        let listener = bind(&address).await.expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let client = tokio::spawn(tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        listener.accept().await.expect("a connection");
        client.await.expect("no panic").expect("connected");
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = bind(&"127.0.0.1:0".parse().expect("an address"))
            .await
            .expect("a socket");
        let port = taken.local_addr().expect("an address").port();
        let address = format!("127.0.0.1:{port}").parse().expect("an address");
        let error = bind(&address).await.expect_err("taken").to_string();
        assert!(
            error.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")),
            "{error}"
        );
    }
}
