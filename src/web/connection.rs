//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::crowd::{Activity, Place};
use super::limits::Limits;
use super::patience::Patient;
use super::routes;
use super::site::Site;
use super::tls::{self, HTTP_2};

/// A scraper's head has a few hundred bytes in ten lines.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Requests at once on one HTTP/2 connection. A browser asks for less, a scraper for one.
const MAX_STREAMS: u32 = 16;

/// What an HTTP/2 client may send of bodies before we have taken any of it: we never do. The least that is allowed.
const MAX_BODY: u32 = 65_535;

/// When a connection is to end with the request that it is at.
pub(super) struct End {
    /// The server's end.
    pub(super) shutdown: CancellationToken,
    /// The end of the terms on which the connection was made.
    pub(super) over: CancellationToken,
    /// How long the connection may last at most.
    pub(super) age: Option<Duration>,
}

impl End {
    async fn has_come(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.over.cancelled() => {}
            () = self.old_age() => {}
        }
    }

    async fn old_age(&self) {
        match self.age {
            Some(age) => tokio::time::sleep(age).await,
            None => std::future::pending().await,
        }
    }
}

/// Talks with a newcomer on the terms in force.
pub(super) async fn welcome(
    stream: TcpStream,
    place: Place,
    site: Arc<Site>,
    shutdown: CancellationToken,
) {
    let term = site.access.term();
    let end = End {
        shutdown,
        over: term.over.clone(),
        age: None,
    };
    let tls = term.access.tls.clone();
    drop(term);
    match tls {
        None => converse(stream, place, site, end).await,
        // Each further kind of connection on the heap, so that a plain one does not take the room of the largest.
        Some(tls) => Box::pin(encrypt(stream, tls, place, site, end)).await,
    }
}

async fn encrypt(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    place: Place,
    site: Arc<Site>,
    mut end: End,
) {
    let handshake = Box::pin(tls::handshake(stream, tls));
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(site.limits.head, handshake) => shaken,
        () = place.wanted() => return debug!("a handshake gave way to a new connection"),
        () = end.has_come() => return,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, "a handshake failed"),
        Err(_) => return debug!("a handshake did not end in time"),
    };
    let agreed = &stream.get_ref().1;
    end.age = agreed.peer_certificates().map(|_| site.limits.certified);
    if agreed.alpn_protocol() == Some(HTTP_2) {
        Box::pin(converse_side_by_side(stream, place, site, end)).await;
    } else {
        Box::pin(converse(stream, place, site, end)).await;
    }
}

