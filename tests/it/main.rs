//! The real program against the simulated upstream, and real tools against the program. One binary, to link once.

mod cli;
mod counting;
mod demo;
mod exporter;
mod house;
mod http;
mod prometheus;
mod rate;
mod reload;
mod sdk;
mod shutdown;
mod upstream;
mod wait;
