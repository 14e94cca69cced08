//! A point in time, counted in milliseconds from wherever the caller counts.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A point in time in milliseconds. Zero is the caller's choice: the Unix epoch for a live cluster,
/// the first sync for a simulation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// Returns the moment `seconds` after zero.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Returns the seconds from zero.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of centuries fit")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// Returns the moment `seconds` earlier.
    #[must_use]
    pub const fn seconds_before(self, seconds: i32) -> Self {
        Self(self.0.saturating_sub(seconds as i64 * 1_000))
    }

    /// Returns the moment `seconds` later.
    #[must_use]
    pub const fn seconds_after(self, seconds: i32) -> Self {
        Self(self.0.saturating_add(seconds as i64 * 1_000))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// Returns the time from `earlier` to `self`, zero when it is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}
