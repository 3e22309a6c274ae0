//! Builds the exporter from its parts, and owns what concerns all of them: signals, reload and the end.

use std::process;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::backfill::BackfillError;
use crate::build_info;
use crate::cli::{ConfigSource, Storage, WebFlags};
use crate::clock::Clock;
use crate::collect::{CODES, Command, Poller, SetUpError, Tools};
use crate::config::{self, Config, ConfigError, Loaded, Shard};
use crate::descriptors;
use crate::desk::Desk;
use crate::error::with_causes;
use crate::health::Health;
use crate::healthcheck::Unhealthy;
use crate::metrics::{BuildInfo, Exposition, Telemetry};
use crate::push::{Destination, Pusher};
use crate::store::{OpenError, Store};
use crate::supervisor;
use crate::trust::SystemRoots;
use crate::web::{
    self, Access, BindError, Guard, Limits, ListenAddress, PassedError, PassedSockets, Site,
};
use crate::web_config::Keeper;

/// So many people may wait to be told how everything stands.
const INQUIRIES: usize = 16;

/// After the signal to stop, connections get this long to finish.
const GRACE: Duration = Duration::from_secs(5);

/// No scrape shows the exporter's own metrics older than this.
const RENEWAL: Duration = Duration::from_secs(1);

/// Why the exporter did not run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state is not usable.
    #[error(transparent)]
    State(#[from] OpenError),
    /// An account cannot be set to work.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// It cannot listen where it should.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// It cannot listen on what it was passed.
    #[error(transparent)]
    Passed(#[from] PassedError),
    /// The exporter that was asked is not healthy.
    #[error(transparent)]
    Unhealthy(#[from] Unhealthy),
    /// Nothing can be pushed.
    #[error("cannot set up remote write")]
    Push(#[source] reqwest::Error),
    /// There is no history.
    #[error(transparent)]
    Backfill(#[from] BackfillError),
    /// The simulator cannot serve.
    #[error("cannot serve the simulator")]
    Simulator(#[source] std::io::Error),
    /// The system refuses something that every process needs.
    #[error("cannot watch for signals")]
    Signals(#[source] std::io::Error),
    /// The system refuses something that every process needs.
    #[error("cannot start threads")]
    Threads(#[source] std::io::Error),
    /// Something else logs already.
    #[error("cannot log")]
    Log(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Where the running configuration comes from, at the start and at each reload.
#[derive(Clone, Debug)]
pub enum Source {
    /// What the command line names.
    Given {
        /// Where all of it is.
        source: ConfigSource,
        /// Which part of it is run.
        shard: Shard,
    },
    /// Made by the program itself; a reload changes nothing.
    Fixed(Config),
}

impl Source {
    /// Reads it, and logs what is worth a warning.
    ///
    /// # Errors
    /// When it is not usable.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let Loaded { config, warnings } = self.read()?;
        for warning in warnings {
            warn!(warning, "The configuration could be better");
        }
        let shard = self.shard();
        if shard != Shard::WHOLE {
            let apps: usize = config
                .accounts
                .iter()
                .map(|account| account.apps.len())
                .sum();
            info!(
                index = shard.index(),
                count = shard.count(),
                apps,
                "Polling one shard of the configured apps"
            );
        }
        Ok(config)
    }

    /// Reads it, and returns what is worth a warning.
    ///
    /// # Errors
    /// When it is not usable.
    pub fn check(&self) -> Result<Vec<String>, ConfigError> {
        self.read().map(|loaded| loaded.warnings)
    }

    fn read(&self) -> Result<Loaded, ConfigError> {
        let made = |config| Loaded {
            config,
            warnings: Vec::new(),
        };
        let (source, shard) = match self {
            Self::Fixed(config) => return Ok(made(config.clone())),
            Self::Given { source, shard } => (source, shard),
        };
        let whole = match source {
            ConfigSource::SdkAppIds(ids) => made(Config::from_sdk_app_ids(ids)),
            ConfigSource::File(path) => config::load(path)?,
        };
        Ok(shard.part_of(whole))
    }

    fn shard(&self) -> Shard {
        match self {
            Self::Given { shard, .. } => *shard,
            Self::Fixed(_) => Shard::WHOLE,
        }
    }

    /// The running configuration for people.
    fn shown(&self, config: &Config) -> String {
        let yaml = config::redacted_yaml(config);
        let shard = self.shard();
        if shard == Shard::WHOLE {
            return yaml;
        }
        let (index, count) = (shard.index(), shard.count());
        format!(
            "# What --shard.index={index} runs of the configuration, of --shard.count={count}.\n{yaml}"
        )
    }
}

/// Runs the exporter until it is told to stop. It listens on the `passed` sockets, without them by the flags. It polls on
/// other threads than it is called on: those may be blocked.
///
/// # Errors
/// When it cannot start.
pub async fn run(
    source: Source,
    web: WebFlags,
    passed: Option<PassedSockets>,
    storage: Storage,
    destination: Option<Destination>,
    clock: Arc<dyn Clock>,
    polling: &Handle,
) -> Result<(), AppError> {
    let kept_days = storage.kept_days;
    let config = source.load()?;
    let roots = SystemRoots::default();
    if config
        .accounts
        .iter()
        .any(|account| account.upstream.endpoint.scheme() == "https")
    {
        roots.read_ahead();
    }
    let keeper = web.config_file.as_deref().map(Keeper::open).transpose()?;
    let keeper = keeper.map(Arc::new);
    let store = Arc::new(Mutex::new(open(&storage)?));
    let build = BuildInfo {
        version: build_info::VERSION,
        revision: build_info::REVISION,
        rustc: build_info::RUSTC,
    };
    let telemetry = Arc::new(Telemetry::new(build, CODES));
    telemetry.reload_succeeded(clock.now().unix_seconds());
    telemetry.shard_is(source.shard().index(), source.shard().count());
    let pusher = destination
        .map(|to| {
            Pusher::new(
                to,
                Arc::clone(&store),
                Arc::clone(&telemetry),
                Arc::clone(&clock),
            )
        })
        .transpose()
        .map_err(AppError::Push)?;
    let exposition = Arc::new(Exposition::new(Arc::clone(&telemetry)));
    let health = Arc::new(Health::new(clock.now().mono));
    let shown_config = Arc::new(ArcSwap::from_pointee(Bytes::from(source.shown(&config))));
    let tools = Tools {
        clock: Arc::clone(&clock),
        store: Arc::clone(&store),
        telemetry: Arc::clone(&telemetry),
        exposition: Arc::clone(&exposition),
        health: Arc::clone(&health),
        roots,
        kept_days,
        seed: u64::from(process::id()) ^ clock.now().utc.timestamp_micros().unsigned_abs(),
    };
    let poller = Poller::new(config, tools)?;
    let mut signals = Signals::watch().map_err(AppError::Signals)?;
    let listeners = match passed {
        Some(sockets) => sockets.into_listeners()?,
        None => bind(&web.listen_addresses).await?,
    };
    for address in listeners
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
    {
        info!(%address, "Listening");
    }

    let stop = CancellationToken::new();
    let (commands, orders) = mpsc::channel(1);
    let desk = Desk {
        commands: commands.clone(),
        store,
        clock: Arc::clone(&clock),
    };
    let reloader = Reloader {
        source,
        keeper: keeper.clone(),
        commands,
        telemetry,
        exposition: Arc::clone(&exposition),
        shown_config: Arc::clone(&shown_config),
        clock: Arc::clone(&clock),
    };
    // It goes on to the very end, so nobody waits for it.
    drop(tokio::spawn(supervisor::reassure(
        Arc::clone(&health),
        Arc::clone(&clock),
    )));
    let access = match &keeper {
        Some(keeper) => Arc::clone(keeper.guard()),
        None => Arc::new(Guard::new(Access::open())),
    };
    if let Some(keeper) = keeper {
        drop(tokio::spawn(keeper.keep_watch()));
    }
    if let Some(pusher) = pusher {
        // What it has under way at the end is pushed again after the next start.
        drop(polling.spawn(Arc::new(pusher).run(stop.clone())));
    }
    let polling = polling.spawn(poller.run(orders, stop.clone()));
    let polling = tokio::spawn(watch(polling, Arc::clone(&health), stop.clone()));
    // One may be under way and one wait: it will read what is there when its turn comes, so it stands for all later ones.
    let (reloads, asked_to_reload) = mpsc::channel(1);
    tokio::spawn(reloader.run(asked_to_reload));
    let (inquiries, asked_how_it_stands) = mpsc::channel(INQUIRIES);
    tokio::spawn(desk.run(asked_how_it_stands));
    let site = Site {
        telemetry_path: web.telemetry_path,
        inquiries,
        exposition: Arc::clone(&exposition),
        health,
        config: shown_config,
        reload: web.enable_lifecycle.then(|| reloads.clone()),
        access,
        scrapes: Arc::new(Semaphore::new(scrapes_at_once(web.max_requests))),
        limits: Limits::within(descriptors::allow_all()),
        clock,
    };
    let serving = tokio::spawn(web::serve(listeners, Arc::new(site), stop.clone()));
    supervisor::serving();
    let mut renewal = tokio::time::interval(RENEWAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = renewal.tick() => exposition.renew(),
            signal = signals.next() => match signal {
                Signal::Reload => drop(reloads.try_send(oneshot::channel().0)),
                Signal::Stop(name) => {
                    info!(signal = name, "Stopping");
                    break;
                }
            },
        }
    }
    supervisor::stopping();
    stop.cancel();
    let within_grace = |task| tokio::time::timeout(GRACE, task);
    let (served, polled) = tokio::join!(within_grace(serving), within_grace(polling));
    if served.is_err() {
        warn!("Gave up waiting for connections to finish");
    }
    if polled.is_err() {
        warn!("Gave up waiting for the poll loop; what it has not saved was not shown either");
    }
    info!("Stopped; all that was shown is saved");
    Ok(())
}

/// Waits for the poll loop to end. When nobody has told it to, that is a bug: what it has shown goes on being served, and
/// probes learn at once that it is time to restart.
async fn watch(polling: JoinHandle<()>, health: Arc<Health>, stop: CancellationToken) {
    let reason = match polling.await {
        Ok(()) if stop.is_cancelled() => return,
        Ok(()) => "it has ended by itself".to_owned(),
        Err(panic) => with_causes(&panic),
    };
    // Whoever reads the log finds the probe as it says.
    health.died(reason.clone());
    error!(
        error = reason,
        "The poll loop has died; nothing is polled until a restart"
    );
}

fn open(storage: &Storage) -> Result<Store, OpenError> {
    match &storage.folder {
        Some(path) => {
            let store = Store::open(path)?;
            info!(path = %path.display(), "State opened");
            Ok(store)
        }
        None => {
            info!(
                "No state is kept: counters begin at 0 with every start, and usage of the time between is not counted"
            );
            Store::in_memory()
        }
    }
}

async fn bind(addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(web::bind(address).await?);
    }
    Ok(listeners)
}

/// How many scrapes may run at once; by the flag's convention 0 means no limit.
fn scrapes_at_once(max_requests: usize) -> usize {
    if max_requests == 0 {
        Semaphore::MAX_PERMITS
    } else {
        max_requests.min(Semaphore::MAX_PERMITS)
    }
}

/// Reads the configuration and the web configuration again, and puts them in force when both are good.
struct Reloader {
    source: Source,
    keeper: Option<Arc<Keeper>>,
    commands: mpsc::Sender<Command>,
    telemetry: Arc<Telemetry>,
    exposition: Arc<Exposition>,
    shown_config: Arc<ArcSwap<Bytes>>,
    clock: Arc<dyn Clock>,
}

impl Reloader {
    async fn run(self, mut asked: mpsc::Receiver<web::Reload>) {
        while let Some(reply) = asked.recv().await {
            // Whoever asked may be gone by now; the reload counts all the same.
            drop(reply.send(self.reload().await));
        }
    }

    async fn reload(&self) -> Result<(), String> {
        let result = self.try_reload().await;
        match &result {
            Ok(()) => self
                .telemetry
                .reload_succeeded(self.clock.now().unix_seconds()),
            Err(_) => self.telemetry.reload_failed(),
        }
        // Whoever reads the log or the answer finds the metric as they say.
        self.exposition.renew();
        match &result {
            Ok(()) => info!("Configuration reloaded"),
            Err(error) => error!(
                error,
                "Configuration could not be reloaded; the one before stays in force"
            ),
        }
        result
    }

    async fn try_reload(&self) -> Result<(), String> {
        let (source, keeper) = (self.source.clone(), self.keeper.clone());
        let loading = tokio::task::spawn_blocking(move || {
            // So that the problems of both are told.
            let of_web = keeper.map(|keeper| keeper.prepare().map(|prepared| (keeper, prepared)));
            (source.load(), of_web.transpose())
        });
        let (config, of_web) = match loading.await.map_err(|panic| with_causes(&panic))? {
            (Ok(config), Ok(of_web)) => (config, of_web),
            (config, of_web) => {
                let problems = [config.err(), of_web.err()].into_iter().flatten();
                let problems: Vec<_> = problems.map(|error| with_causes(&error)).collect();
                return Err(problems.join("\n"));
            }
        };
        let shown = self.source.shown(&config);
        let (reply, answer) = oneshot::channel();
        let order = Command::Reload {
            config: Box::new(config),
            reply,
        };
        self.commands
            .send(order)
            .await
            .map_err(|_| "the poll loop has ended")?;
        let result = answer.await.map_err(|_| "the poll loop has ended")?;
        result.map_err(|error| with_causes(&error))?;
        if let Some((keeper, prepared)) = of_web {
            let applying = tokio::task::spawn_blocking(move || keeper.apply(prepared));
            applying.await.map_err(|panic| with_causes(&panic))?;
        }
        self.shown_config.store(Arc::new(shown.into()));
        Ok(())
    }
}

/// What the system asks of the process.
enum Signal {
    Reload,
    Stop(&'static str),
}

/// The signals that the program answers to.
pub(crate) struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn watch() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
        }
    }

    /// The name of the signal to stop, when it comes; others are ignored.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            if let Signal::Stop(name) = self.next().await {
                return name;
            }
        }
    }
}