/// Answers requests by HTTP/1 until the client leaves, a limit is met or the place is wanted for somebody else. After the
/// end has come the request in flight is still answered.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    place: Place,
    site: Arc<Site>,
    end: End,
) {
    let limits = site.limits;
    let stream = Patient::new(stream, place.activity().clone(), &limits);
    let service = service_fn(async |request| {
        let in_flight = place.begin();
        let response = routes::respond(&site, &request).await;
        Ok::<_, Infallible>(response.map(|body| body.holding(in_flight)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Runs from the last response to the end of the next head; the head's own time is in `Patient`.
        .header_read_timeout(limits.idle)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        // hyper would read ahead up to 400 kB for a client that sends many requests at once.
        .max_buf_size(MAX_HEAD)
        // A client that has said all it will say still wants its answer.
        .half_close(true)
        // Even where the stream cannot: hyper would copy the whole body, and think it sent.
        .writev(true)
        .serve_connection(TokioIo::new(stream), service);
    accompany(pin!(connection), &place, &limits, &end).await;
}

/// The same by HTTP/2, where the time of each request is taken from its begin.
async fn converse_side_by_side(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    place: Place,
    site: Arc<Site>,
    end: End,
) {
    let limits = site.limits;
    let place = Arc::new(place);
    let service = service_fn({
        let place = Arc::clone(&place);
        move |request| {
            let (site, place) = (Arc::clone(&site), Arc::clone(&place));
            async move {
                let in_flight = place.begin_timed(limits.write);
                let response = routes::respond(&site, &request).await;
                Ok::<_, Infallible>(response.map(|body| body.holding(in_flight)))
            }
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .initial_stream_window_size(MAX_BODY)
        .initial_connection_window_size(MAX_BODY)
        .serve_connection(TokioIo::new(stream), service);
    let connection = pin!(connection);
    tokio::select! {
        () = accompany(connection, &place, &limits, &end) => {}
        () = outstayed(place.activity(), &limits) => debug!("a connection was idle for too long"),
    }
}

/// Drives a connection until it ends or has to.
async fn accompany<C>(mut connection: Pin<&mut C>, place: &Place, limits: &Limits, end: &End)
where
    C: GracefulConnection,
    C::Error: Display,
{
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.wanted() => return debug!("a connection gave way to a new one, or its time was over"),
        () = end.has_come() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.drain, connection).await {
                Ok(ended) => ended,
                Err(_) => return debug!("a response was cut by shutdown"),
            }
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}

/// Waits until no first request has come in its time, or none for about as long as a connection is kept between requests.
async fn outstayed(activity: &Activity, limits: &Limits) {
    let mut patience = limits.head;
    loop {
        let begun = activity.begun();
        tokio::time::sleep(patience).await;
        if activity.is_idle() && activity.begun() == begun {
            return;
        }
        patience = limits.idle;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Incoming;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::super::crowd::Crowd;
    use super::super::serve_stream;
    use super::super::tests::{large_site, site};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A client of a conversation in memory, in which time passes only while both sides wait.
    fn client(site: &Arc<Site>) -> (DuplexStream, JoinHandle<()>) {
        let (client, server) = duplex(4096);
        let conversation = serve_stream(server, site.clone(), CancellationToken::new());
        (client, tokio::spawn(conversation))
    }

    async fn ask(client: &mut DuplexStream, path: &str) {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        client.write_all(head.as_bytes()).await.expect("sent");
    }

    async fn probe(client: &mut DuplexStream) {
        ask(client, "/-/healthy").await;
        let mut answer = [0; 1024];
        let length = client.read(&mut answer).await.expect("an answer");
        assert!(answer[..length].ends_with(b"\r\n\r\nhealthy\n"));
    }

    /// The connection stays open for `limit` and not much longer.
    async fn assert_cut_after(limit: Duration, client: &mut DuplexStream) {
        let mut byte = [0];
        let early = timeout(limit - SECOND, client.read(&mut byte)).await;
        early.expect_err("cut too early");
        let late = timeout(2 * SECOND, client.read(&mut byte)).await;
        assert_eq!(late.expect("cut too late").expect("the end"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_cut() {
        let site = Arc::new(site());
        let (mut client, _conversation) = client(&site);
        assert_cut_after(site.limits.head, &mut client).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_dribbles_its_head_is_cut() {
        let site = Arc::new(site());
        let (mut client, _conversation) = client(&site);
        probe(&mut client).await;
        tokio::time::sleep(site.limits.head * 2).await;
        for byte in [b"G", b"E", b"T"] {
            client.write_all(byte).await.expect("sent");
            tokio::time::sleep(SECOND).await;
        }
        assert_cut_after(site.limits.head - 3 * SECOND, &mut client).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_between_scrapes_and_not_for_ever() {
        let site = Arc::new(site());
        let (mut client, _conversation) = client(&site);
        for _ in 0..3 {
            probe(&mut client).await;
            tokio::time::sleep(site.limits.idle - SECOND).await;
        }
        probe(&mut client).await;
        assert_cut_after(site.limits.idle, &mut client).await;
    }

    #[tokio::test(start_paused = true)]
    async fn however_busy_a_connection_ends_at_its_age() {
        let site = Arc::new(site());
        let (mut client, server) = duplex(4096);
        let end = End {
            shutdown: CancellationToken::new(),
            over: CancellationToken::new(),
            age: Some(10 * SECOND),
        };
        let place = Crowd::new(1).admit();
        tokio::spawn(converse(server, place, site.clone(), end));
        for _ in 0..9 {
            tokio::time::sleep(SECOND).await;
            probe(&mut client).await;
        }
        assert_cut_after(SECOND, &mut client).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_dribbles_is_cut_and_its_scrape_given_back() {
        let site = Arc::new(large_site());
        let all = site.scrapes.available_permits();
        let (mut client, conversation) = client(&site);
        probe(&mut client).await;
        ask(&mut client, "/metrics").await;
        let mut bytes = [0; 1000];
        for _ in 1..site.limits.write.as_secs() {
            client.read_exact(&mut bytes).await.expect("some bytes");
            assert_eq!(site.scrapes.available_permits(), all - 1);
            tokio::time::sleep(SECOND).await;
        }
        conversation.await.expect("no panic");
        assert_eq!(site.scrapes.available_permits(), all);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_has_time_for_each_response() {
        let site = Arc::new(large_site());
        let (mut client, _conversation) = client(&site);
        for _ in 0..2 {
            ask(&mut client, "/metrics").await;
            tokio::time::sleep(site.limits.write - SECOND).await;
            let mut answer = Vec::new();
            while !answer.ends_with(b"\ntrtc_exporter_state_last_save_timestamp_seconds 0\n") {
                let read = client.read_buf(&mut answer).await.expect("bytes");
                assert_ne!(read, 0, "cut too early");
            }
        }
    }

    type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

    /// A client that asks side by side.
    async fn client_of_http_2(site: &Arc<Site>) -> (Sender, JoinHandle<()>) {
        let (client, server) = duplex(4096);
        let end = End {
            shutdown: CancellationToken::new(),
            over: CancellationToken::new(),
            age: None,
        };
        let place = Crowd::new(1).admit();
        let conversation = tokio::spawn(converse_side_by_side(server, place, site.clone(), end));
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
                .await
                .expect("a connection");
        tokio::spawn(connection);
        (sender, conversation)
    }

    async fn ask_side_by_side(sender: &mut Sender, path: &str) -> hyper::Response<Incoming> {
        let request = hyper::Request::get(format!("http://localhost{path}"));
        let request = request.body(Empty::new()).expect("a request");
        sender.ready().await.expect("connected");
        sender.send_request(request).await.expect("an answer")
    }

    /// Whether a task ends about when it should.
    async fn assert_ends_after(limit: Duration, task: &mut JoinHandle<()>) {
        let early = timeout(limit - SECOND, &mut *task).await;
        early.expect_err("ended too early");
        let late = timeout(2 * SECOND, task).await;
        late.expect("ended too late").expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn side_by_side_a_client_that_asks_nothing_is_cut() {
        let site = Arc::new(site());
        let (_sender, mut conversation) = client_of_http_2(&site).await;
        assert_ends_after(site.limits.head, &mut conversation).await;
    }

    #[tokio::test(start_paused = true)]
    async fn side_by_side_a_connection_is_kept_between_scrapes_and_not_for_ever() {
        let site = Arc::new(site());
        let (mut sender, conversation) = client_of_http_2(&site).await;
        for _ in 0..3 {
            let answer = ask_side_by_side(&mut sender, "/-/healthy").await;
            assert_eq!(answer.status(), 200);
            tokio::time::sleep(site.limits.idle - SECOND).await;
        }
        let ended = timeout(2 * site.limits.idle, conversation).await;
        ended.expect("kept for too long").expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn side_by_side_a_reader_that_takes_nothing_is_cut_whatever_else_it_asks() {
        let site = Arc::new(large_site());
        let all = site.scrapes.available_permits();
        let (mut sender, conversation) = client_of_http_2(&site).await;
        let stuck = ask_side_by_side(&mut sender, "/metrics").await;
        for _ in 1..site.limits.write.as_secs() {
            assert_eq!(
                ask_side_by_side(&mut sender, "/nothing").await.status(),
                404
            );
            assert_eq!(site.scrapes.available_permits(), all - 1);
            tokio::time::sleep(SECOND).await;
        }
        timeout(2 * SECOND, conversation)
            .await
            .expect("kept for too long")
            .expect("no panic");
        // The request's own task ends when it finds the connection gone.
        while site.scrapes.available_permits() < all {
            tokio::task::yield_now().await;
        }
        drop(stuck);
    }

    #[tokio::test(start_paused = true)]
    async fn side_by_side_large_answers_come_whole() {
        let site = Arc::new(large_site());
        let (mut sender, _conversation) = client_of_http_2(&site).await;
        let first = ask_side_by_side(&mut sender, "/metrics").await;
        let second = ask_side_by_side(&mut sender, "/metrics").await;
        let (first, second) =
            tokio::join!(first.into_body().collect(), second.into_body().collect());
        for body in [first, second] {
            let body = body.expect("whole").to_bytes();
            assert!(body.ends_with(b"\ntrtc_exporter_state_last_save_timestamp_seconds 0\n"));
        }
    }
}
