//! Credentials as operators keep them, and as they get them wrong.

mod temporary;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::clock::SystemClock;
use crate::tencent::{CredentialSource, SecretSource};

const AMPLE: Duration = Duration::from_secs(60);

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

const PROFILE: &str = "[default]\nsecret_id = AKIDfake-profile\nsecret_key = fake-profile-key\n";

/// A machine with a home directory and these variables.
struct Machine {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    fn with(variables: &[(&'static str, &'static str)]) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            variables: variables
                .iter()
                .map(|&(name, value)| (name, value.to_owned()))
                .collect(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("a file");
        path
    }

    fn chain(&self) -> Provider {
        self.provider(
            &upstream(CredentialSource::Chain),
            Arc::new(SystemClock::start()),
        )
    }

    fn provider(&self, upstream: &Upstream, clock: Arc<dyn Clock>) -> Provider {
        let home = self.path("home").to_str().expect("UTF-8").to_owned();
        let variables = self.variables.clone();
        let variable = move |name: &str| match name {
            "HOME" => Some(home.clone()),
            _ => variables
                .iter()
                .chain(&[("TRTC_EXPORTER_METADATA_ENDPOINT", NOWHERE.to_owned())])
                .find(|(other, _)| *other == name)
                .map(|(_, value)| value.clone()),
        };
        let surroundings = Surroundings {
            variable: Box::new(variable),
            system_profile: self.path("etc/credentials"),
        };
        Provider::within(upstream, &SystemRoots::default(), clock, &surroundings)
    }
}

/// An account whose keys are kept as `credentials` says.
fn upstream(credentials: CredentialSource) -> Upstream {
    Upstream {
        endpoint: NOWHERE.parse().expect("a URL"),
        region: "ap-guangzhou".to_owned(),
        language: "en-US".to_owned(),
        request_timeout: Duration::from_secs(10),
        authorities: None,
        credentials,
        role: None,
    }
}

fn file(path: &Path) -> SecretSource {
    SecretSource::File(path.to_owned())
}

fn inline(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text.to_owned()))
}

fn configured(id: SecretSource, key: SecretSource, token: Option<SecretSource>) -> Provider {
    let source = CredentialSource::Configured {
        secret_id: id,
        secret_key: key,
        token,
    };
    Machine::with(&[]).provider(&upstream(source), Arc::new(SystemClock::start()))
}

/// As it is after a look.
fn generation(provider: &Provider) -> u64 {
    provider.refresh();
    provider.generation()
}

/// Id, key and token in the clear.
async fn shown(provider: &Provider) -> (String, String, Option<String>) {
    let it = provider.current(AMPLE).await.expect("credentials");
    (
        it.secret_id.clone(),
        it.secret_key.expose().to_owned(),
        it.token.as_ref().map(|token| token.expose().to_owned()),
    )
}

async fn refused(provider: &Provider) -> String {
    let error = provider.current(AMPLE).await.expect_err("no credentials");
    let text = error.to_string();
    assert!(!text.contains("fake"), "an error shows a secret: {text}");
    text
}

fn all(id: &str, key: &str, token: Option<&str>) -> (String, String, Option<String>) {
    (id.to_owned(), key.to_owned(), token.map(str::to_owned))
}

#[tokio::test]
async fn the_environment_comes_first() {
    let machine = Machine::with(&[
        ("TENCENTCLOUD_SECRET_ID", "AKIDfake"),
        ("TENCENTCLOUD_SECRET_KEY", "fake-key"),
        ("TENCENTCLOUD_TOKEN", ""),
        ("TENCENTCLOUD_SESSION_TOKEN", "fake-session"),
        ("TENCENTCLOUD_SECURITY_TOKEN", "fake-security"),
    ]);
    machine.write("home/.tencentcloud/credentials", PROFILE);
    let chain = machine.chain();
    assert_eq!(
        shown(&chain).await,
        all("AKIDfake", "fake-key", Some("fake-security"))
    );
    assert_eq!(chain.refresh().place, Some(Place::Environment));
}

