//! Benches of the pieces that decide what a scrape and a poll cost: `cargo bench --bench pieces`. What the whole program
//! costs beside its peers is measured by `tests/bench/run`.

#![allow(
    missing_docs,
    reason = "criterion's macros write functions without any"
)]

mod cpu;
mod figures;
mod poll;
mod show;

criterion::criterion_group! {
    name = benches;
    config = criterion::Criterion::default().with_measurement(cpu::CpuTime);
    targets = show::benches, poll::benches
}
criterion::criterion_main!(benches);
