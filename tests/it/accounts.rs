//! Several accounts in one program: the trouble of one is nobody else's.

use std::fmt::Write as _;

use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{Fault, Handle, Model, SECRET_ID, SECRET_KEY};
use trtc_exporter::usage::{App, Date, Media};

use crate::exporter::{Exporter, Scrape};
use crate::upstream::{Home, simulator};

const APP: u64 = 1_400_000_001;

/// What is wrong with each of the others, and the code that its polls fail with.
const TROUBLES: [(&str, &str); 4] = [
    ("wrong-key", "auth_failure"),
    ("hanging", "timeout"),
    ("broken", "transport"),
    ("no-role", "credentials"),
];

fn configure(home: &Home, upstream_of: impl Fn(&str) -> String) {
    let mut text = "poll_interval: 1s\naccounts:\n".to_owned();
    for name in TROUBLES
        .map(|(name, _)| name)
        .into_iter()
        .chain(["healthy"])
    {
        let key = if name == "wrong-key" { "wrong" } else { "key" };
        let role = match name {
            "no-role" => ", role_arn: 'qcs::cam::uin/1:roleName/r'",
            _ => "",
        };
        let endpoint = upstream_of(name);
        writeln!(
            text,
            "  - name: {name}\n    endpoint: {endpoint}\n    request_timeout: 500ms\n    \
             credentials: {{ secret_id: {SECRET_ID}, secret_key_file: {key}{role} }}\n    \
             apps: [{{ sdk_app_id: {APP} }}]"
        )
        .expect("memory");
    }
    home.write("trtc-exporter.yml", &text);
}

fn of(account: &str) -> String {
    format!("account=\"{account}\"")
}

/// All that is said of an account's polls going well.
fn is_well(scrape: &Scrape, account: &str) -> bool {
    let of = of(account);
    scrape.sum("trtc_up", &of) == 2.0
        && scrape.sum("trtc_poll_failures_total", &of) == 0.0
        && scrape.sum("trtc_api_request_failures_total", &of) == 0.0
}

fn today(scrape: &Scrape, account: &str) -> f64 {
    let app = APP.to_string();
    let labels = [
        ("account", account),
        ("sdk_app_id", &app),
        ("item", "interactive"),
        ("media", "audio"),
        ("day", "today"),
    ];
    scrape
        .value("trtc_usage_day_seconds", &labels)
        .unwrap_or(-1.0)
}

/// What the upstream says of today.
fn truth(upstream: &Handle) -> f64 {
    let today = Date::of(SystemClock::start().now().utc);
    let range = today.midnight()..today.succ().midnight();
    upstream.truth(App::Id(APP), Media::Audio, range) as f64
}

#[tokio::test]
async fn the_trouble_of_one_account_is_nobody_elses() {
    let healthy = simulator(Model::default()).await;
    let wrong = simulator(Model::default()).await;
    let hanging = simulator(Model::default()).await;
    let broken = simulator(Model::default()).await;
    let no_role = simulator(Model::default()).await;
    hanging.order(Fault::Hang.always());
    broken.order(Fault::Reset.always());
    no_role.order(Fault::Hang.always().on_action("AssumeRole"));

    let home = Home::new();
    home.write("wrong", "FAKEwrongKeyOfTheTest");
    configure(&home, |account| match account {
        "wrong-key" => wrong.endpoint(),
        "hanging" => hanging.endpoint(),
        "broken" => broken.endpoint(),
        "no-role" => no_role.endpoint(),
        _ => healthy.endpoint(),
    });
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;

    // Each of them has failed again and again meanwhile.
    let failures = |scrape: &Scrape, (account, code): (&str, &str)| {
        let labels = [
            ("account", account),
            ("item", "interactive"),
            ("code", code),
        ];
        scrape
            .value("trtc_poll_failures_total", &labels)
            .unwrap_or(0.0)
    };
    let scrape = exporter
        .scrape_until("all others fail", |scrape| {
            TROUBLES
                .into_iter()
                .all(|trouble| failures(scrape, trouble) >= 2.0)
        })
        .await;
    assert!(is_well(&scrape, "healthy"), "{}", scrape.0);
    for (account, _) in TROUBLES {
        assert_eq!(scrape.sum("trtc_up", &of(account)), 0.0, "{account}");
    }

    // And it goes on being asked, and shows what there is.
    let asked = healthy.counts().answered;
    healthy
        .wait_for(|counts| counts.answered >= asked + 20)
        .await;
    let scrape = exporter
        .scrape_until("its figures are the upstream's", |scrape| {
            today(scrape, "healthy") == truth(&healthy)
        })
        .await;
    assert!(is_well(&scrape, "healthy"), "{}", scrape.0);
    let counts = healthy.counts();
    assert_eq!(
        counts.requests, counts.answered,
        "nothing of the others came here"
    );

    // What mends them disturbs it as little.
    home.write("wrong", SECRET_KEY);
    hanging.clear_faults();
    broken.clear_faults();
    no_role.clear_faults();
    let scrape = exporter
        .scrape_until("all are up", |scrape| scrape.sum("trtc_up", "") == 10.0)
        .await;
    assert!(is_well(&scrape, "healthy"), "{}", scrape.0);
}
