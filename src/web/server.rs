//! The accept loops: they go on whatever clients or the kernel do, until shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{End, converse, welcome};
use super::crowd::Crowd;
use super::site::Site;

/// How long to wait after an error that the next accept would meet again.
const PAUSE: Duration = Duration::from_millis(500);

/// While connections cannot be accepted, it is said this often.
const REMINDER: Duration = Duration::from_secs(60);

/// Serves the site on all listeners. Returns when `shutdown` is cancelled and every connection has ended: requests in
/// flight have until [`Limits::drain`](super::Limits::drain).
pub async fn serve(listeners: Vec<TcpListener>, site: Arc<Site>, shutdown: CancellationToken) {
    let tasks = TaskTracker::new();
    let crowd = Crowd::new(site.limits.connections);
    for listener in listeners {
        let door = Door {
            site: site.clone(),
            crowd: crowd.clone(),
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
            complained: None,
        };
        tasks.spawn(door.keep_open(listener));
    }
    shutdown.cancelled().await;
    tasks.close();
    tasks.wait().await;
}

/// Serves the site on one stream that is connected already, whatever carries it, until the conversation has ended. The
/// stream is taken as it is, without TLS.
pub async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    site: Arc<Site>,
    shutdown: CancellationToken,
) {
    let over = site.access.term().over.clone();
    let end = End {
        shutdown,
        over,
        age: None,
    };
    converse(stream, Crowd::new(1).admit(), site, end).await;
}

/// What a listener needs to let somebody in.
struct Door {
    site: Arc<Site>,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// When it was last said that connections cannot be accepted.
    complained: Option<Duration>,
}

impl Door {
    async fn keep_open(mut self, listener: TcpListener) {
        let shutdown = self.shutdown.clone();
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => self.let_in(stream),
                Err(error) if is_the_clients(&error) => debug!(%error, "a client left at the door"),
                Err(error) => {
                    shutdown.run_until_cancelled(self.make_room(&error)).await;
                }
            }
        }
    }

    /// Most likely file descriptors have run out. Waits until one is given back, for which somebody has to leave, or for a
    /// while: whatever the reason is, the next attempt must not follow at once.
    async fn make_room(&mut self, error: &io::Error) {
        let now = self.site.clock.now().mono;
        if self
            .complained
            .is_none_or(|last| now.saturating_sub(last) >= REMINDER)
        {
            self.complained = Some(now);
            warn!(%error, "Cannot accept connections; others are closed for them");
        }
        let departure = self.crowd.departure();
        self.crowd.make_room();
        // Both ends of the wait are good: then it is tried again.
        drop(tokio::time::timeout(PAUSE, departure).await);
    }

    fn let_in(&self, stream: TcpStream) {
        let place = self.crowd.admit();
        if let Err(error) = stream.set_nodelay(true) {
            return debug!(%error, "a client left at the door");
        }
        let (site, shutdown) = (self.site.clone(), self.shutdown.clone());
        self.tasks.spawn(welcome(stream, place, site, shutdown));
    }
}

/// Whether an error of accept speaks about the one connection that was to be accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::duplex;

    use super::super::tests::site;
    use super::*;

    fn door() -> Door {
        Door {
            site: Arc::new(site()),
            crowd: Crowd::new(10),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            complained: None,
        }
    }

    fn no_descriptors() -> io::Error {
        io::Error::other("Too many open files")
    }

    /// How long the tasks of a paused runtime have waited.
    async fn waited(work: impl Future<Output = ()>) -> Duration {
        let passed = Mutex::new(Duration::ZERO);
        let step = Duration::from_millis(1);
        let watch = async {
            loop {
                tokio::time::sleep(step).await;
                *passed.lock().expect("one thread") += step;
            }
        };
        tokio::select! {
            () = work => {}
            () = watch => {}
        }
        passed.into_inner().expect("one thread")
    }

    #[tokio::test(start_paused = true)]
    async fn without_descriptors_it_does_not_try_again_at_once() {
        let mut door = door();
        let ten_times = async {
            for _ in 0..10 {
                door.make_room(&no_descriptors()).await;
            }
        };
        assert!(waited(ten_times).await >= 9 * PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_can_be_closed_makes_room_at_once() {
        let mut door = door();
        let clients: Vec<_> = (0..10)
            .map(|_| {
                let (client, server) = duplex(64);
                let (place, site) = (door.crowd.admit(), door.site.clone());
                let end = End {
                    shutdown: door.shutdown.clone(),
                    over: CancellationToken::new(),
                    age: None,
                };
                let conversation = converse(server, place, site, end);
                (client, tokio::spawn(conversation))
            })
            .collect();
        let ten_times = async {
            for (_, conversation) in clients {
                door.make_room(&no_descriptors()).await;
                assert!(conversation.is_finished(), "the longest idle one");
            }
        };
        assert!(waited(ten_times).await < PAUSE);
    }
}
