//! The gateway: takes a received request through authentication, routing, rate limit and faults to an answer. It holds
//! all that changes while the simulator runs, and is what tests steer. No I/O; the server and tests both call it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::answer::{Answer, Quirks};
use super::faults::{Fault, Faults, Order};
use super::issuing::{self, Exchange, METADATA_PATH};
use super::listing::{self, Part};
use super::log::{Counts, Entry, Log, Outcome};
use super::model::Model;
use super::protocol::{self, Credential, Received};
use super::query::Query;
use super::quota::Quota;
use super::random::Chance;
use super::refusal::Refusal;
use super::traffic::Spike;
use crate::clock::{Clock, Moment};
use crate::tencent::action::INTERACTIVE;
use crate::tencent::{Action, Item};
use crate::usage::{App, Media, TimeKey};

/// SecretId of [`Options::default`]. It opens nothing but a simulator.
pub const SECRET_ID: &str = "AKIDsimulatorFAKEFAKEFAKEFAKEFAKE0001";

/// SecretKey of [`Options::default`]. It opens nothing but a simulator.
pub const SECRET_KEY: &str = "simulatorFAKEFAKEFAKEFAKEFAKEKEY";

/// The role of the machine that [`Options::default`] is the metadata server of.
pub const MACHINE_ROLE: &str = "simulated-machine";

/// How a simulator starts. All of it can be changed while it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The account behind it.
    pub model: Model,
    /// The keys it accepts.
    pub credentials: Vec<Credential>,
    /// Liberties that its answers take.
    pub quirks: Quirks,
    /// The rate limit of every action, in place of the documented ones.
    pub requests_per_second: Option<u16>,
    /// The role of the machine that it is the metadata server of; `None`: the machine has none.
    pub machine_role: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: Model::default(),
            credentials: vec![Credential::new(SECRET_ID, SECRET_KEY)],
            quirks: Quirks::default(),
            requests_per_second: None,
            machine_role: Some(MACHINE_ROLE.to_owned()),
        }
    }
}

/// What the gateway sends back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An envelope with data or with an error; HTTP status 200.
    Envelope(String),
    /// An ordered fault: what has gone wrong already with this envelope, or will on its way.
    Faulty(Fault, String),
}

/// The simulated upstream.
pub struct Simulator {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    counts: watch::Sender<Counts>,
}

struct State {
    model: Arc<Model>,
    credentials: Vec<Credential>,
    quirks: Quirks,
    limit: Option<u16>,
    machine_role: Option<String>,
    /// The only identity token that is accepted; `None`: any.
    identity: Option<String>,
    /// Codes by action.
    retired: BTreeMap<String, String>,
    quota: Quota,
    faults: Faults,
    log: Log,
    received: u64,
}

