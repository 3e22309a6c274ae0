//! Which apps an account has, by the upstream's own list: when that is asked for, and what is made of it. Apps that are
//! no longer listed stay until a reload or the next start: what they used yesterday still counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::Id;
use tracing::{info, warn};

use super::failure::Failure;
use crate::clock::Moment;
use crate::config::{AppConfig, Shard};
use crate::metrics::{AccountTelemetry, ActionTelemetry};
use crate::quote::is_printable;
use crate::tencent::wire::{LIST_APPS, ListedApp};
use crate::tencent::{CallError, Class};
use crate::usage::App;

/// The list is asked for so often, and so rarely where it is refused.
const INTERVAL: Duration = Duration::from_secs(3600);

const FIRST_BACKOFF: Duration = Duration::from_secs(60);

/// Names are label values; longer ones only make every series larger.
const MAX_NAME: usize = 128;

/// The apps of one account, as far as they were found.
pub(super) struct Discovery {
    account: Arc<str>,
    shard: Shard,
    telemetry: Arc<AccountTelemetry>,
    requests: Arc<ActionTelemetry>,
    apps: Vec<AppConfig>,
    next: Duration,
    /// The task that is asking.
    attempt: Option<Id>,
    /// In a row.
    failures: u32,
    /// Whether the next list takes the place of what is known instead of adding to it.
    is_anew: bool,
    has_ended: bool,
    /// The failure that was told.
    told: Option<&'static str>,
}

impl Discovery {
    /// For an account of which `apps` are known already; the list is asked for at once.
    pub(super) fn new(
        account: Arc<str>,
        shard: Shard,
        apps: Vec<AppConfig>,
        telemetry: Arc<AccountTelemetry>,
        requests: Arc<ActionTelemetry>,
    ) -> Self {
        telemetry.apps_found(apps.len());
        Self {
            account,
            shard,
            telemetry,
            requests,
            apps,
            next: Duration::ZERO,
            attempt: None,
            failures: 0,
            is_anew: true,
            has_ended: false,
            told: None,
        }
    }

    /// Those that are known.
    pub(super) fn apps(&self) -> &[AppConfig] {
        &self.apps
    }

    /// Whether the list was asked for once, well or badly.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// When to ask for the list; `None` while it is being asked for.
    pub(super) fn due_at(&self) -> Option<Duration> {
        self.attempt.is_none().then_some(self.next)
    }

    /// Asks for it again soon: what failed may succeed now.
    pub(super) fn try_again(&mut self) {
        self.next = Duration::ZERO;
    }

    /// Asks for it again soon, and forgets what it lacks then.
    pub(super) fn begin_anew(&mut self) {
        self.is_anew = true;
        self.try_again();
    }

    /// It is being asked for by this task.
    pub(super) fn begun(&mut self, attempt: Id) {
        self.attempt = Some(attempt);
    }

    pub(super) fn is_asked_by(&self, attempt: Id) -> bool {
        self.attempt == Some(attempt)
    }

    /// What counts its requests.
    pub(super) fn requests(&self) -> Arc<ActionTelemetry> {
        Arc::clone(&self.requests)
    }

    /// The attempt has ended. Whether other apps are known now.
    pub(super) fn ended(&mut self, result: Result<Vec<ListedApp>, Failure>, now: Moment) -> bool {
        self.attempt = None;
        self.has_ended = true;
        match result {
            Ok(listed) => self.succeeded(listed, now),
            Err(failure) => {
                self.failed(&failure, now);
                false
            }
        }
    }

    fn succeeded(&mut self, listed: Vec<ListedApp>, now: Moment) -> bool {
        self.next = now.mono + INTERVAL;
        self.failures = 0;
        if self.told.take().is_some() {
            info!(account = %self.account, "Apps can be listed again");
        }
        let listed = listed
            .into_iter()
            .filter(|app| self.shard.has(&self.account, App::Id(app.sdk_app_id)));
        let known = if self.is_anew { &[][..] } else { &self.apps };
        let apps = merged(known, listed);
        self.is_anew = false;
        self.telemetry.apps_found(apps.len());
        self.telemetry.apps_listed(now.unix_seconds());
        let are_others = apps != self.apps;
        if are_others {
            info!(account = %self.account, apps = apps.len(), before = self.apps.len(), "Apps found");
            self.apps = apps;
        }
        are_others
    }

    fn failed(&mut self, failure: &Failure, now: Moment) {
        let backoff = FIRST_BACKOFF * 2_u32.saturating_pow(self.failures.min(6));
        let is_for_good =
            matches!(failure, Failure::Call(error) if error.class() == Class::Permanent);
        let rest = if is_for_good {
            INTERVAL
        } else {
            backoff.min(INTERVAL)
        };
        self.next = now.mono + rest;
        self.failures += 1;
        let code = failure.code();
        if self.told.replace(code) != Some(code) {
            warn!(
                account = %self.account, action = LIST_APPS, code, error = reason(failure),
                "The account's apps cannot be listed, so none are added; allow name/trtc:{LIST_APPS}, or name them \
                 under `apps`"
            );
        }
    }
}

