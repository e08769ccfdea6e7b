//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential backoff with full jitter: each wait is drawn evenly from nothing to a bound that doubles up to a
/// cap, so that many clients of one hub do not come back in step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, attempts: 0 }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let bound = self.bound();
        self.attempts = self.attempts.saturating_add(1);
        rand::random_range(Duration::ZERO..=bound)
    }

    /// Starts over, after a success.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The longest that the next wait may be.
    pub(crate) fn bound(&self) -> Duration {
        let factor = 2u32.checked_pow(self.attempts).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for bound in [100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
            assert_eq!(backoff.bound(), bound);
            assert!(backoff.next() <= bound);
        }
        backoff.attempts = u32::MAX;
        assert!(backoff.next() <= Duration::from_secs(1));
        backoff.reset();
        assert_eq!(backoff.bound(), Duration::from_millis(100));
    }
}
