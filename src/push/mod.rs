//! Remote write: pushes each settled bucket once, at its own time, to a receiver of Prometheus' protocol 1.0. Off unless a
//! destination is named.
//!
//! Scraped samples carry the time of their scrape, so a graph of them shows a bucket 15 minutes or hours late; these show it
//! where it belongs. They are a family of their own, `trtc_usage_settled_seconds`, for an instant of a series can have one
//! value only. Revisions of a bucket that was pushed are not pushed again: receivers would refuse them.
//!
//! How far each target has been pushed is kept in the state, after the receiver has agreed. What was pushed just before a
//! crash is pushed again, the same samples, which receivers accept.

mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::error::with_causes;
use crate::history::settled;
use crate::metrics::Telemetry;
use crate::store::{SaveError, Store};
use crate::usage::{Target, TimeKey};

/// How often it is looked for newly settled buckets.
const PACE: Duration = Duration::from_secs(5);

/// A receiver that takes longer is not well.
const TIMEOUT: Duration = Duration::from_secs(30);

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A request has about so many samples at most.
const SAMPLES: usize = 5_000;

/// After an outage a target catches up in steps of this length.
const STEP_SECONDS: i64 = 86_400;

/// Where settled buckets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A receiver, such as `http://localhost:9090/api/v1/write`.
    pub url: reqwest::Url,
    /// Labels beside the usual ones.
    pub labels: Vec<(String, String)>,
}

/// Pushes.
pub struct Pusher {
    destination: Destination,
    http: reqwest::Client,
    store: Arc<Mutex<Store>>,
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
}

/// What one request carries, and how far each target has come with it.
struct Batch {
    body: Vec<u8>,
    samples: u64,
    through: Vec<(Target, TimeKey)>,
}

/// How a request ended.
enum Verdict {
    Taken,
    /// Not this time.
    Later(String),
    /// Never.
    Refused(String),
}

impl Pusher {
    /// Pushes from the state to a destination.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(
        destination: Destination,
        store: Arc<Mutex<Store>>,
        telemetry: Arc<Telemetry>,
        clock: Arc<dyn Clock>,
    ) -> reqwest::Result<Self> {
        // Fails when there is one already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder().timeout(TIMEOUT);
        if destination.url.scheme() == "http" {
            // Or an image without CA certificates could not push to its neighbour.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            destination,
            http: builder.build()?,
            store,
            telemetry,
            clock,
        })
    }

    /// Pushes until it is told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        info!(url = %self.destination.url, "Pushing settled buckets");
        let mut backoff = FIRST_BACKOFF;
        loop {
            let nap = match self.push_a_batch().await {
                Ok(true) => {
                    backoff = FIRST_BACKOFF;
                    Duration::ZERO
                }
                Ok(false) => PACE,
                Err(reason) => {
                    warn!(reason, retry = ?backoff, "Settled buckets could not be pushed");
                    let nap = backoff;
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    nap
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(nap) => {}
            }
        }
    }

    /// Pushes what is ready, up to a request's worth; false when there is nothing.
    async fn push_a_batch(self: &Arc<Self>) -> Result<bool, String> {
        let this = Arc::clone(self);
        let Some(batch) = off_the_async_threads(move || this.gather()).await? else {
            return Ok(false);
        };
        match self.send(batch.body).await {
            Verdict::Taken => self.telemetry.pushed(batch.samples),
            Verdict::Later(reason) => {
                self.telemetry.push_failed(0);
                return Err(reason);
            }
            Verdict::Refused(reason) => {
                error!(
                    reason,
                    samples = batch.samples,
                    "The receiver refuses settled buckets for good; they are left out"
                );
                self.telemetry.push_failed(batch.samples);
            }
        }
        let this = Arc::clone(self);
        off_the_async_threads(move || this.store().pushed(&batch.through)).await?;
        Ok(true)
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        // A panic while saving has rolled its transaction back: the store is whole.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(&self) -> Result<Option<Batch>, SaveError> {
        let mut store = self.store();
        let unpushed = store.unpushed()?;
        let behind = unpushed
            .iter()
            .map(|span| span.through.unix() - span.after.unix());
        self.telemetry.push_lag(behind.max().unwrap_or(0));
        let mut request = wire::Request::default();
        let mut through = Vec::new();
        for span in unpushed {
            let until = span.through.min(span.after.plus_seconds(STEP_SECONDS));
            let days = store.days(&span.target, &(span.after.date()..=until.date()))?;
            for (media, samples) in settled(&days, span.after, until) {
                request.add(&span.target, media, &self.destination.labels, &samples);
            }
            through.push((span.target, until));
            if request.samples() >= SAMPLES {
                break;
            }
        }
        drop(store);
        if through.is_empty() {
            return Ok(None);
        }
        Ok(Some(Batch {
            samples: request.samples() as u64,
            body: request.into_body(),
            through,
        }))
    }

    async fn send(&self, body: Vec<u8>) -> Verdict {
        let request = self
            .http
            .post(self.destination.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Verdict::Later(with_causes(&error.without_url())),
        };
        let status = response.status();
        if status.is_success() {
            return Verdict::Taken;
        }
        let said = response.text().await.unwrap_or_default();
        let reason = format!("{status}: {}", said.chars().take(200).collect::<String>());
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            Verdict::Refused(reason)
        } else {
            Verdict::Later(reason)
        }
    }
}

async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SaveError> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    let result = done.map_err(|panic| with_causes(&panic))?;
    result.map_err(|error| with_causes(&error))
}
