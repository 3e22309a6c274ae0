//! The accept loops: they go on whatever clients or the kernel do, until shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::converse;
use super::crowd::Crowd;
use super::site::Site;

/// How long to wait after an error that the next accept would meet again.
const PAUSE: Duration = Duration::from_millis(500);

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
        };
        tasks.spawn(door.keep_open(listener));
    }
    shutdown.cancelled().await;
    tasks.close();
    tasks.wait().await;
}

/// Serves the site on one stream that is connected already, whatever carries it, until the conversation has ended.
pub async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    site: Arc<Site>,
    shutdown: CancellationToken,
) {
    if let Some(place) = Crowd::new(1).admit() {
        converse(stream, place, site, shutdown).await;
    }
}

/// What a listener needs to let somebody in.
struct Door {
    site: Arc<Site>,
    crowd: Arc<Crowd>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Door {
    async fn keep_open(self, listener: TcpListener) {
        while let Some(accepted) = self.shutdown.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => self.let_in(stream),
                Err(error) if is_the_clients(&error) => debug!(%error, "a client left at the door"),
                Err(error) => {
                    // Most likely file descriptors ran out: give one back, and time for more to be given.
                    self.crowd.cut_idlest();
                    warn!(%error, "cannot accept connections; trying again");
                    let pause = tokio::time::sleep(PAUSE);
                    self.shutdown.run_until_cancelled(pause).await;
                }
            }
        }
    }

    fn let_in(&self, stream: TcpStream) {
        let Some(place) = self.crowd.admit() else {
            return debug!("a connection was refused: all places are busy");
        };
        if let Err(error) = stream.set_nodelay(true) {
            return debug!(%error, "a client left at the door");
        }
        let (site, shutdown) = (self.site.clone(), self.shutdown.clone());
        self.tasks.spawn(converse(stream, place, site, shutdown));
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
