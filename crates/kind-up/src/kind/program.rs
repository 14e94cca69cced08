//! The program `kind`: the only place that starts it.
//!
//! It ends with 1 on every error, with a line `ERROR: …` on standard error; data comes on standard
//! output. Always called with `--name`, and with our own kubeconfig, so that neither the user's
//! environment nor the user's current context matters.

use std::{fs::File, path::Path, process::Stdio, time::Duration};

use autoscaleops_core::{
    Failure,
    process::{Output, ProcessError, Run, last_words},
};
use semver::Version;

use super::advice::advice;

/// Returns the version of kind.
///
/// # Errors
///
/// Fails when there is no such program, or it does not say its version.
pub(crate) fn version() -> Result<Version, ProcessError> {
    let output = run(&["version", "-q"], Duration::from_secs(10))
        .capture()?
        .check()?;
    let text = output.text();
    Ok(Version::parse(text.trim_start_matches('v')).unwrap_or(Version::new(0, 0, 0)))
}

/// Returns whether the cluster exists, running or stopped.
///
/// # Errors
///
/// Fails when kind does.
pub(crate) fn exists(name: &str) -> anyhow::Result<bool> {
    let output = call(&["get", "clusters"], Duration::from_secs(30))?;
    Ok(output.text().lines().any(|it| it == name))
}

/// Returns the names of the cluster's nodes, which are names of containers.
///
/// # Errors
///
/// Fails when kind does.
pub(crate) fn nodes(name: &str) -> anyhow::Result<Vec<String>> {
    let output = call(&["get", "nodes", "--name", name], Duration::from_secs(30))?;
    let mut nodes: Vec<String> = output.text().lines().map(str::to_owned).collect();
    nodes.sort();
    Ok(nodes)
}

/// Creates the cluster from `config` and writes its kubeconfig to `kubeconfig`, what kind says to `log`.
///
/// Does not wait for the nodes: kind's own wait ends with success when its time is over. `held` is
/// open in kind for as long as it works, also when we are killed meanwhile.
///
/// # Errors
///
/// Fails when kind does, with the remedy where the cause is a known one.
pub(crate) fn create(
    name: &str,
    [config, kubeconfig, log]: [&Path; 3],
    held: File,
    timeout: Duration,
) -> anyhow::Result<()> {
    let run = Run::new("kind")
        .args(["create", "cluster", "--name", name, "--wait", "0s"])
        .arg("--config")
        .arg(config)
        .arg("--kubeconfig")
        .arg(kubeconfig);
    let run = isolated(run);
    let program = run.program();
    let said = File::create(log)?;
    let streams = (Stdio::from(said.try_clone()?), Stdio::from(said));
    let run = run.streams(Stdio::from(held), streams.0, streams.1);
    let ended = run.start().and_then(|mut it| it.wait(timeout));
    explained(
        &program,
        ended.and_then(|status| {
            if status.success() {
                return Ok(());
            }
            let stderr = last_words(&fs_err::read(log).unwrap_or_default());
            let program = program.clone();
            Err(ProcessError::Failed {
                program,
                status,
                stderr,
            })
        }),
    )
}

/// Returns the kubeconfig of the cluster.
///
/// # Errors
///
/// Fails when kind does, as it does for a cluster without control plane.
pub(crate) fn kubeconfig(name: &str) -> anyhow::Result<Vec<u8>> {
    Ok(call(
        &["get", "kubeconfig", "--name", name],
        Duration::from_secs(30),
    )?
    .stdout)
}

/// Loads the archive of images at `archive` into `nodes`.
///
/// # Errors
///
/// Fails when kind does.
pub(crate) fn load(
    name: &str,
    archive: &Path,
    nodes: &[String],
    timeout: Duration,
) -> anyhow::Result<()> {
    let run = Run::new("kind")
        .args(["load", "image-archive"])
        .arg(archive)
        .args(["--name", name, "--nodes", &nodes.join(",")]);
    finish(isolated(run).timeout(timeout))?;
    Ok(())
}

/// Deletes the cluster. One that is not there is no error.
///
/// # Errors
///
/// Fails when kind does.
pub(crate) fn delete(name: &str, kubeconfig: &Path) -> anyhow::Result<()> {
    let run = Run::new("kind")
        .args(["delete", "cluster", "--name", name])
        .arg("--kubeconfig")
        .arg(kubeconfig);
    finish(isolated(run).timeout(Duration::from_secs(120)))?;
    Ok(())
}

fn run(args: &[&str], timeout: Duration) -> Run {
    isolated(Run::new("kind").args(args)).timeout(timeout)
}

fn call(args: &[&str], timeout: Duration) -> anyhow::Result<Output> {
    finish(run(args, timeout))
}

/// No credential of ours reaches kind, and no variable of the user's changes what it does.
fn isolated(run: Run) -> Run {
    [
        "GITHUB_TOKEN",
        "GITHUB_USER",
        "KUBECONFIG",
        "KIND_CLUSTER_NAME",
    ]
    .into_iter()
    .fold(run, Run::env_remove)
}

fn finish(run: Run) -> anyhow::Result<Output> {
    let program = run.program();
    explained(&program, run.capture().and_then(Output::check))
}

fn explained<T>(program: &str, result: Result<T, ProcessError>) -> anyhow::Result<T> {
    match result {
        Ok(done) => Ok(done),
        Err(err) if err.is_missing() => Err(err.into_unavailable(
            "install kind: https://kind.sigs.k8s.io/docs/user/quick-start, or use `--provider embedded`, which needs none",
        )),
        Err(err) => {
            let (kind, hint) = advice(&err.to_string());
            let failure =
                Failure::unavailable(kind, format!("`{program}` could not do its part")).hint(hint);
            Err(anyhow::Error::new(err).context(failure))
        }
    }
}
