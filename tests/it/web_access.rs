//! The program behind TLS, client certificates, passwords and limits, before real clients: Prometheus, HTTP libraries and
//! bare handshakes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::SanType;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Response, StatusCode, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use crate::exporter::{Exporter, command, flag, logged, run};
use crate::pki::{Authority, Pair};
use crate::prometheus_server::Prometheus;
use crate::upstream::Home;
use crate::wait::eventually;

/// Of the user `scraper`, whose hash is below at the lowest cost.
const PASSWORD: &str = "FAKEpassword";

fn users() -> String {
    let hash = bcrypt::hash(PASSWORD, 4).expect("a password");
    format!("basic_auth_users:\n  scraper: {hash}\n")
}

const TLS: &str = "tls_server_config:\n  cert_file: cert\n  key_file: key\n";

const MUTUAL: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca\n";

/// A folder with certificates of an authority, and what is made by it.
struct Stage {
    home: Home,
    authority: Authority,
}

impl Stage {
    fn set(web: &str) -> Self {
        let (home, authority) = (Home::new(), Authority::new());
        home.write("ca", &authority.pem);
        let stage = Self { home, authority };
        stage.serve_as(&stage.authority.server());
        stage.configure(web);
        stage
    }

    fn configure(&self, web: &str) {
        self.home.write("web.yml", web);
    }

    fn serve_as(&self, server: &Pair) {
        self.home.write("cert", &server.cert);
        self.home.write("key", &server.key);
    }

    fn config(&self) -> PathBuf {
        self.home.path().join("web.yml")
    }

    async fn start(&self) -> Exporter {
        Exporter::start(["demo".to_owned(), flag("--web.config.file", &self.config())]).await
    }

    /// One that knows the authority.
    fn client(&self) -> ClientBuilder {
        crate::http::client();
        let authority = Certificate::from_pem(self.authority.pem.as_bytes()).expect("PEM");
        Client::builder().no_proxy().tls_certs_only([authority])
    }

    fn client_with(&self, pair: &Pair) -> ClientBuilder {
        let identity = Identity::from_pem(pair.together().as_bytes()).expect("PEM");
        self.client().identity(identity)
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("a name"))
}

async fn ask(client: ClientBuilder, exporter: &Exporter, path: &str) -> reqwest::Result<Response> {
    let url = format!("https://{}{path}", exporter.address());
    client.build().expect("a client").get(url).send().await
}

async fn status(client: ClientBuilder, exporter: &Exporter) -> Option<StatusCode> {
    let response = ask(client, exporter, "/-/healthy").await.ok()?;
    Some(response.status())
}

#[tokio::test]
async fn a_real_prometheus_needs_each_of_certificate_password_and_authority() {
    let web = format!("{TLS}{MUTUAL}{}", users());
    let stage = Stage::set(&web);
    let client = stage.authority.client(vec![dns("prometheus")]);
    let stranger = Authority::new().client(Vec::new());
    for (name, pair) in [("client", &client), ("stranger", &stranger)] {
        stage.home.write(&format!("{name}.crt"), &pair.cert);
        stage.home.write(&format!("{name}.key"), &pair.key);
    }
    let exporter = stage.start().await;
    let job = |name: &str, scheme: &str, tls: &str, password: &str| {
        format!(
            "  - job_name: {name}\n    scheme: {scheme}\n    tls_config: {{ {tls} }}\n    \
             basic_auth: {{ username: scraper, password: {password} }}\n    static_configs:\n      \
             - targets: ['{}']\n",
            exporter.address()
        )
    };
    let good = "ca_file: ca, cert_file: client.crt, key_file: client.key";
    let jobs = [
        job("good", "https", good, PASSWORD),
        job("wrong-password", "https", good, "FAKEother"),
        job("no-certificate", "https", "ca_file: ca", PASSWORD),
        job(
            "strange-certificate",
            "https",
            "ca_file: ca, cert_file: stranger.crt, key_file: stranger.key",
            PASSWORD,
        ),
        job(
            "unknown-authority",
            "https",
            "cert_file: client.crt, key_file: client.key",
            PASSWORD,
        ),
        job("not-encrypted", "http", "", PASSWORD),
    ];
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n{}",
        jobs.concat()
    );
    stage.home.write("prometheus.yml", &config);
    let prometheus = Prometheus::in_folder(stage.home.path());
    assert_eq!(prometheus.query("count(up) == 6").await.len(), 1);
    let up = prometheus.query("up == 1").await;
    assert_eq!(up.len(), 1, "{up:?}");
    assert_eq!(up[0]["metric"]["job"], "good");
    let stored = prometheus.query("trtc_exporter_build_info").await;
    assert_eq!(stored.len(), 1, "{stored:?}");

    let targets = format!("{}/api/v1/targets", prometheus.base());
    let targets = crate::http::get(targets).await.expect("it answers");
    let targets: serde_json::Value =
        serde_json::from_str(&targets.text().await.expect("a body")).expect("JSON");
    let targets = targets["data"]["activeTargets"].as_array().expect("a list");
    for (job, words) in [
        ("wrong-password", "401 Unauthorized"),
        ("no-certificate", "tls: "),
        ("strange-certificate", "tls: "),
        (
            "unknown-authority",
            "certificate signed by unknown authority",
        ),
        ("not-encrypted", "400 Bad Request"),
    ] {
        let target = targets.iter().find(|target| target["labels"]["job"] == job);
        let said = target.expect("a target")["lastError"].to_string();
        assert!(said.contains(words), "{job}: {said}");
    }
}

