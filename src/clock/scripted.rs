//! A clock that a script moves: the machine's clocks, ahead by as much as a file says. It lets a test see weeks pass
//! through the program that users run.

use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use super::{Clock, Moment, SystemClock};

/// How often a sleeper looks whether the script has moved on.
const LOOK: Duration = Duration::from_millis(2);

/// Ahead of the machine by what its file says: seconds that have passed on both clocks, and optionally how far the wall
/// clock is wrong on top of that, as two numbers. The file is best replaced by renaming.
#[derive(Debug)]
pub struct ScriptedClock {
    machine: SystemClock,
    script: PathBuf,
    last: Mutex<Script>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Script {
    ahead: u32,
    wrong: i32,
}

impl ScriptedClock {
    /// A clock that follows this file; as long as there is none, it is the machine's.
    pub fn following(script: PathBuf) -> Self {
        Self {
            machine: SystemClock::start(),
            script,
            last: Mutex::default(),
        }
    }

    fn script(&self) -> Script {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(script) = fs::read_to_string(&self.script)
            .ok()
            .and_then(|text| parse(&text))
        {
            // The monotonic clock is never set back, not even by a script.
            *last = Script {
                ahead: script.ahead.max(last.ahead),
                ..script
            };
        }
        *last
    }
}

impl Clock for ScriptedClock {
    fn now(&self) -> Moment {
        let Script { ahead, wrong } = self.script();
        let Moment { utc, mono } = self.machine.now();
        let passed = Duration::from_secs(u64::from(ahead));
        Moment {
            utc: utc + passed + TimeDelta::seconds(i64::from(wrong)),
            mono: mono + passed,
        }
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = self.now().mono + duration;
        Box::pin(async move {
            loop {
                let left = until.saturating_sub(self.now().mono);
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK)).await;
            }
        })
    }
}

fn parse(text: &str) -> Option<Script> {
    let mut numbers = text.split_whitespace();
    let ahead = numbers.next()?.parse().ok()?;
    let wrong = numbers
        .next()
        .map_or(Some(0), |number| number.parse().ok())?;
    Some(Script { ahead, wrong })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_ahead_and_can_be_wrong() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("clock");
        let clock = ScriptedClock::following(script.clone());
        let before = clock.now();
        fs::write(&script, "3600 -60").expect("writable");
        let after = clock.now();
        assert!(after.mono - before.mono >= Duration::from_secs(3600));
        assert!(after.mono - before.mono < Duration::from_secs(3660));
        assert_eq!((after.utc - before.utc).num_minutes(), 59);
        fs::write(&script, "10").expect("writable");
        assert!(clock.now().mono >= after.mono, "never set back");
        fs::write(&script, "garbage").expect("writable");
        assert!(clock.now().mono >= after.mono);
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_script_moves_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("clock");
        let clock = ScriptedClock::following(script.clone());
        let sleep = clock.sleep(Duration::from_secs(1000));
        fs::write(&script, "1000").expect("writable");
        sleep.await;
    }
}
