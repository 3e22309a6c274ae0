//! The real program against the simulated upstream, and real tools against the program. One binary, to link once.

mod chain;
mod cli;
mod clients;
mod counting;
mod dashboards;
mod demo;
mod disk;
mod docs;
mod exporter;
mod healthcheck;
mod house;
mod http;
mod ports;
mod prometheus;
mod prometheus_server;
mod rate;
mod reload;
mod sdk;
mod shard;
mod shutdown;
mod skew;
mod socket;
mod torture;
mod upstream;
mod wait;
mod watchdog;
