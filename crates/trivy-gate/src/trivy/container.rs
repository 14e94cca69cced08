//! Trivy in a container, where it is not installed: pinned by digest, without the daemon's socket,
//! without rights.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use autoscaleops_core::{Failure, config, image::ImageRef, process::Run};

/// Where the container sees the work folder.
pub(super) const FOLDER: &str = "/gate";
/// Where the container sees the archive.
pub(super) const ARCHIVE: &str = "/image.tar";

/// A pinned image of Trivy.
pub(super) struct Container {
    image: ImageRef,
}

impl Container {
    /// Returns the container for `image`.
    pub(super) fn new(image: &str) -> Result<Self, Failure> {
        let (image, _) = super::pinned(image)?;
        Ok(Self { image })
    }

    /// Returns the run of `docker` that runs Trivy with `arguments`.
    pub(super) fn run(
        &self,
        folder: &Path,
        arguments: &[&str],
        archive: Option<&Path>,
        cache: Option<&Path>,
    ) -> Run {
        let mount = |from: &Path, to: &str, mode: &str| format!("{}:{to}:{mode}", from.display());
        let mut run = Run::new("docker")
            .args([
                "run",
                "--rm",
                "--init",
                "--cap-drop=ALL",
                "--security-opt=no-new-privileges",
                "--read-only",
            ])
            .args(["--tmpfs=/tmp", "--workdir", "/gate/empty", "--volume"])
            .arg(mount(folder, FOLDER, "rw"));
        // The folder is ours alone, and without rights even root is bound to that.
        if let Ok(owner) = folder.metadata() {
            run = run.arg(format!("--user={}:{}", owner.uid(), owner.gid()));
        }
        if let Some(archive) = archive {
            run = run.arg("--volume").arg(mount(archive, ARCHIVE, "ro"));
        }
        if let Some(cache) = cache {
            run = run.arg("--volume").arg(mount(cache, "/cache", "rw"));
        } else {
            run = run.arg("--tmpfs=/cache");
        }
        // Only what reaches registries; values stay out of the process list.
        for name in [
            "TRIVY_USERNAME",
            "TRIVY_PASSWORD",
            "TRIVY_REGISTRY_TOKEN",
            "TRIVY_DB_REPOSITORY",
            "HTTPS_PROXY",
            "NO_PROXY",
        ] {
            if config::env(name).is_some() {
                run = run.args(["--env", name]);
            }
        }
        run.args([
            "--env=TRIVY_CACHE_DIR=/cache",
            "--env=TRIVY_SKIP_VERSION_CHECK=true",
            "--env=TRIVY_DISABLE_TELEMETRY=true",
        ])
        // No shell and no surprise: whatever the image's entry point is, this one runs.
        .args(["--entrypoint", "trivy"])
        .arg(self.image.to_string())
        .args(arguments)
    }
}
