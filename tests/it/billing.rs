//! Costs and packages of accounts, in the real program.

use std::fmt::Write as _;

use trtc_exporter::simulator::{Fault, Handle, Model, SECRET_ID};

use crate::exporter::{Exporter, Scrape, flag, logged};
use crate::http::post;
use crate::upstream::{Home, simulator};

const BILLING: &str = "billing: { currency: CNY, prices: { interactive: { audio: 7 } }, packages: [{ name: p, \
                       minutes: 1000, from: 2020-01-01, items: { interactive: { video_sd: 1 } } }] }";

/// Accounts of these names at one upstream; `more` is the rest of each.
fn configure(home: &Home, upstream: &Handle, accounts: &[&str], more: &str) {
    let mut text = "poll_interval: 1s\naccounts:\n".to_owned();
    for name in accounts {
        write!(
            text,
            "  - name: {name}\n    endpoint: {}\n    credentials: {{ secret_id: {SECRET_ID}, secret_key_file: key }}\n    \
             {BILLING}\n    {more}\n",
            upstream.endpoint()
        )
        .expect("memory");
    }
    home.write("trtc-exporter.yml", &text);
}

/// Whether costs and packages of the account are shown.
fn is_billed(scrape: &Scrape, account: &str) -> bool {
    let of = format!("account=\"{account}\"");
    let families = ["trtc_cost_estimate_total", "trtc_package_minutes_left"];
    families.iter().all(|family| {
        scrape
            .samples(family)
            .any(|(labels, _)| labels.contains(&of))
    })
}

#[tokio::test]
async fn damaged_costs_of_one_account_are_nobody_elses() {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    configure(
        &home,
        &upstream,
        &["a", "b"],
        "apps: [{ sdk_app_id: 1400000001 }]",
    );
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter
        .scrape_until("both are billed", |scrape| {
            is_billed(scrape, "a") && is_billed(scrape, "b")
        })
        .await;
    exporter.kill();

    let database = home.state().join("trtc-exporter.db");
    let connection = rusqlite::Connection::open(database).expect("opens");
    connection
        .execute("UPDATE cost SET billionths = 'x' WHERE account = 'a'", ())
        .expect("damaged");
    drop(connection);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    let scrape = exporter
        .scrape_until("the other is billed", |scrape| {
            is_billed(scrape, "b") && scrape.sum("trtc_up", "account=\"a\"") == 2.0
        })
        .await;
    assert!(
        !is_billed(&scrape, "a"),
        "rather nothing than less than before"
    );
    logged(exporter.log(), "cannot be told anew").await;
}

#[tokio::test]
async fn the_bill_of_an_account_goes_with_it() {
    let upstream = simulator(Model::default()).await;
    let home = Home::new();
    let apps = "apps: [{ sdk_app_id: 1400000001 }]";
    configure(&home, &upstream, &["a", "b"], apps);
    let arguments = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
        "--web.enable-lifecycle".to_owned(),
    ];
    let exporter = Exporter::start(arguments).await;
    exporter
        .scrape_until("both are billed", |scrape| {
            is_billed(scrape, "a") && is_billed(scrape, "b")
        })
        .await;
    // Then nothing comes back that could make figures anew.
    upstream.order(Fault::Hang.always());
    configure(&home, &upstream, &["b"], apps);
    let reloaded = post(exporter.url("/-/reload")).send().await;
    assert_eq!(reloaded.expect("answers").status(), 200);
    let scrape = exporter.scrape().await;
    assert!(!is_billed(&scrape, "a") && is_billed(&scrape, "b"));
}

#[tokio::test]
async fn nothing_is_billed_where_no_usage_can_be_known() {
    let upstream = simulator(Model::default()).await;
    upstream.order(
        Fault::refuse("UnauthorizedOperation")
            .always()
            .on_action("DescribeAppStatList"),
    );
    let home = Home::new();
    configure(&home, &upstream, &["a"], "total: false");
    let mut text = std::fs::read_to_string(home.config()).expect("there");
    write!(
        text,
        "  - name: b\n    endpoint: {}\n    credentials: {{ secret_id: {SECRET_ID}, secret_key_file: key }}\n    \
         {BILLING}\n    apps: [{{ sdk_app_id: 1400000001 }}]\n",
        upstream.endpoint()
    )
    .expect("memory");
    home.write("trtc-exporter.yml", &text);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    let scrape = exporter
        .scrape_until("the other is billed", |scrape| is_billed(scrape, "b"))
        .await;
    assert!(!is_billed(&scrape, "a"), "{}", scrape.0);
}
