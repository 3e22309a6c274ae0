//! Web configurations, good and bad, before the program and before Prometheus' own checker.

use std::path::Path;
use std::process::Command;

use trtc_exporter::web_config;

use crate::exporter::{command, flag, run};
use crate::pki::Authority;
use crate::upstream::Home;

/// What is said of a file.
#[derive(Clone, Copy)]
enum Verdict {
    /// It is good, for both.
    Good,
    /// It is good, for both; here with a warning on this line with these words.
    Warned(u32, &'static str),
    /// It is bad, for both; here with this line and these words.
    Bad(u32, &'static str),
    /// Prometheus' checker lets it pass.
    BadHere(u32, &'static str),
    /// The checker of Debian 12 does not know it yet.
    GoodHere,
}
use Verdict::{Bad, BadHere, Good, GoodHere, Warned};

const FILES: &[(&str, Verdict)] = &[
    ("", Good),
    ("# nothing\n", Good),
    ("tls_server_config: {}\n", Good),
    (
        "tls_server_config: { cert_file: cert, key_file: key }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: both, key_file: both }\n",
        Good,
    ),
    (
        "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n",
        Good,
    ),
    ("tls_server_config: [cert]\n", Bad(1, "mapping")),
    (
        "tls_config: { cert_file: cert, key_file: key }\n",
        Bad(1, "unknown key"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  keyfile: key\n",
        Bad(4, "unknown key"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n",
        Bad(1, "neither `key_file` nor `key`"),
    ),
    (
        "tls_server_config:\n  key_file: key\n",
        Bad(1, "neither `cert_file` nor `cert`"),
    ),
    (
        "tls_server_config:\n  cert_file: ''\n  key_file: key\n",
        Bad(1, "neither `cert_file` nor `cert`"),
    ),
    (
        "tls_server_config:\n  cert_file: nowhere\n  key_file: key\n",
        Bad(2, "cannot be read"),
    ),
    (
        "tls_server_config:\n  cert_file: key\n  key_file: key\n",
        Bad(2, "no certificate"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: cert\n",
        Bad(3, "no private key"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: other-key\n",
        Bad(2, "do not belong together"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: broken\n",
        Bad(3, "not good PEM"),
    ),
    (
        "tls_server_config:\n  min_version: TLS13\n",
        BadHere(1, "neither `cert_file` nor `cert`"),
    ),
    // Client certificates.
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_auth_type: NoClientCert }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_auth_type: RequestClientCert }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_auth_type: RequireAnyClientCert }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_auth_type: RequireClientCert }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_ca_file: ca, client_auth_type: VerifyClientCertIfGiven }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_ca_file: ca, client_auth_type: RequireAndVerifyClientCert }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, client_ca_file: ca, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [a, 127.0.0.1] }\n",
        GoodHere,
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_auth_type: Sometimes\n",
        Bad(4, "RequireAndVerifyClientCert"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_ca_file: ca\n",
        Bad(4, "client_auth_type"),
    ),
    (
        "tls_server_config:\n  client_ca_file: ca\n  client_auth_type: RequestClientCert\n",
        Bad(1, "neither"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: nowhere\n",
        Bad(5, "cannot be read"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_auth_type: RequireAndVerifyClientCert\n",
        Warned(4, "client_ca_file"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: key\n",
        BadHere(5, "no certificate"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_allowed_sans: [a]\n",
        Bad(4, "has no effect"),
    ),
    // Versions, suites, curves.
    (
        "tls_server_config: { cert_file: cert, key_file: key, min_version: TLS13, max_version: TLS13 }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, prefer_server_cipher_suites: false }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256] }\n",
        Good,
    ),
    (
        "tls_server_config: { cert_file: cert, key_file: key, curve_preferences: [X25519, CurveP384, CurveP256] }\n",
        Good,
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  min_version: TLS14\n",
        Bad(4, "TLS12 or TLS13"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  max_version: 1.3\n",
        Bad(4, "TLS12 or TLS13"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  cipher_suites: [TLS_ROT13]\n",
        Bad(4, "not known"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  curve_preferences: [CurveBall]\n",
        Bad(4, "not known"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  prefer_server_cipher_suites: sometimes\n",
        Bad(4, "true or false"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  min_version: TLS10\n",
        BadHere(4, "broken"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  min_version: TLS13\n  max_version: TLS12\n",
        BadHere(4, "above"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  cipher_suites:\n    - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\n",
        BadHere(5, "CBC"),
    ),
    (
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  curve_preferences: [CurveP521]\n",
        BadHere(4, "no such curve"),
    ),
    // Headers and HTTP/2.
    ("http_server_config: { http2: false }\n", Good),
    (
        "http_server_config:\n  headers:\n    Content-Security-Policy: default-src 'self'\n    Strict-Transport-Security: max-age=31536000\n    X-Content-Type-Options: nosniff\n    X-Frame-Options: sameorigin\n    X-XSS-Protection: 0\n",
        Good,
    ),
    (
        "http_server_config:\n  headers:\n    Content-Security-Policy: ''\n",
        Good,
    ),
    (
        "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n",
        Bad(3, "deny or sameorigin"),
    ),
    (
        "http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n",
        Bad(3, "nosniff"),
    ),
    (
        "http_server_config:\n  headers:\n    Set-Cookie: a=b\n",
        Bad(3, "unknown key"),
    ),
    (
        "http_server_config:\n  http3: true\n",
        Bad(2, "did you mean `http2`"),
    ),
    (
        "http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\nb\"\n",
        BadHere(3, "cannot be sent"),
    ),
    // Users.
    (
        "basic_auth_users: { anna: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG }\n",
        Good,
    ),
    (
        "basic_auth_users:\n  anna: $2a$04$6Zl/bpZ1DPzT6uTqxTlPLe8Zn6/1ZzPzL2pv9C5b2OaFFGv5dGiUq\n  1: $2b$12$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
        Good,
    ),
    ("basic_auth_users:\n  anna: FAKEplain\n", Bad(2, "htpasswd")),
    (
        "basic_auth_users:\n  anna: $2y$03$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
        Bad(2, "htpasswd"),
    ),
    (
        "basic_auth_users:\n  anna: $1$FAKE$X0h1gDsPszWURQaxFh.zou\n",
        Bad(2, "htpasswd"),
    ),
    (
        "basic_auth_users:\n  anna: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n  anna: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
        Bad(3, "given twice"),
    ),
    (
        "basic_auth_users:\n  'an:na': $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
        BadHere(2, "colon"),
    ),
    // The rate limit.
    ("rate_limit: { interval: 100ms, burst: 20 }\n", GoodHere),
    ("rate_limit: { interval: 0s }\n", GoodHere),
    ("rate_limit:\n  interval: often\n", Bad(2, "duration")),
    (
        "rate_limit:\n  interval: 1s\n  burst: -1\n",
        Bad(3, "whole number"),
    ),
    ("rate_limit:\n  interval: 1s\n", Bad(1, "burst")),
    // Not YAML of this kind.
    ("tls_server_config: {\n", Bad(1, "YAML")),
    ("- tls_server_config\n", Bad(1, "mapping")),
];

fn home() -> Home {
    let home = Home::new();
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.server();
    home.write("ca", &authority.pem);
    home.write("cert", &server.cert);
    home.write("key", &server.key);
    home.write("both", &server.together());
    home.write("other-key", &other.server().key);
    home.write(
        "broken",
        "-----BEGIN PRIVATE KEY-----\nFAKE!\n-----END PRIVATE KEY-----\n",
    );
    home
}

#[test]
fn promtool_agrees_or_the_difference_is_known() {
    let home = home();
    let file = home.path().join("web.yml");
    let mut surprises = String::new();
    for (text, verdict) in FILES {
        home.write("web.yml", text);
        let here = web_config::check(&file).map_err(|error| error.to_string());
        let promtool = Command::new("promtool")
            .args(["check", "web-config"])
            .arg(&file)
            .output()
            .expect("promtool is installed: tests/run sees to that");
        let is_expected_here = match (*verdict, &here) {
            (Good | GoodHere, Ok(warnings)) => warnings.is_empty(),
            (Warned(line, words), Ok(warnings)) => {
                let place = format!("{}:{line}:", file.display());
                matches!(&warnings[..], [said] if said.starts_with(&place) && said.contains(words))
            }
            (Bad(line, words) | BadHere(line, words), Err(said)) => {
                said.starts_with(&format!("{}:{line}:", file.display()))
                    && said.contains(words)
                    && !["FAKE", "$2"].iter().any(|secret| said.contains(secret))
            }
            _ => false,
        };
        let passes = promtool.status.success();
        if !is_expected_here || passes != matches!(verdict, Good | Warned(..) | BadHere(..)) {
            let said = String::from_utf8_lossy(&promtool.stderr);
            surprises += &format!("{text}here: {here:?}\npromtool: {passes} {said}\n");
        }
    }
    assert_eq!(surprises, "");
}

/// The checker of Debian 12 does not know these yet.
#[test]
fn certificates_and_keys_may_be_written_out() {
    let home = home();
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).expect("written");
    let written_out = |key: &str, text: &str| {
        let lines: String = text.lines().map(|line| format!("    {line}\n")).collect();
        format!("  {key}: |\n{lines}")
    };
    let (cert, key) = (
        written_out("cert", &read("cert")),
        written_out("key", &read("key")),
    );
    let ca = written_out("client_ca", &read("ca"));
    let all = format!(
        "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n{cert}{key}{ca}"
    );
    let file = home.path().join("web.yml");
    home.write("web.yml", &all);
    assert!(web_config::check(&file).is_ok_and(|warnings| warnings.is_empty()));
    home.write("web.yml", &format!("{all}  cert_file: cert\n"));
    let said = web_config::check(&file)
        .expect_err("two of one")
        .to_string();
    assert!(
        said.contains("`cert` and `cert_file` are both given"),
        "{said}"
    );
    home.write(
        "web.yml",
        &all.replace("    -----BEGIN PRIVATE", "    FAKE-----BEGIN"),
    );
    let said = web_config::check(&file).expect_err("no key").to_string();
    assert!(
        said.contains("private key") && !said.contains("FAKE"),
        "{said}"
    );
}

#[test]
fn doubtful_things_are_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let file = home.path().join("web.yml");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(home.path().join("key"), open).expect("ours");
    home.write(
        "web.yml",
        "tls_server_config:\n  cert_file: cert\n  key_file: key\n  client_auth_type: RequireAnyClientCert\n  \
         client_allowed_sans: [a]\n",
    );
    let warnings = web_config::check(&file).expect("usable");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("web.yml:3:") && warnings[0].contains("mode 644"));
    assert!(warnings[1].contains("web.yml:5:") && warnings[1].contains("anybody can make"));
}

#[tokio::test]
async fn all_problems_of_both_files_are_told_at_once() {
    let home = Home::new();
    home.write("trtc-exporter.yml", "accounts: []\n");
    home.write(
        "web.yml",
        "basic_auth_user: {}\nrate_limit: { interval: 1 }\n",
    );
    let web = home.path().join("web.yml");
    let (code, out, said) = check(&home.config(), &web).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    for place in ["trtc-exporter.yml:1:", "web.yml:1:", "web.yml:2:"] {
        assert!(said.contains(place), "{place} in\n{said}");
    }
    home.write("trtc-exporter.yml", "accounts: [{ name: a }]\n");
    assert_eq!(check(&home.config(), &web).await.0, Some(2));
    home.write("web.yml", "http_server_config: { http2: false }\n");
    assert_eq!(check(&home.config(), &web).await.0, Some(0));
    let (code, _, said) = check(&home.config(), Path::new("/nowhere/web.yml")).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere/web.yml: cannot be read"), "{said}");
}

async fn check(config: &Path, web: &Path) -> (Option<i32>, String, String) {
    let files = [
        flag("--config.file", config),
        flag("--web.config.file", web),
    ];
    run(command().args(files).arg("--config.check")).await
}
