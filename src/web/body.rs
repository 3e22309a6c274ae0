//! Response bodies: kept parts written to the socket as they are, many with one call.

use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Buf, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::metrics::Document;

use super::crowd::InFlight;

/// A body whose bytes are all known.
#[derive(Debug)]
pub(super) struct Body(Option<Sending>);

impl Body {
    /// Keeps the request in flight until the body is written or given up.
    pub(super) fn holding(mut self, in_flight: InFlight) -> Self {
        if let Some(sending) = &mut self.0 {
            sending.in_flight = Some(in_flight);
        }
        self
    }

    /// Keeps one of the scrapes allowed at once until the body is written or given up.
    pub(super) fn holding_scrape(mut self, scrape: OwnedSemaphorePermit) -> Self {
        if let Some(sending) = &mut self.0 {
            sending.scrape = Some(scrape);
        }
        self
    }

    /// Bytes in all.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Sending::remaining)
    }
}

impl<D: Into<Document>> From<D> for Body {
    fn from(document: D) -> Self {
        let document = document.into();
        Self(Some(Sending {
            remaining: document.len(),
            document,
            part: 0,
            offset: 0,
            in_flight: None,
            scrape: None,
        }))
    }
}

impl hyper::body::Body for Body {
    type Data = Sending;
    type Error = Infallible;

    /// All of it is one frame: hyper then writes up to 64 parts with one call, where of several frames it queues 16.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Sending>, Infallible>>> {
        Poll::Ready(self.0.take().map(|sending| Ok(Frame::data(sending))))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

/// A document on its way, and what is held until it has left.
#[derive(Debug)]
pub(super) struct Sending {
    document: Document,
    /// The part that is next, and how much of it has left.
    part: usize,
    offset: usize,
    remaining: usize,
    in_flight: Option<InFlight>,
    scrape: Option<OwnedSemaphorePermit>,
}

impl Sending {
    fn part(&self, ahead: usize) -> &[u8] {
        let part = self
            .document
            .part(self.part + ahead)
            .map_or(&[][..], |part| part);
        if ahead == 0 {
            &part[self.offset..]
        } else {
            part
        }
    }
}

impl Buf for Sending {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.part(0)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut parts = (0..).map(|ahead| self.part(ahead));
        let mut used = 0;
        for slice in slices {
            match parts.next() {
                Some([]) | None => break,
                Some(part) => *slice = IoSlice::new(part),
            }
            used += 1;
        }
        used
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "no more is written than there is");
        self.remaining -= count;
        self.offset += count;
        while let Some(part) = self
            .document
            .part(self.part)
            .filter(|part| part.len() <= self.offset)
        {
            self.offset -= part.len();
            self.part += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_writes_send_the_document_once(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..12),
            tail in prop::collection::vec(any::<u8>(), 0..20),
            steps in prop::collection::vec((1..30_usize, 0..4_usize), 1..200),
        ) {
            let kept: Vec<Bytes> = parts.iter().cloned().map(Bytes::from).collect();
            let whole = [parts.concat(), tail.clone()].concat();
            let Some(mut sending) = Body::from(Document::new(kept, tail.into())).0 else {
                unreachable!("nothing was taken");
            };
            let mut sent = Vec::new();
            for (count, slices) in steps.into_iter().chain([(usize::MAX, 64); 20]) {
                let mut buffers = [IoSlice::new(&[]); 64];
                let used = sending.chunks_vectored(&mut buffers[..slices]);
                let offered: Vec<u8> = match slices {
                    0 => sending.chunk().to_vec(),
                    _ => buffers[..used].iter().flat_map(|slice| slice.to_vec()).collect(),
                };
                let count = count.min(offered.len());
                sent.extend_from_slice(&offered[..count]);
                sending.advance(count);
                prop_assert_eq!(sending.remaining(), whole.len() - sent.len());
            }
            prop_assert_eq!(sent, whole);
        }
    }
}
