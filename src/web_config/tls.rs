//! The section `tls_server_config`: what is agreed on in a handshake.
//!
//! Sessions are not resumed: a resumed one would let a client in by a certificate that was looked at long ago. Scrapers
//! keep their connections, so that handshakes are rare.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::client::{self, Asking, Demands};
use super::files::Files;
use super::given;
use super::names::{self, NameError, VERSIONS};
use super::pem::{self, Given, Keys, Pem};
use crate::config::yaml::{Fields, Value};
use crate::web::{HTTP_1_1, HTTP_2};

const KEYS: &[&str] = &[
    "cert",
    "cert_file",
    "key",
    "key_file",
    "client_auth_type",
    "client_ca",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

const CERT: Keys = Keys {
    inline: "cert",
    file: "cert_file",
};
const KEY: Keys = Keys {
    inline: "key",
    file: "key_file",
};

/// What is made of the section.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) demands: Demands,
}

/// Which certificate is wanted of a client, from nothing to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClientAuth {
    #[default]
    No,
    /// One is asked for, and whatever comes is taken.
    Request,
    /// If one comes, it must be good.
    VerifyIfGiven,
    /// There must be one, whatever it is.
    RequireAny,
    /// There must be a good one.
    RequireAndVerify,
}

impl ClientAuth {
    pub(super) fn is_mandatory(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// Reads the section; an empty one counts as left out.
pub(super) fn tls(value: &Value<'_>, http2: bool, folder: &Path, files: &Files) -> Option<Tls> {
    let fields = value.fields(KEYS)?;
    if KEYS.iter().all(|key| given(&fields, key).is_none()) {
        return None;
    }
    let certificates = required(pem::given(&fields, CERT, folder, files), value, CERT);
    let key = required(pem::given(&fields, KEY, folder, files), value, KEY);
    let versions = versions(&fields);
    let provider = Arc::new(provider(&fields));
    let prefers_own =
        given(&fields, "prefer_server_cipher_suites").map_or(Some(true), |value| value.truth());
    let asking = client::asking(&fields, folder, files, &provider);
    let chain = certificates.as_ref().and_then(Pem::certificates);
    let private_key = key.as_ref().and_then(Pem::private_key);
    if let Some(key) = &key {
        key.warn_if_others_read(&fields, KEY.file, folder);
    }
    let Asking { verifier, demands } = asking?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions?)
        .map_err(|error| {
            value.problem(format!(
                "nothing could be agreed on with any client: {error}"
            ))
        })
        .ok()?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let certificates = certificates?;
    let mut config = builder
        .with_single_cert(chain?, private_key?)
        .map_err(|error| certificates.value.problem(unusable(&error)))
        .ok()?;
    config.ignore_client_order = prefers_own?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let protocols = [HTTP_2, HTTP_1_1].into_iter().skip(usize::from(!http2));
    config.alpn_protocols = protocols.map(<[u8]>::to_vec).collect();
    let config = Arc::new(config);
    Some(Tls { config, demands })
}

fn unusable(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "certificate and key do not belong together".to_owned()
        }
        error => format!("certificate and key cannot be used: {error}"),
    }
}

fn required<'a>(found: Given<'a>, section: &Value<'a>, keys: Keys) -> Option<Pem<'a>> {
    match found {
        Given::Text(pem) => return Some(pem),
        Given::Bad => {}
        Given::Nothing => {
            let Keys { inline, file } = keys;
            section.problem(format!(
                "neither `{file}` nor `{inline}` is given; TLS needs one"
            ));
        }
    }
    None
}

fn versions(fields: &Fields<'_>) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let bound = |key, default| {
        given(fields, key).map_or(Some(default), |value| {
            value.parsed("TLS12 or TLS13", names::version)
        })
    };
    let (min, max) = (
        bound("min_version", 0),
        bound("max_version", VERSIONS.len() - 1),
    );
    let (min, max) = (min?, max?);
    if min > max {
        let value = fields.get("min_version")?;
        value.problem("is above `max_version`; nothing could be agreed on");
        return None;
    }
    Some(
        VERSIONS[min..=max]
            .iter()
            .map(|&(_, version)| version)
            .collect(),
    )
}

/// What rustls does by default, restricted to what the section names. As in Go, `cipher_suites` is about TLS 1.2: those of
/// 1.3 are all good.
fn provider(fields: &Fields<'_>) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(suites) = named(fields, "cipher_suites", "a cipher suite", names::suite) {
        let of_tls13 = |suite: &rustls::SupportedCipherSuite| suite.tls13().is_some();
        let of_tls12 = suites.into_iter().filter(|suite| !of_tls13(suite));
        provider.cipher_suites.retain(of_tls13);
        provider.cipher_suites.extend(of_tls12);
    }
    if let Some(curves) = named(fields, "curve_preferences", "a curve", names::curve) {
        provider.kx_groups = curves;
    }
    provider
}

/// A list of names; an empty one counts as left out. Where a name is bad, a problem was put on the list.
fn named<T>(
    fields: &Fields<'_>,
    key: &'static str,
    expected: &str,
    read: impl Fn(&str) -> Result<T, NameError>,
) -> Option<Vec<T>> {
    let names = given(fields, key)?.list()?;
    let known: Vec<T> = names
        .iter()
        .filter_map(|value| value.parsed(expected, &read))
        .collect();
    (!known.is_empty()).then_some(known)
}
