//! What an operator can get wrong: every bad configuration ends with exit code 2 and says where and what to do.

use std::path::Path;

use crate::exporter::{command, flag, run};
use crate::upstream::Home;

/// Each of these alone must be refused, naming this line and giving this hint.
const BAD: &[(&str, u32, &str)] = &[
    ("accounts:\n  - name: a\n    app: []\n", 3, "did you mean"),
    (
        "poll_interval: 60\naccounts:\n  - name: a\n    apps: [{ sdk_app_id: 1 }]\n",
        1,
        "poll_interval",
    ),
    (
        "poll_interval: 0s\naccounts:\n  - name: a\n    apps: [{ sdk_app_id: 1 }]\n",
        1,
        "poll_interval",
    ),
    (
        "accounts:\n  - name: a\n    endpoint: http://example.com\n",
        3,
        "https",
    ),
    (
        "accounts:\n  - name: a\n    apps:\n      - sdk_app_id: 1\n      - sdk_app_id: 1\n",
        5,
        "line 4",
    ),
    ("accounts:\n  - name: a\n  - name: a\n", 3, "line 2"),
    (
        "accounts:\n  - name: a\n    apps: []\n    total: false\n",
        2,
        "list an app",
    ),
    (
        "accounts:\n  - name: a\n    items:\n      - name: interactive\n        action: DescribeTrtcUsages\n",
        5,
        "DescribeTrtcUsage",
    ),
    (
        "accounts:\n  - name: a\n    credentials: { secret_id: AKIDfake, secret_key_file: /nowhere }\n",
        3,
        "secret_key_file",
    ),
    ("accounts:\n  - name: a\n   apps: []\n", 3, "YAML"),
    ("accounts: []\n", 1, "account"),
    ("", 1, "accounts"),
    ("- accounts\n", 1, "accounts"),
];

async fn check(config: &Path) -> (Option<i32>, String) {
    let (code, out, err) = run(command()
        .arg(flag("--config.file", config))
        .arg("--config.check"))
    .await;
    (code, out + &err)
}

#[tokio::test]
async fn bad_configurations_are_told_with_line_and_hint() {
    let home = Home::new();
    for (text, line, hint) in BAD {
        home.write("trtc-exporter.yml", text);
        let (code, said) = check(&home.config()).await;
        assert_eq!(code, Some(2), "{text}\n{said}");
        assert!(
            said.contains(&format!("trtc-exporter.yml:{line}:")),
            "{text}\n{said}"
        );
        assert!(
            said.to_lowercase().contains(&hint.to_lowercase()),
            "{text}\n{said}"
        );
        assert!(!said.contains("panicked"), "{said}");
        let (code, _, said) = run(command().arg(flag("--config.file", &home.config()))).await;
        assert_eq!(code, Some(2), "running says the same: {said}");
    }
}

#[tokio::test]
async fn all_problems_are_told_at_once_and_no_secret_is() {
    let home = Home::new();
    let text = "poll_intervall: 1m\nsettle_after: soon\naccounts:\n  - name: a\n    credentials:\n      secret_id: AKIDtop\n      \
                secret_key: 'topFAKEsecret '\n      tokken: topFAKEtoken\n    apps: [{ sdk_app_id: -1 }]\n";
    home.write("trtc-exporter.yml", text);
    let (code, said) = check(&home.config()).await;
    assert_eq!(code, Some(2));
    for line in [1, 2, 7, 8, 9] {
        assert!(
            said.contains(&format!("trtc-exporter.yml:{line}:")),
            "line {line} in\n{said}"
        );
    }
    assert!(!said.contains("FAKE") && !said.contains("AKID"), "{said}");
}

#[tokio::test]
async fn a_missing_file_says_what_else_there_is() {
    let (code, said) = check(Path::new("/nowhere/trtc-exporter.yml")).await;
    assert_eq!(code, Some(2));
    assert!(
        said.contains("--sdk-app-id") && said.contains("demo"),
        "{said}"
    );
}

/// Whoever has nothing yet is told every way to go on, the one that needs nothing first; and what is told works.
#[tokio::test]
async fn a_first_call_says_what_to_type_next() {
    let home = Home::new();
    let (code, _, said) = run(command().current_dir(home.path())).await;
    assert_eq!(code, Some(2), "{said}");
    let mut rest = &*said;
    for next in [
        "trtc-exporter.yml: there is no such file",
        "\n  trtc-exporter demo\n",
        "\n  export TENCENTCLOUD_SECRET_ID=",
        "\n  export TENCENTCLOUD_SECRET_KEY=",
        "\n  trtc-exporter --sdk-app-id=",
        "\n  accounts:\n",
        "\n  trtc-exporter --config.file=trtc-exporter.yml --config.check\n",
    ] {
        let (_, after) = rest
            .split_once(next)
            .unwrap_or_else(|| panic!("{next} in {said}"));
        rest = after;
    }

    let yaml: String = said
        .lines()
        .skip_while(|line| *line != "  accounts:")
        .take_while(|line| !line.is_empty())
        .map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line)))
        .collect();
    home.write("trtc-exporter.yml", &yaml);
    for secret in ["secret-id", "secret-key"] {
        home.write(secret, "FAKE");
    }
    let (code, said) = check(&home.config()).await;
    assert_eq!(code, Some(0), "{yaml}{said}");
}

#[tokio::test]
async fn a_missing_web_configuration_is_nobodys_first_call() {
    let home = Home::new();
    home.write(
        "trtc-exporter.yml",
        "accounts:\n  - name: a\n    apps: [{ sdk_app_id: 1400000001 }]\n",
    );
    let (code, _, said) = run(command()
        .arg(flag("--config.file", &home.config()))
        .arg("--config.check")
        .arg("--web.config.file=/nowhere/web.yml"))
    .await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("/nowhere/web.yml") && !said.contains("demo"),
        "{said}"
    );
}

#[tokio::test]
async fn a_good_file_is_valid() {
    let home = Home::new();
    home.write(
        "trtc-exporter.yml",
        "accounts:\n  - name: a\n    apps: [{ sdk_app_id: 1400000001 }]\n",
    );
    let (code, said) = check(&home.config()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("valid"), "{said}");
}

#[tokio::test]
async fn usage_errors_exit_with_2() {
    for arguments in [
        &["--no-such-flag"][..],
        &["--web.listen-address=nowhere"],
        &["--web.max-requests=many"],
        &["serve"],
    ] {
        let (code, _, said) = run(command().args(arguments)).await;
        assert_eq!(code, Some(2), "{said}");
    }
}

#[tokio::test]
async fn a_taken_port_is_a_failure_at_run_time() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let (code, _, said) =
        run(command().args(["demo", &format!("--web.listen-address={address}")])).await;
    assert_eq!(code, Some(1));
    assert!(said.contains(&address.to_string()), "{said}");
}