impl Simulator {
    /// A simulator that reads its time from `clock`.
    pub fn new(options: Options, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                model: Arc::new(options.model),
                credentials: options.credentials,
                quirks: options.quirks,
                limit: options.requests_per_second,
                machine_role: options.machine_role,
                identity: None,
                retired: BTreeMap::new(),
                quota: Quota::default(),
                faults: Faults::default(),
                log: Log::default(),
                received: 0,
            }),
            counts: watch::Sender::default(),
        }
    }

    /// Answers one request.
    pub fn respond(&self, request: &Received<'_>) -> Reply {
        let now = self.clock.now();
        let (query, (reply, outcome)) = match Exchange::asked_by(request) {
            Some(exchange) => (None, self.state().exchange(exchange, request, now)),
            None if request.header("x-tc-action") == Some(listing::ACTION) => {
                (None, self.state().list(request, now))
            }
            None => {
                let verdict = self.state().judge(request, now);
                // The lock is not held here: requests wait for each other's admission, not for each other's sums.
                (verdict.query, verdict.carry_out(now))
            }
        };
        self.state().log.push(Entry {
            at: now,
            action: request.header("x-tc-action").unwrap_or_default().to_owned(),
            query,
            outcome: outcome.clone(),
        });
        self.counts.send_modify(|counts| counts.add(&outcome));
        reply
    }

    /// The sum of what the simulator shows of interactive streams right now; see [`Model::truth`].
    pub fn truth(&self, app: App, media: Media, range: Range<TimeKey>) -> u64 {
        self.truth_of(&INTERACTIVE, app, media, range)
    }

    /// The sum, or the peak, of what the simulator shows of `item` right now; see [`Usage::truth`](super::Usage::truth).
    pub fn truth_of(&self, item: &Item, app: App, media: Media, range: Range<TimeKey>) -> u64 {
        let now = self.clock.now().utc;
        self.model().of(item).truth(app, media, range, now)
    }

    /// The account as it is now; later spikes do not reach it.
    pub fn model(&self) -> Arc<Model> {
        Arc::clone(&self.state().model)
    }

    /// Adds a spike to an app: `factor` times the usual from `from` on. Buckets that were already shown are thereby
    /// revised upwards.
    pub fn inject_spike(&self, sdk_app_id: u64, from: TimeKey, factor: f64, duration: Duration) {
        let spike = Spike {
            sdk_app_id,
            from,
            seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            factor,
        };
        Arc::make_mut(&mut self.state().model).spikes.push(spike);
    }

    /// Orders a fault. Faults happen to requests that would have been answered; earlier orders come first.
    pub fn order(&self, order: Order) {
        self.state().faults.add(order);
    }

    /// Cancels every order.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// From now on `action` is refused with `code`, e.g. [`ACTION_OFFLINE`](super::ACTION_OFFLINE) or `InvalidAction`.
    pub fn retire(&self, action: &str, code: &str) {
        let mut state = self.state();
        state.retired.insert(action.to_owned(), code.to_owned());
    }

    /// From now on `action` is answered again; whether it had been retired.
    pub fn revive(&self, action: &str) -> bool {
        self.state().retired.remove(action).is_some()
    }

    /// The actions that are retired, and with which codes they are refused.
    pub fn retired(&self) -> BTreeMap<String, String> {
        self.state().retired.clone()
    }

    /// From now on only these keys are accepted.
    pub fn set_credentials(&self, credentials: Vec<Credential>) {
        self.state().credentials = credentials;
    }

    /// From now on the account has these apps. The total is their sum for all time, so what was shown of it changes too.
    pub fn set_apps(&self, apps: Vec<u64>) {
        Arc::make_mut(&mut self.state().model).apps = apps;
    }

    /// From now on none of the temporary keys that were handed out so far is accepted.
    pub fn revoke_temporary(&self) {
        let now = self.clock.now().utc.timestamp();
        let mut state = self.state();
        let temporary = |credential: &&mut Credential| credential.expires.is_some();
        for credential in state.credentials.iter_mut().filter(temporary) {
            credential.expires = Some(now);
        }
    }

    /// From now on only this identity token of a pod is accepted.
    pub fn set_identity(&self, token: &str) {
        self.state().identity = Some(token.to_owned());
    }

    /// What the metadata server of a virtual machine answers to `GET path`; `None`: 404.
    pub fn metadata(&self, path: &str) -> Option<String> {
        let now = self.clock.now();
        let mut state = self.state();
        let asked = path.strip_prefix(METADATA_PATH)?;
        let role = state.machine_role.clone()?;
        if asked.is_empty() {
            return Some(role);
        }
        let chance = state.next_chance();
        (asked == role)
            .then(|| issuing::metadata(&state.hand_out(MACHINE_KEYS_SECONDS, chance, now)))
    }

    /// From now on answers take these liberties.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.state().quirks = quirks;
    }

    /// The last 10,000 requests, oldest first.
    pub fn requests(&self) -> Vec<Entry> {
        self.state().log.entries()
    }

    /// Sums over all requests.
    pub fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    /// Waits until the counts satisfy `condition`, and returns them.
    pub async fn wait_for(&self, condition: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.subscribe();
        let counts = counts.wait_for(condition).await;
        counts
            .expect("the sender lives as long as the simulator")
            .clone()
    }

    /// The largest number of requests for `action` in any one second.
    pub fn peak(&self, action: &str) -> usize {
        self.state().quota.peak(action)
    }

    /// How many requests for `action` are admitted in any one second.
    pub(super) fn limit(&self, action: &Action) -> usize {
        self.state().limit_of(action.requests_per_second)
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// A panic elsewhere leaves nothing half-done in here that the next request could trip over.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a machine's keys are good.
const MACHINE_KEYS_SECONDS: i64 = 6 * 3600;

/// What is to become of a request, and what it asked as far as that was looked at.
struct Verdict {
    request_id: String,
    query: Option<Query>,
    result: Result<Admitted, Refusal>,
}

/// A request that will be answered.
struct Admitted {
    action: &'static Action,
    query: Query,
    model: Arc<Model>,
    quirks: Quirks,
    fault: Option<Fault>,
    chance: Chance,
}

impl Verdict {
    fn carry_out(self, now: Moment) -> (Reply, Outcome) {
        let admitted = match self.result {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let reply = Reply::Envelope(refusal.body(&self.request_id));
                return (reply, Outcome::Refused(refusal.code.into_owned()));
            }
        };
        let answer = admitted.answer(now);
        match admitted.fault {
            None => {
                let outcome = Outcome::Answered(answer.rows);
                (Reply::Envelope(answer.body(&self.request_id)), outcome)
            }
            Some(fault) => fault.befall(answer.body(&self.request_id), &self.request_id),
        }
    }
}

