//! Text kept in both encodings, so that neither is made at scrape time.
//!
//! A gzip body is assembled from kept parts: each piece is compressed by itself into deflate blocks that end on a byte
//! and are not the last ones, so pieces can follow one another in any choice; then one header goes in front and one
//! trailer behind. Joining whole gzip members would be simpler, and Prometheus reads them, but curl fails on the second
//! member and browsers silently stop there.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};

/// Magic, deflate, no flags, no time, no extra flags, unknown system (RFC 1952, 2.3.1).
pub(super) const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// An empty last block, fixed Huffman codes (RFC 1951, 3.2.3): what ends a deflate stream whose pieces are never last.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// A stretch of text, kept plain and compressed.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) text: Bytes,
    pub(super) deflated: Bytes,
    pub(super) crc: Crc,
}

/// Makes pieces; kept because its tables are a quarter of a megabyte.
#[derive(Debug)]
pub(super) struct Deflater {
    compress: Compress,
    out: Vec<u8>,
}

impl Deflater {
    /// Level 6 is what client_golang uses too; above it size hardly falls.
    pub(super) fn for_kept_text() -> Self {
        Self::new(Compression::new(6))
    }

    /// The fastest: for text that is another the next moment.
    pub(super) fn for_passing_text() -> Self {
        Self::new(Compression::fast())
    }

    fn new(level: Compression) -> Self {
        Self {
            compress: Compress::new(level, false),
            out: Vec::new(),
        }
    }

    /// Keeps a text in both encodings.
    pub(super) fn piece(&mut self, text: &str) -> Piece {
        if text.is_empty() {
            return Piece::default();
        }
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        Piece {
            text: Bytes::copy_from_slice(text.as_bytes()),
            deflated: Bytes::copy_from_slice(self.blocks(text.as_bytes())),
            crc,
        }
    }

    /// The end of a gzip stream: `text`, and what follows the last piece. `before` is over all that the stream has so far.
    pub(super) fn end(&mut self, before: &Crc, text: &str) -> Bytes {
        let mut crc = Crc::new();
        crc.combine(before);
        crc.update(text.as_bytes());
        let parts = [
            self.blocks(text.as_bytes()),
            &LAST_BLOCK,
            &crc.sum().to_le_bytes(),
            &crc.amount().to_le_bytes(),
        ];
        parts.concat().into()
    }

    /// Deflate blocks of a text: self-contained, ending on a byte, not the last ones.
    fn blocks(&mut self, text: &[u8]) -> &[u8] {
        self.compress.reset();
        self.out.clear();
        loop {
            self.out.reserve(text.len() / 4 + 64);
            let read = self.compress.total_in() as usize;
            self.compress
                .compress_vec(&text[read..], &mut self.out, FlushCompress::Sync)
                .expect("compressing into memory has nothing to fail on");
            // Room left over means that everything, the flush included, is out.
            if self.out.len() < self.out.capacity() {
                return &self.out;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_in_any_choice_are_one_gzip_member(
            texts in prop::collection::vec("[a-z]{0,40}|(ab){500,40000}|[\\PC]{1000,9000}", 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            end in "[a-z]{0,40}",
        ) {
            let mut deflater = Deflater::for_kept_text();
            let pieces: Vec<Piece> = texts.iter().map(|text| deflater.piece(text)).collect();
            let (mut body, mut plain, mut crc) = (GZIP_HEADER.to_vec(), Vec::new(), Crc::new());
            for index in order {
                let piece = index.get(&pieces);
                body.extend_from_slice(&piece.deflated);
                plain.extend_from_slice(&piece.text);
                crc.combine(&piece.crc);
            }
            body.extend_from_slice(&deflater.end(&crc, &end));
            plain.extend_from_slice(end.as_bytes());

            let mut decoder = GzDecoder::new(&body[..]);
            let mut read = Vec::new();
            decoder.read_to_end(&mut read).expect("one whole member");
            prop_assert_eq!(read, plain);
            prop_assert!(decoder.into_inner().is_empty());
        }
    }
}
