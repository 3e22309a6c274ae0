//! Certificates of clients: which are asked for, and which are let in.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::files::Files;
use super::pem::{self, Given, Keys, Pem};
use super::tls::ClientAuth;
use super::{given, text};
use crate::config::yaml::{Fields, Value};
use crate::trust::SystemRoots;

const CLIENT_CA: Keys = Keys {
    inline: "client_ca",
    file: "client_ca_file",
};

/// What clients are asked for.
pub(super) struct Asking {
    /// `None` when they are asked for nothing.
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
    pub(super) demands: Demands,
}

/// What a client has to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Demands {
    pub(super) client_auth: ClientAuth,
    /// The certificate is from an authority that the configuration names, not from any that the system trusts.
    by_named_authority: bool,
    /// The certificate has one of the names that the configuration lists.
    listed_name: bool,
}

impl Demands {
    /// Whether less has to be shown than before.
    pub(super) fn are_less_than(self, before: Self) -> bool {
        self.client_auth < before.client_auth
            || (before.by_named_authority && !self.by_named_authority)
            || (before.listed_name && !self.listed_name)
    }
}

/// Reads what the section says of clients.
pub(super) fn asking(
    fields: &Fields<'_>,
    folder: &Path,
    files: &Files,
    provider: &Arc<CryptoProvider>,
) -> Option<Asking> {
    let client_auth = client_auth(fields);
    let ca = pem::given(fields, CLIENT_CA, folder, files);
    let names = allowed_names(fields);
    let client_auth = client_auth?;
    let by_named_authority = matches!(ca, Given::Text(_));
    let roots = match (ca, client_auth.verifies()) {
        (Given::Bad, _) => return None,
        (Given::Nothing, true) => Some(public_roots(&fields.get("client_auth_type")?)?),
        (Given::Text(pem), _) if client_auth == ClientAuth::No => {
            pem.value
                .problem("has no effect without a `client_auth_type` that asks for certificates");
            return None;
        }
        (Given::Text(pem), true) => Some(roots(&pem)?),
        // Nobody verifies, so nobody needs them; but they must be good, as they would be wanted with another type.
        (Given::Text(pem), false) => {
            roots(&pem)?;
            None
        }
        (Given::Nothing, false) => None,
    };
    let verifier: Arc<dyn ClientCertVerifier> = match roots {
        Some(roots) => verified(fields, roots, client_auth, provider)?,
        None => Arc::new(Unverified {
            is_mandatory: client_auth.is_mandatory(),
            provider: Arc::clone(provider),
        }),
    };
    let names = names?;
    let demands = Demands {
        client_auth,
        by_named_authority,
        listed_name: names.is_some(),
    };
    let verifier = match names {
        Some((value, names)) => {
            match client_auth {
                ClientAuth::No => {
                    value.problem(
                        "has no effect without a `client_auth_type` that asks for certificates",
                    );
                    return None;
                }
                ClientAuth::Request | ClientAuth::RequireAny => value.warning(
                    "anybody can make a certificate with such a name; `client_auth_type: RequireAndVerifyClientCert` \
                     would let in only those of `client_ca_file`",
                ),
                ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => {}
            }
            Arc::new(Named { verifier, names })
        }
        None => verifier,
    };
    Some(Asking {
        verifier: (client_auth != ClientAuth::No).then_some(verifier),
        demands,
    })
}

fn client_auth(fields: &Fields<'_>) -> Option<ClientAuth> {
    const EXPECTED: &str = "NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or \
                            RequireAndVerifyClientCert";
    given(fields, "client_auth_type").map_or(Some(ClientAuth::No), |value| {
        value.parsed(EXPECTED, |text| match text {
            "" | "NoClientCert" => Ok(ClientAuth::No),
            "RequestClientCert" => Ok(ClientAuth::Request),
            // The second is an old name.
            "RequireAnyClientCert" | "RequireClientCert" => Ok(ClientAuth::RequireAny),
            "VerifyClientCertIfGiven" => Ok(ClientAuth::VerifyIfGiven),
            "RequireAndVerifyClientCert" => Ok(ClientAuth::RequireAndVerify),
            _ => Err("not known"),
        })
    })
}

fn roots(pem: &Pem<'_>) -> Option<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in pem.certificates()? {
        if let Err(error) = roots.add(certificate) {
            pem.value
                .problem(format!("a certificate cannot be used: {error}"));
            return None;
        }
    }
    Some(roots.into())
}

/// The authorities that the system trusts: what Go's servers verify by where no other is named.
fn public_roots(value: &Value<'_>) -> Option<Arc<RootCertStore>> {
    let Ok(roots) = SystemRoots::default().store() else {
        value.problem(
            "needs `client_ca_file` or `client_ca`: the system trusts no authority either",
        );
        return None;
    };
    value.warning(
        "without `client_ca_file` every certificate that a public authority has issued is good; name the one that issues \
         those of your scrapers",
    );
    Some(roots)
}

fn verified(
    fields: &Fields<'_>,
    roots: Arc<RootCertStore>,
    client_auth: ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let builder = if client_auth.is_mandatory() {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    match builder.build() {
        Ok(verifier) => Some(verifier),
        Err(error) => {
            let value = fields.get("client_auth_type")?;
            value.problem(format!("certificates cannot be verified: {error}"));
            None
        }
    }
}

/// The list of names, where it is given. `None` where it is not a list of texts.
type Names<'a> = Option<(Value<'a>, Vec<String>)>;

fn allowed_names<'a>(fields: &Fields<'a>) -> Option<Names<'a>> {
    let Some(value) = given(fields, "client_allowed_sans") else {
        return Some(None);
    };
    let names: Option<Vec<String>> = value
        .list()?
        .iter()
        .map(|name| text(name).map(str::to_owned))
        .collect();
    Some(Some((value, names?)))
}

/// Takes every certificate whose key the client has.
#[derive(Debug)]
struct Unverified {
    is_mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Unverified {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Takes of the certificates that another verifier takes those with one of these names.
struct Named {
    verifier: Arc<dyn ClientCertVerifier>,
    names: Vec<String>,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Named").field(&self.names).finish()
    }
}

impl ClientCertVerifier for Named {
    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .verifier
            .verify_client_cert(certificate, intermediates, now)?;
        if names_of(certificate)
            .iter()
            .any(|name| self.names.contains(name))
        {
            Ok(verified)
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The subject's alternative names, as the configuration writes them; none where they cannot be read.
fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let names = Certificate::from_der(certificate)
        .ok()
        .and_then(|certificate| {
            let names = certificate
                .tbs_certificate()
                .get_extension::<SubjectAltName>();
            Some(names.ok()??.1.0)
        });
    let text = |name| match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            ip(address.as_bytes()).map(|address| address.to_string())
        }
        _ => None,
    };
    names.into_iter().flatten().filter_map(text).collect()
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
