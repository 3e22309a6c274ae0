//! A stream that does not wait for ever: its reads fail when a request's head takes too long, its writes when a
//! response does. How long a connection may idle between requests is hyper's own timer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::crowd::Activity;
use super::limits::Limits;

/// A stream with limited patience for its peer.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    activity: Arc<Activity>,
    head: Patience,
    write: Patience,
}

impl<S> Patient<S> {
    /// Patience for the first request begins to run out at once.
    pub(super) fn new(stream: S, activity: Arc<Activity>, limits: &Limits) -> Self {
        let mut head = Patience::new(limits.head);
        head.begin(activity.begun());
        Self {
            stream,
            activity,
            head,
            write: Patience::new(limits.write),
        }
    }

    /// Writes with `write`, for as long as the reader of the current response has time.
    fn poll_patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>>
    where
        S: Unpin,
    {
        let written = write(Pin::new(&mut self.stream), context);
        if written.is_pending() {
            let response = self.activity.ended();
            self.write.begin(response);
            ready!(self.write.poll_over(response, context));
            return Poll::Ready(Err(too_slow("the response was not taken in time")));
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if !this.activity.is_idle() {
            return read;
        }
        let request = this.activity.begun();
        if buffer.filled().len() > before {
            this.head.begin(request);
        }
        if read.is_pending() {
            ready!(this.head.poll_over(request, context));
            return Poll::Ready(Err(too_slow("the request's head did not come in time")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_patiently(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_patiently(context, |stream, context| {
            stream.poll_write_vectored(context, slices)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// What is written may wait here too: a TLS stream keeps the last of it until the peer takes it.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut()
            .poll_patiently(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut()
            .poll_patiently(context, |stream, context| stream.poll_shutdown(context))
    }
}

/// Time for one thing, known by its number; with the next thing it begins anew.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    running: Option<(u64, Pin<Box<Sleep>>)>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            running: None,
        }
    }

    /// Begins the time for `thing`, unless it is running.
    fn begin(&mut self, thing: u64) {
        if self
            .running
            .as_ref()
            .is_none_or(|(running, _)| *running != thing)
        {
            self.running = Some((thing, Box::pin(tokio::time::sleep(self.limit))));
        }
    }

    /// Ready when the time for `thing` was begun and is over.
    fn poll_over(&mut self, thing: u64, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.running {
            Some((running, sleep)) if *running == thing => sleep.as_mut().poll(context),
            _ => Poll::Pending,
        }
    }
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
