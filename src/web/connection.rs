//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::crowd::Place;
use super::patience::Patient;
use super::routes;
use super::site::Site;

/// A scraper's head has a few hundred bytes in ten lines.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Answers requests until the client leaves, a limit is met or the place is wanted for somebody else. After `shutdown`
/// the request in flight is still answered.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    place: Place,
    site: Arc<Site>,
    shutdown: CancellationToken,
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
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.wanted() => return debug!("a connection gave way to a new one"),
        () = shutdown.cancelled() => {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

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
}
