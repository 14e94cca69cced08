//! The making of a cluster, told from a cluster that was made.
//!
//! A run that is killed while `kind` works leaves nodes that are no cluster, or a `kind` that goes
//! on by itself. A file says that a making was begun, `kind` holds a lock on it for as long as it
//! lives, and the kubeconfig, which `kind` writes last, says that it came to its end.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use autoscaleops_core::{Failure, stop};
use rustix::fs::{FlockOperation, flock};

use crate::spec::Spec;

/// The making of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    begun: PathBuf,
    kubeconfig: PathBuf,
}

impl Creation {
    /// Names the making of the cluster of `spec`.
    pub(crate) fn of(spec: &Spec) -> Self {
        Self {
            begun: spec.home.join("making"),
            kubeconfig: spec.kubeconfig(),
        }
    }

    /// Notes that it begins. `kind` must hold the returned file open for as long as it works.
    ///
    /// # Errors
    ///
    /// Fails when the folder of the state cannot be written.
    pub(crate) fn begin(&self) -> io::Result<File> {
        match std::fs::remove_file(&self.kubeconfig) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
            _ => {}
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&self.begun)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    /// Notes that it came to its end.
    pub(crate) fn finish(&self) {
        let _ = std::fs::remove_file(&self.begun);
    }

    /// Returns whether an earlier one came to no end.
    pub(crate) fn was_left(&self) -> bool {
        self.begun.exists() && !self.kubeconfig.exists()
    }

    /// Waits until no `kind` of an earlier run works on it any more. `say` hears when there is one.
    ///
    /// # Errors
    ///
    /// Fails when `left` is over, or a stop is asked for.
    pub(crate) fn wait(&self, left: Duration, say: impl FnOnce()) -> anyhow::Result<()> {
        let Ok(file) = File::open(&self.begun) else {
            return Ok(());
        };
        let began = Instant::now();
        let mut say = Some(say);
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if let Some(say) = say.take() {
                say();
            }
            if began.elapsed() >= left || stop::wait(Duration::from_millis(100)) {
                return Err(Failure::unavailable(
                    "busy",
                    "the `kind` of an earlier run still makes this cluster",
                )
                .hint("wait for it, or end it (`pgrep -a kind`), and run again")
                .into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_making_without_end_is_told_from_one_that_came_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let making = Creation {
            begun: folder.path().join("making"),
            kubeconfig: folder.path().join("kubeconfig"),
        };
        assert!(!making.was_left());
        fs_err::write(&making.kubeconfig, "of an earlier cluster").unwrap();
        let held = making.begin().unwrap();
        assert!(making.was_left());
        let mut heard = false;
        assert!(making.wait(Duration::ZERO, || heard = true).is_err());
        assert!(heard);
        drop(held);
        making.wait(Duration::ZERO, || {}).unwrap();
        assert!(making.was_left());
        fs_err::write(&making.kubeconfig, "kind writes it last").unwrap();
        assert!(!making.was_left());
        making.finish();
        assert!(!making.was_left());
    }
}
