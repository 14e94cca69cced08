//! Images pulled once on the machine and loaded into the workers, while the nodes boot.
//!
//! Best effort: whatever fails here is pulled by the nodes themselves.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tempfile::TempDir;

use super::{docker, program};

/// More side by side contend for the engine's layer lock.
const AT_ONCE: usize = 3;

/// How an archive of images can be made by this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saving {
    /// `docker save --platform`.
    Platform,
    /// `docker save`.
    Plain,
    /// Not at all: the archive would miss content of other platforms.
    Impossible,
}

/// Returns how the engine can make an archive that kind can load.
///
/// With containerd's image store a plain archive names content that is not in it; `--platform`
/// came with Docker 28.
pub(crate) fn saving(info: &docker::Info) -> Saving {
    let major = info
        .server_version
        .split('.')
        .next()
        .and_then(|it| it.parse().ok());
    match (major, info.has_containerd_store()) {
        (Some(28..), _) => Saving::Platform,
        (_, false) => Saving::Plain,
        (_, true) => Saving::Impossible,
    }
}

/// Pulls those of `images` that the engine lacks, a few at once. Returns the ones that it has then,
/// and what went wrong with the others.
pub(crate) fn pull(images: &[String], left: Duration) -> (Vec<String>, Vec<String>) {
    let queue = Mutex::new(images.iter());
    let results = Mutex::new((Vec::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(image) = next else { break };
                    let result = if docker::has_image(image) {
                        Ok(())
                    } else {
                        docker::pull(image, left)
                    };
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    match result {
                        Ok(()) => results.0.push(image.clone()),
                        Err(err) => results.1.push(format!("{image}: {err}")),
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.0.sort();
    results
}

/// An archive of images on the disk, gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: TempDir,
}

impl Archive {
    fn path(&self) -> PathBuf {
        self.folder.path().join("images.tar")
    }
}

/// Writes `images` as one archive into `folder`.
///
/// # Errors
///
/// Fails when docker does, and where the engine cannot write one that kind can load.
pub(crate) fn save(
    images: &[String],
    info: &docker::Info,
    folder: &Path,
    left: Duration,
) -> anyhow::Result<Archive> {
    let platform = info.platform();
    let platform = match saving(info) {
        Saving::Platform => Some(platform.as_str()),
        Saving::Plain => None,
        Saving::Impossible => {
            anyhow::bail!("this engine cannot write an archive that kind can load")
        }
    };
    // On the disk, not in /tmp, which may be memory.
    let folder = tempfile::Builder::new()
        .prefix("images-")
        .tempdir_in(folder)?;
    let archive = Archive { folder };
    docker::save(images, platform, &archive.path(), left)?;
    Ok(archive)
}

/// Loads an archive into the workers of the cluster, or into its one node.
///
/// # Errors
///
/// Fails when kind does.
pub(crate) fn load(cluster: &str, archive: &Archive, left: Duration) -> anyhow::Result<()> {
    let nodes = program::nodes(cluster)?;
    // Of a cluster that is called `a-worker` too.
    let is_worker = |it: &&String| {
        let role = it.strip_prefix(cluster);
        role.is_some_and(|it| it.starts_with("-worker"))
    };
    let mut workers: Vec<String> = nodes.iter().filter(is_worker).cloned().collect();
    if workers.is_empty() {
        workers = nodes;
    }
    program::load(cluster, &archive.path(), &workers, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_decides_how_images_are_saved() {
        let info = |version: &str, store: &str| docker::Info {
            server_version: version.to_owned(),
            driver_status: vec![["driver-type".to_owned(), store.to_owned()]],
            ..docker::Info::default()
        };
        assert_eq!(
            saving(&info("28.2.2", "io.containerd.snapshotter.v1")),
            Saving::Platform
        );
        assert_eq!(saving(&info("29.4.0", "")), Saving::Platform);
        assert_eq!(saving(&info("20.10.24+dfsg1", "")), Saving::Plain);
        assert_eq!(
            saving(&info("27.0.0", "io.containerd.snapshotter.v1")),
            Saving::Impossible
        );
    }
}
