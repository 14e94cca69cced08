//! The program `docker`: the only place that starts it.

use std::{path::Path, time::Duration};

use autoscaleops_core::process::{Output, ProcessError, Run};
use serde::Deserialize;

/// What the engine says of itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Info {
    /// The version of the engine.
    pub server_version: String,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// Memory in bytes.
    pub mem_total: u64,
    /// Processors.
    #[serde(rename = "NCPU")]
    pub cpus: u32,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// Where the engine keeps its data.
    pub docker_root_dir: String,
    /// Pairs of names and values, among them the kind of image store.
    #[serde(deserialize_with = "pairs")]
    pub driver_status: Vec<[String; 2]>,
    /// `name=rootless` among others.
    #[serde(deserialize_with = "pairs")]
    pub security_options: Vec<String>,
}

/// A list that the engine may give as `null`.
fn pairs<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

impl Info {
    /// Returns whether images are kept by containerd, which needs `docker save --platform`.
    pub(crate) fn has_containerd_store(&self) -> bool {
        self.driver_status
            .iter()
            .any(|[_, value]| value.contains("io.containerd.snapshotter"))
    }

    /// Returns the platform of the engine as images name it.
    pub(crate) fn platform(&self) -> String {
        let architecture = match self.architecture.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        format!("linux/{architecture}")
    }
}

/// A container as `docker inspect` shows it, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    /// The name, with a slash before it.
    pub name: String,
    /// Whether it runs.
    pub state: State,
    /// What it was made from.
    pub config: Config,
    /// What it publishes.
    pub host_config: HostConfig,
}

/// Whether a container runs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    /// `running`, `exited`, …
    pub status: String,
}

/// What a container was made from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// The image as it was named.
    pub image: String,
    /// Labels, among them kind's.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}

/// What a container publishes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    /// By container port, such as `30007/tcp`.
    #[serde(default)]
    pub port_bindings: Option<std::collections::BTreeMap<String, Option<Vec<Binding>>>>,
}

/// An address on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Binding {
    /// The address; empty means all.
    #[serde(default)]
    pub host_ip: String,
    /// The port.
    #[serde(default)]
    pub host_port: String,
}

/// Returns what the engine says of itself.
///
/// # Errors
///
/// Fails when there is no docker, or its engine does not answer.
pub(crate) fn info() -> Result<Info, ProcessError> {
    let output = call(&["info", "--format", "{{json .}}"], Duration::from_secs(15))?;
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// Returns the containers of `names`.
///
/// # Errors
///
/// Fails when docker does, or says what cannot be understood.
pub(crate) fn inspect(names: &[String]) -> anyhow::Result<Vec<Container>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let output = run(&["inspect"], Duration::from_secs(30))
        .args(names)
        .capture()
        .and_then(Output::check)
        .map_err(|err| err.into_unavailable("look at `docker ps -a`"))?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns the names of the containers that publish `port`.
///
/// # Errors
///
/// Fails when docker does.
pub(crate) fn publishers(port: u16) -> Result<Vec<String>, ProcessError> {
    let filter = format!("publish={port}");
    let output = call(
        &["ps", "--filter", &filter, "--format", "{{.Names}}"],
        Duration::from_secs(15),
    )?;
    Ok(output.text().lines().map(str::to_owned).collect())
}

/// Returns whether the node of that name resolves `host`.
///
/// # Errors
///
/// Fails when docker does, or the name does not resolve there.
pub(crate) fn resolves(node: &str, host: &str) -> Result<(), ProcessError> {
    call(
        &["exec", node, "getent", "hosts", host],
        Duration::from_secs(15),
    )
    .map(drop)
}

/// Starts containers that have stopped, as after a restart of the machine.
///
/// # Errors
///
/// Fails when docker does.
pub(crate) fn start(names: &[String]) -> anyhow::Result<()> {
    run(&["start"], Duration::from_secs(60))
        .args(names)
        .capture()
        .and_then(Output::check)
        .map_err(|err| {
            err.into_unavailable(
                "look at `docker ps -a`; `kind-up down` and `kind-up up` make the cluster anew",
            )
        })?;
    Ok(())
}

/// Returns whether the engine has `image`.
pub(crate) fn has_image(image: &str) -> bool {
    call(&["image", "inspect", image], Duration::from_secs(15)).is_ok()
}

/// Pulls `image`.
///
/// # Errors
///
/// Fails when docker does.
pub(crate) fn pull(image: &str, timeout: Duration) -> Result<(), ProcessError> {
    call(&["pull", "--quiet", image], timeout).map(drop)
}

/// Writes `images` as one archive. One for all, since they share layers.
///
/// # Errors
///
/// Fails when docker does.
pub(crate) fn save(
    images: &[String],
    platform: Option<&str>,
    archive: &Path,
    timeout: Duration,
) -> Result<(), ProcessError> {
    let mut run = run(&["save"], timeout);
    if let Some(platform) = platform {
        run = run.args(["--platform", platform]);
    }
    run.arg("-o")
        .arg(archive)
        .args(images)
        .capture()?
        .check()
        .map(drop)
}

fn run(args: &[&str], timeout: Duration) -> Run {
    ["GITHUB_TOKEN", "GITHUB_USER"]
        .iter()
        .fold(Run::new("docker").args(args), |run, name| {
            run.env_remove(name)
        })
        .timeout(timeout)
}

fn call(args: &[&str], timeout: Duration) -> Result<Output, ProcessError> {
    run(args, timeout).capture().and_then(Output::check)
}
