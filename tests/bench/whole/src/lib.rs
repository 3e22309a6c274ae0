//! What the two servers share that the exporter is held against: one thread, a body for each request, gzip when asked for.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// Serves on a free port, whose address is the first line on stdout, until the process is ended. `body` is told whether
/// gzip is wanted.
pub fn serve(body: impl Fn(bool) -> Bytes + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        println!("{}", listener.local_addr().expect("an address"));
        let body: &'static _ = Box::leak(Box::new(body));
        let local = tokio::task::LocalSet::new();
        local.run_until(accept(listener, body)).await;
    });
}

async fn accept(listener: tokio::net::TcpListener, body: &'static impl Fn(bool) -> Bytes) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let service =
            service_fn(move |request| async move { Ok::<_, Infallible>(answer(&request, body)) });
        tokio::task::spawn_local(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

fn answer<B>(request: &Request<B>, body: impl Fn(bool) -> Bytes) -> Response<Full<Bytes>> {
    let gzip = request.headers().contains_key(ACCEPT_ENCODING);
    let mut response = Response::new(Full::new(body(gzip)));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4"),
    );
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
