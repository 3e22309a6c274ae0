//! `trtc-exporter healthcheck`: asks a running exporter whether it is healthy, for images that have no other program to
//! ask with.

mod own;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::error::with_causes;
use crate::quote::is_printable;
use crate::web::{ListenAddress, NOT_TLS};

const PATH: &str = "/-/healthy";

/// From connecting to the last byte. An exporter that is alive answers from memory.
const PATIENCE: Duration = Duration::from_secs(3);

/// Of the answer, which is one line. Somebody else may listen there.
const MAX_BODY: usize = 4 * 1024;
const MAX_LINE: usize = 200;

/// Why an exporter does not count as healthy.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {reason}")]
pub struct Unhealthy {
    address: ListenAddress,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("no connection: {0}")]
    Connection(std::io::Error),
    #[error("no answer within {} seconds", PATIENCE.as_secs())]
    TimedOut,
    #[error("no sensible answer: {0}")]
    Answer(String),
    #[error("{0}: {1}")]
    Status(StatusCode, String),
}

/// Asks the exporter that listens on this address, on loopback when that is all interfaces.
///
/// # Errors
/// When it does not say that it is healthy.
pub async fn check(listens_on: &ListenAddress) -> Result<(), Unhealthy> {
    let address = reachable(listens_on);
    let asked = tokio::time::timeout(PATIENCE, ask(&address)).await;
    asked
        .unwrap_or(Err(Reason::TimedOut))
        .map_err(|reason| Unhealthy { address, reason })
}

/// An address to connect to.
fn reachable(listens_on: &ListenAddress) -> ListenAddress {
    let loopback: IpAddr = match listens_on.host.as_deref().map(str::parse::<IpAddr>) {
        None => Ipv4Addr::LOCALHOST.into(),
        Some(Ok(IpAddr::V4(host))) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        Some(Ok(IpAddr::V6(host))) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        Some(_) => return listens_on.clone(),
    };
    ListenAddress {
        host: Some(loopback.to_string()),
        port: listens_on.port,
    }
}

async fn ask(address: &ListenAddress) -> Result<(), Reason> {
    let senseless = |error: &dyn Error| Reason::Answer(with_causes(error));
    let answer = exchange(connect(address).await?, address).await;
    let (status, line) = answer.map_err(|error| senseless(&*error))?;
    if (status, line.as_str()) != (StatusCode::BAD_REQUEST, NOT_TLS) {
        return judge(status, line);
    }
    let answer = match own::encrypt(connect(address).await?).await {
        Ok(stream) => exchange(stream, address).await,
        Err(error) => Err(error.into()),
    };
    match answer {
        Ok((status, line)) => judge(status, line),
        Err(error) if own::wants_certificate(&*error) => Ok(()),
        Err(error) => Err(senseless(&*error)),
    }
}

async fn connect(address: &ListenAddress) -> Result<TcpStream, Reason> {
    let host = address.host.as_deref().unwrap_or_default();
    let connected = TcpStream::connect((host, address.port)).await;
    connected.map_err(Reason::Connection)
}

/// Asks, and returns the status and the first line of the answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: &ListenAddress,
) -> Result<(StatusCode, String), Box<dyn Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(PATH)
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    // The sender ends with the answer, and the connection with it.
    let answer = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY)
            .collect()
            .await?;
        Ok((status, first_line(&body.to_bytes())))
    };
    let (ended, answer) = tokio::join!(connection, answer);
    // What ended the connection says more than that it has ended.
    answer.map_err(|error| ended.err().map_or(error, Into::into))
}

/// Who wants a password, or has been asked too often, is alive: an exporter that is not healthy says so to everybody.
fn judge(status: StatusCode, line: String) -> Result<(), Reason> {
    match status {
        StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Ok(()),
        _ => Err(Reason::Status(status, line)),
    }
}

fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|&character| is_printable(character))
        .take(MAX_LINE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_interfaces_are_asked_on_loopback() {
        for (listens_on, asked) in [
            (":1", "127.0.0.1:1"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("[2001:db8::1]:1", "[2001:db8::1]:1"),
            ("exporter.example:1", "exporter.example:1"),
        ] {
            let address = listens_on.parse().expect("an address");
            assert_eq!(reachable(&address).to_string(), asked);
        }
    }

    /// Time is not waited for but put forward.
    #[tokio::test(start_paused = true)]
    async fn silence_is_not_waited_out() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = silent.local_addr().expect("bound").to_string();
        let answer = check(&address.parse().expect("an address")).await;
        let reason = answer.expect_err("nobody accepts").to_string();
        assert_eq!(reason, format!("{address}: no answer within 3 seconds"));
    }

    #[test]
    fn an_answer_becomes_one_harmless_line() {
        assert_eq!(
            first_line(b"the loop\x1b[2J hangs\r\nmore"),
            "the loop[2J hangs"
        );
        assert_eq!(first_line(b""), "");
        assert_eq!(first_line(&[b'x'; 4096]).len(), MAX_LINE);
    }
}
