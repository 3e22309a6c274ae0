//! A poll loop that dies or hangs, polls that panic, disks that never return: told to probes, and survived by scrapes.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::Id;
use trtc_exporter::app::{self, Source};
use trtc_exporter::cli::{self, Call, Invocation};
use trtc_exporter::clock::{Clock, Moment, SystemClock};
use trtc_exporter::simulator::{Handle, Model, SECRET_KEY};
use trtc_exporter::{log, threads::Threads};

use crate::exporter::{Exporter, SOON, flag, logged};
use crate::upstream::{Home, simulator};

const APP: u64 = 1_400_000_001;

const ARGUMENTS: &str = "TEST_ARGUMENTS";
const FAULT: &str = "TEST_FAULT";

/// The machine's clock, until a file names who is to panic when reading it.
struct FaultyClock {
    machine: SystemClock,
    fault: PathBuf,
    /// Nobody but the poll loop sleeps by the clock.
    poll_loop: Mutex<Option<Id>>,
}

impl FaultyClock {
    fn panic_if_told(&self, who: &str) {
        if fs::read_to_string(&self.fault).is_ok_and(|told| told == who) {
            panic!("a fault\nfor the {who}");
        }
    }

    /// Whether this runs in a task beside the poll loop, as requests do.
    fn is_in_a_request(&self) -> bool {
        let polls = std::thread::current().name() == Some("poll");
        let poll_loop = *self.poll_loop.lock().expect("no panic");
        polls && poll_loop.is_some() && tokio::task::try_id() != poll_loop
    }
}

impl Clock for FaultyClock {
    fn now(&self) -> Moment {
        if self.is_in_a_request() {
            self.panic_if_told("request");
        }
        self.machine.now()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        *self.poll_loop.lock().expect("no panic") = tokio::task::try_id();
        self.panic_if_told("loop");
        Box::pin(tokio::time::sleep(duration))
    }
}

/// No test of its own but the program under test, as `main` runs it, with another clock.
#[test]
#[ignore = "a process that other tests start"]
fn the_program_with_a_faulty_clock() {
    let (Ok(arguments), Ok(fault)) = (env::var(ARGUMENTS), env::var(FAULT)) else {
        return;
    };
    let Invocation { log, call, .. } =
        cli::parse_from(["trtc-exporter"].into_iter().chain(arguments.lines())).expect("arguments");
    let Call::Run {
        source,
        shard,
        web,
        storage,
        ..
    } = call
    else {
        unreachable!("there is no subcommand");
    };
    log::init(log.level, log.format, Arc::new(SystemClock::start())).expect("nobody logs yet");
    let clock = Arc::new(FaultyClock {
        machine: SystemClock::start(),
        fault: fault.into(),
        poll_loop: Mutex::default(),
    });
    let threads = Threads::start().expect("threads");
    let polling = threads.polling().clone();
    threads
        .run(app::run(
            Source::Given { source, shard },
            web,
            None,
            storage,
            None,
            clock,
            &polling,
        ))
        .expect("it runs");
}

async fn with_a_faulty_clock(home: &Home) -> Exporter {
    let arguments = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
    ];
    Exporter::start_with(arguments, |command| {
        let arguments = command
            .get_args()
            .map(|argument| argument.to_string_lossy());
        let arguments = arguments.collect::<Vec<_>>().join("\n");
        let mut this = Command::new(env::current_exe().expect("this very binary"));
        this.args(["--exact", "watchdog::the_program_with_a_faulty_clock"])
            .args(["--ignored", "--nocapture"])
            .env(ARGUMENTS, arguments)
            .env(FAULT, home.path().join("fault"));
        *command = this;
    })
    .await
}

async fn set_up() -> (Home, Handle) {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[APP]);
    (home, upstream)
}

