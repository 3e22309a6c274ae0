//! `trtc-exporter backfill`: gathers the past of what is configured, from the state of an exporter and from the upstream,
//! and writes it in one of the formats of [`history`](crate::history).
//!
//! What an exporter keeps is never asked for: it knows best what of it was entered. One that runs and is about to enter the
//! past by itself is waited for, so that the rate limit is not used twice. What is asked for is kept beside the output until
//! that is whole, so an interrupted call goes on where it was.

mod apps;
mod ask;
mod error;
mod output;
mod progress;
mod sources;

use std::path::PathBuf;
use std::sync::Arc;

use tracing::{info, warn};

use crate::app;
use crate::clock::Clock;
use crate::collect;
use crate::config::{self, Account, Config, ConfigError};
use crate::history::{Format, Span, Text, Wish, series};
use crate::tencent::client::Client;
use crate::trust::SystemRoots;
use crate::usage::{Target, Unit};

pub use error::BackfillError;

use ask::Lane;
use output::Output;
use progress::Progress;
use sources::Sources;

/// What to write and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The configuration file.
    pub config: PathBuf,
    /// Only these apps; without a configuration file, these apps of the account `default`.
    pub sdk_app_ids: Vec<u64>,
    /// Only these accounts.
    pub accounts: Vec<String>,
    /// Where an exporter keeps its state.
    pub state: Option<PathBuf>,
    /// The dates; what is left out follows from the state.
    pub wish: Wish,
    /// How to write it.
    pub format: Format,
    /// Labels beside the usual ones.
    pub labels: Vec<(String, String)>,
    /// Where to; `None` is standard output.
    pub output: Option<PathBuf>,
}

/// A target and the part of its past that is wanted.
struct Planned {
    target: Target,
    span: Span,
}

/// Gathers and writes it, until it is done or a signal to stop comes.
///
/// # Errors
/// When it is not whole; then there is no output either.
pub async fn run(order: Order, clock: Arc<dyn Clock>) -> Result<(), BackfillError> {
    let mut signals = app::Signals::watch().map_err(BackfillError::Signals)?;
    tokio::select! {
        result = gather_and_write(order, clock) => result,
        signal = signals.stop() => Err(BackfillError::Interrupted(signal)),
    }
}

async fn gather_and_write(order: Order, clock: Arc<dyn Clock>) -> Result<(), BackfillError> {
    let mut config = load(&order)?;
    apps::find(&mut config, &order.accounts, &clock).await?;
    let config = narrowed(config, &order)?;
    let output = Output::to(order.output.as_deref())?;
    let mut sources = Sources::open(order.state.as_deref(), output.workshop())?;
    let mut planned = Vec::new();
    for account in &config.accounts {
        for target in history_items(account).flat_map(|item| collect::targets_of(account, item)) {
            let beginning = sources.beginning(&target)?;
            if let Some(span) = Span::of(order.wish, beginning, clock.now().utc) {
                planned.push(Planned { target, span });
            }
        }
    }
    tell_what_may_surprise(&order, &sources);
    sources.wait_for_exporter(&planned, &clock).await?;
    let unanswered = ask_for_the_rest(&config, &planned, &mut sources, &clock).await?;
    if unanswered > 0 {
        warn!(
            dates = unanswered,
            "The upstream does not answer for some dates; history has a hole there"
        );
    }
    let text = Text::new(order.format, order.labels);
    write(&planned, &sources, &text, order.format, output, &clock).await
}

fn load(order: &Order) -> Result<Config, BackfillError> {
    match config::load(&order.config) {
        Ok(loaded) => Ok(loaded.config),
        Err(ConfigError::NotFound(_)) if !order.sdk_app_ids.is_empty() => {
            Ok(Config::from_sdk_app_ids(&order.sdk_app_ids))
        }
        Err(error) => Err(error.into()),
    }
}

/// Leaves only what was asked for.
fn narrowed(mut config: Config, order: &Order) -> Result<Config, BackfillError> {
    for name in &order.accounts {
        if config
            .accounts
            .iter()
            .all(|account| *account.name != **name)
        {
            return Err(BackfillError::UnknownAccount(name.clone()));
        }
    }
    if !order.accounts.is_empty() {
        config
            .accounts
            .retain(|account| order.accounts.iter().any(|name| **name == *account.name));
    }
    let wanted = &order.sdk_app_ids;
    let is_configured = |id: &u64| {
        let mut apps = config.accounts.iter().flat_map(|account| &account.apps);
        apps.any(|app| app.sdk_app_id == *id)
    };
    if let Some(&id) = wanted.iter().find(|id| !is_configured(id)) {
        return Err(BackfillError::UnknownApp(id));
    }
    if !wanted.is_empty() {
        for account in &mut config.accounts {
            account.apps.retain(|app| wanted.contains(&app.sdk_app_id));
            account.total = false;
        }
    }
    Ok(config)
}

