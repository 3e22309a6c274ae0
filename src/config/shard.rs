//! Which part of a configuration this process runs, when several share its work. Pure, and the same on every machine and
//! in every version: otherwise an app would be polled twice, or by nobody, while a new version is rolled out.

use sha2::{Digest, Sha256};

use super::{Account, Config, Loaded};
use crate::usage::App;

/// One of several processes that share the configured apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// A shard that there cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Nobody would poll anything.
    #[error("--shard.count=0 leaves nobody to poll the apps; give 1 or more")]
    NoShards,
    /// Its apps are polled by others already.
    #[error(
        "there is no --shard.index={index} among --shard.count={count}; \
         possible is 0 to {}", .count - 1
    )]
    IndexTooHigh {
        /// As it was given.
        index: u32,
        /// As it was given.
        count: u32,
    },
}

impl Shard {
    /// The only one, which runs everything.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The shard `index`, from 0, of `count`.
    ///
    /// # Errors
    /// When there is none of that index.
    pub fn new(index: u32, count: u32) -> Result<Self, ShardError> {
        if count == 0 {
            Err(ShardError::NoShards)
        } else if index >= count {
            Err(ShardError::IndexTooHigh { index, count })
        } else {
            Ok(Self { index, count })
        }
    }

    /// Which one it is, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Leaves of a configuration what this shard runs: its apps, and of each rate limit its part. An account of which it
    /// has nothing is left out.
    #[must_use]
    pub fn part_of(self, whole: Loaded) -> Loaded {
        if self == Self::WHOLE {
            return whole;
        }
        let Loaded {
            config,
            mut warnings,
        } = whole;
        let accounts = config.accounts.into_iter();
        let accounts: Vec<Account> = accounts
            .filter_map(|account| self.part_of_account(account, &mut warnings))
            .collect();
        Loaded {
            config: Config { accounts, ..config },
            warnings,
        }
    }

    fn part_of_account(self, mut account: Account, warnings: &mut Vec<String>) -> Option<Account> {
        let name = &account.name;
        account.total &= self.has(name, App::Total);
        account
            .apps
            .retain(|app| self.has(name, App::Id(app.sdk_app_id)));
        account.found = account.found.map(|_| self);
        if account.apps.is_empty() && account.found.is_none() && !account.total {
            return None;
        }
        for item in &mut account.items {
            item.shard = self;
            let limit = item.limit(item.action(None));
            if self.part_of_limit(limit) < 1.0 {
                warnings.push(self.too_many_for(&account.name, item.kind.name, limit));
            }
        }
        Some(account)
    }

    /// Whether it runs this app of this account.
    pub fn has(self, account: &str, app: App) -> bool {
        jump(key(account, app), self.count) == self.index
    }

    /// What this shard may use of so many requests per second. Only whole ones count from 1 on, so they are dealt out one
    /// by one, the first shards getting what cannot be divided; together they are never more than the limit.
    pub(super) fn part_of_limit(self, limit: f64) -> f64 {
        let count = f64::from(self.count);
        let whole = limit.floor();
        if whole < count {
            return limit / count;
        }
        let has_one_more = f64::from(self.index) < whole % count;
        (whole / count).floor() + f64::from(u8::from(has_one_more))
    }

    fn too_many_for(self, account: &str, item: &str, limit: f64) -> String {
        let count = self.count;
        let most = limit.floor().max(1.0);
        format!(
            "account {account}, item {item}: {limit} requests per second are less than one for each of {count} shards, so that up to \
             {count} requests may meet in one second; {most} shards are the most that keep the limit in every second"
        )
    }
}

/// The first eight bytes of SHA-256 over the labels `account` and `sdk_app_id` with a NUL between: spread evenly, whatever
/// ids have in common.
fn key(account: &str, app: App) -> u64 {
    let digest = Sha256::new()
        .chain_update(account)
        .chain_update([0])
        .chain_update(app.to_string())
        .finalize();
    let (first, _) = digest.split_first_chunk().expect("32 bytes");
    u64::from_be_bytes(*first)
}

