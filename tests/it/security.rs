//! The list in README.md's section on security, a test for each of its lines.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use trtc_exporter::config;
use trtc_exporter::secret::Secret;
use trtc_exporter::simulator::{Model, SECRET_ID, SECRET_KEY};

use crate::exporter::{Exporter, Running, command, flag, logged, run};
use crate::http::{PATHS, client, post};
use crate::pki::{Authority, Pair};
use crate::upstream::{Home, simulator};
use crate::wait::eventually;

/// An upstream that sends back all that it hears, as an error and with worse.
struct Echo {
    endpoint: String,
    asked: Arc<AtomicUsize>,
}

/// What it adds: a line of the log that nobody wrote, orders to a terminal, and what a browser would run.
const FORGED: &str = "\nts=2026-01-01T00:00:00Z level=error msg=forged\r\n\u{1b}[2J\u{202e}<script>alert(1)</script>";

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a client");
                tokio::spawn(echo(stream, Arc::clone(&count)));
            }
        });
        Self {
            endpoint: format!("http://{address}"),
            asked,
        }
    }

    /// Waits until it was asked a few times more.
    async fn is_asked(&self) {
        let wanted = self.asked.load(Ordering::Relaxed) + 3;
        eventually("it is asked", || {
            (self.asked.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }
}

async fn echo(mut stream: TcpStream, asked: Arc<AtomicUsize>) {
    let mut request = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut request).await {
        let heard = String::from_utf8_lossy(&request[..length]);
        let error =
            serde_json::json!({"Code": "InternalError", "Message": format!("{FORGED}{heard}")});
        let answer =
            serde_json::json!({"Response": {"Error": error, "RequestId": FORGED}}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all((head + &answer).as_bytes()).await.is_err() {
            break;
        }
        asked.fetch_add(1, Ordering::Relaxed);
    }
}

/// Points an exporter at an endpoint, once a second.
fn configure(home: &Home, endpoint: &str, credentials: &str, more: &str) {
    home.write(
        "trtc-exporter.yml",
        &format!(
            "poll_interval: 1s\naccounts:\n  - name: main\n    endpoint: {endpoint}\n    \
             credentials: {{ {credentials} }}\n    apps:\n      - sdk_app_id: 1400000001\n        \
             name: <script>alert(2)</script>\n{more}"
        ),
    );
}

const FILES: &str = "secret_id_file: id, secret_key_file: key";

fn arguments(home: &Home) -> [String; 2] {
    [
        flag("--config.file", &home.config()),
        "--storage.path=".to_owned(),
    ]
}

#[tokio::test]
async fn no_output_shows_a_secret() {
    let (upstream, home) = (Echo::start().await, Home::new());
    let inline = "secret_id: AKIDFAKE0001, secret_key: keyFAKE0002, token: tokenFAKE0003";
    configure(&home, &upstream.endpoint, inline, "");
    let hash = bcrypt::hash("passwordFAKE0004", 4).expect("a password");
    home.write(
        "web.yml",
        &format!("basic_auth_users: {{ anna: {hash} }}\n"),
    );
    let web = flag("--web.config.file", &home.path().join("web.yml"));
    let more = [
        web,
        "--log.level=debug".to_owned(),
        "--web.enable-lifecycle".to_owned(),
    ];
    let exporter = Exporter::start(arguments(&home).into_iter().chain(more)).await;
    upstream.is_asked().await;

    let mut shown = String::new();
    for path in PATHS {
        for password in ["passwordFAKE0004", "otherFAKE0005"] {
            let request = client().get(exporter.url(path));
            let answer = request.basic_auth("anna", Some(password)).send().await;
            let answer = answer.expect("it answers");
            shown += &format!("{:?}\n", answer.headers());
            shown += &answer.text().await.expect("a body");
        }
    }
    assert!(shown.contains("secret_key: <secret>"), "{shown}");
    // A bad file, whose problems come from the places where the secrets stand.
    let bad = "secret_id: ' AKIDFAKE0001', secret_key:keyFAKE0002: 1, token: [tokenFAKE0003]";
    configure(&home, &upstream.endpoint, bad, "");
    home.write("web.yml", "basic_auth_users: { anna: passwordFAKE0004 }\n");
    let reload = post(exporter.url("/-/reload")).basic_auth("anna", Some("passwordFAKE0004"));
    let refused = reload.send().await.expect("it answers");
    assert_eq!(refused.status(), 500);
    let reason = refused.text().await.expect("a body");
    assert!(
        reason.contains("trtc-exporter.yml:5") && reason.contains("web.yml:1"),
        "{reason}"
    );
    shown += &reason;
    upstream.is_asked().await;
    let log = exporter.log().lines().join("\n");
    assert!(
        log.contains("msg=\"Not answered\"") && log.contains("could not be reloaded"),
        "{log}"
    );
    for text in [&shown, &log] {
        assert!(!text.contains("FAKE"), "{text}");
        assert!(!text.contains(&hash) && !text.contains("$2b$"), "{text}");
        let signed = text.split("Signature=").skip(1);
        let mut signatures = signed.map(|rest| rest.chars().take(8).collect::<String>());
        assert!(signatures.all(|signature| !signature.chars().all(|c| c.is_ascii_hexdigit())));
    }
}

#[test]
fn no_panic_shows_a_secret() {
    let secret = Secret::new("keyFAKE".to_owned());
    let panic = std::panic::catch_unwind(|| {
        let refuse = |secret: Secret| -> Result<(), Secret> { Err(secret) };
        refuse(secret).expect("a panic with a secret at hand");
    });
    let said = panic.expect_err("it panics");
    let said = said.downcast_ref::<String>().expect("text");
    assert!(
        said.contains("<secret>") && !said.contains("FAKE"),
        "{said}"
    );

    let text = "accounts: [{ name: a, credentials: { secret_id: AKIDFAKE, secret_key: keyFAKE, token: tokenFAKE } }]";
    let loaded = config::parse(text, Path::new("trtc-exporter.yml")).expect("it is valid");
    let shown = format!("{loaded:?}");
    assert!(
        shown.contains("<secret>") && !shown.contains("FAKE"),
        "{shown}"
    );
}

/// STS stands at the upstream's place, and sends back the token of a pod, or the keys that were to be exchanged.
#[tokio::test]
async fn no_output_shows_what_a_role_is_given_for() {
    let arn = "qcs::cam::uin/1:roleName/reader";
    let (upstream, home) = (Echo::start().await, Home::new());
    home.write("identity", "identityFAKE0006");
    for credentials in [
        "from: tke_oidc".to_owned(),
        format!(
            "secret_id: AKIDFAKE0001, secret_key: keyFAKE0002, token: tokenFAKE0003, role_arn: '{arn}', external_id: agreedFAKE0007"
        ),
    ] {
        configure(&home, &upstream.endpoint, &credentials, "");
        let more = ["--log.level=debug".to_owned()];
        let exporter = Exporter::start_with(arguments(&home).into_iter().chain(more), |command| {
            command
                .env("TKE_REGION", "ap-guangzhou")
                .env("TKE_PROVIDER_ID", "cls-fake")
                .env("TKE_ROLE_ARN", arn)
                .env("TKE_WEB_IDENTITY_TOKEN_FILE", home.path().join("identity"));
        })
        .await;
        logged(exporter.log(), "Credentials not renewed").await;
        logged(exporter.log(), "code=credentials").await;
        let mut shown = exporter.log().lines().join("\n");
        for path in PATHS {
            shown += &exporter.get(path).await.1;
        }
        assert!(shown.contains("InternalError"), "{shown}");
        assert!(!shown.contains("FAKE"), "{shown}");
    }
}

#[tokio::test]
async fn secret_files_that_others_can_read_are_warned_about() {
    let (upstream, home) = (Echo::start().await, Home::new());
    let server = Authority::new().server();
    for (name, text) in [
        ("id", "AKIDFAKE"),
        ("cert", &server.cert),
        ("tls-key", &server.key),
    ] {
        home.write(name, text);
    }
    configure(&home, &upstream.endpoint, FILES, "");
    home.write(
        "web.yml",
        "tls_server_config: { cert_file: cert, key_file: tls-key }\n",
    );
    let web = flag("--web.config.file", &home.path().join("web.yml"));
    let check = [
        arguments(&home)[0].clone(),
        web.clone(),
        "--config.check".to_owned(),
    ];
    let (code, said, _) = run(command().args(&check)).await;
    assert_eq!((code, said.contains("warning")), (Some(0), false), "{said}");
    for name in ["key", "tls-key"] {
        let open = fs::Permissions::from_mode(0o640);
        fs::set_permissions(home.path().join(name), open).expect("ours");
    }
    let (code, said, _) = run(command().args(&check)).await;
    assert_eq!(
        (code, said.matches("mode 640").count()),
        (Some(0), 2),
        "{said}"
    );
    let exporter = Exporter::start(arguments(&home).into_iter().chain([web])).await;
    for place in [
        "credentials.secret_key_file: others",
        "tls_server_config.key_file: others",
    ] {
        logged(exporter.log(), place).await;
    }
}

/// What the memory of a process holds that can be written: heap, stacks and the like.
fn memory(id: u32) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).expect("it runs");
    let memory = fs::File::open(format!("/proc/{id}/mem")).expect("it is our child");
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, access) = (
            words.next().expect("a range"),
            words.next().expect("access"),
        );
        let (begin, end) = range.split_once('-').expect("a range");
        if !access.starts_with("rw") {
            continue;
        }
        let [begin, end] = [begin, end].map(|number| u64::from_str_radix(number, 16).expect("hex"));
        let mut bytes = vec![0; usize::try_from(end - begin).expect("it fits")];
        // A region may be gone by now.
        let read = memory.read_at(&mut bytes, begin).unwrap_or(0);
        all.extend_from_slice(&bytes[..read]);
    }
    all
}

