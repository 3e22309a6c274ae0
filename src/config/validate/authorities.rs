//! Certificate authorities that an account's upstream may be vouched for by, beside those of the system.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::super::yaml::Value;
use crate::tencent::Authorities;

/// The system's own bundle has less.
const MAX_BYTES: u64 = 4 << 20;

/// Reads the file that a value names: certificates in PEM, one at least.
pub(super) fn authorities(value: &Value<'_>, folder: &Path) -> Option<Authorities> {
    let file = folder.join(value.text()?);
    let text = read(&file)
        .map_err(|error| value.problem(format!("the file cannot be read: {error}")))
        .ok()?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = read.unwrap_or_default();
    if certificates.is_empty() {
        value.problem("the file holds no certificates in good PEM");
        return None;
    }
    let mut usable = RootCertStore::empty();
    for certificate in &certificates {
        if let Err(error) = usable.add(certificate.clone()) {
            value.problem(format!("a certificate of the file cannot be used: {error}"));
            return None;
        }
    }
    Some(Authorities {
        file,
        certificates: Arc::from(certificates),
    })
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(file)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}
