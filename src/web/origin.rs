//! Whose page a browser sends a request for. Programs that are no browsers do not say, and need no protection.

use hyper::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::{HeaderMap, Request};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser says that the request comes from a page that is not ours.
pub(super) fn is_foreign<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    match (headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)) {
        // The browser has compared already, and knows the name it asked for even where a proxy has changed it.
        (Some(site), _) => site != "same-origin" && site != "none",
        (None, Some(origin)) => !is_host(origin, asked_host(request.uri().authority(), headers)),
        (None, None) => false,
    }
}

/// By HTTP/2 the host stands where it belongs, by HTTP/1 among the headers.
fn asked_host<'a>(
    authority: Option<&'a hyper::http::uri::Authority>,
    headers: &'a HeaderMap,
) -> Option<&'a str> {
    let header = || headers.get(HOST)?.to_str().ok();
    authority
        .map(|authority| authority.as_str())
        .or_else(header)
}

/// An origin is `scheme://host:port`, without the port that goes without saying, or `null`.
fn is_host(origin: &HeaderValue, host: Option<&str>) -> bool {
    let origin = origin.to_str().ok();
    let own = origin.and_then(|origin| Some(origin.split_once("://")?.1));
    own.is_some() && own == host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_foreign(headers: &[(&str, &str)]) -> bool {
        let request = Request::post("/-/reload").header(HOST, "exporter:10088");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        super::is_foreign(&request.body(()).expect("a request"))
    }

    #[test]
    fn what_a_browser_says_of_another_site_is_believed() {
        for (headers, foreign) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "")], true),
            (&[("origin", "http://exporter:10088")], false),
            (&[("origin", "https://exporter:10088")], false),
            (&[("origin", "http://exporter")], true),
            (&[("origin", "http://evil.example")], true),
            (&[("origin", "http://evil.example://exporter:10088")], true),
            (&[("origin", "null")], true),
            (&[("origin", "")], true),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://behind-a-proxy.example"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://exporter:10088"),
                ],
                true,
            ),
        ] {
            assert_eq!(is_foreign(headers), foreign, "{headers:?}");
        }
    }

    #[test]
    fn the_host_of_http_2_counts_too() {
        let request = Request::post("https://exporter:10088/-/reload");
        let request = request.header(ORIGIN, "https://exporter:10088");
        assert!(!super::is_foreign(&request.body(()).expect("a request")));
    }

    #[test]
    fn an_origin_without_a_host_to_compare_with_is_foreign() {
        let request = Request::post("/-/reload").header(ORIGIN, "http://exporter:10088");
        assert!(super::is_foreign(&request.body(()).expect("a request")));
    }
}