fn holds(memory: &[u8], text: &str) -> bool {
    memory
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_key_that_is_no_longer_used_is_gone_from_memory() {
    let (upstream, home) = (Echo::start().await, Home::new());
    let server = Authority::new().server();
    home.write("cert", &server.cert);
    home.write("tls-key", &server.key);
    home.write(
        "web.yml",
        "tls_server_config: { cert_file: cert, key_file: tls-key }\n",
    );
    home.write("id", "AKIDFAKE");
    let (old, new) = ("FAKEoldKeyOfThisTest0001", "FAKEnewKeyOfThisTest0002");
    home.write("key", old);
    configure(&home, &upstream.endpoint, FILES, "");
    let web = flag("--web.config.file", &home.path().join("web.yml"));
    let exporter = Exporter::start(arguments(&home).into_iter().chain([web])).await;
    upstream.is_asked().await;
    assert!(holds(&memory(exporter.id()), old), "it is in use");
    home.write("key", new);
    upstream.is_asked().await;
    let memory = memory(exporter.id());
    assert!(holds(&memory, new), "it is in use");
    assert!(!holds(&memory, old), "the old key is left behind");
    let line = server.key.lines().nth(1).expect("a line of base64");
    assert!(
        !holds(&memory, line),
        "the text of the TLS key is left behind"
    );

    let inline = "FAKEinlineKeyOfThisTest0003";
    let written_out = format!("secret_id: AKIDFAKE, secret_key: {inline}");
    configure(&home, &upstream.endpoint, &written_out, "");
    exporter.signal("HUP");
    logged(exporter.log(), "Configuration reloaded").await;
    upstream.is_asked().await;
    configure(&home, &upstream.endpoint, FILES, "");
    exporter.signal("HUP");
    eventually("it is reloaded again", || {
        let lines = exporter.log().lines();
        let done = lines
            .iter()
            .filter(|line| line.contains("Configuration reloaded"));
        (done.count() == 2).then_some(())
    })
    .await;
    upstream.is_asked().await;
    assert!(
        !holds(&self::memory(exporter.id()), inline),
        "a key of the configuration is left behind"
    );
}

#[tokio::test]
async fn keys_are_not_sent_unencrypted_to_another_machine() {
    let home = Home::new();
    for (endpoint, possible) in [
        ("http://192.0.2.1", false),
        ("http://trtc.tencentcloudapi.com", false),
        ("http://127.0.0.1.example.com", false),
        ("http://localhost:1", true),
        ("http://127.0.0.1:1", true),
        ("https://192.0.2.1", true),
    ] {
        configure(
            &home,
            endpoint,
            "secret_id: AKIDFAKE, secret_key_file: key",
            "",
        );
        let check = [arguments(&home)[0].clone(), "--config.check".to_owned()];
        let (code, _, said) = run(command().args(check)).await;
        assert_eq!(code == Some(0), possible, "{endpoint}: {said}");
    }
}

/// TLS before the simulator.
async fn encrypted(simulator: &str, pair: &Pair) -> String {
    client();
    let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let behind = simulator.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // Whoever does not trust the certificate leaves, which is what the test is about.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut behind = TcpStream::connect(behind).await.expect("it listens");
                    tokio::io::copy_bidirectional(&mut stream, &mut behind)
                        .await
                        .ok();
                }
            });
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn the_upstream_is_verified_by_the_systems_authorities_and_those_of_ca_file() {
    let upstream = simulator(Model::default()).await;
    let (trusted, other, home) = (Authority::new(), Authority::new(), Home::new());
    home.write("id", SECRET_ID);
    home.write("key", SECRET_KEY);
    home.write("ca", &trusted.pem);
    let elsewhere = trusted.server_named("elsewhere.example");
    for (pair, more, works) in [
        (trusted.server(), "    ca_file: ca\n", true),
        (trusted.server(), "", false),
        (other.server(), "    ca_file: ca\n", false),
        (elsewhere, "    ca_file: ca\n", false),
    ] {
        let endpoint = encrypted(&upstream.endpoint(), &pair).await;
        configure(&home, &endpoint, FILES, more);
        let exporter = Exporter::start(arguments(&home)).await;
        let up = "trtc_up";
        if works {
            exporter
                .scrape_until("it works", |scrape| scrape.sum(up, "") == 2.0)
                .await;
            continue;
        }
        let scrape = exporter
            .scrape_until("it fails", |scrape| {
                scrape.sum("trtc_poll_failures_total", "code=\"transport\"") >= 2.0
            })
            .await;
        assert_eq!(scrape.sum(up, ""), 0.0);
        assert!(exporter.log().contains("certificate"));
    }
}

