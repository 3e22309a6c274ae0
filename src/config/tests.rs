//! The configuration from outside: files and what comes of each.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::billing::{Left, Renewal};
use crate::secret::Secret;
use crate::tencent::action::{INTERACTIVE, TRTC_USAGE};
use crate::tencent::{CredentialSource, Place, Role, SecretSource};
use crate::usage::Media;

const GOOD: &str = "tests/data/config/good";
const BAD: &str = "tests/data/config/bad";

fn good(name: &str) -> Loaded {
    load(&Path::new(GOOD).join(name)).expect("a good configuration")
}

/// Each bad file has beside it the text of its error.
#[test]
fn bad_files_are_told_all_their_problems() {
    let mut seen = 0;
    for entry in std::fs::read_dir(BAD).expect("the folder of bad files") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let error = load(&file).expect_err("a bad configuration").to_string();
        let expected = std::fs::read_to_string(file.with_extension("txt")).unwrap_or_default();
        assert_eq!(error, expected.trim_end(), "{}:\n{error}", file.display());
        seen += 1;
    }
    assert!(seen > 15, "only {seen} bad files were found");
}

#[test]
fn what_is_left_out_has_its_default() {
    let Loaded { config, warnings } = good("minimal.yml");
    assert_eq!(warnings, Vec::<String>::new());
    let [account] = config.accounts.as_slice() else {
        panic!("one account")
    };
    assert_eq!(config.poll_interval, Duration::from_secs(60));
    assert_eq!(config.settle_after, Duration::from_secs(900));
    assert_eq!(
        account.upstream.endpoint.as_str(),
        "https://trtc.tencentcloudapi.com/"
    );
    assert_eq!(
        (
            account.upstream.region.as_str(),
            account.upstream.language.as_str()
        ),
        ("ap-guangzhou", "en-US")
    );
    assert_eq!(account.upstream.request_timeout, Duration::from_secs(10));
    assert_eq!(account.upstream.credentials, CredentialSource::Chain);
    assert_eq!(account.items, [Item::of(&INTERACTIVE)]);
    assert!(account.apps.is_empty() && account.total);
    assert_eq!(account.found, Some(Shard::WHOLE));
}

#[test]
fn everything_can_be_given() {
    let config = good("full.yml").config;
    let main = &config.accounts[0];
    assert_eq!(config.poll_interval, Duration::from_secs(30));
    assert_eq!(config.settle_after, Duration::from_secs(5400));
    assert_eq!(main.upstream.language, "zh-CN");
    assert_eq!(main.upstream.request_timeout, Duration::from_millis(500));
    let authorities = main.upstream.authorities.as_ref().expect("given");
    assert_eq!(authorities.file, Path::new(GOOD).join("fake-ca.pem"));
    assert_eq!(authorities.certificates.len(), 1);
    let expected = CredentialSource::Configured {
        secret_id: SecretSource::Inline(Secret::new("AKIDfake0000".into())),
        secret_key: SecretSource::File(Path::new(GOOD).join("fake-key")),
        token: Some(SecretSource::Inline(Secret::new("fake-token".into()))),
    };
    assert_eq!(main.upstream.credentials, expected);
    let role = Role {
        arn: "qcs::cam::uin/100000000001:roleName/reader".into(),
        session_name: "exporter@home".into(),
        duration: Duration::from_secs(3600),
        external_id: Some(Secret::new("fake-agreement".into())),
    };
    assert_eq!(main.upstream.role, Some(role));
    let item = Item {
        choice: Choice::Fixed(&TRTC_USAGE),
        requests_per_second: Some(2.5),
        ..Item::of(&INTERACTIVE)
    };
    assert_eq!(main.items, [item]);
    let app = AppConfig {
        sdk_app_id: 1_400_243_510,
        name: Some("Prod, 正式: #1".into()),
    };
    assert_eq!(
        main.apps,
        [
            app,
            AppConfig {
                sdk_app_id: 4_294_967_295,
                name: None
            }
        ]
    );
    assert!(!main.total);
    assert_eq!(&*config.accounts[1].name, "null");
    assert_eq!(
        config.accounts[1].upstream.credentials,
        CredentialSource::Only(Place::TkeOidc)
    );
    assert_eq!(config.accounts[1].billing, None);
}

