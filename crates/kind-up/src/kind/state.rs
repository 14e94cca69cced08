//! Where the cluster's own files are: a private folder, never the user's kubeconfig.

use std::{
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::PathBuf,
};

use anyhow::Context as _;
use autoscaleops_core::{Failure, cluster::ClusterArgs, config};

use crate::spec::Spec;

/// Returns the folder of the cluster `name`, made if needed, readable by its owner alone:
/// `$XDG_STATE_HOME/autoscaleops/kind-up/NAME`.
///
/// # Errors
///
/// Fails when there is no home, or the folder cannot be made.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let base = config::env("XDG_STATE_HOME")
        .filter(|it| it.starts_with('/'))
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(config::env("HOME")?).join(".local/state")))
        .ok_or_else(|| {
            Failure::usage("there is no home folder to keep the cluster's state in")
                .hint("set HOME or XDG_STATE_HOME")
        })?;
    let folder = base.join("autoscaleops/kind-up").join(name);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

/// Returns how to reach the cluster of `spec`: its own kubeconfig and its own context.
///
/// # Errors
///
/// Fails as [`folder`] does.
pub fn access(spec: &Spec) -> anyhow::Result<ClusterArgs> {
    Ok(ClusterArgs {
        kubeconfig: Some(folder(&spec.name)?.join("kubeconfig")),
        context: Some(spec.context()),
    })
}
