//! A Prometheus exporter for the usage of Tencent Cloud TRTC.

pub mod app;
pub mod build_info;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod demo;
pub mod error;
pub mod health;
pub mod log;
pub mod metrics;
pub mod quote;
pub mod secret;
pub mod simulator;
pub mod store;
pub mod tencent;
pub mod usage;
pub mod web;
