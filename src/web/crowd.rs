//! Everybody who is connected: a bounded number, among whom the longest idle gives way to a newcomer.
//!
//! Refusing newcomers instead would let idle connections, leaked or hostile, shut scrapers out. So an idle one is cut:
//! a scraper that meets this connects again, and a request in flight is never disturbed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// What one connection is doing. Requests are counted and not just marked, since with pipelining the next begins before
/// the last byte of the one before has left.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    idle_since: AtomicU64,
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
            members: Mutex::default(),
        })
    }

    /// A place for one more; `None` when all are taken by requests in flight.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Place> {
        if self.members().len() >= self.limit && !self.cut_idlest() {
            return None;
        }
        let id = self.next_turn();
        let activity = Arc::new(Activity::default());
        activity.idle_since.store(id, Ordering::Relaxed);
        let cut = CancellationToken::new();
        let member = Member {
            activity: activity.clone(),
            cut: cut.clone(),
        };
        self.members().insert(id, member);
        Some(Place {
            id,
            activity,
            cut,
            crowd: self.clone(),
        })
    }

    /// Cuts the connection that has been idle longest; false when none is idle.
    pub(super) fn cut_idlest(&self) -> bool {
        let mut members = self.members();
        let idle = members
            .iter()
            .filter(|(_, member)| member.activity.is_idle());
        let idlest = idle
            .min_by_key(|(_, member)| member.activity.idle_since.load(Ordering::Relaxed))
            .map(|(&id, _)| id);
        let Some(member) = idlest.and_then(|id| members.remove(&id)) else {
            return false;
        };
        member.cut.cancel();
        true
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place; given back when dropped.
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
        self.activity.begun.fetch_add(1, Ordering::Relaxed);
        InFlight {
            activity: self.activity.clone(),
            crowd: self.crowd.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.members().remove(&self.id);
    }
}

/// A request in flight: held until the last byte of its response is written or the response is given up.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    crowd: Arc<Crowd>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let turn = self.crowd.next_turn();
        self.activity.idle_since.store(turn, Ordering::Relaxed);
        self.activity.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_gives_way() {
        let crowd = Crowd::new(3);
        let [first, second, third] = [(); 3].map(|()| crowd.admit().expect("a place"));
        drop(first.begin());
        let busy = second.begin();
        let fourth = crowd.admit().expect("the third's place");
        assert!(third.cut.is_cancelled());
        assert!(!first.cut.is_cancelled() && !second.cut.is_cancelled());
        let _fifth = crowd.admit().expect("the first's place");
        assert!(first.cut.is_cancelled() && !fourth.cut.is_cancelled());
        drop(busy);
    }

    #[test]
    fn requests_in_flight_are_not_disturbed() {
        let crowd = Crowd::new(2);
        let places = [(); 2].map(|()| crowd.admit().expect("a place"));
        let first = places[0].begin();
        let pipelined = places[0].begin();
        let second = places[1].begin();
        assert!(crowd.admit().is_none());
        drop(first);
        assert!(crowd.admit().is_none(), "one of two has ended");
        drop(pipelined);
        assert!(crowd.admit().is_some());
        assert!(places[0].cut.is_cancelled() && !places[1].cut.is_cancelled());
        drop(second);
    }

    #[test]
    fn a_place_given_back_is_free() {
        let crowd = Crowd::new(1);
        let place = crowd.admit().expect("a place");
        let busy = place.begin();
        drop((busy, place));
        let place = crowd.admit().expect("a place");
        assert!(!place.cut.is_cancelled());
    }
}