#[tokio::test]
async fn each_way_to_ask_for_certificates_lets_in_whom_it_should() {
    let stage = Stage::set(TLS);
    let good = stage.authority.client(vec![dns("prometheus")]);
    let expired = stage.authority.expired_client();
    let strange = Authority::new().client(vec![dns("prometheus")]);
    let exporter = stage.start().await;
    for (line, none, good_one, expired_one, strange_one) in [
        ("", true, true, true, true),
        ("  client_auth_type: NoClientCert\n", true, true, true, true),
        (
            "  client_auth_type: RequestClientCert\n",
            true,
            true,
            true,
            true,
        ),
        (
            "  client_auth_type: RequireAnyClientCert\n",
            false,
            true,
            true,
            true,
        ),
        (
            "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca\n",
            true,
            true,
            false,
            false,
        ),
        (MUTUAL, false, true, false, false),
    ] {
        stage.configure(&format!("{TLS}{line}"));
        reload(&exporter).await;
        for (client, let_in) in [
            (stage.client(), none),
            (stage.client_with(&good), good_one),
            (stage.client_with(&expired), expired_one),
            (stage.client_with(&strange), strange_one),
        ] {
            let status = status(client, &exporter).await;
            assert_eq!(status.is_some(), let_in, "{line}");
        }
    }
}

#[tokio::test]
async fn of_good_certificates_only_those_with_an_allowed_name_are_let_in() {
    let names = "  client_allowed_sans: [prometheus, 192.0.2.7, 'spiffe://example/scraper', ops@example.com]\n";
    let stage = Stage::set(&format!("{TLS}{MUTUAL}{names}"));
    let exporter = stage.start().await;
    let text = |text: &str| text.try_into().expect("ASCII");
    for (names, let_in) in [
        (vec![dns("prometheus")], true),
        (vec![dns("other"), dns("prometheus")], true),
        (vec![SanType::IpAddress([192, 0, 2, 7].into())], true),
        (vec![SanType::URI(text("spiffe://example/scraper"))], true),
        (vec![SanType::Rfc822Name(text("ops@example.com"))], true),
        (vec![], false),
        (vec![dns("prometheus.example")], false),
        (vec![dns("*")], false),
        (vec![SanType::IpAddress([192, 0, 2, 8].into())], false),
    ] {
        let client = stage.client_with(&stage.authority.client(names.clone()));
        let status = status(client, &exporter).await;
        assert_eq!(status.is_some(), let_in, "{names:?}");
    }
}

