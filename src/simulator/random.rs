//! Chance without state: a number that depends on nothing but a seed and the names of what it is drawn for. Pure.

/// A point in the space of draws. Drawing from it does not change it; [`Chance::of`] leads to another point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(scramble(seed))
    }

    /// The point that belongs to `name` as seen from here.
    pub(super) fn of(self, name: u64) -> Self {
        Self(scramble(self.0 ^ scramble(name)))
    }

    /// 64 random bits.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// A number in `0.0..1.0`.
    pub(super) fn unit(self) -> f64 {
        const BITS: u32 = 53;
        (self.0 >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64
    }

    /// A number in `low..high`.
    pub(super) fn between(self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in `low..=high`.
    pub(super) fn among(self, low: i64, high: i64) -> i64 {
        low + (self.unit() * (high - low + 1) as f64) as i64
    }

    /// Puts `items` into an order of this point's own.
    pub(super) fn shuffle<T>(self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let pick = self.of(end as u64).among(0, end as i64) as usize;
            items.swap(end, pick);
        }
    }
}

/// The finaliser of the SplitMix64 generator: every bit of the input moves half of the output's.
fn scramble(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_evenly() {
        let mut tenths = [0_u32; 10];
        for name in 0..10_000 {
            let draw = Chance::seeded(7).of(name).unit();
            tenths[(draw * 10.0) as usize] += 1;
        }
        assert!(
            tenths.iter().all(|&count| (900..1100).contains(&count)),
            "{tenths:?}"
        );
    }

    #[test]
    fn whole_numbers_reach_both_ends() {
        let drawn: std::collections::BTreeSet<i64> = (0..200)
            .map(|name| Chance::seeded(1).of(name).among(2, 6))
            .collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Chance::seeded(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
