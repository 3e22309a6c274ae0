//! From the gateway's reply to bytes on the wire: headers, compression, and bodies that misbehave.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Response, StatusCode, header};
use tokio::time::Sleep;

use super::faults::Fault;

/// A body of the simulator's.
pub(super) type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

/// The media type of every envelope. Official SDKs look for errors only when it is exactly this.
const JSON: &str = "application/json";

/// More than any client should be willing to read.
const HUGE_BYTES: usize = 9 << 20;

/// What the gzip bomb unpacks to.
const BOMB_BYTES: usize = 64 << 20;

const HTML: &str = "<html>\r\n<head><title>The simulator was told to fail</title></head>\r\n\
                    <body><center><h1>The simulator was told to fail</h1></center></body>\r\n</html>\r\n";

/// An envelope as it should be.
pub(super) fn envelope(body: String, gzip: bool) -> Response<AnyBody> {
    if gzip {
        gzipped(body.as_bytes())
    } else {
        response(StatusCode::OK, JSON, full(body))
    }
}

/// A page for people.
pub(super) fn text(status: StatusCode, body: String) -> Response<AnyBody> {
    response(status, "text/plain; charset=utf-8", full(body))
}

/// The value of the header `Date`.
pub(super) fn date(utc: DateTime<Utc>) -> header::HeaderValue {
    let text = utc.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    header::HeaderValue::try_from(text).expect("plain ASCII")
}

/// An envelope to which `fault` happens; `None` when there is to be no answer at all.
pub(super) fn faulty(fault: &Fault, body: String, gzip: bool) -> Option<Response<AnyBody>> {
    let half = body.len() / 2;
    let json = |body: AnyBody| response(StatusCode::OK, JSON, body);
    Some(match fault {
        // The refusal is in the envelope.
        Fault::Refuse(_) | Fault::Gaps => envelope(body, gzip),
        Fault::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            response(status, "text/html", full(HTML))
        }
        Fault::Html => response(StatusCode::OK, "text/html", full(HTML)),
        Fault::Hang | Fault::Reset => return None,
        Fault::Drip(pause) => json(Drip::new(body.into(), *pause).boxed_unsync()),
        Fault::CutOff => json(CutOff::new(body.into()).boxed_unsync()),
        // All that is written is ASCII, so any byte is a place to cut.
        Fault::Truncated => envelope(body[..half].to_owned(), gzip),
        Fault::WrongJson => envelope(r#"{"status":"ok","data":[]}"#.to_owned(), gzip),
        Fault::Empty => json(full("")),
        Fault::Huge => json(full(padded(&body, HUGE_BYTES))),
        Fault::GzipBomb => gzipped(padded(&body, BOMB_BYTES).as_bytes()),
    })
}

fn response(status: StatusCode, media_type: &'static str, body: AnyBody) -> Response<AnyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let media_type = header::HeaderValue::from_static(media_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}

fn full(body: impl Into<Bytes>) -> AnyBody {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// The same JSON with white space before it.
fn padded(body: &str, bytes: usize) -> String {
    let mut padded = " ".repeat(bytes);
    padded.push_str(body);
    padded
}

fn gzipped(body: &[u8]) -> Response<AnyBody> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("memory takes all");
    let mut response = response(StatusCode::OK, JSON, full(packed));
    let gzip = header::HeaderValue::from_static("gzip");
    response
        .headers_mut()
        .insert(header::CONTENT_ENCODING, gzip);
    response
}

/// A body that comes byte by byte.
struct Drip {
    rest: Bytes,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Drip {
    fn new(body: Bytes, pause: Duration) -> Self {
        Self {
            rest: body,
            pause,
            sleep: Box::pin(tokio::time::sleep(pause)),
        }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.sleep.as_mut().poll(cx));
        let pause = self.pause;
        self.sleep.set(tokio::time::sleep(pause));
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// A body that announces its whole length and breaks off in the middle.
struct CutOff {
    promised: u64,
    half: Option<Bytes>,
    flushed: bool,
}

impl CutOff {
    fn new(mut body: Bytes) -> Self {
        let promised = body.len() as u64;
        body.truncate(body.len() / 2);
        Self {
            promised,
            half: Some(body),
            flushed: false,
        }
    }
}

impl Body for CutOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // An error at once would discard the half that is still buffered; hyper sends it while it waits for more.
        if !self.flushed {
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}
