//! What the figures of an answer are, and which of the upstream's actions said them.

/// What the figures of a billing item are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Time that was used: buckets add up, in days and in counters. In milliseconds.
    #[default]
    Seconds,
    /// A rate that held during a bucket: sums of it mean nothing, so it is shown as it is. In kbit/s, the thousandth part
    /// of the upstream's Mbps, so that its words are counted like milliseconds.
    Bandwidth,
}

/// The action that an answer comes from, by a number that state knows it by. Two actions may label or cut the same usage
/// differently, so what one of them says about a date takes the place of what another one has said about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(pub u8);
