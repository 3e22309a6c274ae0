//! Scrapes of the exporter and of its peers, in turns, so that whatever else the machine does meets all of them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Tools;
use crate::client::{Client, gunzip};
use crate::process::Process;
use crate::prometheus;
use crate::stage::{Stage, USUAL};
use crate::table::{Table, median, percentile, ratio};

/// In each turn a peer is scraped so often, or for so long, in each encoding.
const SCRAPES_PER_TURN: usize = 100;
const TIME_PER_TURN: Duration = Duration::from_millis(700);

struct Peer {
    name: &'static str,
    plain: Figures,
    gzip: Figures,
    resident_mib: f64,
}

#[derive(Default)]
struct Figures {
    micros: Vec<f64>,
    /// CPU per scrape of each turn.
    cpu_micros: Vec<f64>,
}

/// Prints the tables for one number of apps.
pub(crate) fn measure(tools: &Tools, apps: usize) {
    let mut stage = Stage::filled(tools.exporter.clone(), apps);
    let directory = tempfile::tempdir().expect("a directory");
    let (series, bytes) = keep_page(&stage, directory.path());
    println!(
        "\n### {series} series ({apps} apps), {} kB, {} kB compressed\n",
        bytes.0 / 1000,
        bytes.1 / 1000
    );

    let mut others = vec![
        ("limit", start(&tools.limit, directory.path())),
        ("prometheus crate", start(&tools.naive, directory.path())),
    ];
    if let Some(server) = &tools.go_server {
        others.push(("client_golang", start(server, directory.path())));
    }
    let mut python = Command::new(&tools.python);
    python
        .arg(tools.peers.join("server.py"))
        .arg(directory.path());
    others.push((
        "prometheus_client (Python)",
        Process::start_telling(&mut python),
    ));

    let mut processes: Vec<(&str, &Process)> = others
        .iter()
        .map(|(name, process)| (*name, process))
        .collect();
    processes.insert(1, ("trtc-exporter", &stage.exporter));
    print(&in_turns(tools.turns, &processes));
    if let Some(binary) = &tools.prometheus {
        prometheus::measure(binary, &processes, if tools.quick { 20 } else { 60 });
    }

    stage.pace(USUAL);
    std::thread::sleep(Duration::from_secs(2));
    println!("\nThe same while polls arrive at 20/s\n");
    let processes = [("limit", &others[0].1), ("trtc-exporter", &stage.exporter)];
    print(&in_turns(tools.turns, &processes));
}

fn start(binary: &Path, directory: &Path) -> Process {
    Process::start_telling(Command::new(binary).arg(directory))
}

/// Keeps what the exporter shows, for the peers to show the same; the number of samples, bytes and bytes compressed.
fn keep_page(stage: &Stage, directory: &Path) -> (usize, (usize, usize)) {
    let mut client = stage.client();
    let (_, plain) = client.ask("GET", "/metrics", "").expect("a page");
    let (_, gzip) = client
        .ask("GET", "/metrics", "accept-encoding: gzip\r\n")
        .expect("a page");
    let samples = |page: &[u8]| {
        page.split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty() && line[0] != b'#')
            .count()
    };
    assert_eq!(samples(&plain), samples(&gunzip(&gzip)));
    std::fs::write(directory.join("page.prom"), &plain).expect("writable");
    std::fs::write(directory.join("page.prom.gz"), &gzip).expect("writable");
    (samples(&plain), (plain.len(), gzip.len()))
}

fn in_turns(turns: usize, processes: &[(&'static str, &Process)]) -> Vec<Peer> {
    let peer = |&(name, _): &(&'static str, &Process)| Peer {
        name,
        plain: Figures::default(),
        gzip: Figures::default(),
        resident_mib: 0.0,
    };
    let mut peers: Vec<Peer> = processes.iter().map(peer).collect();
    for turn in 0..turns {
        for index in 0..peers.len() {
            let index = (index + turn) % peers.len();
            let (peer, process) = (&mut peers[index], processes[index].1);
            scrape(process, false, &mut peer.plain);
            scrape(process, true, &mut peer.gzip);
            peer.resident_mib = process.resident_mib();
        }
    }
    peers
}

fn scrape(process: &Process, gzip: bool, figures: &mut Figures) {
    let mut client = Client::new(process.address);
    for _ in 0..2 {
        client.scrape(gzip).expect("an answer");
    }
    let (begin, cpu) = (Instant::now(), process.cpu());
    let mut scrapes = 0;
    while scrapes < SCRAPES_PER_TURN && begin.elapsed() < TIME_PER_TURN {
        let asked = Instant::now();
        client.scrape(gzip).expect("an answer");
        figures.micros.push(asked.elapsed().as_secs_f64() * 1e6);
        scrapes += 1;
    }
    figures
        .cpu_micros
        .push((process.cpu() - cpu).as_secs_f64() * 1e6 / scrapes as f64);
}

fn print(peers: &[Peer]) {
    let columns = ["p50", "p99", "CPU", "gzip p50", "gzip p99", "gzip CPU"];
    let mut table = Table::new(
        ["per scrape"]
            .iter()
            .chain(&columns)
            .chain(&["RSS MiB"])
            .copied(),
    );
    let figures = |peer: &Peer| {
        let of = |figures: &Figures| {
            [
                median(&figures.micros),
                percentile(&figures.micros, 0.99),
                median(&figures.cpu_micros),
            ]
        };
        [of(&peer.plain), of(&peer.gzip)].concat()
    };
    let limit = figures(&peers[0]);
    for (index, peer) in peers.iter().enumerate() {
        let cells = figures(peer)
            .into_iter()
            .zip(&limit)
            .map(|(own, limit)| match index {
                0 => format!("{own:.0} µs"),
                _ => ratio(own / limit),
            });
        table.row(
            [peer.name.to_owned()]
                .into_iter()
                .chain(cells)
                .chain([format!("{:.1}", peer.resident_mib)]),
        );
    }
    table.print();
}
