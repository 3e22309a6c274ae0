//! Figures of whole accounts: what belongs to no configured app, what it costs, and how long prepaid minutes last. The
//! poller sets those of each account, now and then.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::billing::Money;
use crate::usage::Media;

/// The figures of one account.
#[derive(Clone, Debug, Default)]
pub struct AccountFigures {
    /// Value of the label `account`.
    pub account: Arc<str>,
    /// Usage that belongs to no configured app.
    pub unassigned: Vec<Unassigned>,
    /// What the account is billed, as far as its prices are known.
    pub bill: Option<Bill>,
}

/// The account's sum of a media minus the sum of its configured apps.
#[derive(Clone, Debug)]
pub struct Unassigned {
    /// Value of the label `item`.
    pub item: Arc<str>,
    /// Value of the label `media`.
    pub media: Media,
    /// Value of the label `day`.
    pub day: &'static str,
    /// Negative where apps are ahead of the sum, being asked at another instant.
    pub ms: i64,
}

/// What an account is billed.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Value of the label `currency`.
    pub currency: Arc<str>,
    /// One entry per item and media that has a price.
    pub costs: Vec<Cost>,
    /// One entry per package.
    pub packages: Vec<PackageFigures>,
}

/// What a media of an item costs.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Value of the label `item`.
    pub item: Arc<str>,
    /// Value of the label `media`.
    pub media: Media,
    /// The counter: never falls.
    pub total: Money,
    /// The month so far.
    pub month: Money,
}

/// How a package stands.
#[derive(Clone, Debug)]
pub struct PackageFigures {
    /// Value of the label `package`.
    pub package: Arc<str>,
    /// Of its own minutes.
    pub minutes_left: u64,
    /// When it will be used up or expire, Unix seconds, if that can be told.
    pub ends_at: Option<i64>,
    /// When it expires whatever is left, Unix seconds, if it ever does.
    pub expires_at: Option<i64>,
}

/// Shows what was last set.
#[derive(Clone)]
pub(super) struct Figures {
    accounts: Arc<Mutex<Vec<AccountFigures>>>,
    descriptions: Arc<Vec<Desc>>,
}

struct Family {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    kind: MetricType,
    samples: fn(&AccountFigures) -> Vec<Sample>,
}

/// The values of its labels behind `account`, and its own.
type Sample = (Vec<String>, f64);

const FAMILIES: [Family; 6] = [
    Family {
        name: "trtc_cost_estimate_total",
        help: "What usage has cost by the prices of the configuration, in units of the currency. Survives restarts and never falls; \
               the bill itself may differ.",
        labels: &["account", "currency", "item", "media"],
        kind: MetricType::COUNTER,
        samples: |of| costs(of, |cost| cost.total),
    },
    Family {
        name: "trtc_cost_month_estimate",
        help: "What usage of the month in Beijing time has cost so far by the prices of the configuration.",
        labels: &["account", "currency", "item", "media"],
        kind: MetricType::GAUGE,
        samples: |of| costs(of, |cost| cost.month),
    },
    Family {
        name: "trtc_package_end_timestamp_seconds",
        help: "When a package will be used up at the pace of its last seven complete days, or expires. \
               Absent while nothing is taken from it.",
        labels: &["account", "package"],
        kind: MetricType::GAUGE,
        samples: |of| packages(of, |package| Some(package.ends_at? as f64)),
    },
    Family {
        name: "trtc_package_expiry_timestamp_seconds",
        help: "When a package expires by the configuration, whatever is left of it by then. Absent for one that never does.",
        labels: &["account", "package"],
        kind: MetricType::GAUGE,
        samples: |of| packages(of, |package| Some(package.expires_at? as f64)),
    },
    Family {
        name: "trtc_package_minutes_left",
        help: "Minutes left of a prepaid package, in its own unit.",
        labels: &["account", "package"],
        kind: MetricType::GAUGE,
        samples: |of| packages(of, |package| Some(package.minutes_left as f64)),
    },
    Family {
        name: "trtc_usage_unassigned_seconds",
        help: "The account's sum of the day in Beijing time minus that of its configured apps. \
               They are asked at different instants, so allow for some noise.",
        labels: &["account", "item", "media", "day"],
        kind: MetricType::GAUGE,
        samples: |of| {
            let sample = |of: &Unassigned| {
                let labels = [&*of.item, of.media.as_str(), of.day].map(str::to_owned);
                (labels.to_vec(), of.ms as f64 / 1000.0)
            };
            of.unassigned.iter().map(sample).collect()
        },
    },
];

fn costs(of: &AccountFigures, value: fn(&Cost) -> Money) -> Vec<Sample> {
    let bill = of.bill.iter();
    bill.flat_map(|bill| bill.costs.iter().map(move |cost| (bill, cost)))
        .map(|(bill, cost)| {
            let labels = [&*bill.currency, &*cost.item, cost.media.as_str()].map(str::to_owned);
            (labels.to_vec(), value(cost).to_f64())
        })
        .collect()
}

fn packages(of: &AccountFigures, value: fn(&PackageFigures) -> Option<f64>) -> Vec<Sample> {
    let packages = of.bill.iter().flat_map(|bill| &bill.packages);
    packages
        .filter_map(|package| Some((vec![package.package.to_string()], value(package)?)))
        .collect()
}

impl Figures {
    pub(super) fn new() -> Self {
        let description = |family: &Family| {
            let labels = family.labels.iter().map(ToString::to_string).collect();
            Desc::new(
                family.name.into(),
                family.help.into(),
                labels,
                Default::default(),
            )
            .expect("names and labels are valid")
        };
        Self {
            accounts: Arc::default(),
            descriptions: Arc::new(FAMILIES.iter().map(description).collect()),
        }
    }

    /// Shows these in the place of what was shown of the account.
    pub(super) fn set(&self, figures: AccountFigures) {
        let mut accounts = self.accounts();
        accounts.retain(|other| other.account != figures.account);
        accounts.push(figures);
    }

    /// Shows those of these accounts only.
    pub(super) fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        self.accounts().retain(|figures| is_kept(&figures.account));
    }

    fn accounts(&self) -> MutexGuard<'_, Vec<AccountFigures>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

impl Collector for Figures {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let accounts = self.accounts();
        let families = FAMILIES.iter().map(|family| family.gathered(&accounts));
        families
            .filter(|family| !family.get_metric().is_empty())
            .collect()
    }
}

impl Family {
    fn gathered(&self, accounts: &[AccountFigures]) -> MetricFamily {
        let of = |account: &AccountFigures| {
            let samples = (self.samples)(account).into_iter();
            let name = account.account.to_string();
            samples
                .map(|(labels, value)| self.metric([name.clone()].into_iter().chain(labels), value))
                .collect::<Vec<_>>()
        };
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(accounts.iter().flat_map(of).collect());
        family
    }

    fn metric(&self, values: impl Iterator<Item = String>, value: f64) -> Metric {
        let label = |(name, value): (&&str, String)| {
            let mut label = LabelPair::default();
            label.set_name((*name).to_owned());
            label.set_value(value);
            label
        };
        let mut metric = Metric::from_label(self.labels.iter().zip(values).map(label).collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    }
}
