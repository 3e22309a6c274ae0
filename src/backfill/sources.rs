//! Where days come from: the state of an exporter, and what was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::info;

use super::ask::Question;
use super::progress::Progress;
use super::{BackfillError, Planned};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::history::{KnownDay, Span};
use crate::store::{self, Archive, Store};
use crate::usage::{ANSWERED_DATES, Beginning, Date, Target, final_at};

/// How often it is looked how far a running exporter is.
const LOOK: Duration = Duration::from_secs(1);

/// An exporter that enters nothing more for so long is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an exporter that runs leaves of the rate limit.
const SHARE_BESIDE_AN_EXPORTER: f64 = 0.5;

/// Where days come from.
pub(super) struct Sources {
    state: Option<(Archive, PathBuf)>,
    asked: Store,
    /// The same, as it is read.
    answered: Archive,
}

/// What is left to ask about an item.
pub(super) struct Asking {
    pub(super) questions: Vec<Question>,
    /// How many dates there are that the upstream no longer answers for.
    pub(super) beyond_reach: u64,
}

/// Dates of a target that nobody keeps.
pub(super) struct Missing {
    /// Those that the upstream can be asked for.
    pub(super) dates: Vec<Date>,
    /// How many there are that it no longer answers for.
    pub(super) beyond_reach: u64,
}

impl Sources {
    /// The state in a folder, if it is there, and a folder for what is asked for.
    pub(super) fn open(state: Option<&Path>, asked: &Path) -> Result<Self, BackfillError> {
        let state = match state {
            Some(folder) => Archive::open(folder)?.map(|archive| (archive, folder.to_owned())),
            None => None,
        };
        let store = Store::open(asked)?;
        let answered =
            Archive::open(asked)?.ok_or_else(|| BackfillError::Vanished(asked.to_owned()))?;
        Ok(Self {
            state,
            asked: store,
            answered,
        })
    }

    /// Whether an exporter has left any state.
    pub(super) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Where answers are kept.
    pub(super) fn asked_mut(&mut self) -> &mut Store {
        &mut self.asked
    }

    /// The part of the rate limit that may be used.
    pub(super) fn share_of_limit(&self) -> f64 {
        if self.exporter_runs() {
            SHARE_BESIDE_AN_EXPORTER
        } else {
            1.0
        }
    }

    /// When an exporter began with a target.
    pub(super) fn beginning(&self, target: &Target) -> Result<Option<Beginning>, BackfillError> {
        match &self.state {
            Some((archive, _)) => Ok(archive.beginning(target)?),
            None => Ok(None),
        }
    }

    /// The name of the action that an item has gone over to, if it has.
    pub(super) fn gone_over_to(
        &self,
        account: &Account,
        item: &config::Item,
    ) -> Result<Option<String>, BackfillError> {
        match &self.state {
            Some((archive, _)) => Ok(archive.gone_over_to(&account.name, item.kind.name)?),
            None => Ok(None),
        }
    }

    /// What nobody keeps yet of the targets of an item.
    pub(super) fn missing_of(
        &self,
        planned: &[Planned],
        account: &Account,
        item: &config::Item,
        now: DateTime<Utc>,
    ) -> Result<Asking, BackfillError> {
        let mut asking = Asking {
            questions: Vec::new(),
            beyond_reach: 0,
        };
        let of_item = |planned: &&Planned| {
            planned.target.account == account.name && *planned.target.item == *item.kind.name
        };
        for Planned { target, span } in planned.iter().filter(of_item) {
            let missing = self.missing(target, span, now)?;
            asking.beyond_reach += missing.beyond_reach;
            let dates = missing.dates.into_iter();
            asking
                .questions
                .extend(dates.map(|date| Question::new(target.clone(), date)));
        }
        Ok(asking)
    }

