//! Which format and encoding a scraper is given, from its `Accept` and `Accept-Encoding` headers.
//!
//! Lenient, as scrapers have come to expect: whatever cannot be satisfied gets text 0.0.4, never 406. Protobuf is not
//! offered. Parameters that nothing here depends on, `escaping=` above all, are passed over: every name is plain ASCII.

use super::syntax::Format;

/// What a `/metrics` body is declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// Prometheus text 0.0.4.
    Text004,
    /// OpenMetrics 0.0.1, its draft: the same bytes as 1.0.0.
    OpenMetrics001,
    /// OpenMetrics 1.0.0.
    OpenMetrics100,
}

impl MediaType {
    /// The best that the values of `Accept` headers allow: highest q, then named before wildcard, then the earlier.
    pub fn accepted<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut best = (0.0, false, Self::Text004);
        for range in headers.into_iter().flat_map(|value| value.split(',')) {
            let q = quality(range);
            if let Some((named, offer)) = Self::offered_for(range)
                && q > 0.0
                && (q, named) > (best.0, best.1)
            {
                best = (q, named, offer);
            }
        }
        best.2
    }

    /// What is offered for a media range, and whether the range names it.
    fn offered_for(range: &str) -> Option<(bool, Self)> {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let version = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("version"))
            .map(|(_, version)| version.trim().trim_matches('"'));
        match (name.as_str(), version) {
            ("*/*" | "text/*", _) => Some((false, Self::Text004)),
            ("text/plain", None | Some("0.0.4")) => Some((true, Self::Text004)),
            ("application/openmetrics-text", None | Some("1.0.0")) => {
                Some((true, Self::OpenMetrics100))
            }
            ("application/openmetrics-text", Some("0.0.1")) => Some((true, Self::OpenMetrics001)),
            _ => None,
        }
    }

    /// The `Content-Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text004 => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Self::OpenMetrics100 => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The grammar it is written in.
    pub fn format(self) -> Format {
        match self {
            Self::Text004 => Format::Text,
            Self::OpenMetrics001 | Self::OpenMetrics100 => Format::OpenMetrics,
        }
    }
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// With gzip.
    Gzip,
}

impl Encoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Identity, Self::Gzip];

    /// What the values of `Accept-Encoding` headers allow: gzip where it is named, or meant by `*`, and not ranked
    /// below a named `identity`.
    pub fn accepted<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut gzip, mut identity, mut any) = (None, None, None);
        for coding in headers.into_iter().flat_map(|value| value.split(',')) {
            let q = quality(coding);
            let name = coding.split(';').next().unwrap_or_default();
            match name.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(q),
                "identity" => identity = Some(q),
                "*" => any = Some(q),
                _ => {}
            }
        }
        let gzip = gzip.or(any).unwrap_or(0.0);
        if gzip > 0.0 && gzip >= identity.unwrap_or(0.0) {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

/// The q of a header's element; 1 without one, or with one that is no number.
fn quality(element: &str) -> f32 {
    element
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("q"))
        .map_or(1.0, |(_, q)| q.trim().parse().unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_scrapers_get_what_they_prefer() {
        use MediaType::{OpenMetrics001, OpenMetrics100, Text004};
        for (accept, expected) in [
            // Prometheus 2.42, then with native histograms.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics100,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics100,
            ),
            // Prometheus 3.5.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics100,
            ),
            // VictoriaMetrics.
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Text004),
            // curl, a browser, nothing.
            ("*/*", Text004),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
                Text004,
            ),
            ("", Text004),
            // Ranks that a search for a substring would get wrong.
            (
                "application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.7",
                Text004,
            ),
            (
                "text/plain;q=0.3, application/openmetrics-text; version=\"1.0.0\"; q=0.7",
                OpenMetrics100,
            ),
            ("application/openmetrics-text;q=0", Text004),
            ("*/*, application/openmetrics-text", OpenMetrics100),
            // Versions that are not offered fall to the next range.
            (
                "application/openmetrics-text;version=2.0.0,text/plain;q=0.1",
                Text004,
            ),
            (
                "text/plain;version=1.0.0;q=0.9,application/openmetrics-text;q=0.1",
                OpenMetrics100,
            ),
            ("application/openmetrics-text;version=0.0.1", OpenMetrics001),
            ("application/json", Text004),
            (
                "Application/OpenMetrics-Text;Version=1.0.0;Q=0.5, */*;q=0.1",
                OpenMetrics100,
            ),
            (";;=,q=nan;q=nan,text/plain;q=nan", Text004),
        ] {
            assert_eq!(MediaType::accepted([accept]), expected, "{accept}");
        }
        let split = ["text/plain;q=0.5", "application/openmetrics-text;q=0.6"];
        assert_eq!(MediaType::accepted(split), OpenMetrics100);
    }

    #[test]
    fn gzip_is_used_where_it_is_welcome() {
        use Encoding::{Gzip, Identity};
        for (accept, expected) in [
            ("gzip", Gzip),
            ("deflate, gzip, br, zstd", Gzip),
            ("GZIP;q=0.001", Gzip),
            ("*", Gzip),
            ("gzip;q=0.5, identity;q=0.5", Gzip),
            ("gzip;q=0.5, identity", Identity),
            ("gzip;q=0", Identity),
            ("gzip;q=0.0, *", Identity),
            ("*;q=0", Identity),
            ("identity", Identity),
            ("deflate, br", Identity),
            ("", Identity),
        ] {
            assert_eq!(Encoding::accepted([accept]), expected, "{accept}");
        }
        assert_eq!(Encoding::accepted([]), Identity);
        assert_eq!(Encoding::accepted(["br", "gzip"]), Gzip);
    }
}