/// What is known and what is listed: each app once, in a stable order, by the name that was listed last.
pub(super) fn merged(
    known: &[AppConfig],
    listed: impl Iterator<Item = ListedApp>,
) -> Vec<AppConfig> {
    let mut apps = known.to_vec();
    for ListedApp { sdk_app_id, name } in listed {
        let name = name.as_deref().and_then(label);
        match apps.iter_mut().find(|app| app.sdk_app_id == sdk_app_id) {
            Some(app) => app.name = name.or(app.name.take()),
            None => apps.push(AppConfig { sdk_app_id, name }),
        }
    }
    apps
}

/// A name that others gave, made fit for a label value.
fn label(name: &str) -> Option<String> {
    let shown: String = name
        .chars()
        .map(|char| if is_printable(char) { char } else { ' ' })
        .collect();
    let shown: String = shown.trim().chars().take(MAX_NAME).collect();
    let shown = shown.trim_end();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// Without the advice that is meant for actions that report usage.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Call(CallError::Upstream {
            code,
            message,
            request_id,
            ..
        }) => format!("{code}: {message} (RequestId {request_id})"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::CODES;
    use crate::metrics::{BuildInfo, Telemetry};

    fn listed(apps: &[(u64, &str)]) -> Vec<ListedApp> {
        let app = |&(sdk_app_id, name): &(u64, &str)| ListedApp {
            sdk_app_id,
            name: Some(name.to_owned()),
        };
        apps.iter().map(app).collect()
    }

    fn names(apps: &[AppConfig]) -> Vec<(u64, &str)> {
        let name =
            |app: &'_ AppConfig| app.name.as_deref().unwrap_or("-").to_owned().leak() as &str;
        apps.iter().map(|app| (app.sdk_app_id, name(app))).collect()
    }

    /// Of an account without apps so far.
    fn discovery() -> Discovery {
        let build = BuildInfo {
            version: "0.0.0",
            revision: "unknown",
            rustc: "1.95.0",
        };
        let telemetry = Telemetry::new(build, CODES);
        let (account, requests) = (
            telemetry.account("main"),
            telemetry.action("main", LIST_APPS),
        );
        Discovery::new("main".into(), Shard::WHOLE, Vec::new(), account, requests)
    }

    fn at(seconds: u64) -> Moment {
        Moment {
            utc: chrono::DateTime::UNIX_EPOCH,
            mono: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn the_list_is_asked_for_every_hour_and_sooner_after_a_failure() {
        let mut discovery = discovery();
        let due = |discovery: &Discovery| discovery.due_at().expect("nobody asks").as_secs();
        assert!(due(&discovery) == 0 && !discovery.has_ended());
        let timeout = || Err(Failure::Call(CallError::Timeout(Duration::ZERO)));
        for (now, next) in [(0, 60), (60, 180), (180, 420)] {
            assert!(!discovery.ended(timeout(), at(now)));
            assert_eq!(due(&discovery), next);
        }
        assert!(discovery.has_ended(), "well or badly");
        assert!(discovery.ended(Ok(listed(&[(1, "a")])), at(420)));
        assert_eq!(due(&discovery), 420 + 3600);
        let refused = Err(Failure::Call(CallError::Credentials("none".to_owned())));
        assert!(!discovery.ended(refused, at(4020)));
        assert_eq!(
            due(&discovery),
            4020 + 3600,
            "it would not help to ask sooner"
        );
        discovery.try_again();
        assert_eq!(due(&discovery), 0);
    }

    #[test]
    fn a_reload_forgets_what_is_no_longer_listed() {
        let mut discovery = discovery();
        let ids = |discovery: &Discovery| -> Vec<u64> {
            let apps = discovery.apps().iter();
            apps.map(|app| app.sdk_app_id).collect()
        };
        assert!(discovery.ended(Ok(listed(&[(1, "a"), (2, "b")])), at(0)));
        assert!(
            !discovery.ended(Ok(listed(&[(2, "b")])), at(3600)),
            "nothing is new"
        );
        assert_eq!(ids(&discovery), [1, 2]);
        discovery.begin_anew();
        assert!(discovery.ended(Ok(listed(&[(2, "b")])), at(3700)));
        assert_eq!(ids(&discovery), [2]);
    }

    #[test]
    fn what_is_no_longer_listed_stays_and_what_is_new_is_added() {
        let first = merged(
            &[],
            listed(&[(2, "b"), (1, "a"), (2, "b again")]).into_iter(),
        );
        assert_eq!(names(&first), [(2, "b again"), (1, "a")]);
        let second = merged(&first, listed(&[(3, "c"), (1, "renamed")]).into_iter());
        assert_eq!(names(&second), [(2, "b again"), (1, "renamed"), (3, "c")]);
        let nameless = merged(&second, listed(&[(1, " \n")]).into_iter());
        assert_eq!(nameless, second, "a name is not lost");
    }

    #[test]
    fn names_that_others_gave_are_fit_for_a_label() {
        assert_eq!(label(" live\nshow\u{202e} ").as_deref(), Some("live show"));
        assert_eq!(
            label(&"é".repeat(200)).map(|name| name.chars().count()),
            Some(128)
        );
        assert_eq!(label("\u{200b}"), None);
    }
}