    /// Which dates of a span nobody keeps yet.
    pub(super) fn missing(
        &self,
        target: &Target,
        span: &Span,
        now: DateTime<Utc>,
    ) -> Result<Missing, BackfillError> {
        let dates = span.days();
        let kept = match &self.state {
            Some((archive, _)) => archive.asked(target, &dates)?,
            None => BTreeMap::new(),
        };
        let asked = self.answered.asked(target, &dates)?;
        let is_final = |date: Date, at: &DateTime<Utc>| *at >= final_at(date);
        // Up to the seam it matters what was entered, which only the state knows. Otherwise the last word does.
        let keeps_up = span.seam.is_some() || self.exporter_runs();
        let is_known = |date: Date| {
            let kept = kept
                .get(&date)
                .is_some_and(|at| keeps_up || is_final(date, at));
            kept || asked.get(&date).is_some_and(|at| is_final(date, at))
        };
        let today = Date::of(now);
        let unknown = dates
            .start()
            .through((*dates.end()).min(today))
            .filter(|&date| !is_known(date));
        let (within_reach, beyond): (Vec<Date>, Vec<Date>) =
            unknown.partition(|&date| date > today.minus_days(ANSWERED_DATES));
        Ok(Missing {
            dates: within_reach,
            beyond_reach: beyond.len() as u64,
        })
    }

    /// What is known of a span, sorted by date.
    pub(super) fn days(
        &self,
        target: &Target,
        span: &Span,
    ) -> Result<Vec<KnownDay>, BackfillError> {
        let dates = span.days();
        let known = |(date, day, kept)| KnownDay { date, day, kept };
        let of_state = match &self.state {
            Some((archive, _)) => archive.days(target, &dates)?,
            None => BTreeMap::new(),
        };
        let asked = self.answered.days(target, &dates)?;
        let mut days: BTreeMap<Date, KnownDay> = BTreeMap::new();
        let of_state = of_state
            .into_iter()
            .map(|(date, day)| known((date, day, true)));
        let asked = asked
            .into_iter()
            .map(|(date, day)| known((date, day, false)));
        // The better ones last. A day with stray rows only is hardly one.
        let in_order: Vec<KnownDay> = if span.seam.is_some() {
            asked.chain(of_state).collect()
        } else {
            of_state.chain(asked).collect()
        };
        for day in in_order {
            if day.day.asked_at().is_some() || !days.contains_key(&day.date) {
                days.insert(day.date, day);
            }
        }
        Ok(days.into_values().collect())
    }

    /// Waits as long as a running exporter goes on entering dates that are wanted: it does so by itself after its first
    /// start.
    pub(super) async fn wait_for_exporter(
        &self,
        planned: &[Planned],
        clock: &Arc<dyn Clock>,
    ) -> Result<(), BackfillError> {
        let mut left = self.coming(planned, clock.now().utc)?;
        if left == 0 {
            return Ok(());
        }
        info!(
            dates = left,
            "Waiting for the running exporter, which is asking for the past by itself"
        );
        let mut progress = Progress::start("waiting", left, Arc::clone(clock));
        let mut moved = clock.now().mono;
        while left > 0 && clock.now().mono - moved < PATIENCE {
            clock.sleep(LOOK).await;
            let now_left = self.coming(planned, clock.now().utc)?;
            if now_left < left {
                progress.advance((left - now_left) as u64);
                moved = clock.now().mono;
            }
            left = now_left;
        }
        progress.end();
        Ok(())
    }

    /// How many dates a running exporter can be expected to enter.
    fn coming(&self, planned: &[Planned], now: DateTime<Utc>) -> Result<usize, BackfillError> {
        if !self.exporter_runs() {
            return Ok(0);
        }
        let mut coming = 0;
        for Planned { target, span } in planned {
            if self.beginning(target)?.is_some() {
                coming += self.missing(target, span, now)?.dates.len();
            }
        }
        Ok(coming)
    }

    fn exporter_runs(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|(_, folder)| store::is_in_use(folder))
    }
}
