//! A Prometheus exporter for the usage of Tencent Cloud TRTC.

pub mod build_info;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod log;
pub mod quote;
pub mod metrics;
pub mod secret;
pub mod store;
pub mod simulator;
pub mod tencent;
pub mod usage;
