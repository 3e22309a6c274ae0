//! From figures to exposition text: usage families, the exporter's own metrics, and what a scrape is handed.
//!
//! A scrape must cost about as much as copying the bytes. So the usage families, which are nearly everything, are
//! rendered and compressed when they change, not when they are read:
//!
//! ```text
//! poller ── set, publish ──> Board ──> Exposition ── document ──> scrape
//!                                          │
//! every second, and whenever ── renew ─────┤
//! something is published                   │
//!                   Telemetry ── gather ───┘   a small tail
//! ```
//!
//! Nothing here knows HTTP beyond the names of its formats, reads a clock or decides what a figure means.

mod board;
mod exposition;
mod families;
mod figures;
mod gathered;
mod handles;
mod negotiate;
mod piece;
mod syntax;
mod telemetry;

pub use board::{Board, TargetInfo};
pub use exposition::{Document, Exposition};
pub use families::header_in_open_metrics;
pub use figures::{AccountFigures, Bill, Cost, PackageFigures, Unassigned};
pub use handles::{AccountTelemetry, ActionTelemetry, ItemTelemetry, SourceTelemetry};
pub use negotiate::{Encoding, MediaType};
pub use syntax::{Format, label as write_label, labels, seconds as write_seconds};
pub use telemetry::{BuildInfo, Telemetry};
