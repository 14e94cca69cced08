//! CPU work of a settable size.
//!
//! The size is CPU time of the burning thread, not time on the clock: under a CPU limit a request then takes longer, as
//! real work does, and the autoscaler sees the same use per request on any machine.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The most CPU time that one request may burn, in milliseconds.
pub const MAX_LOAD_MS: u32 = 10_000;

/// Burns `amount` of CPU time on the calling thread, and returns the CPU time that it used.
pub fn burn(amount: Duration) -> Duration {
    let start = cpu_time(ClockId::ThreadCPUTime);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        let used = cpu_time(ClockId::ThreadCPUTime).saturating_sub(start);
        if used >= amount {
            return used;
        }
        for _ in 0..2_000 {
            state = black_box(
                state.rotate_left(23).wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (state >> 29),
            );
        }
    }
}

/// Returns the CPU time that the whole process has used.
pub fn process_cpu() -> Duration {
    cpu_time(ClockId::ProcessCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// Reads the `ms` of a query string, `default` when it has none.
///
/// # Errors
/// A sentence for the client, when the value is no whole number up to [`MAX_LOAD_MS`], is given twice, or another key
/// is present.
pub fn load_ms(query: Option<&str>, default: u32) -> Result<u32, String> {
    let mut found = None;
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key != "ms" {
            return Err("the only parameter is ms, as in /load?ms=50".to_owned());
        }
        let value = value
            .parse()
            .ok()
            .filter(|value| *value <= MAX_LOAD_MS)
            .ok_or_else(|| {
                format!("ms wants a whole number of milliseconds from 0 to {MAX_LOAD_MS}")
            })?;
        if found.replace(value).is_some() {
            return Err("ms is given twice".to_owned());
        }
    }
    Ok(found.unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asked_amount_is_burnt() {
        let before = process_cpu();
        let used = burn(Duration::from_millis(30));
        assert!(used >= Duration::from_millis(30), "{used:?}");
        assert!(process_cpu().saturating_sub(before) >= Duration::from_millis(30));
    }

    #[test]
    fn no_query_means_the_default() {
        assert_eq!(load_ms(None, 20), Ok(20));
        assert_eq!(load_ms(Some(""), 20), Ok(20));
    }

    #[test]
    fn a_query_settles_the_amount() {
        assert_eq!(load_ms(Some("ms=0"), 20), Ok(0));
        assert_eq!(load_ms(Some("ms=10000"), 20), Ok(10_000));
    }

    #[test]
    fn whatever_else_is_refused() {
        for bad in [
            "ms=",
            "ms=-1",
            "ms=1.5",
            "ms=10001",
            "ms=99999999999",
            "ms=1&ms=2",
            "sec=1",
            "ms",
        ] {
            assert!(load_ms(Some(bad), 20).is_err(), "{bad}");
        }
    }
}
