//! Keys from everywhere, in the real program, whose upstream plays STS and the metadata server too.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use trtc_exporter::clock::ScriptedClock;
use trtc_exporter::simulator::{Handle, MACHINE_ROLE, Model, SECRET_ID, SECRET_KEY};

use crate::exporter::{Exporter, Scrape, flag};
use crate::http::PATHS;
use crate::upstream::{Home, simulator, simulator_with};

const ARN: &str = "qcs::cam::uin/100000000001:roleName/usage-reader";

/// What every key of the simulator's contains.
const OF_A_KEY: &str = "simulatorFAKE";

/// An account at `upstream` whose section `credentials` says this.
fn configure(home: &Home, upstream: &Handle, credentials: &str) {
    home.write(
        "trtc-exporter.yml",
        &format!(
            "poll_interval: 1s\naccounts:\n  - name: main\n    endpoint: {}\n    {credentials}\n    \
             apps:\n      - sdk_app_id: 1400000001\n",
            upstream.endpoint()
        ),
    );
}

/// The program by that configuration, with a home of its own and by a clock that the test moves.
async fn start(home: &Home, adjust: impl FnOnce(&mut Command)) -> Exporter {
    let arguments = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
        flag("--clock.script", &home.clock_script()),
        "--log.level=debug".to_owned(),
    ];
    Exporter::start_with(arguments, |command| {
        command.env("HOME", home.path());
        adjust(command);
    })
    .await
}

fn clock(home: &Home) -> Arc<ScriptedClock> {
    Arc::new(ScriptedClock::following(home.clock_script()))
}

fn is_up(scrape: &Scrape) -> bool {
    scrape.sum("trtc_up", "") == 2.0
}

fn source(scrape: &Scrape, source: &str, role: &str) -> bool {
    let labels = [("account", "main"), ("source", source), ("role", role)];
    scrape.value("trtc_credentials_info", &labels) == Some(1.0)
}

fn expiry(scrape: &Scrape) -> Option<f64> {
    let labels = [("account", "main")];
    scrape.value("trtc_credentials_expiry_timestamp_seconds", &labels)
}

#[tokio::test]
async fn keys_of_a_role_are_renewed_while_it_polls() {
    let home = Home::new();
    let upstream = simulator_with(Model::default(), clock(&home)).await;
    let section = format!(
        "credentials: {{ secret_id: {SECRET_ID}, secret_key_file: key, role_arn: '{ARN}' }}"
    );
    configure(&home, &upstream, &section);
    let exporter = start(&home, |_| {}).await;
    let scrape = exporter.scrape_until("both targets are up", is_up).await;
    assert!(
        source(&scrape, "configuration", "usage-reader"),
        "{}",
        scrape.0
    );
    let first = expiry(&scrape).expect("the keys expire");

    home.set_clock(7000, 0);
    let renewed = |scrape: &Scrape| expiry(scrape).is_some_and(|at| at >= first + 6000.0);
    let scrape = exporter.scrape_until("the keys are renewed", renewed).await;
    assert_eq!(
        scrape.sum("trtc_credentials_refresh_failures_total", ""),
        0.0
    );
    // The old ones have expired by now.
    home.set_clock(7400, 0);
    let polls = exporter.scrape().await.sum("trtc_polls_total", "");
    let scrape = exporter
        .scrape_until("it goes on polling", |scrape| {
            scrape.sum("trtc_polls_total", "") >= polls + 4.0
        })
        .await;
    assert_eq!(
        scrape.sum("trtc_poll_failures_total", ""),
        0.0,
        "{}",
        scrape.0
    );

    // The upstream has thrown them away: found out by asking, and made good before anybody notices.
    let refusals = upstream.counts().refused_with("AuthFailure.TokenFailure");
    home.set_clock(7600, 0);
    upstream.revoke_temporary();
    upstream
        .wait_for(|counts| counts.refused_with("AuthFailure.TokenFailure") > refusals)
        .await;
    let scrape = exporter
        .scrape_until("there are others", |scrape| {
            expiry(scrape).is_some_and(|at| at >= first + 7400.0)
        })
        .await;
    assert_eq!(
        scrape.sum("trtc_poll_failures_total", ""),
        0.0,
        "{}",
        scrape.0
    );
    shows_no_key(&exporter).await;
}

