//! Who vouches for others: the authorities that the system trusts, read once for all who ask together, and those that
//! somebody names beside them.

use std::env;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

/// What a server may agree on, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where they are elsewhere than is usual.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The authorities that the system trusts, read when they are first needed.
#[derive(Clone, Debug, Default)]
pub struct SystemRoots(Arc<OnceLock<Result<Arc<RootCertStore>, String>>>);

impl SystemRoots {
    /// Reads them now, beside whatever else there is to do at a start: it takes as long as all of that.
    pub fn read_ahead(&self) {
        let roots = self.clone();
        let reading = thread::Builder::new().name("roots".to_owned());
        // Without a thread to be had they are read when they are needed.
        drop(reading.spawn(move || drop(roots.store())));
    }

    /// All of them.
    ///
    /// # Errors
    /// When there is none; says why.
    pub fn store(&self) -> Result<Arc<RootCertStore>, String> {
        self.0.get_or_init(read).clone()
    }

    /// How to agree on encryption with a server for which one of them vouches, or one of `more`.
    ///
    /// # Errors
    /// When nobody is trusted, or one of `more` cannot be used; says why.
    pub fn client_config(&self, more: &[CertificateDer<'static>]) -> Result<ClientConfig, String> {
        let mut roots = self.store()?;
        if !more.is_empty() {
            let roots = Arc::make_mut(&mut roots);
            for certificate in more {
                let added = roots.add(certificate.clone());
                added.map_err(|error| error.to_string())?;
            }
        }
        let builder = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(config)
    }
}

fn read() -> Result<Arc<RootCertStore>, String> {
    let found = find();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!("no authority is trusted {}", errors.join("; ")));
    }
    Ok(roots.into())
}

/// Where the system has one file of them all, the folder with a file of each says the same once more, at ten times the cost.
fn find() -> CertificateResult {
    let usual = || openssl_probe::probe().cert_file;
    let is_elsewhere = VARIABLES.iter().any(|name| env::var_os(name).is_some());
    let file = if is_elsewhere { None } else { usual() };
    let found = file.map(|file| load_certs_from_paths(Some(Path::new(&file)), None));
    found
        .filter(|found| !found.certs.is_empty())
        .unwrap_or_else(load_native_certs)
}
