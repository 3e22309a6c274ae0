//! The begin of a connection under TLS. What is agreed on, and who is let in, is said by a `ServerConfig` that others make.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// HTTP/2's name in a handshake.
pub const HTTP_2: &[u8] = b"h2";

/// HTTP/1.1's name in a handshake.
pub const HTTP_1_1: &[u8] = b"http/1.1";

/// What a client that sends plain HTTP where TLS is spoken is told, in the words that clients of other servers know.
pub const NOT_TLS: &str = "Client sent an HTTP request to an HTTPS server.";

/// Reads from a client that is not listened to any more.
const MAX_UNREAD: usize = 64;

/// Agrees on the encryption of a connection that has just been made.
pub(super) async fn handshake(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    // No record of TLS begins with a letter, and each method of HTTP does.
    if first[0].is_ascii_alphabetic() {
        tell_off(&mut stream).await?;
        return Err(io::Error::other("the client does not speak TLS"));
    }
    let shaken = TlsAcceptor::from(config).accept(stream).into_fallible();
    match shaken.await {
        Ok(stream) => Ok(stream),
        Err((error, mut stream)) => {
            linger(&mut stream).await?;
            Err(error)
        }
    }
}

async fn tell_off(stream: &mut TcpStream) -> io::Result<()> {
    let answer = format!("HTTP/1.0 400 Bad Request\r\ncontent-type: text/plain\r\n\r\n{NOT_TLS}\n");
    stream.write_all(answer.as_bytes()).await?;
    linger(stream).await
}

/// Lets the last words arrive: closing with unread bytes would reset the connection, and with it what is on its way.
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    for _ in 0..MAX_UNREAD {
        if stream.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}