#[test]
fn prices_and_packages_are_read_exactly() {
    let config = good("full.yml").config;
    let billing = config.accounts[0].billing.as_ref().expect("given");
    let cost = |media, minutes| {
        let cost = billing.prices.cost("interactive", media, minutes);
        cost.map(|cost| cost.to_string())
    };
    assert_eq!(&*billing.currency, "CNY");
    assert_eq!(cost(Media::Audio, 1).as_deref(), Some("0.007"));
    assert_eq!(cost(Media::VideoSd, 1000).as_deref(), Some("14"));
    assert_eq!(
        cost(Media::VideoHd, 3_000_001).as_deref(),
        Some("28000.0275"),
        "a million at 28, two at next to nothing, one minute at 25.5"
    );
    assert_eq!(cost(Media::VideoFullHd, 1), None);
    let [starter, free] = billing.packages.as_slice() else {
        panic!("two packages")
    };
    let date = |text: &str| text.parse().expect("a date");
    assert_eq!(
        (&*starter.name, starter.minutes),
        ("Starter: 100 000", 100_000)
    );
    assert_eq!(
        (starter.from, starter.until),
        (date("2026-11-01"), Some(date("2027-10-31")))
    );
    let left = Left {
        minutes: 61_234,
        on: date("2026-12-01"),
    };
    assert_eq!((starter.left, starter.renews), (Some(left), None));
    let ratio = starter.items["interactive"][&Media::VideoFullHd];
    assert_eq!(ratio.to_string(), "1.5");
    assert_eq!((free.left, free.until), (None, None));
    assert_eq!(free.renews, Some(Renewal::Monthly));
}

#[test]
fn the_example_in_deploy_is_a_good_configuration() {
    let text = std::fs::read_to_string("deploy/trtc-exporter.yml").expect("the example");
    let folder = tempfile::tempdir().expect("a folder");
    let config = parse(&text, &folder.path().join("trtc-exporter.yml"))
        .expect("a good configuration")
        .config;
    assert_eq!(config.accounts.len(), 1);
    assert!(!config.accounts[0].apps.is_empty());
}

/// Every line of the example that shows a key without setting it shows one that would be accepted.
#[test]
fn the_example_shows_only_keys_that_exist() {
    let text = std::fs::read_to_string("deploy/trtc-exporter.yml").expect("the example");
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["secret-id", "secret-key"] {
        std::fs::write(folder.path().join(name), "fake").expect("a secret file");
    }
    let authority = Path::new(GOOD).join("fake-ca.pem");
    std::fs::copy(authority, folder.path().join("proxy-ca.pem")).expect("a copy");
    let shown: Vec<String> = text
        .lines()
        .map(|line| line.replacen("#: ", "", 1))
        .collect();
    let all = parse(&shown.join("\n"), &folder.path().join("trtc-exporter.yml"))
        .expect("a good configuration");
    assert!(matches!(
        all.config.accounts[0].upstream.credentials,
        CredentialSource::Configured { .. }
    ));
}

#[test]
fn a_missing_file_names_the_ways_to_start() {
    let error = load(Path::new("no-such.yml"))
        .expect_err("no file")
        .to_string();
    for word in ["no-such.yml", "--config.file", "--sdk-app-id"] {
        assert!(error.contains(word), "{error}");
    }
    let folder = load(Path::new(GOOD)).expect_err("a folder").to_string();
    assert!(
        folder.starts_with("tests/data/config/good: cannot be read: "),
        "{folder}"
    );
}

#[test]
fn app_ids_alone_make_a_configuration() {
    let config = Config::from_sdk_app_ids(&[7, 8, 7]);
    let text = "accounts: [{name: default, apps: [{sdk_app_id: 7}, {sdk_app_id: 8}]}]";
    assert_eq!(
        config,
        parse(text, Path::new("x.yml"))
            .expect("a good configuration")
            .config
    );
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("key");
    let file = folder.path().join("c.yml");
    std::fs::write(&secret, "fake-key-0000").expect("a secret");
    let text =
        "accounts:\n- name: a\n  credentials:\n    secret_id: AKIDfake\n    secret_key_file: key\n";
    for (mode, warned) in [(0o600, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).expect("a mode");
        let warnings = parse(text, &file).expect("a good configuration").warnings;
        assert_eq!(
            warnings.len(),
            usize::from(warned),
            "{mode:o}: {warnings:?}"
        );
        if warned {
            let place = format!(
                "{}:5: accounts[0].credentials.secret_key_file: ",
                file.display()
            );
            assert!(warnings[0].starts_with(&place), "{warnings:?}");
            assert!(
                warnings[0].contains(&format!("mode {mode:o}")),
                "{warnings:?}"
            );
        }
    }
}

