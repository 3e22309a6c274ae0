//! Faults on order: what goes wrong, how often and for whom. Pure: this decides, the server carries it out.

use std::time::Duration;

use super::random::Chance;
use super::refusal::Refusal;
use crate::usage::App;

/// What goes wrong with a request that would have been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The API refuses, with HTTP status 200.
    Refuse(Refusal),
    /// A status other than 200, with a page of HTML as load balancers send it.
    Status(u16),
    /// No answer, until the client gives up.
    Hang,
    /// The right answer, byte by byte with a pause before each.
    Drip(Duration),
    /// The connection is reset.
    Reset,
    /// The first half of the right answer, and the end of the connection where the other half should be.
    CutOff,
    /// The first half of the right answer, as if it were all.
    Truncated,
    /// JSON, but not of this API.
    WrongJson,
    /// HTML with status 200, as a captive portal sends it.
    Html,
    /// Status 200 and nothing else.
    Empty,
    /// The right answer without some of its rows.
    Gaps,
    /// The right answer with more than 8 MiB around it.
    Huge,
    /// 64 MiB of an answer that have been compressed to a few KiB.
    GzipBomb,
}

impl Fault {
    /// The API's own refusal with this code.
    pub fn refuse(code: &str) -> Self {
        Self::Refuse(Refusal::new(
            code.to_owned(),
            "The simulator was told to refuse this request.",
        ))
    }

    /// How the request log calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Refuse(refusal) => &refusal.code,
            Self::Status(_) => "status",
            Self::Hang => "hang",
            Self::Drip(_) => "drip",
            Self::Reset => "reset",
            Self::CutOff => "cut_off",
            Self::Truncated => "truncated",
            Self::WrongJson => "wrong_json",
            Self::Html => "html",
            Self::Empty => "empty",
            Self::Gaps => "gaps",
            Self::Huge => "huge",
            Self::GzipBomb => "gzip_bomb",
        }
    }

    /// It happens to the next `count` requests.
    pub fn next(self, count: u64) -> Order {
        self.order(Often::Next(count))
    }

    /// It happens to this share of the requests, 0 to 1; to which of them follows from the simulator's seed.
    pub fn share(self, share: f64) -> Order {
        self.order(Often::Share(share))
    }

    /// It happens until the faults are cleared.
    pub fn always(self) -> Order {
        self.order(Often::Share(1.0))
    }

    fn order(self, often: Often) -> Order {
        Order {
            fault: self,
            often,
            action: None,
            app: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Often {
    Next(u64),
    Share(f64),
}

/// A fault with its when and for whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    fault: Fault,
    often: Often,
    action: Option<&'static str>,
    app: Option<App>,
}

impl Order {
    /// Only to requests for this action.
    pub fn on_action(mut self, action: &'static str) -> Self {
        self.action = Some(action);
        self
    }

    /// Only to requests for this app.
    pub fn on_app(mut self, app: App) -> Self {
        self.app = Some(app);
        self
    }

    fn concerns(&self, action: &str, app: App) -> bool {
        self.action.is_none_or(|wanted| wanted == action)
            && self.app.is_none_or(|wanted| wanted == app)
    }

    fn strikes(&mut self, chance: Chance) -> bool {
        match &mut self.often {
            Often::Next(left) => {
                *left -= 1;
                true
            }
            Often::Share(share) => chance.unit() < *share,
        }
    }

    fn is_used_up(&self) -> bool {
        matches!(self.often, Often::Next(0))
    }
}

/// The orders in force, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Faults {
    orders: Vec<Order>,
}

impl Faults {
    pub(super) fn add(&mut self, order: Order) {
        self.orders.push(order);
    }

    pub(super) fn clear(&mut self) {
        self.orders.clear();
    }

    /// The fault that happens to this request, if any: the first order that concerns it and strikes.
    pub(super) fn pick(&mut self, action: &str, app: App, chance: Chance) -> Option<Fault> {
        self.orders.retain(|order| !order.is_used_up());
        self.orders
            .iter_mut()
            .enumerate()
            .filter(|(_, order)| order.concerns(action, app))
            .find_map(|(index, order)| {
                let strikes = order.strikes(chance.of(index as u64));
                strikes.then(|| order.fault.clone())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(faults: &mut Faults, requests: std::ops::Range<u64>) -> Vec<Option<Fault>> {
        requests
            .map(|request| faults.pick("A", App::Id(1), Chance::seeded(5).of(request)))
            .collect()
    }

    #[test]
    fn the_next_few_and_no_more() {
        let mut faults = Faults::default();
        faults.add(Fault::Empty.next(2));
        faults.add(Fault::Hang.next(1));
        assert_eq!(
            picks(&mut faults, 0..4),
            [
                Some(Fault::Empty),
                Some(Fault::Empty),
                Some(Fault::Hang),
                None
            ]
        );
    }

    #[test]
    fn a_share_is_met_and_repeatable() {
        let run = || {
            let mut faults = Faults::default();
            faults.add(Fault::Reset.share(0.25));
            picks(&mut faults, 0..4_000)
        };
        let hit = run().iter().flatten().count();
        assert!((900..1_100).contains(&hit), "{hit}");
        assert_eq!(run(), run());
    }

    #[test]
    fn others_are_left_alone() {
        let mut faults = Faults::default();
        faults.add(Fault::Empty.always().on_action("B"));
        faults.add(Fault::Html.always().on_app(App::Total));
        assert_eq!(picks(&mut faults, 0..1), [None]);
        let chance = Chance::seeded(0);
        let pick = faults.pick("A", App::Total, chance);
        assert_eq!(pick, Some(Fault::Html));
        assert_eq!(faults.pick("B", App::Id(1), chance), Some(Fault::Empty));
        faults.clear();
        assert_eq!(faults.pick("B", App::Id(1), chance), None);
    }
}
