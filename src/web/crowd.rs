//! Everybody who is connected: a bounded number, among whom the longest idle gives way to a newcomer.
//!
//! Refusing newcomers instead would let idle connections, leaked or hostile, shut scrapers out. So an idle one is cut:
//! a scraper that meets this connects again. A request in flight is disturbed only when nobody is idle: an answer leaves
//! within milliseconds, so when every place is taken by one, the oldest of them go to readers that are stuck.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What one connection is doing. Requests are counted and not just marked, since with pipelining the next begins before
/// the last byte of the one before has left.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    /// The turn at which it became idle, or stopped being idle.
    since: AtomicU64,
}

impl Activity {
    /// Requests whose head was complete.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Responses that were sent in full, or given up.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether no request is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.begun() == self.ended()
    }
}

/// The connections of a server.
#[derive(Debug)]
pub(super) struct Crowd {
    limit: usize,
    /// Orders events; a clock would add nothing.
    turn: AtomicU64,
    departure: Notify,
    members: Mutex<HashMap<u64, Member>>,
}

#[derive(Debug)]
struct Member {
    activity: Arc<Activity>,
    cut: CancellationToken,
}

impl Crowd {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            turn: AtomicU64::new(0),
            departure: Notify::new(),
            members: Mutex::default(),
        })
    }

    /// A place for one more.
    pub(super) fn admit(self: &Arc<Self>) -> Place {
        if self.members().len() >= self.limit {
            self.make_room();
        }
        let id = self.next_turn();
        let activity = Arc::new(Activity::default());
        activity.since.store(id, Ordering::Relaxed);
        let cut = CancellationToken::new();
        let member = Member {
            activity: activity.clone(),
            cut: cut.clone(),
        };
        self.members().insert(id, member);
        Place {
            id,
            activity,
            cut,
            crowd: self.clone(),
        }
    }

    /// Cuts the connection that has been idle longest, or if none is idle, the one that has been busy longest. False when
    /// there is none.
    pub(super) fn make_room(&self) -> bool {
        let mut members = self.members();
        let dearest_last = |(_, member): &(&u64, &Member)| {
            let activity = &member.activity;
            (!activity.is_idle(), activity.since.load(Ordering::Relaxed))
        };
        let first = members.iter().min_by_key(dearest_last).map(|(&id, _)| id);
        let Some(member) = first.and_then(|id| members.remove(&id)) else {
            return false;
        };
        member.cut.cancel();
        true
    }

    /// The next time that a connection has been closed, counted from this call.
    pub(super) fn departure(&self) -> Notified<'_> {
        self.departure.notified()
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place; given back when dropped, which must be after the connection is closed.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    activity: Arc<Activity>,
    cut: CancellationToken,
    crowd: Arc<Crowd>,
}

impl Place {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Waits until the place is wanted for somebody else.
    pub(super) async fn wanted(&self) {
        self.cut.cancelled().await;
    }

    /// A request begins; it ends when the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        if self.activity.is_idle() {
            let turn = self.crowd.next_turn();
            self.activity.since.store(turn, Ordering::Relaxed);
        }
        self.activity.begun.fetch_add(1, Ordering::Relaxed);
        InFlight {
            activity: self.activity.clone(),
            crowd: self.crowd.clone(),
            _timed: None,
        }
    }

    /// A request begins that has to end in time, or the connection is cut. For requests side by side: there no stream can
    /// tell which of them makes the server wait.
    pub(super) fn begin_timed(&self, limit: Duration) -> InFlight {
        let ended = CancellationToken::new();
        let cut = self.cut.clone();
        let watched = ended.clone();
        tokio::spawn(async move {
            if tokio::time::timeout(limit, watched.cancelled())
                .await
                .is_err()
            {
                cut.cancel();
            }
        });
        let mut in_flight = self.begin();
        in_flight._timed = Some(ended.drop_guard());
        in_flight
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.members().remove(&self.id);
        self.crowd.departure.notify_waiters();
    }
}

/// A request in flight: held until the last byte of its response is written or the response is given up.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    crowd: Arc<Crowd>,
    _timed: Option<DropGuard>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.ended.fetch_add(1, Ordering::Relaxed);
        if self.activity.is_idle() {
            let turn = self.crowd.next_turn();
            self.activity.since.store(turn, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_gives_way() {
        let crowd = Crowd::new(3);
        let [first, second, third] = [(); 3].map(|()| crowd.admit());
        drop(first.begin());
        let busy = second.begin();
        let fourth = crowd.admit();
        assert!(third.cut.is_cancelled());
        assert!(!first.cut.is_cancelled() && !second.cut.is_cancelled());
        let _fifth = crowd.admit();
        assert!(first.cut.is_cancelled() && !fourth.cut.is_cancelled());
        drop(busy);
    }

    #[test]
    fn requests_in_flight_are_not_disturbed_while_anybody_is_idle() {
        let crowd = Crowd::new(2);
        let [busy, other] = [(); 2].map(|()| crowd.admit());
        let first = busy.begin();
        let pipelined = busy.begin();
        drop(first);
        for _ in 0..10 {
            let newcomer = crowd.admit();
            assert!(!newcomer.cut.is_cancelled());
        }
        assert!(other.cut.is_cancelled());
        assert!(!busy.cut.is_cancelled(), "one of two has ended");
        drop(pipelined);
        let newcomers = [(); 2].map(|()| crowd.admit());
        assert!(busy.cut.is_cancelled());
        drop(newcomers);
    }

    #[test]
    fn where_nobody_is_idle_the_longest_busy_gives_way() {
        let crowd = Crowd::new(2);
        let [first, second] = [(); 2].map(|()| crowd.admit());
        let long = second.begin();
        let short = first.begin();
        let third = crowd.admit();
        assert!(second.cut.is_cancelled());
        assert!(!first.cut.is_cancelled() && !third.cut.is_cancelled());
        drop((long, short));
    }

    #[test]
    fn a_place_given_back_is_free() {
        let crowd = Crowd::new(1);
        let place = crowd.admit();
        let busy = place.begin();
        drop((busy, place));
        let place = crowd.admit();
        assert!(!place.cut.is_cancelled());
    }
}
