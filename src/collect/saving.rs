//! Saving what has come back, off the async threads. A panic on the way costs no more than the polls that cause it.

use std::ops::Range;
use std::sync::Arc;

use tokio::task::{JoinError, spawn_blocking};

use super::failure::Failure;
use crate::error::with_causes;
use crate::store::{Poll, SaveError, Saved};

/// What a transaction came to: one result per poll, or none at all.
type Committed = Result<Vec<Result<Saved, SaveError>>, SaveError>;

/// Saves all polls in one transaction by `save`, which leaves nothing half done when it panics. Then each poll gets a
/// transaction of its own, so that only those fail that panic by themselves.
pub(super) async fn save_all(
    polls: Vec<Poll>,
    save: impl Fn(&[Poll]) -> Committed + Send + Sync + 'static,
) -> Vec<Result<Saved, Failure>> {
    let (polls, save) = (Arc::new(polls), Arc::new(save));
    let transaction = async |range: Range<usize>| {
        let (polls, save) = (Arc::clone(&polls), Arc::clone(&save));
        let count = range.len();
        let committed = spawn_blocking(move || save(&polls[range])).await?;
        Ok::<_, JoinError>(results(committed, count))
    };
    if let Ok(results) = transaction(0..polls.len()).await {
        return results;
    }
    let mut all = Vec::with_capacity(polls.len());
    for index in 0..polls.len() {
        match transaction(index..index + 1).await {
            Ok(results) => all.extend(results),
            Err(panic) => all.push(Err(Failure::SavePanicked(panic))),
        }
    }
    all
}

fn results(committed: Committed, count: usize) -> Vec<Result<Saved, Failure>> {
    match committed {
        Ok(results) => {
            let kept = |result: Result<_, _>| result.map_err(Failure::NotKept);
            results.into_iter().map(kept).collect()
        }
        Err(error) => {
            let error: Arc<str> = with_causes(&error).into();
            let not_saved = |_| Err(Failure::NotSaved(Arc::clone(&error)));
            (0..count).map(not_saved).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::usage::{Answer, App, Date, Ledger, Target};

    fn poll(app: u64) -> Poll {
        let asked_at = DateTime::UNIX_EPOCH;
        Poll {
            target: Target {
                account: "main".into(),
                app: App::Id(app),
                item: "interactive".into(),
            },
            date: Date::of(asked_at),
            since: None,
            asked_at,
            answer: Answer::new(Vec::new()),
        }
    }

    /// Tells by the floor of the ledger that it was saved.
    fn saved(poll: &Poll) -> Result<Saved, SaveError> {
        let ledger = Ledger {
            floor: Some(poll.date),
            ..Ledger::default()
        };
        Ok(Saved {
            ledger,
            sums: Vec::new(),
            arrivals: Vec::new(),
            reconciled: None,
        })
    }

    /// Saves, unless a poll is of app 13.
    fn save(polls: &[Poll]) -> Committed {
        let unlucky = |poll: &Poll| poll.target.app == App::Id(13);
        assert!(!polls.iter().any(unlucky), "a bug for the test");
        Ok(polls.iter().map(saved).collect())
    }

    fn code(result: &Result<Saved, Failure>) -> &'static str {
        match result {
            Ok(_) => "saved",
            Err(failure) => failure.code(),
        }
    }

    #[tokio::test]
    async fn a_panic_costs_the_poll_that_causes_it() {
        for (apps, codes) in [
            (&[1, 2, 3][..], &["saved"; 3][..]),
            (&[1, 13, 3], &["saved", "panic", "saved"]),
            (&[13], &["panic"]),
            (&[13, 13], &["panic"; 2]),
        ] {
            let polls = apps.iter().map(|&app| poll(app)).collect();
            let results = save_all(polls, save).await;
            let got: Vec<_> = results.iter().map(code).collect();
            assert_eq!(got, codes, "{apps:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_saved_fails_together() {
        let full = |_: &[Poll]| Err(SaveError::Closed);
        let results = save_all(vec![poll(1), poll(2)], full).await;
        let got: Vec<_> = results.iter().map(code).collect();
        assert_eq!(got, ["not_saved"; 2]);
    }
}
