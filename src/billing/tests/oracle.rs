//! The same estimate made in the plainest way: every date of the calendar by itself, every minute by itself.

use super::*;

const ITEMS: [&str; 2] = ["interactive", "mix_transcoding"];
const TODAY: &str = "2026-12-20";

type Used = BTreeMap<(Date, Media, &'static str), u64>;

/// What a package has while the dates go by.
struct Plain<'a> {
    package: &'a Package,
    usable: u64,
    /// What the console will have shown, which nothing can take before.
    reserved: u64,
}

impl<'a> Plain<'a> {
    fn new(package: &'a Package) -> Self {
        Self {
            package,
            usable: package.minutes,
            reserved: 0,
        }
    }

    fn dawn(&mut self, date: Date) {
        let Package { from, renews, .. } = self.package;
        if date == *from || renews.is_some() && date == Month::of(date).first() {
            let lies_ahead = |left: &Left| {
                left.on > date && (renews.is_none() || Month::of(left.on) == Month::of(date))
            };
            let ahead = self.package.left.filter(lies_ahead);
            self.reserved = ahead.map_or(0, |left| left.minutes);
            self.usable = self.package.minutes - self.reserved;
        }
        if let Some(left) = self.package.left.filter(|left| left.on == date) {
            (self.usable, self.reserved) = (left.minutes, 0);
        }
    }

    /// Covers minute by minute, as long as all of them together, rounded up, take no more than there is.
    fn cover(&mut self, date: Date, item: &str, media: Media, minutes: u64) -> u64 {
        let ratios = self.package.items.get(item);
        let Some(ratio) = ratios.and_then(|ratios| ratios.get(&media)) else {
            return 0;
        };
        if date < self.package.from || self.is_over(date) {
            return 0;
        }
        let covered = (1..=minutes)
            .take_while(|&n| ratio.taken_by(n) <= self.usable)
            .last()
            .unwrap_or(0);
        self.usable -= ratio.taken_by(covered);
        covered
    }

    fn is_over(&self, date: Date) -> bool {
        self.package.until.is_some_and(|until| until < date)
    }

    /// What is left at the end of a date; of one that has not begun, what it will begin with.
    fn left(&mut self, date: Date) -> u64 {
        if self.is_over(date) {
            return 0;
        }
        if date < self.package.from {
            self.dawn(self.package.from);
        }
        self.usable + self.reserved
    }
}

/// Per media and item what is covered and what is paid in a month, and what each package has left at its end.
type Outcome = (BTreeMap<(Media, &'static str), (u64, u64)>, Vec<u64>);

fn plainly(packages: &[Package], of: Month, used: &Used) -> Outcome {
    let last = of.last().min(date(TODAY));
    let mut lines = BTreeMap::<_, (u64, u64)>::new();
    let mut packages: Vec<_> = packages.iter().map(Plain::new).collect();
    for day in date("2026-10-01").through(last) {
        packages.iter_mut().for_each(|package| package.dawn(day));
        for (&(_, media, item), &minutes) in used.iter().filter(|((on, ..), _)| *on == day) {
            let mut paid = minutes;
            for package in &mut packages {
                paid -= package.cover(day, item, media, paid);
            }
            if Month::of(day) == of {
                let line = lines.entry((media, item)).or_default();
                *line = (line.0 + minutes - paid, line.1 + paid);
            }
        }
    }
    let left = packages.iter_mut().map(|package| package.left(last));
    (lines, left.collect())
}

fn usage_of_items() -> impl Strategy<Value = Used> {
    let media = prop::sample::select(&Media::KNOWN[..4]);
    let used = (
        0..75_u64,
        media,
        prop::sample::select(&ITEMS[..]),
        0..120_u64,
    );
    prop::collection::vec(used, 0..40).prop_map(|used| {
        let mut all = Used::new();
        for (age, media, item, minutes) in used {
            *all.entry((date(TODAY).minus_days(age), media, item))
                .or_default() += minutes;
        }
        all
    })
}

fn packages_of_items() -> impl Strategy<Value = Vec<Package>> {
    let ratio = prop::sample::select(&["0.5", "1", "1.5", "2", "4", "15", "0.333333"][..]);
    let ratio = ratio.prop_map(|text| text.parse::<Ratio>().expect("a ratio"));
    let media = prop::sample::select(&Media::KNOWN[..4]);
    let item = prop::sample::select(&ITEMS[..]).prop_map(Arc::from);
    let items =
        prop::collection::btree_map(item, prop::collection::btree_map(media, ratio, 1..5), 1..3);
    let until = prop::option::of(0..60_u64);
    let left = prop::option::of((0..60_u64, 0..=100_u64));
    let package = (1..3_000_u64, 0..80_u64, until, any::<bool>(), left, items);
    let package = package.prop_map(|(minutes, age, lasts, renews, left, items)| {
        let from = date(TODAY).minus_days(age);
        let after = |days: u64| {
            from.through(date("2027-12-31"))
                .nth(days as usize)
                .expect("a date")
        };
        Package {
            name: "any".into(),
            minutes,
            from,
            until: lasts.map(after),
            renews: renews.then_some(Renewal::Monthly),
            left: left.map(|(days, percent)| Left {
                minutes: minutes * percent / 100,
                on: after(lasts.map_or(days, |lasts| days.min(lasts))),
            }),
            items,
        }
    });
    prop::collection::vec(package, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_minute_by_itself_comes_out_the_same(
        used in usage_of_items(),
        packages in packages_of_items(),
        of in prop::sample::select(&["2026-10", "2026-11", "2026-12"][..]),
    ) {
        let mut days = DailyMinutes::new(date(TODAY));
        for (&(on, media, item), &minutes) in &used {
            days.add(on, &item.into(), media, minutes);
        }
        let estimate = Estimate::of(&billing(packages.clone()), month(of), &days);
        let (lines, left) = plainly(&packages, month(of), &used);
        for ((item, media), line) in &estimate.lines {
            let expected = lines.iter().find(|((of, name), _)| of == media && *name == &**item);
            let expected = expected.map_or((0, 0), |(_, &line)| line);
            prop_assert_eq!((line.covered, line.paid), expected, "{} {}", item, media);
        }
        let minutes = |(covered, paid): &(u64, u64)| covered + paid;
        prop_assert_eq!(
            estimate.lines.values().map(|line| line.minutes).sum::<u64>(),
            lines.values().map(minutes).sum::<u64>()
        );
        let stand: Vec<_> = estimate.balances.iter().map(|balance| balance.left).collect();
        prop_assert_eq!(stand, left);
    }
}
