//! What a stand-in that was killed left running.

use rustix::process::Signal;

use crate::process;

/// Ends the processes that an earlier stand-in left behind, told from others by their start time.
pub(crate) fn end_orphans(folder: &std::path::Path) {
    let folder = folder.join("pods");
    for pod in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(pod.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if file.path().extension().is_none_or(|it| it != "pid") {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(file.path()) else {
                continue;
            };
            let mut words = text
                .split_whitespace()
                .filter_map(|it| it.parse::<u64>().ok());
            if let (Some(pid), Some(started)) = (words.next(), words.next())
                && let Ok(id) = i32::try_from(pid)
                && process::stat(id).is_some_and(|it| it.started == started && it.group == id)
            {
                process::signal(u32::try_from(pid).unwrap_or(0), Signal::KILL);
            }
            let _ = std::fs::remove_file(file.path());
        }
    }
}
