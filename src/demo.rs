//! The program without an account: `demo` runs the exporter, the same code path, against a simulator in this process over
//! real HTTP on loopback; `simulate` serves that simulator alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::info;

use crate::app::{self, AppError, Source};
use crate::billing::{Billing, Month, Package, Price, PriceTable, Rate, Ratio};
use crate::cli::{SimulatorFlags, Storage, WebFlags};
use crate::clock::Clock;
use crate::config::{Account, AppConfig, Config, Item};
use crate::push::Destination;
use crate::secret::Secret;
use crate::simulator::{
    ACTION_OFFLINE, DEMO_APPS, Handle, Model, Options, REGION, SECRET_ID, SECRET_KEY, Simulator,
};
use crate::tencent::action::INTERACTIVE;
use crate::tencent::{CredentialSource, SecretSource, Upstream};
use crate::usage::{Date, Media};
use crate::web::{self, ListenAddress, PassedSockets};
use crate::web_config;

/// Often enough that a newcomer sees figures move.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Runs the exporter against a simulator until it is told to stop; see [`app::run`].
///
/// # Errors
/// When one of them cannot start.
pub async fn demo(
    simulator: SimulatorFlags,
    web: WebFlags,
    passed: Option<PassedSockets>,
    storage: Storage,
    destination: Option<Destination>,
    clock: Arc<dyn Clock>,
    polling: &tokio::runtime::Handle,
) -> Result<(), AppError> {
    let nearby = ListenAddress {
        host: Some("127.0.0.1".to_owned()),
        port: 0,
    };
    let upstream = start(&nearby, &simulator, &clock).await?;
    info!(
        endpoint = upstream.endpoint(),
        "The upstream of this demo is simulated in this process"
    );
    let config = config(&upstream, &simulator, clock.now().utc);
    let is_encrypted = web.config_file.as_deref().map(web_config::speaks_tls);
    let scheme = if is_encrypted.transpose()? == Some(true) {
        "https"
    } else {
        "http"
    };
    let addresses = web.listen_addresses.iter();
    for address in addresses.filter(|_| passed.is_none()) {
        let host = address.host.as_deref().unwrap_or("localhost");
        if address.port != 0 {
            let base = format!("{scheme}://{host}:{}", address.port);
            info!(
                page = format!("{base}/"),
                metrics = format!("{base}{}", web.telemetry_path),
                "Open in a browser"
            );
        }
    }
    app::run(
        Source::Fixed(config),
        web,
        passed,
        storage,
        destination,
        clock,
        polling,
    )
    .await
}

/// Serves a simulator alone until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub async fn simulate(
    listen_address: &ListenAddress,
    simulator: &SimulatorFlags,
    clock: Arc<dyn Clock>,
) -> Result<(), AppError> {
    let mut signals = app::Signals::watch().map_err(AppError::Signals)?;
    let upstream = start(listen_address, simulator, &clock).await?;
    info!(
        address = %upstream.address(),
        endpoint = upstream.endpoint(),
        secret_id = SECRET_ID,
        secret_key = SECRET_KEY,
        "Listening"
    );
    let signal = signals.stop().await;
    info!(signal, "Stopping");
    upstream.shutdown().await;
    Ok(())
}

async fn start(
    address: &ListenAddress,
    flags: &SimulatorFlags,
    clock: &Arc<dyn Clock>,
) -> Result<Handle, AppError> {
    let listener = web::bind(address).await?;
    let options = Options {
        model: Model {
            seed: flags.seed,
            sparse: flags.sparse,
            ..Model::default()
        },
        requests_per_second: flags.requests_per_second,
        ..Options::default()
    };
    let upstream = Simulator::start(listener, options, Arc::clone(clock));
    let upstream = upstream.map_err(AppError::Simulator)?;
    for action in &flags.retired {
        upstream.retire(action, ACTION_OFFLINE);
    }
    Ok(upstream)
}

fn config(upstream: &Handle, flags: &SimulatorFlags, now: DateTime<Utc>) -> Config {
    let endpoint = upstream
        .endpoint()
        .parse()
        .expect("an address and a port make a URL");
    let app = |app: &crate::simulator::DemoApp| AppConfig {
        sdk_app_id: app.sdk_app_id,
        name: Some(app.name.to_owned()),
    };
    let account = Account {
        name: "demo".into(),
        upstream: Upstream {
            endpoint,
            region: REGION.to_owned(),
            language: "en-US".to_owned(),
            request_timeout: Duration::from_secs(10),
            authorities: None,
            credentials: CredentialSource::Configured {
                secret_id: SecretSource::Inline(Secret::new(SECRET_ID.to_owned())),
                secret_key: SecretSource::Inline(Secret::new(SECRET_KEY.to_owned())),
                token: None,
            },
            role: None,
        },
        items: vec![Item {
            requests_per_second: flags.requests_per_second.map(f64::from),
            ..Item::of(&INTERACTIVE)
        }],
        apps: DEMO_APPS.iter().map(app).collect(),
        found: None,
        total: true,
        billing: Some(billing(Date::of(now))),
    };
    Config {
        poll_interval: POLL_INTERVAL,
        settle_after: Duration::from_secs(15 * 60),
        accounts: vec![account],
    }
}

/// What the China site asked per 1,000 minutes in its documentation of 2020 to 2022, and a package for voice and small video
/// that begins with the month of `today`.
fn billing(today: Date) -> Billing {
    let item: Arc<str> = INTERACTIVE.name.into();
    let mut prices = PriceTable::default();
    for (media, price) in [
        (Media::Audio, 7),
        (Media::VideoSd, 14),
        (Media::VideoHd, 28),
        (Media::VideoFullHd, 105),
    ] {
        prices.insert(Arc::clone(&item), media, Rate::flat(Price::from(price)));
    }
    let ratio = |text: &str| -> Ratio { text.parse().expect("a ratio") };
    let covered = BTreeMap::from([(Media::Audio, ratio("1")), (Media::VideoSd, ratio("2"))]);
    let package = Package {
        name: "voice".into(),
        minutes: 4_000_000,
        from: Month::of(today).first(),
        until: None,
        renews: None,
        left: None,
        items: BTreeMap::from([(item, covered)]),
    };
    Billing {
        currency: "CNY".into(),
        prices,
        packages: vec![package],
    }
}
