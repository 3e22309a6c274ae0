//! A Prometheus exporter for the usage of Tencent Cloud TRTC: it asks the usage API per SdkAppId within its rate limits,
//! turns buckets that come late and are revised into counters that never fall and end at the upstream's own figures, and
//! serves them on `/metrics`.
//!
//! The way of the data, and no way back:
//!
//! ```text
//! collect  schedule and quota say when        PURE, driven by `now`
//!    |     poller: the only loop
//!    v
//! tencent  sign -> client -> wire             a day of one app, as rows of milliseconds
//!    |
//!    v
//! store    one transaction: load, merge, keep
//!    |       usage  ledger, days, settling    PURE: what a changed word is worth to the counter
//!    v
//! metrics  renders what changed, once
//!    |
//!    v
//! web      hands the kept bytes to scrapers
//! ```
//!
//! What always holds:
//!
//! - **Saved before shown.** A scrape never shows what a crash could take back ([`store::Store::save`] returns first, then
//!   [`metrics::Board::publish`] runs).
//! - **Nothing twice, nothing lost.** A counter is the running maximum of what [`usage::Ledger`] credits: last word minus
//!   word at first sight, over all buckets. It is never rebuilt from the upstream's absolute figures.
//! - **The core is pure.** `usage`, `billing`, the deciding half of `collect`, `tencent::{sign, skew, wire}` do no I/O, read no
//!   clock and know no async; they take `now` and hand back when to wake. Only [`clock`] reads clocks.
//! - **A scrape waits for nobody**: neither the upstream nor the poll loop nor the disk. Serving and polling have
//!   [`threads`] of their own.
//! - **Arrows point one way**: `tests/it/house.rs` checks it in the source.
//!
//! Beside that way: [`backfill`] reads what is kept, asks for what is not, and writes it as [`history`] says, which is pure.
//!
//! [`billing`] estimates what a month's usage costs, and how long prepaid packages last, from sums of days; it is pure.
//!
//! [`push`] sends settled buckets on, for those who want exact graphs.
//!
//! [`desk`] answers people who ask how everything stands, as [`status`] says and shows it, which is pure.
//!
//! Around that way: [`app`] builds all of it and owns signals, reload and the end; [`config`] turns YAML into values and
//! tells all problems at once, [`web_config`] turns it into the terms on which [`web`] answers; [`trust`] knows the system's
//! certificate authorities; [`simulator`] is the
//! upstream in process, for [`demo`] and for tests. Whether the program is alive is kept by [`health`], told to systemd by
//! [`supervisor`] and asked for by [`healthcheck`].

pub mod app;
pub mod backfill;
pub mod billing;
pub mod build_info;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod demo;
pub mod descriptors;
pub mod desk;
pub mod error;
pub mod health;
pub mod healthcheck;
pub mod history;
pub mod log;
pub mod metrics;
pub mod push;
pub mod quote;
pub mod secret;
pub mod simulator;
pub mod stamp;
pub mod status;
pub mod store;
pub mod supervisor;
pub mod tencent;
pub mod threads;
pub mod trust;
pub mod usage;
pub mod web;
pub mod web_config;
