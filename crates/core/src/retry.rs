//! When to try again.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::{Duration, Instant},
};

use crate::stop;

/// How often and how patiently to try again.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Attempts after the first.
    pub retries: u32,
    /// Upper bound of the wait before the first retry. Each later bound is twice as long.
    pub first_wait: Duration,
    /// No wait is longer, but for one that the other side asked for.
    pub longest_wait: Duration,
    /// No retry starts later than this after the first attempt.
    pub total: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(10),
            total: Duration::from_secs(120),
        }
    }
}

/// What an attempt that failed says about the next one.
#[derive(Debug)]
pub enum Retry<E> {
    /// Trying again cannot help.
    Never(E),
    /// Trying again may help.
    Soon(E),
    /// The other side asked for a wait (`Retry-After`).
    After(Duration, E),
}

impl<E> Retry<E> {
    fn into_error(self) -> E {
        match self {
            Self::Never(err) | Self::Soon(err) | Self::After(_, err) => err,
        }
    }
}

impl Policy {
    /// Returns the longest wait before retry `index`, counted from zero, or `None` when there is no such retry.
    pub fn bound(&self, index: u32) -> Option<Duration> {
        if self.retries <= index {
            return None;
        }
        let factor = 2_u32.saturating_pow(index);
        Some(
            self.first_wait
                .saturating_mul(factor)
                .min(self.longest_wait),
        )
    }

    /// Runs `attempt`, which gets its own number from zero, until it succeeds or the policy ends.
    ///
    /// Waits are drawn evenly from zero to the bound (full jitter), so that many clients that
    /// failed together do not return together. A request to stop ends the wait and the tries.
    ///
    /// # Errors
    ///
    /// Fails with the error of the last attempt.
    pub fn run<T, E>(&self, mut attempt: impl FnMut(u32) -> Result<T, Retry<E>>) -> Result<T, E> {
        let started = Instant::now();
        let mut index = 0;
        loop {
            let retry = match attempt(index) {
                Ok(value) => return Ok(value),
                Err(retry) => retry,
            };
            let wait = match (&retry, self.bound(index)) {
                (Retry::Never(_), _) | (_, None) => return Err(retry.into_error()),
                (Retry::Soon(_), Some(bound)) => bound.mul_f64(random_fraction()),
                (Retry::After(asked, _), Some(bound)) => {
                    *asked + bound.mul_f64(random_fraction()) / 4
                }
            };
            if started.elapsed() + wait > self.total || stop::wait(wait) {
                return Err(retry.into_error());
            }
            index += 1;
        }
    }
}

/// Returns an evenly distributed number in [0, 1). Good for jitter, not for secrets.
pub fn random_fraction() -> f64 {
    // Each `RandomState` starts from keys that the system drew.
    let bits = RandomState::new().build_hasher().finish();
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a f64 exactly")]
    let fraction = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Policy = Policy {
        retries: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(3),
        total: Duration::from_secs(5),
    };

    #[test]
    fn bounds_double_up_to_the_longest() {
        let bounds: Vec<u128> = (0..)
            .map_while(|it| QUICK.bound(it))
            .map(|it| it.as_millis())
            .collect();
        assert_eq!(bounds, [1, 2, 3]);
    }

    #[test]
    fn the_last_error_is_the_one_returned() {
        let result: Result<(), u32> = QUICK.run(|index| Err(Retry::Soon(index)));
        assert_eq!(result, Err(3));
    }

    #[test]
    fn what_cannot_be_helped_is_tried_once() {
        let mut attempts = 0;
        let result: Result<(), &str> = QUICK.run(|_| {
            attempts += 1;
            Err(Retry::Never("no"))
        });
        assert_eq!((result, attempts), (Err("no"), 1));
    }

    #[test]
    fn a_wait_beyond_the_total_is_not_begun() {
        let mut attempts = 0;
        let result: Result<(), &str> = QUICK.run(|_| {
            attempts += 1;
            Err(Retry::After(Duration::from_secs(3_600), "busy"))
        });
        assert_eq!((result, attempts), (Err("busy"), 1));
    }

    #[test]
    fn fractions_stay_in_range_and_differ() {
        let drawn: Vec<f64> = (0..64).map(|_| random_fraction()).collect();
        assert!(drawn.iter().all(|it| (0.0..1.0).contains(it)));
        assert!(
            drawn
                .windows(2)
                .any(|it| (it[0] - it[1]).abs() > f64::EPSILON)
        );
    }
}
