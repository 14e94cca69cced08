//! Whether the machine has the memory for the virtual users that are asked for.

use autoscaleops_core::Failure;
use autoscaleops_k6_engine::options::Scenario;

/// What a virtual user of the smallest script takes.
const EACH: u64 = 48 << 10;

/// Refuses a plan that would take the memory of the whole machine before anything is sent.
///
/// # Errors
///
/// Fails when the virtual users cannot fit, with how many could.
pub(super) fn check(plan: &[Scenario]) -> Result<(), Failure> {
    match free() {
        Some(free) => fits(plan.iter().map(Scenario::planned_vus), free),
        None => Ok(()),
    }
}

fn fits(vus: impl Iterator<Item = u64>, free: u64) -> Result<(), Failure> {
    // Scenarios that follow each other share their users, so the largest decides.
    let wanted = vus.max().unwrap_or(0);
    if wanted.saturating_mul(EACH) <= free {
        return Ok(());
    }
    let message = format!(
        "{wanted} virtual users do not fit into the {} MiB of memory that are free: {} would, of a small script",
        free >> 20,
        free / EACH
    );
    Err(Failure::usage(message)
        .kind_of("memory")
        .hint("k6-run operator SCRIPT, for load beyond one machine"))
}

/// Returns the bytes that are free, on the machine and in the control group of this process.
fn free() -> Option<u64> {
    let text = fs_err::read_to_string("/proc/meminfo").ok()?;
    let machine = available(&text)?;
    let group = || {
        let read = |name: &str| -> Option<u64> {
            let text = fs_err::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
            text.trim().parse().ok()
        };
        Some(read("memory.max")?.saturating_sub(read("memory.current")?))
    };
    Some(group().map_or(machine, |it| it.min(machine)))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|it| it.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_users_as_fit_are_taken_and_no_more() {
        let free = 1 << 30;
        assert!(fits([1_000, 20_000].into_iter(), free).is_ok());
        let refused = fits([1, 1_000_000_000].into_iter(), free).unwrap_err();
        assert!(refused.to_string().contains("21845 would"), "{refused}");
        assert!(fits([u64::MAX].into_iter(), u64::MAX / 2).is_err());
    }

    #[test]
    fn what_is_free_is_read_where_the_system_tells_it() {
        let text = "MemTotal: 100 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(text), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }
}
