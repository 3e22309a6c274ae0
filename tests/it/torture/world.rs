//! An upstream and an exporter, each with a clock of its own that the test moves.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use trtc_exporter::clock::{Clock, ScriptedClock, SystemClock};
use trtc_exporter::simulator::{
    Credential, Handle, Model, Options, Publication, Quirks, SECRET_ID, SECRET_KEY, Simulator,
};
use trtc_exporter::tencent::Item;
use trtc_exporter::tencent::action::{INTERACTIVE, INTERACTIVE_TIME, TRTC_USAGE};
use trtc_exporter::usage::{App, Date};

use super::dice::Dice;
use super::witness::{Told, Used, Witness};
use crate::exporter::{Exporter, Scrape, flag};
use crate::upstream::Home;

/// Apps that the account has; more or less of them are configured.
pub(super) const APPS: [u64; 4] = [1_400_000_001, 1_400_000_002, 1_400_000_003, 1_400_000_004];

/// What a debug build of the program may take with so few apps.
const MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

/// 36 days of ten targets are less than two megabytes; SQLite's log may be four.
const STATE_BYTES: u64 = 8 << 20;

pub(super) struct World {
    home: Home,
    pub(super) upstream: Handle,
    clock: Arc<ScriptedClock>,
    exporter: Option<Exporter>,
    witness: Witness,
    /// Seconds by which both clocks are ahead of the machine's.
    ahead: u64,
    /// Seconds by which the exporter's wall clock is wrong.
    wrong: i64,
    apps: BTreeSet<u64>,
    /// What is asked for beside interactive usage.
    other: &'static Item,
    /// The action of interactive usage.
    action: &'static str,
    /// How often the keys have been changed.
    keys: u64,
    /// What was done and when, for whoever must find out why it fails.
    diary: Vec<String>,
}

impl World {
    pub(super) async fn begin(dice: &mut Dice) -> Self {
        let home = Home::new();
        let now = SystemClock::start().now().utc;
        let begin = begin(dice, Date::of(now));
        let ahead = begin.midnight().unix() + dice.among(0, 86_399).cast_signed() - now.timestamp();
        let clock = Arc::new(ScriptedClock::following(home.path().join("upstream.clock")));
        let model = Model {
            seed: dice.among(1, u64::MAX / 2),
            publication: dice.pick(&[Publication::NORMAL, Publication::ROUGH, Publication::ROUGH]),
            sparse: dice.happens(70),
            ..Model::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let options = Options {
            model,
            quirks: Quirks {
                shuffled: dice.happens(50),
                previous_day_row: dice.happens(50),
                zeros_left_out: dice.happens(50),
                null_when_empty: dice.happens(50),
                off_grid: dice.happens(25),
                ..Quirks::default()
            },
            requests_per_second: Some(400),
            ..Options::default()
        };
        let others = ["recording_multi", "mix_transcoding", "recording"];
        let others = others.map(|name| Item::by_name(name).expect("there is one"));
        let mut world = Self {
            witness: Witness::new(begin.minus_days(31)),
            upstream: Simulator::start(listener, options, Arc::clone(&clock) as Arc<dyn Clock>)
                .expect("it serves"),
            home,
            clock,
            exporter: None,
            ahead: ahead.cast_unsigned(),
            wrong: 0,
            apps: APPS[..dice.among(1, 3) as usize].iter().copied().collect(),
            other: dice.pick(&others),
            action: "auto",
            keys: 0,
            diary: Vec::new(),
        };
        world.set_clocks();
        world.configure();
        world.start().await;
        world
    }

    /// What the upstream's clock says.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now().utc
    }

    pub(super) fn note(&mut self, event: impl std::fmt::Debug) {
        let now = self.now().format("%m-%d %H:%M:%S");
        self.diary.push(format!("{now} {event:?}"));
    }

    pub(super) fn exporter(&self) -> &Exporter {
        self.exporter.as_ref().expect("it runs")
    }

    pub(super) async fn start(&mut self) {
        let flags = [
            flag("--config.file", &self.home.config()),
            flag("--storage.path", &self.home.state()),
            flag("--clock.script", &self.exporters_clock()),
        ];
        self.note("start");
        self.exporter = Some(Exporter::start(flags).await);
        self.look().await;
    }

    pub(super) fn kill(&mut self) {
        self.note("kill");
        self.exporter.take().expect("it runs").kill();
    }

    pub(super) async fn terminate(&mut self) {
        self.note("terminate");
        let mut exporter = self.exporter.take().expect("it runs");
        exporter.signal("TERM");
        assert_eq!(exporter.ended().await.code(), Some(0));
    }

    pub(super) fn advance(&mut self, seconds: u64) {
        self.ahead += seconds;
        self.set_clocks();
    }

    /// From now on the exporter's wall clock is wrong by so many seconds.
    pub(super) fn mislead(&mut self, seconds: i64) {
        self.wrong = seconds;
        self.set_clocks();
    }

    fn set_clocks(&self) {
        let put = |name: &str, text: String| {
            let fresh = self.home.path().join("clock.new");
            std::fs::write(&fresh, text).expect("writable");
            std::fs::rename(fresh, self.home.path().join(name)).expect("ours");
        };
        put("upstream.clock", self.ahead.to_string());
        put("exporter.clock", format!("{} {}", self.ahead, self.wrong));
    }

    fn exporters_clock(&self) -> PathBuf {
        self.home.path().join("exporter.clock")
    }

    fn configure(&self) {
        let apps: Vec<u64> = self.apps.iter().copied().collect();
        let items = format!(
            "items:\n  - {{ name: interactive, action: {}, requests_per_second: 300 }}\n  \
             - {{ name: {}, requests_per_second: 300 }}",
            self.action, self.other.name
        );
        self.home.configure(&self.upstream, &apps, &items);
    }

