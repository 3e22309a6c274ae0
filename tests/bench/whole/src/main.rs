//! Starts the real exporter and its peers and prints what they cost, as Markdown: ratios from one run on one machine.
//! `tests/bench/run` builds everything and calls this; `--quick` is for a first look, words choose sections.

mod client;
mod polls;
mod process;
mod prometheus;
mod scrapes;
mod stage;
mod starts;
mod table;

use std::env;
use std::path::PathBuf;

/// About 1,000, 10,000 and 60,000 series.
const APPS: [usize; 3] = [17, 210, 1_280];

/// Where the peers are, and how thorough to be.
struct Tools {
    exporter: PathBuf,
    limit: PathBuf,
    naive: PathBuf,
    /// `None` where Go is not installed.
    go_server: Option<PathBuf>,
    /// `None` where Prometheus is not installed.
    prometheus: Option<PathBuf>,
    python: PathBuf,
    peers: PathBuf,
    turns: usize,
    quick: bool,
}

fn main() {
    let place = |name: &str| env::var_os(name).map(PathBuf::from);
    let needed =
        |name: &str| place(name).unwrap_or_else(|| panic!("{name} is set by tests/bench/run"));
    let beside = env::current_exe().expect("a path");
    let (flags, words): (Vec<String>, Vec<String>) = env::args()
        .skip(1)
        .partition(|argument| argument.starts_with('-'));
    let quick = flags.iter().any(|flag| flag == "--quick");
    let tools = Tools {
        exporter: needed("BENCH_EXPORTER"),
        limit: beside.with_file_name("limit"),
        naive: beside.with_file_name("naive"),
        go_server: place("BENCH_GO_SERVER"),
        prometheus: place("BENCH_PROMETHEUS"),
        python: needed("BENCH_PYTHON"),
        peers: needed("BENCH_PEERS"),
        turns: if quick { 3 } else { 15 },
        quick,
    };
    let wanted = |section: &str| words.is_empty() || words.iter().any(|word| word == section);
    if wanted("scrapes") {
        println!("Ratios to `limit`, a body made beforehand and served by hyper.");
        APPS.into_iter()
            .for_each(|apps| scrapes::measure(&tools, apps));
    }
    if wanted("starts") {
        starts::measure(&tools);
    }
    if wanted("polls") {
        polls::cost(&tools, APPS[2]);
    }
    if wanted("freshness") {
        println!("\n### Freshness at 20 requests per second");
        [1, 100, 1_000, 6_000]
            .into_iter()
            .for_each(|apps| polls::freshness(&tools, apps));
    }
}
