//! The past of a target: from kept days to samples at their own time, and from samples to text. Pure.
//!
//! # The seam
//!
//! Where an exporter runs, its counter begins at 0 and grows by what each bucket's last word is above the word at first
//! sight, which was *entered* ([`Column::entered_ms`](crate::usage::Column::entered_ms)). So history's counter climbs by
//! the entered part of each bucket, up to the *seam*: the instant since which the target's series may have been scraped.
//! At the seam itself it has one last sample, and that is 0.
//!
//! Prometheus takes a fall for a reset: the fall adds nothing to `increase()`, and what the counter shows after it adds in
//! full. So over the seam `increase()` is the sum of all entered parts, plus all that was credited since; and a part that
//! was entered plus the part that was credited is the last word on a bucket. Without the 0, a counter that is first scraped
//! when it stands above where history ended would hide the reset. Samples of both never interleave, because everything
//! scraped is younger than the seam.
//!
//! A target that was shown before it was first answered (its keys were wrong for an hour) has entered buckets behind the
//! seam. Nothing may be written there, so their sum is added in the last second before it: late by that hour, but not lost.

mod samples;
mod span;
mod text;

pub use samples::{KnownDay, Sample, Series, series, settled};
pub use span::{Seam, Span, Wish};
pub use text::{Family, Format, LabelError, Text, parse_label};