/// Asks for a reload and waits until it is done.
async fn reload(exporter: &Exporter) {
    let count = || {
        let lines = exporter.log().lines();
        let done = lines
            .iter()
            .filter(|line| line.contains("\"Configuration reloaded\""));
        done.count()
    };
    let before = count();
    exporter.signal("HUP");
    eventually("it is reloaded", || (count() > before).then_some(())).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_reload() {
    let stage = Stage::set(TLS);
    let exporter = stage.start().await;
    let first = served_certificate(&stage, &exporter).expect("one");
    // For a moment the two do not belong together.
    let renewed = stage.authority.server();
    stage.home.write("cert", &renewed.cert);
    logged(exporter.log(), "do not belong together").await;
    assert_eq!(served_certificate(&stage, &exporter).as_ref(), Some(&first));
    stage.home.write("key", &renewed.key);
    eventually("the new one is served", || {
        served_certificate(&stage, &exporter).filter(|served| *served != first)
    })
    .await;
    assert_eq!(
        status(stage.client(), &exporter).await,
        Some(StatusCode::OK)
    );
}

/// Nothing when the connection ended with the terms that it was made on.
fn served_certificate(stage: &Stage, exporter: &Exporter) -> Option<Vec<u8>> {
    let connection = shake_hands(&tls_client(stage, None), exporter).ok()?;
    Some(connection.conn.peer_certificates()?.first()?.to_vec())
}

fn tls_client(stage: &Stage, pair: Option<&Pair>) -> Arc<ClientConfig> {
    crate::http::client();
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(stage.authority.pem.as_bytes());
    roots.add(authority.expect("PEM")).expect("a certificate");
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(match pair {
        None => config.with_no_client_auth(),
        Some(pair) => {
            let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
            let config = config.with_client_auth_cert(vec![cert], key);
            config.expect("they belong together")
        }
    })
}

type Encrypted = StreamOwned<ClientConnection, TcpStream>;

fn shake_hands(config: &Arc<ClientConfig>, exporter: &Exporter) -> std::io::Result<Encrypted> {
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a client");
    let stream = TcpStream::connect(exporter.address()).expect("it listens");
    let mut stream = StreamOwned::new(connection, stream);
    probe(&mut stream)?;
    Ok(stream)
}

/// Asks on a connection that is kept.
fn probe(stream: &mut Encrypted) -> std::io::Result<()> {
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n")?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhealthy\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    Ok(())
}

/// A client that would resume its session has to show its certificate each time, and one whose certificate is no longer
/// welcome is let in neither by its session nor by its open connection.
#[tokio::test]
async fn no_session_outlives_its_welcome() {
    let stage = Stage::set(&format!("{TLS}{MUTUAL}"));
    let exporter = stage.start().await;
    let client = stage.authority.client(vec![dns("prometheus")]);
    let config = tls_client(&stage, Some(&client));
    let mut connection = shake_hands(&config, &exporter).expect("let in");
    let second = shake_hands(&config, &exporter).expect("let in");
    assert_eq!(second.conn.handshake_kind(), Some(HandshakeKind::Full));
    probe(&mut connection).expect("a kept connection");

    // The authority of clients is replaced.
    stage.home.write("ca", &Authority::new().pem);
    eventually("the connection is closed", || {
        probe(&mut connection).is_err().then_some(())
    })
    .await;
    let refused = status(stage.client_with(&client), &exporter).await;
    assert_eq!(refused, None);
}

#[tokio::test]
async fn passwords_are_wanted_for_every_path() {
    let stage = Stage::set(&users());
    let exporter = stage.start().await;
    exporter.log().lines();
    for path in crate::http::PATHS {
        let response = crate::http::get(exporter.url(path))
            .await
            .expect("it answers");
        assert_eq!(response.status(), 401, "{path}");
        assert_eq!(response.headers()["www-authenticate"], "Basic");
        assert_eq!(response.text().await.expect("a body"), "unauthorized\n");
        for (user, password, let_in) in [
            ("scraper", PASSWORD, true),
            ("scraper", "FAKEother", false),
            ("nobody", PASSWORD, false),
        ] {
            let request = crate::http::client().get(exporter.url(path));
            let answer = request.basic_auth(user, Some(password)).send().await;
            let status = answer.expect("it answers").status();
            assert_eq!(status != 401, let_in, "{path} {user}: {status}");
        }
    }
}

#[tokio::test]
async fn headers_are_on_every_answer() {
    let web = "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    \
               Content-Security-Policy: default-src 'none'\n";
    let stage = Stage::set(&format!("{web}{}", users()));
    let exporter = stage.start().await;
    for password in [PASSWORD, "FAKEother"] {
        let request = crate::http::client().get(exporter.url("/"));
        let answer = request.basic_auth("scraper", Some(password)).send().await;
        let answer = answer.expect("it answers");
        for (name, value) in [
            ("x-frame-options", "sameorigin"),
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
        ] {
            let values: Vec<_> = answer.headers().get_all(name).iter().collect();
            assert_eq!(values, [value], "{name}");
        }
    }
}

#[tokio::test]
async fn beyond_the_rate_limit_requests_are_refused() {
    let stage = Stage::set("rate_limit: { interval: 1h, burst: 3 }\n");
    let exporter = stage.start().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(exporter.get("/-/healthy").await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn versions_suites_and_protocols_are_as_configured() {
    let stage = Stage::set(TLS);
    let exporter = stage.start().await;
    let http2 = ask(stage.client(), &exporter, "/metrics").await;
    let http2 = http2.expect("it answers");
    assert_eq!(
        (http2.version(), http2.status()),
        (Version::HTTP_2, StatusCode::OK)
    );
    assert!(
        http2
            .text()
            .await
            .expect("a body")
            .contains("trtc_exporter_build_info")
    );
    let http1 = ask(stage.client().http1_only(), &exporter, "/metrics").await;
    assert_eq!(http1.expect("it answers").version(), Version::HTTP_11);

    stage.configure(&format!(
        "{TLS}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]\n  \
         curve_preferences: [CurveP384]\nhttp_server_config: {{ http2: false }}\n"
    ));
    reload(&exporter).await;
    let connection = shake_hands(&tls_client(&stage, None), &exporter);
    let connection = connection.expect("let in").conn;
    assert_eq!(
        connection.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_2)
    );
    let suite = connection
        .negotiated_cipher_suite()
        .expect("agreed")
        .suite();
    assert_eq!(
        suite,
        rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
    );
    let curve = connection
        .negotiated_key_exchange_group()
        .expect("agreed")
        .name();
    assert_eq!(curve, rustls::NamedGroup::secp384r1);
    let answer = ask(stage.client(), &exporter, "/").await;
    assert_eq!(answer.expect("it answers").version(), Version::HTTP_11);

    stage.configure(&format!("{TLS}  min_version: TLS13\n"));
    reload(&exporter).await;
    let old = stage
        .client()
        .tls_version_max(reqwest::tls::Version::TLS_1_2);
    assert_eq!(status(old, &exporter).await, None);
    assert_eq!(
        status(stage.client(), &exporter).await,
        Some(StatusCode::OK)
    );
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_less_protection_needs_an_order() {
    let stage = Stage::set(&users());
    let exporter = stage.start().await;
    // Each by a connection of its own: those made on other terms end, perhaps just when they are used again.
    let asked = async || {
        let request = crate::http::client().get(exporter.url("/"));
        let answer = request.header("connection", "close").send().await;
        answer.expect("it answers").status().as_u16()
    };
    assert_eq!(asked().await, 401);
    stage.configure("basic_auth_users: { scraper: FAKEplain }\n");
    logged(exporter.log(), "has changed and is not usable").await;
    assert_eq!(asked().await, 401);
    exporter.signal("HUP");
    logged(exporter.log(), "could not be reloaded").await;
    assert_eq!(asked().await, 401);
    // As it is while somebody writes it.
    stage.configure("");
    logged(exporter.log(), "protects less").await;
    assert_eq!(asked().await, 401);
    reload(&exporter).await;
    assert_eq!(asked().await, 200);
    stage.configure(&users());
    logged(exporter.log(), "has changed, and is in force").await;
    assert_eq!(asked().await, 401);

    // The same, cut off line by line.
    let names = "  client_allowed_sans: [prometheus]\n";
    let whole = format!("{}{TLS}{MUTUAL}{names}", users());
    stage.configure(&whole);
    reload(&exporter).await;
    let stranger = stage.authority.client(vec![dns("other")]);
    for left_out in [names, "  client_ca_file: ca\n", MUTUAL] {
        let warnings = |log: Vec<String>| {
            let lines = log.iter().filter(|line| line.contains("protects less"));
            lines.count()
        };
        let before = warnings(exporter.log().lines());
        stage.configure(&whole.replace(left_out, "").replace(names, ""));
        eventually("it is told", || {
            (warnings(exporter.log().lines()) > before).then_some(())
        })
        .await;
        assert_eq!(status(stage.client_with(&stranger), &exporter).await, None);
    }
    assert!(!exporter.log().contains("FAKE"));
}

#[tokio::test]
async fn the_health_check_needs_no_secret() {
    let stage = Stage::set("");
    let exporter = stage.start().await;
    for web in [
        TLS.to_owned(),
        format!("{TLS}{MUTUAL}"),
        format!("{TLS}{}", users()),
    ] {
        stage.configure(&web);
        reload(&exporter).await;
        let address = format!("--web.listen-address={}", exporter.address());
        let (code, _, said) = run(command().args(["healthcheck", &address])).await;
        assert_eq!((code, said.as_str()), (Some(0), ""), "{web}");
    }
    exporter.signal("STOP");
    let address = format!("--web.listen-address={}", exporter.address());
    let (code, _, said) = run(command().args(["healthcheck", &address])).await;
    assert_eq!(code, Some(1), "{said}");
    exporter.signal("CONT");
}

/// More than it will hold, none of which ever begins a handshake.
#[tokio::test]
async fn silent_clients_do_not_keep_others_from_a_handshake() {
    let stage = Stage::set(TLS);
    let exporter = stage.start().await;
    let silent: Vec<TcpStream> = (0..1_500)
        .map(|_| TcpStream::connect(exporter.address()).expect("it listens"))
        .collect();
    let mut half = TcpStream::connect(exporter.address()).expect("it listens");
    half.write_all(b"\x16\x03\x01\x02\x00\x01").expect("taken");
    for client in [stage.client(), stage.client().http1_only()] {
        assert_eq!(status(client, &exporter).await, Some(StatusCode::OK));
    }
    drop((silent, half));
}
