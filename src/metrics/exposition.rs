//! The read side: what a scrape is handed. All of it is made beforehand, in every form that can be asked for.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use flate2::Crc;

use super::gathered;
use super::negotiate::Encoding;
use super::piece::{Deflater, GZIP_HEADER, Piece};
use super::syntax::Format;
use super::telemetry::Telemetry;

/// Everything that `/metrics` shows, shared by the poller that writes it and the scrapes that read it.
#[derive(Debug)]
pub struct Exposition {
    shown: ArcSwap<Pages>,
    telemetry: Arc<Telemetry>,
    press: Mutex<Press>,
}

impl Exposition {
    /// An exposition without usage yet.
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        let mut press = Press {
            usage: Snapshot::new(&[], &[]),
            deflater: Deflater::for_passing_text(),
        };
        Self {
            shown: ArcSwap::from_pointee(press.pages(&telemetry)),
            telemetry,
            press: Mutex::new(press),
        }
    }

    /// Replaces the usage families, and shows the exporter's own metrics as they are now. Scrapes under way keep what
    /// they began with.
    pub(super) fn show(&self, usage: Snapshot) {
        self.print(|press| press.usage = usage);
    }

    /// Shows the exporter's own metrics as they are now, beside the same usage.
    pub fn renew(&self) {
        self.print(|_| {});
    }

    /// The whole page: at a fraction of a microsecond, however large it is.
    pub fn document(&self, format: Format, encoding: Encoding) -> Document {
        self.shown.load()[format as usize][encoding as usize].clone()
    }

    fn print(&self, change: impl FnOnce(&mut Press)) {
        let mut press = self.press.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut press);
        self.shown.store(Arc::new(press.pages(&self.telemetry)));
    }
}

/// A page in every form, by format and encoding.
type Pages = [[Document; Encoding::ALL.len()]; Format::ALL.len()];

/// Makes pages, one at a time.
#[derive(Debug)]
struct Press {
    usage: Snapshot,
    deflater: Deflater,
}

impl Press {
    fn pages(&mut self, telemetry: &Telemetry) -> Pages {
        let families = telemetry.gather();
        Format::ALL.map(|format| {
            let tail = gathered::encode(&families, format);
            let page = &self.usage.pages[format as usize];
            let deflated_tail = self.deflater.end(&page.crc, &tail);
            let tail = Bytes::from(tail);
            Encoding::ALL.map(|encoding| match encoding {
                Encoding::Identity => page.text.followed_by(tail.clone()),
                Encoding::Gzip => page.deflated.followed_by(deflated_tail.clone()),
            })
        })
    }
}

/// The usage families at one instant, in each format.
#[derive(Debug)]
pub(super) struct Snapshot {
    pages: [Page; Format::ALL.len()],
}

impl Snapshot {
    pub(super) fn new(text: &[&Piece], open_metrics: &[&Piece]) -> Self {
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
    /// Text is large, so its pieces are shared with the next pages. Deflated they are so small that copying them together
    /// costs less than the system calls that many parts need.
    fn new(pieces: &[&Piece]) -> Self {
        let size: usize = pieces.iter().map(|piece| piece.deflated.len()).sum();
        let mut crc = Crc::new();
        let mut text = Vec::with_capacity(pieces.len());
        let mut deflated = Vec::with_capacity(GZIP_HEADER.len() + size);
        deflated.extend_from_slice(GZIP_HEADER);
        for piece in pieces {
            crc.combine(&piece.crc);
            text.push(piece.text.clone());
            deflated.extend_from_slice(&piece.deflated);
        }
        Self {
            text: Kept::new(text),
            deflated: Kept::new(vec![deflated.into()]),
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