/// Neither in what it serves nor in what it logs, which is all there is to log.
async fn shows_no_key(exporter: &Exporter) {
    for path in PATHS {
        let body = exporter.get(path).await.1;
        assert!(!body.contains(OF_A_KEY), "{path}: {body}");
    }
    let lines = exporter.log().lines();
    let shown = lines.iter().find(|line| line.contains(OF_A_KEY));
    assert_eq!(shown, None);
}

#[tokio::test]
async fn a_machine_and_a_pod_need_no_keys_of_their_own() {
    let home = Home::new();
    let upstream = simulator_with(Model::default(), clock(&home)).await;
    upstream.set_identity("identityFAKE0001");
    home.write("token", "identityFAKE0001");
    let token = home.path().join("token");
    let give = |command: &mut Command, token: &Path| {
        command
            .env("TRTC_EXPORTER_METADATA_ENDPOINT", upstream.endpoint())
            .env("TKE_REGION", "ap-guangzhou")
            .env("TKE_PROVIDER_ID", "cls-fake")
            .env("TKE_WEB_IDENTITY_TOKEN_FILE", token)
            .env("TKE_ROLE_ARN", ARN);
    };
    for (section, place, role) in [
        ("", "cvm_role", MACHINE_ROLE),
        (
            "credentials: { from: tke_oidc }",
            "tke_oidc",
            "usage-reader",
        ),
    ] {
        configure(&home, &upstream, section);
        let exporter = start(&home, |command| give(command, &token)).await;
        let scrape = exporter.scrape_until("both targets are up", is_up).await;
        assert!(source(&scrape, place, role), "{}", scrape.0);
        shows_no_key(&exporter).await;
        assert!(!exporter.log().contains("identityFAKE"));
        assert!(exporter.log().contains("msg=\"Credentials loaded\""));
    }
}

#[tokio::test]
async fn keys_that_come_after_the_start_are_found() {
    let (home, upstream) = (Home::new(), simulator(Model::default()).await);
    configure(&home, &upstream, "");
    let exporter = start(&home, |_| {}).await;
    let lacking =
        |scrape: &Scrape| scrape.sum("trtc_poll_failures_total", "code=\"credentials\"") >= 2.0;
    let scrape = exporter.scrape_until("there are no keys", lacking).await;
    assert_eq!(scrape.sum("trtc_credentials_info", ""), 0.0);
    fs::create_dir(home.path().join(".tencentcloud")).expect("a folder");
    let profile = format!("[default]\nsecret_id={SECRET_ID}\nsecret_key={SECRET_KEY}\n");
    home.write(".tencentcloud/credentials", &profile);
    let scrape = exporter.scrape_until("both targets are up", is_up).await;
    assert!(source(&scrape, "profile", ""), "{}", scrape.0);
    assert_eq!(expiry(&scrape), None);
}

/// Where the environment says something else than loopback it is not asked: whoever answers decides whose account it is.
#[tokio::test]
async fn a_metadata_server_elsewhere_is_not_believed() {
    let (home, upstream) = (Home::new(), simulator(Model::default()).await);
    configure(&home, &upstream, "credentials: { from: cvm_role }");
    let elsewhere = upstream.endpoint().replace("127.0.0.1", "metadata.example");
    let exporter = start(&home, |command| {
        command.env("TRTC_EXPORTER_METADATA_ENDPOINT", elsewhere);
    })
    .await;
    let lacking =
        |scrape: &Scrape| scrape.sum("trtc_poll_failures_total", "code=\"credentials\"") >= 2.0;
    exporter.scrape_until("there are no keys", lacking).await;
    assert!(!exporter.log().contains("metadata.example"));
}
