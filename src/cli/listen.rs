//! Addresses to listen at, as Prometheus' tools take them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Where to accept connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// The interface.
    pub host: ListenHost,
    /// The port; 0 lets the operating system choose a free one.
    pub port: u16,
}

/// Which interface to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenHost {
    /// All of them, by IPv4 and IPv6.
    Any,
    /// The one with this address.
    Ip(IpAddr),
    /// Whatever this name stands for when listening begins.
    Name(String),
}

/// Why a text is no address to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenAddressError {
    /// No colon, or nothing behind the last one.
    #[error("the port is missing; write :10088, 127.0.0.1:10088, [::1]:10088 or localhost:10088")]
    NoPort,
    /// Behind the last colon is no port.
    #[error("{0:?} is not a port; ports are 0 to 65535")]
    Port(String),
    /// An IPv6 address that cannot be told from its port.
    #[error("an IPv6 address must be in brackets, as in [::1]:10088")]
    Brackets,
    /// Brackets with something else in them.
    #[error("{0:?} is not an IPv6 address")]
    Ipv6(String),
    /// Neither an address nor a name.
    #[error("{0:?} is neither an IP address nor a host name")]
    Host(String),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddressError::NoPort)?;
        let host = ListenHost::from_str(host)?;
        if port.is_empty() {
            return Err(ListenAddressError::NoPort);
        }
        let digits_only = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port
            .parse()
            .ok()
            .filter(|_| digits_only)
            .ok_or_else(|| ListenAddressError::Port(port.to_owned()))?;
        Ok(Self { host, port })
    }
}

impl FromStr for ListenHost {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        if let Some(address) = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            let ip = address.parse::<Ipv6Addr>();
            return ip
                .map(|ip| Self::Ip(ip.into()))
                .map_err(|_| ListenAddressError::Ipv6(address.to_owned()));
        }
        match text.parse() {
            Ok(IpAddr::V4(ip)) => Ok(Self::Ip(ip.into())),
            Ok(IpAddr::V6(_)) => Err(ListenAddressError::Brackets),
            Err(_) if looks_like_ipv6(text) => Err(ListenAddressError::Brackets),
            Err(_) if is_host_name(text) => Ok(Self::Name(text.to_owned())),
            Err(_) => Err(ListenAddressError::Host(text.to_owned())),
        }
    }
}

/// What is left of an IPv6 address when its end was taken for the port.
fn looks_like_ipv6(text: &str) -> bool {
    let possible = |byte: u8| byte.is_ascii_hexdigit() || b":.%".contains(&byte);
    text.contains(':') && text.bytes().all(possible)
}

/// Letters, digits, dots, dashes and underscores; a name whose last part is a number would be a mistyped address.
fn is_host_name(text: &str) -> bool {
    let possible = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let last = text
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    text.len() <= 253
        && text.bytes().all(possible)
        && !last.is_empty()
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ListenHost::Any => write!(f, ":{}", self.port),
            ListenHost::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            ListenHost::Ip(ip) => write!(f, "{ip}:{}", self.port),
            ListenHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_usual_notation_is_read() {
        let ip = |text: &str| ListenHost::Ip(text.parse().expect("an address"));
        for (text, host, port) in [
            (":10088", ListenHost::Any, 10088),
            (":0", ListenHost::Any, 0),
            ("0.0.0.0:80", ip("0.0.0.0"), 80),
            ("127.0.0.1:65535", ip("127.0.0.1"), 65535),
            ("[::]:1", ip("::"), 1),
            ("[::1]:10088", ip("::1"), 10088),
            ("localhost:0", ListenHost::Name("localhost".into()), 0),
            (
                "my_host.example.:1",
                ListenHost::Name("my_host.example.".into()),
                1,
            ),
        ] {
            let address = text.parse();
            assert_eq!(address, Ok(ListenAddress { host, port }), "{text}");
            assert_eq!(
                address.map(|address| address.to_string()).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        for (text, error) in [
            ("", ListenAddressError::NoPort),
            ("10088", ListenAddressError::NoPort),
            ("localhost", ListenAddressError::NoPort),
            ("localhost:", ListenAddressError::NoPort),
            (":", ListenAddressError::NoPort),
            (":65536", ListenAddressError::Port("65536".into())),
            (":+80", ListenAddressError::Port("+80".into())),
            (":http", ListenAddressError::Port("http".into())),
            ("::1", ListenAddressError::Brackets),
            ("::1:10088", ListenAddressError::Brackets),
            ("fe80::1:80", ListenAddressError::Brackets),
            (
                "[127.0.0.1]:80",
                ListenAddressError::Ipv6("127.0.0.1".into()),
            ),
            ("[]:80", ListenAddressError::Ipv6(String::new())),
            ("256.0.0.1:80", ListenAddressError::Host("256.0.0.1".into())),
            ("127.1:80", ListenAddressError::Host("127.1".into())),
            ("a b:80", ListenAddressError::Host("a b".into())),
            (
                "http://localhost:80",
                ListenAddressError::Host("http://localhost".into()),
            ),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(text in r"(\[?[0-9a-f:.]{0,12}\]?|[a-z0-9.-]{0,8}|\PC{0,4}):?[0-9]{0,6}") {
            if let Ok(address) = text.parse::<ListenAddress>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