#[tokio::test]
async fn the_profile_of_the_user_comes_before_the_machines() {
    let machine = Machine::with(&[
        ("TENCENTCLOUD_SECRET_ID", ""),
        ("TENCENTCLOUD_TOKEN", "fake"),
    ]);
    machine.write(
        "etc/credentials",
        "; comment\n[other]\nsecret_id=no\n[ default ]\nsecret_id=\"AKIDfake\"\nsecret_key='FA;KE #1'\n",
    );
    let chain = machine.chain();
    assert!(
        refused(&chain)
            .await
            .contains("has characters that no key has")
    );

    machine.write(
        "etc/credentials",
        "[other]\nsecret_id=no\n[ default ]\r\nsecret_id=\"AKIDfake\"\r\nsecret_key = 'FA;KE#1'\ntoken=fake=\n[x]\ntoken=no\n",
    );
    assert_eq!(
        shown(&chain).await,
        all("AKIDfake", "FA;KE#1", Some("fake="))
    );

    machine.write("home/.tencentcloud/credentials", PROFILE);
    assert_eq!(
        shown(&chain).await,
        all("AKIDfake-profile", "fake-profile-key", None)
    );
    assert_eq!(chain.refresh().place, Some(Place::Profile));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_not_covered_up() {
    let machine = Machine::with(&[]);
    let nothing = refused(&machine.chain()).await;
    for place in [
        "TENCENTCLOUD_SECRET_ID",
        "home/.tencentcloud",
        "etc/credentials",
    ] {
        assert!(nothing.contains(place), "{nothing}");
    }

    machine.write("etc/credentials", PROFILE);
    for (profile, problem) in [
        ("secret_id=AKIDfake\n", "has no section [default]"),
        ("[default]\nsecret_key=fake\n", "credentials is empty"),
        (
            "[default]\nsecret_id=AKIDfake\nsecret_key=\"\"\n",
            "credentials is empty",
        ),
        (
            "[default]\nsecret_id=' AKIDfake'\nsecret_key=fake\n",
            "has white space around it",
        ),
    ] {
        machine.write("home/.tencentcloud/credentials", profile);
        let error = refused(&machine.chain()).await;
        assert!(error.contains(problem), "{error}");
    }

    let half = Machine::with(&[("TENCENTCLOUD_SECRET_KEY", "fake-key")]);
    half.write("etc/credentials", PROFILE);
    assert_eq!(
        refused(&half.chain()).await,
        "TENCENTCLOUD_SECRET_KEY is set, but TENCENTCLOUD_SECRET_ID is not"
    );
}

#[tokio::test]
async fn a_secret_file_may_end_with_a_newline_and_nothing_else() {
    let machine = Machine::with(&[]);
    let key = machine.write("key", "fake-key\r\n");
    let token = machine.write("token", "fake-token\n");
    let provider = configured(inline("AKIDfake"), file(&key), Some(file(&token)));
    assert_eq!(
        shown(&provider).await,
        all("AKIDfake", "fake-key", Some("fake-token"))
    );

    for (text, problem) in [
        ("", "is empty"),
        ("\n", "is empty"),
        (" fake-key\n", "has white space around it"),
        ("fake-key\t", "has white space around it"),
        ("fake key", "has characters that no key has"),
    ] {
        let key = machine.write("bad", text);
        let error = refused(&configured(inline("AKIDfake"), file(&key), None)).await;
        assert!(error.contains(problem) && error.contains("bad"), "{error}");
    }
    let missing = refused(&configured(
        inline("AKIDfake"),
        file(&machine.path("gone")),
        None,
    ))
    .await;
    assert!(missing.starts_with("cannot read "), "{missing}");
    let large = machine.write("large", &"x".repeat(65 * 1024));
    let large = refused(&configured(inline("AKIDfake"), file(&large), None)).await;
    assert!(large.contains("longer than 4096 bytes"), "{large}");
}

#[tokio::test]
async fn a_rotated_key_is_picked_up_and_counted() {
    let machine = Machine::with(&[]);
    let key = machine.write("key", "fake-1");
    let provider = configured(inline("AKIDfake"), file(&key), None);
    assert_eq!(generation(&provider), 1);
    assert_eq!(shown(&provider).await.1, "fake-1");

    // Replaced, as Kubernetes and careful tools do it.
    fs::rename(machine.write("new", "fake-2"), &key).expect("renamed");
    assert_eq!(generation(&provider), 2);
    assert_eq!(shown(&provider).await.1, "fake-2");

    // Rewritten with the same text: nothing has become other.
    fs::rename(machine.write("new", "fake-2"), &key).expect("renamed");
    assert_eq!(shown(&provider).await.1, "fake-2");
    assert_eq!(generation(&provider), 2);
}

#[tokio::test]
async fn the_last_good_key_outlives_its_file() {
    let machine = Machine::with(&[]);
    let key = machine.write("key", "fake-1");
    let provider = configured(inline("AKIDfake"), file(&key), None);
    assert_eq!(shown(&provider).await.1, "fake-1");

    fs::remove_file(&key).expect("removed");
    assert_eq!(shown(&provider).await.1, "fake-1");
    machine.write("key", "\n");
    assert_eq!(shown(&provider).await.1, "fake-1");
    assert_eq!(generation(&provider), 1);

    machine.write("key", "fake-22");
    assert_eq!(shown(&provider).await.1, "fake-22");
    assert_eq!(generation(&provider), 2);
}

#[tokio::test]
async fn a_file_that_comes_late_is_found() {
    let machine = Machine::with(&[]);
    let key = machine.path("key");
    let provider = configured(inline("AKIDfake"), file(&key), None);
    refused(&provider).await;
    assert_eq!(generation(&provider), 0);
    machine.write("key", "fake-1");
    assert_eq!(shown(&provider).await.1, "fake-1");
    assert_eq!(generation(&provider), 1);
}