#[test]
fn the_redacted_configuration_is_the_configuration_without_its_secrets() {
    for name in ["minimal.yml", "full.yml"] {
        let mut config = good(name).config;
        let yaml = redacted_yaml(&config);
        assert!(
            !["fake0000", "fake-token", "fake-agreement"]
                .iter()
                .any(|secret| yaml.contains(secret)),
            "{yaml}"
        );
        // Paths in it are already resolved, so it is read as if it stood in the working directory.
        let read = parse(&yaml, Path::new("running.yml"))
            .expect("a good configuration")
            .config;
        config.accounts.iter_mut().for_each(forget_secrets);
        assert_eq!(read, config, "{yaml}");
    }
}

#[test]
fn an_empty_list_of_apps_is_not_none() {
    let config = |apps: &str| {
        let text = format!("accounts: [{{name: a{apps}}}]");
        parse(&text, Path::new("x.yml")).expect("good").config
    };
    let (left_out, empty) = (config(""), config(", apps: []"));
    assert_eq!(left_out.accounts[0].found, Some(Shard::WHOLE));
    assert_eq!(empty.accounts[0].found, None);
    assert!(!redacted_yaml(&left_out).contains("apps:"));
    assert!(redacted_yaml(&empty).contains("    apps: []\n"));
    assert!(config(", total: false").accounts[0].found.is_some());
}

#[test]
fn a_role_alone_is_taken_on_with_keys_from_anywhere() {
    let text = "accounts: [{name: a, credentials: {role_arn: 'qcs::cam::uin/1:roleName/r'}}]";
    let config = parse(text, Path::new("x.yml")).expect("good").config;
    let upstream = &config.accounts[0].upstream;
    assert_eq!(upstream.credentials, CredentialSource::Chain);
    assert_eq!(
        upstream.role,
        Some(Role::new("qcs::cam::uin/1:roleName/r".into()))
    );
}

fn forget_secrets(account: &mut Account) {
    if let Some(role) = &mut account.upstream.role
        && role.external_id.is_some()
    {
        role.external_id = Some(Secret::new("<secret>".into()));
    }
    if let CredentialSource::Configured {
        secret_id,
        secret_key,
        token,
    } = &mut account.upstream.credentials
    {
        for source in [Some(secret_id), Some(secret_key), token.as_mut()]
            .into_iter()
            .flatten()
        {
            if let SecretSource::Inline(secret) = source {
                *secret = Secret::new("<secret>".into());
            }
        }
    }
}

/// Texts that look like configurations, some of them broken.
fn configuration_like() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "accounts:",
        "name:",
        "apps:",
        "items:",
        "credentials:",
        "secret_id:",
        "secret_key:",
        "token_file:",
        "sdk_app_id:",
        "total:",
        "endpoint:",
        "poll_interval:",
        "action:",
        "requests_per_second:",
        "billing:",
        "currency:",
        "prices:",
        "interactive:",
        "audio:",
        "up_to:",
        "price:",
        "packages:",
        "minutes:",
        "from:",
        "CNY",
        "2026-11-01",
        "main",
        "1m",
        "-1",
        "0x10",
        "1e999",
        "true",
        "~",
        "[",
        "]",
        "{",
        "}",
        ",",
        "- ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "\n  - ",
        "\n      - ",
        "\"",
        "'",
        "|",
        ">",
        "&a",
        "*a",
        "!t",
        "#",
        "---",
        "\t",
        "\r\n",
        "é",
        "\u{0}",
    ];
    prop::collection::vec(prop::sample::select(WORDS), 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_no_failure_is_silent(text in prop_oneof![configuration_like(), any::<String>()]) {
        if let Err(error) = parse(&text, Path::new("x.yml")) {
            prop_assert!(error.to_string().starts_with("x.yml:"), "{}", error);
        }
    }

    /// Wherever a secret is put below `credentials`, and however it is written, no message repeats it.
    #[test]
    fn secrets_are_never_repeated(
        secret in "[A-Za-z0-9 /+=,:{}\\[\\]#-]{0,12}hush[A-Za-z0-9 :=,-]{0,8}",
        before in "(secret_id|secret_key|secret_id_file|token|secretkey|x)?(: |:| )?[\"'\\[{|>]?",
        flow in any::<bool>(),
    ) {
        let text = if flow {
            format!("accounts:\n- name: a\n  credentials: {{{before}{secret}}}\n  poll_interval: 1m\n")
        } else {
            format!("accounts:\n- name: a\n  credentials:\n    {before}{secret}\n  poll_interval: 1m\n")
        };
        match parse(&text, Path::new("x.yml")) {
            Ok(loaded) => prop_assert!(!redacted_yaml(&loaded.config).contains("hush")),
            Err(error) => {
                prop_assert!(!error.to_string().contains("hush"), "{}", error);
                prop_assert!(!format!("{error:?}").contains("hush"), "{error:?}");
            }
        }
    }
}
