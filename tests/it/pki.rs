//! Certificates made for a test, by authorities that nobody else knows.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

/// An authority and what it has to show, in PEM.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Pair {
    /// Both in one text.
    pub(crate) fn together(&self) -> String {
        format!("{}{}", self.cert, self.key)
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// For a server on loopback.
    pub(crate) fn server(&self) -> Pair {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        self.issue(CertificateParams::new(names).expect("names"))
    }

    /// For a server somewhere else.
    pub(crate) fn server_named(&self, name: &str) -> Pair {
        self.issue(CertificateParams::new([name.to_owned()]).expect("a name"))
    }

    /// For a client with these names.
    pub(crate) fn client(&self, names: Vec<SanType>) -> Pair {
        self.issue(client(names))
    }

    /// For a client, but too late.
    pub(crate) fn expired_client(&self) -> Pair {
        let mut params = client(Vec::new());
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 2, 1);
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer);
        Pair {
            cert: certificate.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }
}

fn client(names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
