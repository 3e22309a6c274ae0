//! A scraper that costs little: one connection, one buffer, the body read and forgotten unless it is wanted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// Scrapes once and throws the body away.
    pub(crate) fn scrape(&mut self, gzip: bool) -> io::Result<()> {
        let accept = if gzip {
            "accept-encoding: gzip\r\n"
        } else {
            ""
        };
        let status = self.exchange("GET", "/metrics", accept, None)?;
        if status == 200 {
            Ok(())
        } else {
            Err(io::Error::other(format!("status {status}")))
        }
    }

    /// Status and body of any request.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
    ) -> io::Result<(u16, Vec<u8>)> {
        let mut body = Vec::new();
        let status = self.exchange(method, path, headers, Some(&mut body))?;
        Ok((status, body))
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        mut out: Option<&mut Vec<u8>>,
    ) -> io::Result<u16> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                BufReader::with_capacity(1 << 18, stream)
            }
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n",
            self.address
        );
        connection.get_mut().write_all(head.as_bytes())?;
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status"))?;
        let mut keep = line.starts_with("HTTP/1.1");
        let mut body = Body::UntilClose;
        loop {
            line.clear();
            connection.read_line(&mut line)?;
            line.make_ascii_lowercase();
            match line.trim_end().split_once(':') {
                Some(("content-length", length)) => {
                    body = Body::Length(length.trim().parse().map_err(io::Error::other)?)
                }
                Some(("transfer-encoding", _)) => body = Body::Chunked,
                Some(("connection", value)) => keep &= !value.contains("close"),
                Some(_) => {}
                None => break,
            }
        }
        match body {
            Body::Length(length) => take(&mut connection, length, &mut out)?,
            Body::UntilClose => while take_some(&mut connection, usize::MAX, &mut out)? > 0 {},
            Body::Chunked => loop {
                line.clear();
                connection.read_line(&mut line)?;
                let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
                take(&mut connection, length, &mut out)?;
                connection.read_line(&mut line)?;
                if length == 0 {
                    break;
                }
            },
        }
        self.connection = (keep && !matches!(body, Body::UntilClose)).then_some(connection);
        Ok(status)
    }
}

enum Body {
    Length(usize),
    Chunked,
    UntilClose,
}

fn take(
    from: &mut impl BufRead,
    mut length: usize,
    out: &mut Option<&mut Vec<u8>>,
) -> io::Result<()> {
    while length > 0 {
        match take_some(from, length, out)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            taken => length -= taken,
        }
    }
    Ok(())
}

fn take_some(
    from: &mut impl BufRead,
    most: usize,
    out: &mut Option<&mut Vec<u8>>,
) -> io::Result<usize> {
    let bytes = from.fill_buf()?;
    let taken = bytes.len().min(most);
    if let Some(out) = out {
        out.extend_from_slice(&bytes[..taken]);
    }
    from.consume(taken);
    Ok(taken)
}

/// What gzip packed, as one member.
pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut text)
        .expect("gzip");
    text
}
