//! The HTTP client of the tests.

use std::sync::OnceLock;

use reqwest::{Client, RequestBuilder, Response};

/// Every path that is answered, and one that is not.
pub(crate) const PATHS: [&str; 8] = [
    "/",
    "/api/v1/status",
    "/metrics",
    "/config",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/nothing",
];

pub(crate) fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // Another test may have installed it already, which is just as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        Client::builder().no_proxy().build().expect("a client")
    })
}

pub(crate) async fn get(url: impl reqwest::IntoUrl) -> reqwest::Result<Response> {
    client().get(url).send().await
}

pub(crate) fn post(url: impl reqwest::IntoUrl) -> RequestBuilder {
    client().post(url)
}