    /// Adds an app to the configuration, or takes one out unless it is the last.
    pub(super) async fn reconfigure(&mut self, app: u64) {
        if !self.apps.insert(app) && self.apps.len() > 1 {
            self.apps.remove(&app);
        }
        self.configure();
        self.note(("apps", self.apps.clone()));
        if self.exporter.is_some() {
            self.reload("Configuration reloaded").await;
            let scrape = self.look().await;
            let here = scrape.sum("trtc_app_info", &format!("sdk_app_id=\"{app}\"")) == 1.0;
            assert_eq!(
                here,
                self.apps.contains(&app),
                "a reload has shown what it did"
            );
        }
    }

    /// The upstream no longer offers the action that interactive usage began with.
    pub(super) fn retire_an_action(&mut self) {
        self.note("retire");
        self.upstream.retire(INTERACTIVE_TIME.name, "ActionOffline");
    }

    /// Its successor is written down, which also lifts the limit that is documented of it.
    pub(super) async fn settle_on_successor(&mut self) {
        self.action = TRTC_USAGE.name;
        self.configure();
        self.note("successor");
        if self.exporter.is_some() {
            self.reload("Configuration reloaded").await;
        }
    }

    /// A configuration that is no good changes nothing.
    pub(super) async fn misconfigure(&mut self) {
        self.home.write("trtc-exporter.yml", "accounts: [");
        self.reload("Configuration could not be reloaded").await;
        self.look().await;
        self.configure();
    }

    async fn reload(&self, outcome: &str) {
        let told = |exporter: &Exporter| {
            let lines = exporter.log().lines();
            lines.iter().filter(|line| line.contains(outcome)).count()
        };
        let before = told(self.exporter());
        self.exporter().signal("HUP");
        for _ in 0..1_000 {
            if told(self.exporter()) > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "not told: {outcome}\n{}",
            self.exporter().log().lines().join("\n")
        );
    }

    /// The upstream takes other keys from now on; the exporter's are expired.
    pub(super) fn expire_keys(&mut self) {
        self.keys += 1;
        let keys = Credential::new(SECRET_ID, self.key());
        self.upstream.set_credentials(vec![keys]);
    }

    /// The exporter is given the keys that the upstream takes.
    pub(super) fn renew_keys(&self) {
        self.home.write("key", &self.key());
    }

    fn key(&self) -> String {
        match self.keys {
            0 => SECRET_KEY.to_owned(),
            n => format!("rotatedFAKEkey{n:018}"),
        }
    }

    /// Scrapes once, and holds what it says against what was seen before.
    pub(super) async fn look(&mut self) -> Scrape {
        let scrape = self.exporter().scrape().await;
        self.witness.check(&scrape);
        scrape
    }

    /// Lets the exporter work for a little while: until the upstream was asked something more, if it is asked at all.
    pub(super) async fn let_work(&mut self, requests: u64) {
        let before = self.upstream.counts().requests;
        for _ in 0..20 {
            if self.upstream.counts().requests >= before + requests {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the exporter knows all that the upstream shows, and holds what it credited against it. Time goes on
    /// meanwhile: yesterday is asked for only now and then, and a date of which an answer lacked rows just when it should
    /// have been final is read again within a day.
    pub(super) async fn agree(&mut self) {
        let state = self.home.state().join("trtc-exporter.db");
        let mut last = None;
        for step in 0..250 {
            for _ in 0..10 {
                let scrape = self.look().await;
                let apps = self.apps.iter().copied().map(App::Id).chain([App::Total]);
                let items = [&INTERACTIVE, self.other];
                let all = apps.flat_map(|app| items.map(|item| Used { item, app }));
                let told = Told {
                    upstream: &self.upstream,
                    state: &state,
                    now: self.now(),
                };
                last = self.witness.disagreement(all, told, &scrape);
                if last.is_none() {
                    return self.note("agreed");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.advance(if step < 3 { 2 } else { 16 * 60 });
        }
        let (log, diary) = (
            self.exporter().log().lines().join("\n"),
            self.diary.join("\n"),
        );
        panic!(
            "it never agrees: {last:?}\n{diary}\n{}\n{log}",
            self.look().await.0
        );
    }

    /// Whatever has happened, it takes no more room than it should.
    pub(super) async fn is_bounded(&mut self) {
        let memory = self
            .look()
            .await
            .value("process_resident_memory_bytes", &[]);
        assert!(memory.is_some_and(|memory| memory < MEMORY), "{memory:?}");
        let files = std::fs::read_dir(self.home.state()).expect("there is state");
        let bytes: u64 = files
            .map(|file| {
                file.and_then(|file| file.metadata())
                    .expect("readable")
                    .len()
            })
            .sum();
        assert!(bytes < STATE_BYTES, "{bytes}");
    }
}

/// Where time begins: shortly before the end of a month, of a year, of a February that is long, or anywhere.
fn begin(dice: &mut Dice, today: Date) -> Date {
    let year: u64 = today.to_string()[..4].parse().expect("a year");
    let leap = (year + 1..)
        .find(|year| year % 4 == 0)
        .expect("there is one");
    let date = match dice.among(0, 4) {
        0 => format!("{leap}-02-27"),
        1 => format!("{}-02-26", leap + 1),
        2 => format!("{}-12-30", year + 1),
        3 => format!("{}-{:02}-29", year + 1, dice.among(3, 12)),
        _ => format!(
            "{}-{:02}-{:02}",
            year + 1,
            dice.among(1, 12),
            dice.among(1, 28)
        ),
    };
    date.parse().expect("a date")
}
