//! One bring-up at a time: two at once would both find nothing there, and both make it.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use autoscaleops_core::{Console, Failure, stop};
use rustix::fs::{FlockOperation, flock};

/// Waits until no other bring-up works on the cluster of `folder`. The returned file holds the others
/// off until it is dropped; a process that is killed lets go of it too.
///
/// # Errors
///
/// Fails when `timeout` is over, a stop is asked for, or the folder cannot be written.
pub(crate) fn alone(folder: &Path, timeout: Duration, console: &Console) -> anyhow::Result<File> {
    let path = folder.join("up.lock");
    let began = Instant::now();
    let mut said = false;
    loop {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        let is_held = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        // A `down` may have taken the folder away in between, and this file with it.
        let is_there = std::fs::metadata(&path)
            .is_ok_and(|it| file.metadata().is_ok_and(|own| own.ino() == it.ino()));
        if is_held && is_there {
            return Ok(file);
        }
        if !is_held && !said {
            said = true;
            console.note("another kind-up works on this cluster; waiting for it");
        }
        if began.elapsed() >= timeout || stop::wait(Duration::from_millis(50)) {
            return Err(
                Failure::unavailable("busy", "another kind-up works on this cluster")
                    .hint("wait for it, or end it, and run again")
                    .into(),
            );
        }
    }
}