fn tell_what_may_surprise(order: &Order, sources: &Sources) {
    if order.format.is_figures() {
        return;
    }
    if order.wish.end.is_some() {
        warn!(
            "With --end, history may overlap with what was scraped; import it only where that is not, or under other labels"
        );
    } else if !sources.has_state() {
        warn!(
            "There is no state of an exporter, so history ends now; to have both meet without a gap, start the exporter \
             first and name its folder by --storage.path"
        );
    }
}

/// Asks the upstream for what nobody keeps, and returns for how many dates it has no answer.
async fn ask_for_the_rest(
    config: &Config,
    planned: &[Planned],
    sources: &mut Sources,
    clock: &Arc<dyn Clock>,
) -> Result<u64, BackfillError> {
    let work = |sources: &Sources| -> Result<_, BackfillError> {
        let mut work = Vec::new();
        for account in &config.accounts {
            for item in history_items(account) {
                let asking = sources.missing_of(planned, account, item, clock.now().utc)?;
                work.push((account, item, asking));
            }
        }
        Ok(work)
    };
    let work = work(sources)?;
    let total = work
        .iter()
        .map(|(_, _, asking)| asking.questions.len())
        .sum();
    let mut unanswered = work.iter().map(|(_, _, asking)| asking.beyond_reach).sum();
    let mut progress = Progress::start("asking", total, Arc::clone(clock));
    let roots = SystemRoots::default();
    for (account, item, mut asking) in work {
        let mut action = item.action(sources.gone_over_to(account, item)?.as_deref());
        while !asking.questions.is_empty() {
            let client = Client::new(&account.upstream, &roots, Arc::clone(clock));
            let client = client.map_err(|source| BackfillError::Client {
                account: Arc::clone(&account.name),
                source,
            })?;
            let requests_per_second = item.share_of_limit(action) * sources.share_of_limit();
            let what = (action, item.kind.parameter);
            let lane = Lane::new(client, what, requests_per_second, clock);
            let asked = lane
                .ask(asking.questions, sources.asked_mut(), &mut progress)
                .await;
            match (asked, item.successor_of(action)) {
                (Ok(holes), _) => {
                    unanswered += holes;
                    break;
                }
                (Err(error), Some(successor)) if error.is_retirement() => {
                    let action = std::mem::replace(&mut action, successor).name;
                    info!(
                        action,
                        successor = successor.name,
                        "The upstream has retired this action"
                    );
                }
                (Err(error), _) => return Err(error),
            }
            asking = sources.missing_of(planned, account, item, clock.now().utc)?;
        }
    }
    progress.end();
    Ok(unanswered)
}

/// The items of an account that have a history: a rate has none.
fn history_items(account: &Account) -> impl Iterator<Item = &config::Item> {
    let is_time = |item: &&config::Item| item.kind.first_action().unit == Unit::Seconds;
    account.items.iter().filter(is_time)
}

async fn write(
    planned: &[Planned],
    sources: &Sources,
    text: &Text,
    format: Format,
    mut output: Output,
    clock: &Arc<dyn Clock>,
) -> Result<(), BackfillError> {
    let mut samples = 0;
    let mut chunk = String::new();
    let total = planned.len() * format.families().len();
    let mut progress = Progress::start("writing", total, Arc::clone(clock));
    for &family in format.families() {
        text.begin(&mut chunk, family);
        for Planned { target, span } in planned {
            let days = sources.days(target, span)?;
            samples += text.write(&mut chunk, family, target, &series(&days, span));
            output.write(&chunk)?;
            chunk.clear();
            progress.advance(1);
            // A signal to stop is heard here.
            tokio::task::yield_now().await;
        }
    }
    text.end(&mut chunk);
    output.write(&chunk)?;
    progress.end();
    let dates = planned.iter().map(|planned| &planned.span.dates);
    let first = dates.clone().map(|dates| *dates.start()).min();
    let last = dates.map(|dates| *dates.end()).max();
    let to = output.finish()?;
    let (first, last) = (
        first.map(tracing::field::display),
        last.map(tracing::field::display),
    );
    info!(
        targets = planned.len(),
        samples,
        first,
        last,
        output = to,
        "History is written"
    );
    Ok(())
}
