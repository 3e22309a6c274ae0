//! What a supervisor that speaks systemd's `sd_notify` protocol is told: that the program serves, that it stops, and that
//! it is alive. Without such a supervisor nobody is told, and nothing happens.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::health::Health;

/// Requests are answered from now on.
pub fn serving() {
    tell(NotifyState::Ready);
}

/// The end has begun; it takes a few seconds.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// Tells that the program is alive for as long as it is, if the supervisor has asked to hear that (`WatchdogSec=`).
/// Otherwise returns at once.
pub async fn reassure(health: Arc<Health>, clock: Arc<dyn Clock>) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    info!(
        patience_seconds = patience.as_secs_f64(),
        "The supervisor's watchdog is fed while the poll loop moves"
    );
    feed(patience, &health, &*clock, || tell(NotifyState::Watchdog)).await;
}

/// Twice as often as needed, as systemd recommends. What counts is the supervisor's time, so no clock but the timer's.
async fn feed(
    patience: Duration,
    health: &Health,
    clock: &dyn Clock,
    mut tell_alive: impl FnMut(),
) {
    let mut ticks = tokio::time::interval((patience / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if health.is_alive(clock.now().mono) {
            tell_alive();
        }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(&state)) {
        warn!(%state, %error, "The supervisor cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::clock::Moment;

    /// A clock that stands where it is put.
    struct Standing(Mutex<Duration>);

    impl Clock for Standing {
        fn now(&self) -> Moment {
            Moment {
                utc: chrono::DateTime::UNIX_EPOCH,
                mono: *self.0.lock().expect("no panic"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_loop_that_hangs_is_told_by_silence() {
        let patience = Duration::from_secs(30);
        let (health, clock) = (Health::new(Duration::ZERO), Standing(Mutex::default()));
        let told = Mutex::new(0);
        let count = || *told.lock().expect("no panic");
        let feeding = feed(patience, &health, &clock, || {
            *told.lock().expect("no panic") += 1
        });
        let looking = async {
            tokio::time::sleep(Duration::from_secs(61)).await;
            assert_eq!(count(), 5, "at once, and every 15 seconds");
            *clock.0.lock().expect("no panic") = Duration::from_secs(3600);
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(count(), 5, "the loop has not moved for an hour");
            health.beat(Duration::from_secs(3600));
            tokio::time::sleep(Duration::from_secs(15)).await;
            assert_eq!(count(), 6, "it moves again");
        };
        tokio::select! {
            () = feeding => unreachable!("it goes on for ever"),
            () = looking => {}
        }
    }
}
