//! What Linux tells about processes: their CPU time and memory, by process group.

use std::{collections::BTreeMap, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};

/// What a process group used up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Consumed {
    /// CPU time since the start.
    pub(crate) cpu: Duration,
    /// Memory in bytes.
    pub(crate) memory: i64,
}

/// Linux counts CPU time for readers of `/proc` in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Returns what every process group of the machine used, and who is in it.
pub(crate) fn groups() -> BTreeMap<i32, (Consumed, Vec<i32>)> {
    let mut groups: BTreeMap<i32, (Consumed, Vec<i32>)> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return groups;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(stat) = stat(pid) {
            let (consumed, members) = groups.entry(stat.group).or_default();
            consumed.cpu += stat.cpu;
            consumed.memory += stat.memory;
            members.push(pid);
        }
    }
    groups
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process group.
    pub(crate) group: i32,
    /// CPU time, with that of children that ended.
    pub(crate) cpu: Duration,
    /// Memory in bytes.
    pub(crate) memory: i64,
    /// When it started, in ticks since the boot.
    pub(crate) started: u64,
}

/// Reads what the system says about one process.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(text: &str) -> Option<Stat> {
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = (11..15).filter_map(number).sum::<u64>();
    Some(Stat {
        group: fields.get(2)?.parse().ok()?,
        cpu: TICK * u32::try_from(ticks).unwrap_or(u32::MAX),
        memory: i64::try_from(number(21)? * page()).unwrap_or(i64::MAX),
        started: number(19)?,
    })
}

fn page() -> u64 {
    rustix::param::page_size() as u64
}

/// Sends a signal to a process group.
pub(crate) fn signal(group: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text =
            "42 (a) (b c) S 1 42 7 0 -1 4194560 1 0 0 0 150 50 3 1 20 0 9 0 777 1000 25 184 0";
        let stat = parse(text).unwrap();
        assert_eq!(
            (stat.group, stat.cpu, stat.started),
            (42, Duration::from_millis(2040), 777)
        );
        assert_eq!(stat.memory, i64::try_from(25 * page()).unwrap());
    }
}