impl Fault {
    /// Lets it happen to an answer.
    fn befall(self, answer: String, request_id: &str) -> (Reply, Outcome) {
        let outcome = Outcome::Faulted(self.name().to_owned());
        let body = match &self {
            Self::Refuse(refusal) => refusal.body(request_id),
            _ => answer,
        };
        (Reply::Faulty(self, body), outcome)
    }
}

impl Admitted {
    fn answer(&self, now: Moment) -> Answer {
        let Self { model, query, .. } = self;
        let quirks = Quirks {
            gaps: self.fault == Some(Fault::Gaps),
            ..self.quirks
        };
        Answer::new(model, self.action, query, quirks, now.utc, self.chance)
    }
}

impl State {
    /// Answers a request to STS.
    fn exchange(
        &mut self,
        exchange: Exchange,
        request: &Received<'_>,
        now: Moment,
    ) -> (Reply, Outcome) {
        let chance = self.next_chance();
        let request_id = request_id(chance);
        let seconds = self.admit_to_sts(exchange, request, now);
        let keys = match seconds {
            Ok(seconds) => self.hand_out(seconds, chance, now),
            Err(refusal) => {
                let reply = Reply::Envelope(refusal.body(&request_id));
                return (reply, Outcome::Refused(refusal.code.into_owned()));
            }
        };
        let body = issuing::envelope(&keys, &request_id);
        match self.faults.pick(exchange.name(), App::Total, chance.of(1)) {
            None => (Reply::Envelope(body), Outcome::Answered(0)),
            Some(fault) => fault.befall(body, &request_id),
        }
    }

    /// Whether the request may go on, and for how many seconds it wants keys.
    fn admit_to_sts(
        &self,
        exchange: Exchange,
        request: &Received<'_>,
        now: Moment,
    ) -> Result<i64, Refusal> {
        if exchange == Exchange::AssumeRole {
            protocol::authenticate(request, &self.credentials, now.utc.timestamp())?;
        }
        issuing::wanted_seconds(exchange, request, self.identity.as_deref())
    }

    /// New keys, accepted for so many seconds.
    fn hand_out(&mut self, seconds: i64, chance: Chance, now: Moment) -> Credential {
        let now = now.utc.timestamp();
        let keys = issuing::keys(chance, now + seconds);
        // For a day longer they are known as expired, then as never heard of.
        self.credentials
            .retain(|known| known.expires.is_none_or(|expires| expires > now - 86_400));
        self.credentials.push(keys.clone());
        keys
    }