fn sources(under: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(under).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let text = fs::read_to_string(&path).expect("text");
            found.push((path.display().to_string(), text));
        }
    }
    found
}

#[tokio::test]
async fn nothing_switches_verification_off() {
    let switches = [
        "dangerous()",
        "danger_accept",
        "tls_danger",
        "set_certificate_verifier",
    ];
    let used = sources(Path::new("src"));
    let used = used
        .iter()
        .filter(|(_, text)| switches.iter().any(|switch| text.contains(switch)));
    let used: Vec<&str> = used.map(|(path, _)| path.as_str()).collect();
    // It asks the exporter on this machine, and sends no secret.
    assert_eq!(used, ["src/healthcheck/own.rs"]);
    let (_, help, _) = run(command().arg("--help")).await;
    let told = config::parse("accounts: [{ zzz: 1 }]", Path::new("x.yml")).expect_err("bad");
    for word in ["insecure", "skip", "verify"] {
        assert!(
            !help.to_lowercase().contains(word) && !told.to_string().contains(word),
            "{word}"
        );
    }
}

#[tokio::test]
async fn a_reload_by_http_needs_the_flag_and_a_post_of_no_other_site() {
    let (upstream, home) = (Echo::start().await, Home::new());
    configure(
        &home,
        &upstream.endpoint,
        "secret_id: AKIDFAKE, secret_key_file: key",
        "",
    );
    let status = async |exporter: &Exporter, headers: &[(&str, &str)]| {
        let request = post(exporter.url("/-/reload"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.send().await.expect("it answers").status().as_u16()
    };
    let closed = Exporter::start(arguments(&home)).await;
    assert_eq!(status(&closed, &[]).await, 403);
    let lifecycle = "--web.enable-lifecycle".to_owned();
    let exporter = Exporter::start(arguments(&home).into_iter().chain([lifecycle])).await;
    assert_eq!(exporter.get("/-/reload").await.0, 405);
    let own = format!("http://{}", exporter.address());
    for (headers, expected) in [
        (&[][..], 200),
        (&[("sec-fetch-site", "same-origin"), ("origin", &own)], 200),
        (&[("origin", &own)], 200),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "null")], 403),
    ] {
        assert_eq!(status(&exporter, headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn the_upstream_cannot_forge_a_log_line() {
    for format in ["logfmt", "json"] {
        let (upstream, home) = (Echo::start().await, Home::new());
        configure(
            &home,
            &upstream.endpoint,
            "secret_id: AKIDFAKE, secret_key_file: key",
            "",
        );
        let mut program = command();
        program.args(arguments(&home)).args([
            &format!("--log.format={format}"),
            "--log.level=debug",
            "--web.listen-address=127.0.0.1:0",
        ]);
        let running = Running::start(&mut program);
        upstream.is_asked().await;
        logged(running.log(), "forged").await;
        for line in running.log().lines() {
            match format {
                "json" => {
                    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
                    assert_ne!(line["msg"], "forged");
                }
                _ => {
                    let is_own = line.starts_with("ts=") && !line.starts_with("ts=2026-01-01");
                    assert!(is_own, "{line}");
                }
            }
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\r']), "{line}");
        }
    }
}

#[tokio::test]
async fn the_page_runs_nothing_that_others_wrote() {
    let (upstream, home) = (Echo::start().await, Home::new());
    configure(
        &home,
        &upstream.endpoint,
        "secret_id: AKIDFAKE, secret_key_file: key",
        "",
    );
    let exporter = Exporter::start(arguments(&home)).await;
    upstream.is_asked().await;
    let answer = crate::http::get(exporter.url("/"))
        .await
        .expect("it answers");
    let kind = answer.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    let page = answer.text().await.expect("a body");
    assert!(
        kind.starts_with("text/html") && page.contains("</html>"),
        "{page}"
    );
    assert!(!page.contains("<script>alert"), "{page}");
    // What shows them as they are is not taken for a page.
    for path in ["/config", "/metrics"] {
        let answer = crate::http::get(exporter.url(path))
            .await
            .expect("it answers");
        let headers = answer.headers().clone();
        assert!(
            answer
                .text()
                .await
                .expect("a body")
                .contains("<script>alert(2)")
        );
        assert!(
            headers["content-type"]
                .to_str()
                .expect("text")
                .starts_with("text/plain")
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
}

#[test]
fn there_is_no_unsafe_code() {
    let manifest = fs::read_to_string("Cargo.toml").expect("ours");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for (path, text) in sources(Path::new("src")) {
        assert!(
            !text.contains("unsafe {") && !text.contains("unsafe fn"),
            "{path}"
        );
    }
}

#[test]
fn dependencies_are_checked_in_every_run() {
    let run = fs::read_to_string("tests/run").expect("ours");
    assert!(run.contains("--config tests/deny.toml check"));
    let rules = fs::read_to_string("tests/deny.toml").expect("ours");
    for rule in [
        "[licenses]",
        "[bans]",
        "unknown-registry = \"deny\"",
        "unknown-git = \"deny\"",
    ] {
        assert!(rules.contains(rule), "{rule}");
    }
}

/// A line of the list for each test, and a test for each line.
#[test]
fn the_list_is_complete() {
    let page = fs::read_to_string("README.md").expect("ours");
    let section = page.split("\n## Security\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let listed = section
        .split('`')
        .filter_map(|span| span.strip_prefix("security::"));
    let listed: BTreeSet<&str> = listed.collect();
    let tests = include_str!("security.rs")
        .split("#[tokio::test]\n")
        .flat_map(|part| part.split("#[test]\n"));
    let tests = tests.skip(1).map(|part| {
        let name = part.trim_start_matches("async ").trim_start_matches("fn ");
        name.split('(').next().unwrap_or(name)
    });
    let tests: BTreeSet<&str> = tests
        .filter(|name| *name != "the_list_is_complete")
        .collect();
    assert_eq!(listed, tests);
}
