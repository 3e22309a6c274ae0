//! The read side: what a scrape is handed. Usage comes as kept bytes; only the exporter's own metrics are made now.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use flate2::Crc;

use super::gathered;
use super::negotiate::Encoding;
use super::piece::{Deflater, GZIP_HEADER, Piece, gzip_trailer};
use super::syntax::Format;
use super::telemetry::Telemetry;

/// Everything that `/metrics` shows, shared by the poller that writes it and the scrapes that read it.
#[derive(Debug)]
pub struct Exposition {
    usage: ArcSwap<Snapshot>,
    telemetry: Arc<Telemetry>,
    deflater: Mutex<Deflater>,
}

impl Exposition {
    /// An exposition without usage yet.
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            usage: ArcSwap::from_pointee(Snapshot::new([], [])),
            telemetry,
            deflater: Mutex::new(Deflater::for_one_scrape()),
        }
    }

    /// Replaces the usage families; scrapes under way keep what they began with.
    pub(super) fn show(&self, usage: Snapshot) {
        self.usage.store(Arc::new(usage));
    }

    /// The whole page as of now.
    pub fn document(&self, format: Format, encoding: Encoding) -> Document {
        let tail = gathered::encode(&self.telemetry.gather(), format);
        let usage = self.usage.load();
        let page = &usage.pages[format as usize];
        match encoding {
            Encoding::Identity => page.text.followed_by(tail.into()),
            Encoding::Gzip => page.deflated.followed_by(self.gzip_end(&page.crc, &tail)),
        }
    }

    /// The compressed tail and what ends the gzip stream.
    fn gzip_end(&self, usage: &Crc, tail: &str) -> Bytes {
        let mut crc = Crc::new();
        crc.combine(usage);
        crc.update(tail.as_bytes());
        let mut deflater = self.deflater.lock().unwrap_or_else(PoisonError::into_inner);
        let mut end = deflater.blocks(tail.as_bytes()).to_vec();
        end.extend_from_slice(&gzip_trailer(&crc));
        end.into()
    }
}

/// The usage families at one instant, in each format.
#[derive(Debug)]
pub(super) struct Snapshot {
    pages: [Page; Format::ALL.len()],
}

impl Snapshot {
    pub(super) fn new<'a>(
        text: impl IntoIterator<Item = &'a Piece>,
        open_metrics: impl IntoIterator<Item = &'a Piece>,
    ) -> Self {
        Self {
            pages: [Page::new(text), Page::new(open_metrics)],
        }
    }
}

/// The usage families in one format, ready in each encoding.
#[derive(Debug)]
struct Page {
    text: Kept,
    deflated: Kept,
    crc: Crc,
}

impl Page {
    fn new<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> Self {
        let mut crc = Crc::new();
        let mut text = Vec::new();
        let mut deflated = vec![Bytes::from_static(GZIP_HEADER)];
        for piece in pieces {
            crc.combine(&piece.crc);
            text.push(piece.text.clone());
            deflated.push(piece.deflated.clone());
        }
        Self {
            text: Kept::new(text),
            deflated: Kept::new(deflated),
            crc,
        }
    }
}

#[derive(Debug)]
struct Kept {
    parts: Arc<[Bytes]>,
    len: usize,
}

impl Kept {
    fn new(mut parts: Vec<Bytes>) -> Self {
        parts.retain(|part| !part.is_empty());
        Self {
            len: parts.iter().map(Bytes::len).sum(),
            parts: parts.into(),
        }
    }

    fn followed_by(&self, tail: Bytes) -> Document {
        Document {
            kept: self.parts.clone(),
            len: self.len + tail.len(),
            tail,
        }
    }
}

/// A body in parts that are shared with other scrapes, never copied.
#[derive(Clone, Debug)]
pub struct Document {
    kept: Arc<[Bytes]>,
    tail: Bytes,
    len: usize,
}

impl Document {
    /// `kept` followed by `tail`.
    pub fn new(kept: Vec<Bytes>, tail: Bytes) -> Self {
        Kept::new(kept).followed_by(tail)
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The part at `index`, in the order of sending; `None` past the last one. Only the last one can be empty.
    pub fn part(&self, index: usize) -> Option<&Bytes> {
        match index.checked_sub(self.kept.len()) {
            None => Some(&self.kept[index]),
            Some(0) => Some(&self.tail),
            Some(_) => None,
        }
    }

    /// All parts in the order of sending.
    pub fn parts(&self) -> impl Iterator<Item = &Bytes> {
        self.kept.iter().chain([&self.tail])
    }
}

impl From<Bytes> for Document {
    fn from(body: Bytes) -> Self {
        Self::new(Vec::new(), body)
    }
}

impl From<String> for Document {
    fn from(body: String) -> Self {
        Bytes::from(body).into()
    }
}
