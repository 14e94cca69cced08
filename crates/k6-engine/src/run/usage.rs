//! What a run takes of the machine.

use std::time::Duration;

/// Returns the processor time that this process has used, zero where the system does not tell.
pub(super) fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let main = text
        .split(' ')
        .next()
        .and_then(|it| it.parse().ok())
        .map(Duration::from_nanos);
    let threads = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let sum: u64 = threads
        .filter_map(|it| std::fs::read_to_string(it.path().join("schedstat")).ok())
        .filter_map(|it| it.split(' ').next().and_then(|it| it.parse::<u64>().ok()))
        .sum();
    Duration::from_nanos(sum).max(main.unwrap_or_default())
}
