//! What a poll costs without the network: sign, parse, merge, save, publish.

use std::hint::black_box;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use criterion::Throughput;
use trtc_exporter::metrics::{Board, Exposition};
use trtc_exporter::secret::Secret;
use trtc_exporter::store::{Poll, Store};
use trtc_exporter::tencent::action::{INTERACTIVE_TIME, SERVICE};
use trtc_exporter::tencent::sign::{self, DayKey};
use trtc_exporter::tencent::{Query, wire};
use trtc_exporter::usage::{App, Date, Standing, Unit};

use crate::cpu::Criterion;
use crate::figures::{self, APPS, DAY};
use crate::show;

/// The apps whose answers are kept ready; more would measure the memory that holds them.
const POLLED: usize = 100;

pub(crate) fn benches(criterion: &mut Criterion) {
    pieces(criterion);
    whole(criterion);
}

fn pieces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ask");
    let mut signer = Signer::new();
    let query = query(0);
    group.bench_function("sign", |bencher| {
        bencher.iter(|| signer.sign(black_box(&query)))
    });
    let answer = figures::answer(0, 0);
    group.bench_function("parse a day", |bencher| {
        bencher.iter(|| wire::parse(&query, black_box(answer.as_bytes())));
    });
}

/// The whole way, for one poll at a time and for twenty that came back together.
fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("poll");
    group.sample_size(20);
    for together in [1, 20] {
        group.throughput(Throughput::Elements(together));
        for place in ["memory", "disk"] {
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
            let store = match place {
                "memory" => Store::in_memory(),
                _ => Store::open(directory.path()),
            };
            let mut work = Work::new(store.expect("a store"));
            group.bench_function(format!("{together} kept in {place}"), |bencher| {
                bencher.iter(|| work.poll(together as usize));
            });
        }
    }
}

fn query(app: usize) -> Query {
    Query {
        parameter: None,
        since: None,
        action: &INTERACTIVE_TIME,
        app: App::Id(1_400_000_001 + app as u64),
        date: DAY.parse().expect("a date"),
    }
}

/// Signs as the client does.
struct Signer {
    key: Secret,
    day: DayKey,
}

impl Signer {
    fn new() -> Self {
        Self {
            key: Secret::new("not-a-real-secret-key-0123456789".to_owned()),
            day: DayKey::default(),
        }
    }

    fn sign(&mut self, query: &Query) -> String {
        let headers = [
            ("content-type", "application/json"),
            ("host", "trtc.tencentcloudapi.com"),
            ("x-tc-action", query.action.name),
        ];
        let timestamp = 1_709_136_000;
        let payload = sign::hashed_payload(wire::request_body(query).as_bytes());
        let canonical = sign::canonical_request("POST", "", &headers, &payload);
        let (scope, key) = self.day.at(&self.key, timestamp, SERVICE);
        let signature = sign::signature(key, &sign::string_to_sign(timestamp, scope, &canonical));
        sign::authorization(
            "not-a-real-id",
            scope,
            &sign::signed_headers(&headers),
            &signature,
        )
    }
}

/// All that a poll passes through, with 60,000 series on the board.
struct Work {
    signer: Signer,
    store: Store,
    board: Board,
    standings: Vec<Standing>,
    /// Two answers per app, told in turns so that each changes something.
    answers: Vec<[String; 2]>,
    polls: usize,
}

impl Work {
    fn new(store: Store) -> Self {
        let apps = APPS[2];
        let exposition = Arc::new(Exposition::new(figures::telemetry()));
        let standing = || {
            Standing::new(
                Unit::Seconds,
                figures::media(),
                Default::default(),
                Vec::new(),
                None,
            )
        };
        Self {
            signer: Signer::new(),
            store,
            board: show::board(apps, &exposition),
            standings: (0..POLLED).map(|_| standing()).collect(),
            answers: (0..POLLED)
                .map(|app| [0, 1].map(|generation| figures::answer(app, generation)))
                .collect(),
            polls: 0,
        }
    }

    fn poll(&mut self, together: usize) {
        let date: Date = DAY.parse().expect("a date");
        let asked_at =
            DateTime::<Utc>::from_timestamp(date.midnight().unix() + 86_000, 0).expect("in range");
        let first = self.polls;
        self.polls += together;
        let polls: Vec<Poll> = (first..self.polls)
            .map(|poll| {
                let (app, generation) = (poll % POLLED, poll / POLLED % 2);
                let query = query(app);
                black_box(self.signer.sign(&query));
                let reply = wire::parse(&query, self.answers[app][generation].as_bytes());
                Poll {
                    since: None,
                    target: figures::target(app),
                    date,
                    asked_at,
                    answer: reply.expect("an answer").answer,
                }
            })
            .collect();
        let saved = self
            .store
            .save(&polls, TimeDelta::minutes(15))
            .expect("saved");
        for (poll, saved) in (first..).zip(saved) {
            let (app, saved) = (poll % POLLED, saved.expect("merged"));
            self.standings[app].learned(saved.ledger, saved.sums);
            self.standings[app].succeeded(asked_at);
            // Spread over the board, as polls are.
            self.board.set(app * 19, self.standings[app].view(date));
        }
        self.board.publish();
    }
}
