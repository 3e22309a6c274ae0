//! Waiting for a condition instead of sleeping.

use std::time::Duration;

const STEP: Duration = Duration::from_millis(20);

/// Waits until the condition gives something; fails after a minute.
pub(crate) async fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_for(Duration::from_secs(60), what, condition).await
}

/// The same with another patience.
pub(crate) async fn eventually_for<T>(
    patience: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    for _ in 0..patience.div_duration_f64(STEP) as u32 {
        if let Some(found) = condition() {
            return found;
        }
        tokio::time::sleep(STEP).await;
    }
    panic!("never came true: {what}");
}
