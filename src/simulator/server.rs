//! The simulator's HTTP server: reads requests, lets the gateway answer, and carries out what faults do to connections.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control::control;
use super::faults::Fault;
use super::gateway::{Options, Reply, Simulator};
use super::page::page;
use super::protocol::Received;
use super::refusal::Refusal;
use super::wire::{self, AnyBody};
use crate::clock::Clock;

/// The largest request, as documented for POST with TC3 signatures.
const MAX_REQUEST_BYTES: usize = 10 << 20;

/// How long the server rests when it cannot accept connections, e.g. for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How long an answer under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// A running simulator. When it is dropped the server stops; [`Handle::shutdown`] also waits for that.
pub struct Handle {
    simulator: Arc<Simulator>,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Simulator {
    /// Serves a new simulator on `listener`.
    ///
    /// # Errors
    /// The listener does not know its own address.
    pub fn start(
        listener: TcpListener,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Handle> {
        let handle = Handle {
            simulator: Arc::new(Self::new(options, clock)),
            address: listener.local_addr()?,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let server = Server {
            simulator: Arc::clone(&handle.simulator),
            stop: handle.stop.clone(),
            tasks: handle.tasks.clone(),
        };
        handle.tasks.spawn(server.accept(listener));
        Ok(handle)
    }
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as an endpoint for the configuration.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is served, to be kept where the handle itself cannot go.
    pub fn simulator(&self) -> Arc<Simulator> {
        Arc::clone(&self.simulator)
    }

    /// Stops serving and waits until every connection is closed. Answers under way have a second to get
    /// finished.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Deref for Handle {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Server {
    simulator: Arc<Simulator>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Ends a request without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the simulator was told to give no answer")]
struct NoAnswer;

impl Server {
    async fn accept(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    self.tasks.spawn(self.clone().connection(stream));
                }
                Err(err) => {
                    tracing::debug!(%err, "the simulator could not accept a connection");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        // An answer in two small packets would otherwise wait for the client's delayed acknowledgement.
        stream.set_nodelay(true).ok();
        let reset = CancellationToken::new();
        let service = service_fn(|request| self.answer(request, &reset));
        let mut connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = reset.cancelled() => {
                let stream = connection.into_parts().io.into_inner();
                // Closing with nothing to linger for sends RST instead of FIN.
                stream.set_zero_linger().ok();
                return;
            }
            () = self.stop.cancelled() => {
                let mut connection = pin!(connection);
                connection.as_mut().graceful_shutdown();
                let ended = tokio::time::timeout(GRACE, connection).await;
                ended.unwrap_or(Ok(()))
            }
        };
        if let Err(err) = ended {
            tracing::debug!(%err, "a connection to the simulator broke");
        }
    }

    /// Answers, with the date of the simulator's own clock: hyper would take the machine's.
    async fn answer(
        &self,
        request: Request<Incoming>,
        reset: &CancellationToken,
    ) -> Result<Response<AnyBody>, NoAnswer> {
        let mut response = self.undated(request, reset).await?;
        let date = wire::date(self.simulator.now().utc);
        response.headers_mut().insert(header::DATE, date);
        Ok(response)
    }

    async fn undated(
        &self,
        request: Request<Incoming>,
        reset: &CancellationToken,
    ) -> Result<Response<AnyBody>, NoAnswer> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let query = head.uri.query().unwrap_or_default();
        if path != "/" {
            return Ok(self.elsewhere(&head.method, path, query));
        }
        let is_call = ["authorization", "x-tc-action"]
            .iter()
            .any(|name| head.headers.contains_key(*name));
        if head.method == Method::GET && !is_call {
            let host = head.headers.get(header::HOST);
            let host = host.and_then(|host| host.to_str().ok());
            return Ok(wire::text(
                StatusCode::OK,
                page(&self.simulator, host.unwrap_or("127.0.0.1")),
            ));
        }
        let Ok(body) = Limited::new(body, MAX_REQUEST_BYTES).collect().await else {
            let refusal = Refusal::new(
                "RequestSizeLimitExceeded",
                "The request is incomplete or larger than 10 MB.",
            );
            return Ok(wire::envelope(refusal.body("-"), false));
        };
        let reply = self.simulator.respond(&Received {
            method: head.method.as_str(),
            query,
            headers: &head.headers,
            body: &body.to_bytes(),
        });
        let gzip = accepts_gzip(&head.headers);
        match reply {
            Reply::Envelope(body) => Ok(wire::envelope(body, gzip)),
            Reply::Faulty(fault, body) => self.fail(&fault, body, gzip, reset).await,
        }
    }

    async fn fail(
        &self,
        fault: &Fault,
        body: String,
        gzip: bool,
        reset: &CancellationToken,
    ) -> Result<Response<AnyBody>, NoAnswer> {
        if *fault == Fault::Reset {
            reset.cancel();
        }
        match wire::faulty(fault, body, gzip) {
            Some(response) => Ok(response),
            // A client that gives up closes the connection, which drops this future.
            None => {
                self.stop.cancelled().await;
                Err(NoAnswer)
            }
        }
    }

    /// Everything but `/`, which is the API's only path.
    fn elsewhere(&self, method: &Method, path: &str, query: &str) -> Response<AnyBody> {
        if path == "/-/healthy" {
            return wire::text(StatusCode::OK, "The simulator is healthy.\n".to_owned());
        }
        if let Some(answer) = self
            .simulator
            .metadata(path)
            .filter(|_| method == Method::GET)
        {
            return wire::text(StatusCode::OK, answer);
        }
        let done = (method == Method::POST).then(|| control(&self.simulator, path, query));
        match done.flatten() {
            Some(Ok(done)) => wire::text(StatusCode::OK, done),
            Some(Err(problem)) => wire::text(StatusCode::BAD_REQUEST, format!("{problem}\n")),
            None => wire::text(
                StatusCode::NOT_FOUND,
                format!("There is no {method} {path} here; the API is at /.\n"),
            ),
        }
    }
}

fn accepts_gzip(headers: &hyper::HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            parts.next() == Some("gzip") && parts.all(|weight| weight != "q=0")
        })
}

#[cfg(test)]
mod tests;
