//! What a scrape is handed, and what it takes to renew it.

use std::hint::black_box;
use std::sync::Arc;

use trtc_exporter::metrics::{Board, Encoding, Exposition, Format};

use crate::cpu::Criterion;
use crate::figures::{self, APPS, targets};

pub(crate) fn benches(criterion: &mut Criterion) {
    scrape(criterion);
    publish(criterion);
}

/// A board that shows a figure of every target.
pub(crate) fn board(apps: usize, exposition: &Arc<Exposition>) -> Board {
    let mut board = Board::new(exposition.clone());
    board.list(targets(apps));
    set_all(&mut board, apps, 1);
    board.publish();
    board
}

fn set_all(board: &mut Board, apps: usize, polls: u64) {
    (0..apps).for_each(|index| board.set(index, figures::view(index, polls)));
}

/// What a scrape waits for, and what is done once a second so that it need not wait for more.
fn scrape(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrape");
    let telemetry = figures::telemetry();
    let _held = (
        telemetry.item("main", "interactive"),
        telemetry.action("main", "DescribeTrtcInteractiveTime"),
    );
    let exposition = Arc::new(Exposition::new(telemetry));
    let _board = board(APPS[2], &exposition);
    group.bench_function("document", |bencher| {
        bencher.iter(|| exposition.document(black_box(Format::OpenMetrics), Encoding::Gzip));
    });
    group.bench_function("renew", |bencher| bencher.iter(|| exposition.renew()));
}

/// From figures to bodies: the cost of a poll that changed one target, and of the worst case, in which all did.
fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    group.sample_size(20);
    let apps = APPS[2];
    let exposition = Arc::new(Exposition::new(figures::telemetry()));
    let mut board = board(apps, &exposition);
    let mut polls = 1;
    group.bench_function("one target changed", |bencher| {
        bencher.iter(|| {
            polls += 1;
            let index = polls as usize * 7 % apps;
            board.set(index, figures::view(index, polls));
            board.publish();
        });
    });
    group.bench_function("all changed", |bencher| {
        bencher.iter(|| {
            polls += 1;
            set_all(&mut board, apps, polls);
            board.publish();
        });
    });
    // What was set and set back is rendered, found to be as before, and not compressed.
    group.bench_function("all rendered, none compressed", |bencher| {
        bencher.iter(|| {
            set_all(&mut board, apps, polls + 1);
            set_all(&mut board, apps, polls);
            board.publish();
        });
    });
}
