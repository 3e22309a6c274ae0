//! Certificates and keys: written in the configuration, or in a file that it names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::files::Files;
use super::given_text;
use crate::config::yaml::{Fields, Value};
use crate::secret::file::readable_by_others;

/// Far more than any bundle of certificates has.
const MAX_BYTES: u64 = 4 << 20;

/// A text in PEM and where it stands in the configuration. Wiped when dropped, for it may be a key.
pub(super) struct Pem<'a> {
    pub(super) value: Value<'a>,
    text: Zeroizing<Vec<u8>>,
}

/// The two keys that give one PEM text.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) inline: &'static str,
    pub(super) file: &'static str,
}

pub(super) enum Given<'a> {
    Nothing,
    /// Something that was put on the list of problems.
    Bad,
    Text(Pem<'a>),
}

pub(super) fn given<'a>(
    fields: &Fields<'a>,
    keys: Keys,
    folder: &Path,
    files: &Files,
) -> Given<'a> {
    let inline = given_text(fields, keys.inline);
    match (inline, given_text(fields, keys.file)) {
        (None, None) => Given::Nothing,
        (Some((value, text)), None) => Given::Text(Pem {
            value,
            text: Zeroizing::new(text.as_bytes().to_vec()),
        }),
        (None, Some((value, name))) => {
            let path = folder.join(name);
            files.note(&path);
            match read(&path) {
                Ok(text) => Given::Text(Pem { value, text }),
                Err(error) => {
                    value.problem(format!("{} cannot be read: {error}", path.display()));
                    Given::Bad
                }
            }
        }
        (Some(_), Some((value, _))) => {
            let Keys { inline, file } = keys;
            value.problem(format!("`{inline}` and `{file}` are both given; keep one"));
            Given::Bad
        }
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    // Else the text would be left behind wherever it has grown out of.
    let room = file.metadata()?.len().min(MAX_BYTES) + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(
        usize::try_from(room).unwrap_or_default(),
    ));
    file.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

impl Pem<'_> {
    /// All certificates of the text, in their order; at least one.
    pub(super) fn certificates(&self) -> Option<Vec<CertificateDer<'static>>> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        match found {
            Ok(certificates) if certificates.is_empty() => {
                self.value.problem("there is no certificate in it, in PEM");
                None
            }
            Ok(certificates) => Some(certificates),
            Err(error) => {
                self.value
                    .problem(format!("not good PEM: {}", said(&error)));
                None
            }
        }
    }

    /// The first private key of the text.
    pub(super) fn private_key(&self) -> Option<PrivateKeyDer<'static>> {
        match PrivateKeyDer::from_pem_slice(&self.text) {
            Ok(key) => Some(key),
            Err(pem::Error::NoItemsFound) => {
                let what = "there is no private key in it, in PEM and without a password";
                self.value.problem(what);
                None
            }
            Err(error) => {
                self.value
                    .problem(format!("not good PEM: {}", said(&error)));
                None
            }
        }
    }

    /// Warns when others than its owner can read the file that the configuration names by `key`.
    pub(super) fn warn_if_others_read(
        &self,
        fields: &Fields<'_>,
        key: &'static str,
        folder: &Path,
    ) {
        let Some((value, name)) = given_text(fields, key) else {
            return;
        };
        if let Some(mode) = readable_by_others(&folder.join(name)) {
            value.warning(format!(
                "others than its owner can read the file (mode {mode:03o}); `chmod 600` would keep it secret"
            ));
        }
    }
}

/// What is wrong, without the text that it is wrong with.
fn said(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end",
        pem::Error::IllegalSectionStart { .. } => "a section has no good begin",
        pem::Error::Base64Decode(_) => "a section is not good base64",
        _ => "it cannot be read",
    }
}
