//! The official Python SDK against the simulator: it signs, asks and reads for itself, so that the simulator, which every
//! other test believes, is no invention of ours.

mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::secret::Secret;
use trtc_exporter::simulator::{REGION, SECRET_ID, SECRET_KEY};
use trtc_exporter::tencent::action::{INTERACTIVE_TIME, TRTC_USAGE};
use trtc_exporter::tencent::client::Client;
use trtc_exporter::tencent::{Action, CredentialSource, Item, SecretSource, Upstream};
use trtc_exporter::trust::SystemRoots;
use trtc_exporter::usage::{App, Date};

use crate::exporter::{Running, command, run};
use crate::http;

const APP: App = App::Id(1_400_000_001);

/// A question to an action.
struct Question {
    action: &'static Action,
    item: &'static Item,
    app: App,
    first: Date,
    last: Date,
}

impl Question {
    /// About one app and about all of them, each about one date and about several, so long ago that nothing of them
    /// changes any more.
    fn all_to(action: &'static Action) -> impl Iterator<Item = Self> {
        let last = Date::of(SystemClock::start().now().utc).minus_days(2);
        let ways = [APP, App::Total].map(|app| [(app, last), (app, last.minus_days(2))]);
        Item::reported_by(action).flat_map(move |item| {
            let question = move |(app, first)| Self {
                action,
                item,
                app,
                first,
                last,
            };
            ways.into_iter().flatten().map(question)
        })
    }

    fn parameters(&self) -> Value {
        let mut parameters = json!({
            "StartTime": self.first.to_string(),
            "EndTime": self.last.to_string(),
        });
        if let App::Id(id) = self.app {
            parameters["SdkAppId"] = id.into();
        }
        if let Some((name, value)) = self.item.parameter {
            parameters[name] = value.into();
        }
        parameters
    }
}

/// `trtc-exporter simulate`.
struct Simulated {
    _running: Running,
    endpoint: String,
}

impl Simulated {
    async fn start() -> Self {
        let running = Running::start(command().args([
            "simulate",
            "--simulator.listen-address=127.0.0.1:0",
            "--simulator.requests-per-second=1000",
        ]));
        let endpoint = running.logged_value("endpoint").await;
        Self {
            _running: running,
            endpoint,
        }
    }

    /// What the SDK ends with, prints and complains about; a field that it does not know, for one.
    async fn ask_by_sdk(
        &self,
        sdk: &str,
        key: &str,
        questions: &[Question],
    ) -> (Option<i32>, String, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sdk.py");
        let questions: Vec<_> = questions
            .iter()
            .map(|question| (question.action.name, question.parameters()))
            .collect();
        run(Command::new(python(sdk))
            .arg(script)
            .args([self.endpoint.trim_start_matches("http://"), SECRET_ID, key])
            .arg(json!(questions).to_string()))
        .await
    }

    /// The client that the exporter asks by.
    fn client(&self) -> Client {
        let secret = |text: &str| SecretSource::Inline(Secret::new(text.to_owned()));
        let upstream = Upstream {
            endpoint: self.endpoint.parse().expect("a URL"),
            region: REGION.to_owned(),
            language: "en-US".to_owned(),
            request_timeout: Duration::from_secs(10),
            authorities: None,
            credentials: CredentialSource::Configured {
                secret_id: secret(SECRET_ID),
                secret_key: secret(SECRET_KEY),
                token: None,
            },
            role: None,
        };
        let clock = Arc::new(SystemClock::start());
        Client::new(&upstream, &SystemRoots::default(), clock).expect("a client")
    }

    /// Asks all of them by the SDK and by the exporter's client, and compares number by number.
    async fn both_read_the_same(&self, sdk: &str, questions: &[Question]) {
        let (code, out, err) = self.ask_by_sdk(sdk, SECRET_KEY, questions).await;
        assert_eq!(code, Some(0), "{err}");
        let answers: Vec<Value> = serde_json::from_str(&out).expect("JSON");
        assert_eq!(answers.len(), questions.len());
        let client = self.client();
        for (question, answer) in questions.iter().zip(&answers) {
            let by_sdk = figures::read(question, answer);
            let by_us = figures::ask(&client, question).await;
            let (action, item, app) = (question.action.name, question.item.name, question.app);
            assert!(
                by_sdk.values().any(|&word| word > 0),
                "{action} {item} {app}"
            );
            assert_eq!(by_sdk, by_us, "{action} {item} {app}");
            if question.first != question.last {
                let of_buckets = figures::ask_date_by_date(&client, question).await;
                assert_eq!(by_us, of_buckets, "{action} {item} {app}");
            }
        }
    }
}

/// `tests/run` installs one folder per version.
fn python(sdk: &str) -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/sdk")
        .join(sdk)
        .join("bin/python");
    assert!(
        python.exists(),
        "{} is missing: tests/run installs it",
        python.display()
    );
    python
}

#[tokio::test]
async fn the_last_sdk_with_the_oldest_action_reads_what_the_exporter_reads() {
    let questions: Vec<_> = Question::all_to(&INTERACTIVE_TIME).collect();
    let simulated = Simulated::start().await;
    simulated
        .both_read_the_same("last-with-interactive-time", &questions)
        .await;
}

#[tokio::test]
async fn the_newest_sdk_reads_what_the_exporter_reads_of_every_other_action() {
    let others = Action::ALL
        .into_iter()
        .filter(|&action| *action != INTERACTIVE_TIME);
    let questions: Vec<_> = others.flat_map(Question::all_to).collect();
    let simulated = Simulated::start().await;
    simulated.both_read_the_same("newest", &questions).await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_as_the_sdk_expects() {
    let simulated = Simulated::start().await;
    let questions: Vec<_> = Question::all_to(&TRTC_USAGE).collect();
    let (code, _, err) = simulated
        .ask_by_sdk("newest", "wrongFAKEkey", &questions)
        .await;
    assert_ne!(code, Some(0));
    assert!(err.contains("AuthFailure.SignatureFailure"), "{err}");
}

#[tokio::test]
async fn a_retired_action_is_refused_as_the_sdk_expects() {
    let simulated = Simulated::start().await;
    let retire = format!(
        "{}/-/retire?action={}",
        simulated.endpoint, INTERACTIVE_TIME.name
    );
    let done = http::post(retire).send().await.expect("an answer");
    assert_eq!(done.status(), 200);
    let questions: Vec<_> = Question::all_to(&INTERACTIVE_TIME).collect();
    let sdk = "last-with-interactive-time";
    let (code, _, err) = simulated.ask_by_sdk(sdk, SECRET_KEY, &questions).await;
    assert_ne!(code, Some(0));
    assert!(err.contains("ActionOffline"), "{err}");
}