/// Jump consistent hash by Lamping and Veach (arXiv:1406.2294), as kube-state-metrics uses it: from 3 to 4 shards a
/// quarter of the keys moves, and only to the new one. IEEE 754 rounds each step alike everywhere.
fn jump(mut key: u64, count: u32) -> u32 {
    let (mut shard, mut next) = (0, 0);
    while next < u64::from(count) {
        shard = next as u32;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let step = f64::from(1_u32 << 31) / ((key >> 33) + 1) as f64;
        next = (f64::from(shard + 1) * step) as u64;
    }
    shard
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn shards(count: u32) -> impl Iterator<Item = Shard> {
        (0..count).map(move |index| Shard::new(index, count).expect("below the count"))
    }

    fn loaded(accounts: &[&str], apps: u64, limit: f64) -> Loaded {
        let ids: Vec<u64> = (1_400_000_001..).take(apps as usize).collect();
        let mut config = Config::from_sdk_app_ids(&ids);
        config.accounts[0].items[0].requests_per_second = Some(limit);
        let named = |name: &&str| Account {
            name: (*name).into(),
            ..config.accounts[0].clone()
        };
        config.accounts = accounts.iter().map(named).collect();
        Loaded {
            config,
            warnings: Vec::new(),
        }
    }

    /// Everything that a configuration asks for, as account and app.
    fn asked(config: &Config) -> Vec<(String, App)> {
        let of_account = |account: &Account| {
            let apps = account.apps.iter().map(|app| App::Id(app.sdk_app_id));
            let total = account.total.then_some(App::Total);
            let name = account.name.to_string();
            apps.chain(total)
                .map(move |app| (name.clone(), app))
                .collect::<Vec<_>>()
        };
        config.accounts.iter().flat_map(of_account).collect()
    }

    /// Published with several implementations.
    #[test]
    fn jump_answers_as_it_does_elsewhere() {
        for (key, count, shard) in [
            (1, 1, 0),
            (42, 57, 43),
            (0xdead_10cc, 1, 0),
            (0xdead_10cc, 666, 361),
            (256, 1024, 520),
            (0xdead_beef, 1000, 285),
        ] {
            assert_eq!(jump(key, count), shard, "{key:#x} of {count}");
        }
    }

    /// Made by Python's hashlib. A change here moves apps between shards, and makes their counters begin anew.
    #[test]
    fn every_app_is_where_it_always_was() {
        for (account, app, expected, of_2_3_5_20) in [
            ("main", "1400000001", 0x89e4_9d61_c650_6e7c, [0, 2, 4, 6]),
            ("main", "1400000002", 0x213f_177f_d940_222a, [1, 1, 3, 3]),
            ("main", "1400000003", 0xcdaf_6b2c_6101_7507, [1, 1, 3, 12]),
            ("main", "1400243510", 0xa1fd_7bd8_ec7d_b2b5, [0, 0, 0, 13]),
            ("main", "total", 0x90b6_41d4_14fb_547f, [0, 2, 4, 4]),
            ("default", "total", 0x64ea_2713_d008_4b91, [1, 1, 1, 9]),
            ("生产", "1400000001", 0x8030_8607_4732_8514, [0, 0, 4, 4]),
        ] {
            let app: App = app.parse().expect("an app");
            assert_eq!(key(account, app), expected, "{account} {app}");
            assert_eq!(
                [2, 3, 5, 20].map(|count| jump(expected, count)),
                of_2_3_5_20
            );
        }
    }

    #[test]
    fn one_shard_runs_what_is_written() {
        let whole = loaded(&["main"], 3, 2.5);
        let part = Shard::WHOLE.part_of(loaded(&["main"], 3, 2.5));
        assert_eq!(part.config, whole.config);
    }

    #[test]
    fn there_is_no_shard_beyond_the_last() {
        assert_eq!(Shard::new(0, 0), Err(ShardError::NoShards));
        let error = Shard::new(3, 3).expect_err("0, 1 and 2 are").to_string();
        assert!(error.contains("possible is 0 to 2"), "{error}");
    }

    #[test]
    fn an_account_without_an_app_here_is_left_out() {
        let parts = shards(2).map(|shard| shard.part_of(loaded(&["main"], 0, 20.0)).config);
        let accounts: Vec<usize> = parts.map(|config| config.accounts.len()).collect();
        assert_eq!(accounts, [1, 0], "the total alone, in the first of two");
    }

    #[test]
    fn every_shard_looks_for_apps_of_its_own() {
        let mut whole = loaded(&["main"], 0, 20.0);
        whole.config.accounts[0].found = Some(Shard::WHOLE);
        let whole = whole.config;
        let of_shard = |shard: Shard| {
            let config = whole.clone();
            let warnings = Vec::new();
            shard.part_of(Loaded { config, warnings }).config.accounts[0].found
        };
        let found: Vec<_> = shards(3).map(of_shard).collect();
        assert_eq!(found, shards(3).map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn too_many_shards_for_a_limit_are_warned_of() {
        for (limit, count, warned) in [(5.0, 5, false), (5.0, 6, true), (0.5, 2, true)] {
            let warnings: Vec<String> = shards(count)
                .flat_map(|shard| shard.part_of(loaded(&["main"], 300, limit)).warnings)
                .collect();
            let expected = if warned { count as usize } else { 0 };
            assert_eq!(
                warnings.len(),
                expected,
                "{limit} over {count}: {warnings:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Nothing is polled twice or by nobody.
        #[test]
        fn together_the_shards_run_the_whole(count in 1_u32..30, apps in 0_u64..300) {
            let whole = loaded(&["main", "other"], apps, 20.0);
            let mut parts: Vec<_> = shards(count)
                .flat_map(|shard| asked(&shard.part_of(loaded(&["main", "other"], apps, 20.0)).config))
                .collect();
            parts.sort_unstable();
            let mut expected = asked(&whole.config);
            expected.sort_unstable();
            prop_assert_eq!(parts, expected);
        }

        /// However the accounts are called, and although the ids of their apps follow each other.
        #[test]
        fn apps_are_spread_evenly(count in 2_u32..20, account in "[a-z]{1,12}", first in 1_u64..4_000_000_000) {
            let mut of_shard = vec![0_u32; count as usize];
            for id in first..first + 1000 * u64::from(count) {
                of_shard[jump(key(&account, App::Id(id)), count) as usize] += 1;
            }
            // Five standard deviations of the 1000 that each has on average.
            prop_assert!(of_shard.iter().all(|&apps| apps.abs_diff(1000) < 160), "{of_shard:?}");
        }

        /// One shard more takes its apps from all others, and none moves between those.
        #[test]
        fn one_more_shard_moves_apps_to_itself_only(count in 1_u32..30, key in any::<u64>()) {
            let (before, after) = (jump(key, count), jump(key, count + 1));
            prop_assert!(after == before || after == count);
        }

        /// In whole requests, which is how they are used: never more than the limit, and all of it where it suffices.
        #[test]
        fn together_the_shards_keep_the_limit(count in 1_u32..30, limit in 0.01_f64..1000.0) {
            let parts: Vec<f64> = shards(count).map(|shard| shard.part_of_limit(limit)).collect();
            let sum: f64 = parts.iter().sum();
            prop_assert!(sum <= limit * (1.0 + 1e-9), "{sum}");
            prop_assert!(parts.iter().all(|&part| part > 0.0));
            if limit >= f64::from(count) {
                prop_assert_eq!(sum, limit.floor());
                let sizes: BTreeSet<u64> = parts.iter().map(|&part| part as u64).collect();
                prop_assert!(sizes.len() <= 2, "{sizes:?}");
            }
        }
    }
}