#[tokio::test]
async fn a_poll_loop_that_dies_is_told_at_once_and_its_figures_stay() {
    let (home, _upstream) = set_up().await;
    let mut exporter = with_a_faulty_clock(&home).await;
    exporter.ready().await;
    assert_eq!(exporter.get("/-/healthy").await.0, 200);

    home.write("fault", "loop");
    logged(exporter.log(), "The poll loop has died").await;
    let (status, told) = exporter.get("/-/healthy").await;
    assert_eq!(status, 503);
    assert!(told.starts_with("the poll loop has died: "), "{told}");
    assert!(told.contains(r"a fault\nfor the loop"), "{told}");
    let scrape = exporter.scrape().await;
    assert!(scrape.samples("trtc_usage_day_seconds").count() > 0);
    exporter.signal("HUP");
    logged(exporter.log(), "the poll loop has ended").await;

    let lines = exporter.log().lines();
    let is_ours = |line: &String| line.starts_with("ts=") && line.contains(" level=");
    assert!(lines.iter().all(is_ours), "{lines:?}");
    let panicked = |line: &&String| line.contains("Panicked");
    let panics: Vec<&String> = lines.iter().filter(panicked).collect();
    assert_eq!(panics.len(), 1, "{lines:?}");
    for part in [
        r#"panic="a fault\nfor the loop""#,
        "location=tests/it/watchdog.rs:",
        "thread=poll",
    ] {
        assert!(panics[0].contains(part), "{part}: {}", panics[0]);
    }
    exporter.signal("TERM");
    assert!(exporter.ended().await.success());
}

#[tokio::test]
async fn a_panic_in_a_poll_costs_that_poll() {
    let (home, _upstream) = set_up().await;
    let exporter = with_a_faulty_clock(&home).await;
    exporter.ready().await;
    home.write("fault", "request");
    exporter
        .scrape_until("polls panic", |scrape| {
            let panics = |name| scrape.sum(name, "code=\"panic\"") > 0.0;
            panics("trtc_api_request_failures_total")
                && panics("trtc_poll_failures_total")
                && scrape.sum("trtc_up", "") == 0.0
        })
        .await;
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    logged(exporter.log(), "code=panic").await;

    fs::remove_file(home.path().join("fault")).expect("removed");
    exporter
        .scrape_until("polls succeed", |scrape| scrape.sum("trtc_up", "") == 2.0)
        .await;
}

/// Puts something in the place of the key file that never comes to an end of reading.
fn let_the_key_hang(home: &Home) {
    let pipe = home.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("there is mkfifo").success());
    fs::rename(pipe, home.path().join("key")).expect("renamed");
}

/// Lets whoever reads the key have it at last.
fn let_the_key_be_read(home: &Home) {
    let pipe = home.path().join("pipe");
    fs::rename(home.path().join("key"), &pipe).expect("renamed");
    home.write("key", SECRET_KEY);
    fs::write(pipe, SECRET_KEY).expect("somebody reads");
}

async fn with_a_scripted_clock(home: &Home) -> Exporter {
    Exporter::start([
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
        flag("--clock.script", &home.clock_script()),
    ])
    .await
}

/// Lets minutes pass until the poll loop does not wake up by that, and returns what probes are told.
async fn told_of_silence(exporter: &Exporter, home: &Home) -> String {
    for minutes in 1..100 {
        home.set_clock(minutes * 61, 0);
        let mut told = Vec::new();
        for _ in 0..20 {
            told.push(exporter.get("/-/healthy").await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if told.iter().all(|(status, _)| *status == 503) {
            return told.remove(0).1;
        }
    }
    panic!("it is always healthy");
}

#[tokio::test]
async fn a_disk_that_does_not_return_is_told_and_keeps_no_scrape_waiting() {
    let (home, _upstream) = set_up().await;
    let exporter = with_a_scripted_clock(&home).await;
    exporter.ready().await;
    let_the_key_hang(&home);
    let told = told_of_silence(&exporter, &home).await;
    assert!(
        told.starts_with("the poll loop has not moved for "),
        "{told}"
    );
    let scrape = exporter.scrape().await;
    assert!(scrape.samples("trtc_usage_day_seconds").count() > 0);
    let (code, page) = exporter.get("/").await;
    assert_eq!(code, 200);
    assert!(page.contains("The poll loop does not answer"), "{page}");

    let_the_key_be_read(&home);
    for _ in 0..1000 {
        if exporter.get("/-/healthy").await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is healthy no more");
}

#[tokio::test]
async fn sigterm_ends_it_even_while_disks_do_not_return() {
    let (home, _upstream) = set_up().await;
    let mut exporter = with_a_scripted_clock(&home).await;
    exporter.ready().await;
    let_the_key_hang(&home);
    told_of_silence(&exporter, &home).await;
    // Reads the key as well, to see whether the file is good.
    exporter.signal("HUP");
    exporter.signal("TERM");
    let status = tokio::time::timeout(SOON, exporter.ended()).await;
    assert_eq!(status.expect("it ends").code(), Some(0));
    assert!(exporter.log().contains("Gave up waiting for the poll loop"));
    assert!(exporter.log().contains("Stopped"));
}
