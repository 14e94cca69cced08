//! Trivy in a container, where it is not installed: pinned by digest, without the daemon's socket,
//! without rights.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use autoscaleops_core::{Failure, config, image::ImageRef, process::Run};
use serde_json::Value;

use super::VALUES;

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
            .args(["--workdir", "/gate/empty", "--volume"])
            .arg(mount(folder, FOLDER, "rw"))
            // On disk: layers and a database are larger than what memory may have to spare.
            .arg("--volume")
            .arg(mount(&folder.join("tmp"), "/tmp", "rw"));
        // The folder is ours alone, and without rights even root is bound to that.
        if let Ok(owner) = folder.metadata() {
            run = run.arg(format!("--user={}:{}", owner.uid(), owner.gid()));
        }
        if let Some(archive) = archive {
            run = run.arg("--volume").arg(mount(archive, ARCHIVE, "ro"));
        }
        let own = folder.join("cache");
        run = run
            .arg("--volume")
            .arg(mount(cache.unwrap_or(&own), "/cache", "rw"));
        // Only what reaches registries; values stay out of the process list.
        for name in VALUES {
            if config::env(name).is_some() {
                run = run.args(["--env", name]);
            }
        }
        if let Some(logins) = logins() {
            run = run
                .arg("--volume")
                .arg(mount(&logins, "/docker/config.json", "ro"))
                .arg("--env=DOCKER_CONFIG=/docker");
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

/// Returns the file of `docker login`, where it holds the credentials itself. The programs that it
/// may leave them to are not in the container.
fn logins() -> Option<PathBuf> {
    let folder = config::env("DOCKER_CONFIG")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(config::env("HOME")?).join(".docker")))?;
    let path = fs::canonicalize(folder.join("config.json")).ok()?;
    let content: Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    let is_held = content["auths"]
        .as_object()
        .is_some_and(|it| !it.is_empty());
    let helps_itself = ["credsStore", "credHelpers"]
        .iter()
        .all(|it| content.get(it).is_none());
    (is_held && helps_itself).then_some(path)
}