    fn next_chance(&mut self) -> Chance {
        self.received += 1;
        Chance::seeded(self.model.seed).of(self.received)
    }

    fn judge(&mut self, request: &Received<'_>, now: Moment) -> Verdict {
        let chance = self.next_chance();
        let mut query = None;
        let result = self.admit(request, now).and_then(|action| {
            let asked = Query::parse(action, request)?;
            query = Some(asked);
            if !self.model.knows(asked.app) {
                return Err(Refusal::new(
                    "FailedOperation.SdkAppIdNotExist",
                    format!("The account has no SdkAppId {}.", asked.app),
                ));
            }
            Ok(Admitted {
                action,
                query: asked,
                model: Arc::clone(&self.model),
                quirks: self.quirks,
                fault: self.faults.pick(action.name, asked.app, chance.of(1)),
                chance: chance.of(2),
            })
        });
        Verdict {
            request_id: request_id(chance),
            query,
            result,
        }
    }

    /// Answers with a part of the account's apps.
    fn list(&mut self, request: &Received<'_>, now: Moment) -> (Reply, Outcome) {
        let chance = self.next_chance();
        let request_id = request_id(chance);
        let part = self.admit_to_list(request, now);
        let (body, rows) = match part {
            Ok(part) => part.of(&self.model.apps, &request_id),
            Err(refusal) => {
                let reply = Reply::Envelope(refusal.body(&request_id));
                return (reply, Outcome::Refused(refusal.code.into_owned()));
            }
        };
        match self.faults.pick(listing::ACTION, App::Total, chance.of(1)) {
            None => (Reply::Envelope(body), Outcome::Answered(rows)),
            Some(fault) => fault.befall(body, &request_id),
        }
    }

    fn admit_to_list(&mut self, request: &Received<'_>, now: Moment) -> Result<Part, Refusal> {
        let (secret_id, _) = self.known(request, now)?;
        let limit = listing::REQUESTS_PER_SECOND;
        self.within_limit(request, secret_id, listing::ACTION, limit, now)?;
        Part::parse(request)
    }

    /// Whether the request may go on to its action, and which one that is.
    fn admit(&mut self, request: &Received<'_>, now: Moment) -> Result<&'static Action, Refusal> {
        let (secret_id, name) = self.known(request, now)?;
        let action = Action::by_name(name).ok_or_else(|| {
            Refusal::new("InvalidAction", format!("There is no action `{name}`."))
        })?;
        let limit = action.requests_per_second;
        self.within_limit(request, secret_id, action.name, limit, now)?;
        Ok(action)
    }

    /// Who asks, and for which action; one that has been retired is refused.
    fn known<'a>(
        &self,
        request: &Received<'a>,
        now: Moment,
    ) -> Result<(&'a str, &'a str), Refusal> {
        let credentials = &self.credentials;
        let secret_id = protocol::authenticate(request, credentials, now.utc.timestamp())?;
        let name = protocol::route(request)?;
        match self.retired.get(name) {
            None => Ok((secret_id, name)),
            Some(code) => Err(Refusal::new(
                code.clone(),
                format!("The action `{name}` has been retired."),
            )),
        }
    }

    fn limit_of(&self, documented: f64) -> usize {
        self.limit.map_or(documented as usize, usize::from)
    }

    fn within_limit(
        &mut self,
        request: &Received<'_>,
        secret_id: &str,
        action: &'static str,
        documented: f64,
        now: Moment,
    ) -> Result<(), Refusal> {
        let limit = self.limit_of(documented);
        let admitted = self.quota.admit(secret_id, action, limit, now.mono);
        admitted.map_err(|exceeded| {
            Refusal::new(
                "RequestLimitExceeded",
                exceeded.message(request.wants_english()),
            )
        })
    }
}

/// In the shape of a random UUID.
fn request_id(chance: Chance) -> String {
    let (high, low) = (chance.of(3).bits(), chance.of(4).bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests;
