//! Whether this machine can hold the cluster: every check at once, each with its remedy.
//!
//! [`gather`] looks, [`judge`] decides; only the second has rules.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use autoscaleops_core::{Failure, process::ProcessError};
use semver::Version;

use super::{docker, program};
use crate::{details::Check, platform::versions::Versions, spec::Spec};

const GIB: u64 = 1 << 30;

/// What was seen of the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// kind's version, or why there is none.
    pub kind: Option<Result<Version, String>>,
    /// What the engine says, or why it says nothing. `None`: there is no docker.
    pub docker: Option<Result<docker::Info, String>>,
    /// Ports that cannot be had, each with who has it.
    pub taken_ports: Vec<(u16, String)>,
    /// `fs.inotify.max_user_instances` and `max_user_watches`.
    pub inotify: Option<(u64, u64)>,
    /// Free bytes where the engine keeps its data.
    pub free_bytes: Option<u64>,
    /// `KIND_EXPERIMENTAL_PROVIDER`.
    pub experimental_provider: Option<String>,
}

impl Check {
    fn new(id: &str, outcome: &str, found: String, remedy: &str) -> Self {
        Self {
            id: id.to_owned(),
            outcome: outcome.to_owned(),
            found,
            remedy: remedy.to_owned(),
        }
    }

    /// Returns one that found what it should.
    pub(crate) fn fine(id: &str, found: String) -> Self {
        Self::new(id, "pass", found, "")
    }

    /// Returns one that found what stops a bring-up.
    pub(crate) fn bad(id: &str, found: String, remedy: &str) -> Self {
        Self::new(id, "fail", found, remedy)
    }

    /// Returns one that found what may stop a bring-up.
    pub(crate) fn risky(id: &str, found: String, remedy: &str) -> Self {
        Self::new(id, "warn", found, remedy)
    }
}

/// Looks at the machine. `ours` are the containers of the cluster itself, whose ports do not count
/// as taken.
pub(crate) fn gather(spec: &Spec, ours: &[String]) -> Facts {
    let said = |err: ProcessError| err.to_string();
    let kind = match program::version() {
        Err(err) if err.is_missing() => None,
        other => Some(other.map_err(said)),
    };
    let docker = match docker::info() {
        Err(err) if err.is_missing() => None,
        Ok(info) if info.server_version.is_empty() => {
            Some(Err("the engine does not answer".to_owned()))
        }
        other => Some(other.map_err(said)),
    };
    let has_engine = matches!(docker, Some(Ok(_)));
    let root = match &docker {
        Some(Ok(info)) => info.docker_root_dir.clone(),
        _ => String::new(),
    };
    Facts {
        kind,
        taken_ports: taken_ports(spec, ours, has_engine),
        inotify: inotify(),
        free_bytes: free_bytes(Path::new(&root)),
        experimental_provider: autoscaleops_core::config::env("KIND_EXPERIMENTAL_PROVIDER"),
        docker,
    }
}

fn taken_ports(spec: &Spec, ours: &[String], has_engine: bool) -> Vec<(u16, String)> {
    let mut wanted: Vec<u16> = spec.ports.iter().map(|it| it.port).collect();
    wanted.extend((spec.api_port != 0).then_some(spec.api_port));
    let mut taken = Vec::new();
    for port in wanted {
        let publishers = if has_engine {
            docker::publishers(port).unwrap_or_default()
        } else {
            Vec::new()
        };
        if publishers.iter().any(|it| ours.contains(it)) {
            continue;
        }
        if let Some(other) = publishers.first() {
            taken.push((port, format!("the container {other}")));
        } else if ![&spec.listen_address, "0.0.0.0"]
            .iter()
            .all(|it| can_bind(it, port))
        {
            taken.push((port, "another program".to_owned()));
        }
    }
    taken
}

fn can_bind(address: &str, port: u16) -> bool {
    address
        .parse()
        .is_ok_and(|it| TcpListener::bind(SocketAddr::new(it, port)).is_ok())
}

fn inotify() -> Option<(u64, u64)> {
    let read = |name: &str| {
        let text = fs_err::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?;
        text.trim().parse().ok()
    };
    Some((read("max_user_instances")?, read("max_user_watches")?))
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Judges what was seen.
pub(crate) fn judge(facts: &Facts, spec: &Spec, versions: &Versions) -> Vec<Check> {
    let mut checks = vec![kind(facts, versions)];
    checks.extend(docker_checks(facts, spec, versions));
    checks.push(port_check(&facts.taken_ports));
    if !spec.is_private() {
        checks.push(Check::risky(
            "exposure",
            format!(
                "`listen_address: {}` opens the API server, Prometheus (no password) and the applications to the network",
                spec.listen_address
            ),
            "leave it at 127.0.0.1, and reach the machine through ssh: `ssh -L 30008:127.0.0.1:30008 HOST`",
        ));
    }
    checks.extend(facts.inotify.map(inotify_check));
    if let Some(provider) = &facts.experimental_provider
        && provider != "docker"
    {
        checks.push(Check::bad(
            "provider",
            format!("KIND_EXPERIMENTAL_PROVIDER is `{provider}`: several nodes fail there"),
            "unset KIND_EXPERIMENTAL_PROVIDER",
        ));
    }
    checks
}

/// Looks whether the ports of a stand-in are free.
pub(crate) fn ports(spec: &Spec) -> Check {
    port_check(&taken_ports(spec, &[], false))
}

fn port_check(taken: &[(u16, String)]) -> Check {
    if taken.is_empty() {
        return Check::fine("ports", "every port is free".to_owned());
    }
    let taken: Vec<String> = taken
        .iter()
        .map(|(port, owner)| format!("{port} ({owner})"))
        .collect();
    Check::bad(
        "ports",
        format!("ports in use: {}", taken.join(", ")),
        "end what listens there (`ss -ltnp`), or choose other ports under `kind-up: ports:`",
    )
}

fn kind(facts: &Facts, versions: &Versions) -> Check {
    let install = format!(
        "install kind {} or newer: https://kind.sigs.k8s.io/docs/user/quick-start, or use `--provider embedded`",
        versions.kind.recommended
    );
    match &facts.kind {
        None => Check::bad(
            "kind",
            "there is no program `kind` on PATH".to_owned(),
            &install,
        ),
        Some(Err(why)) => Check::bad("kind", why.clone(), &install),
        Some(Ok(version)) if *version < versions.kind.minimum => Check::bad(
            "kind",
            format!("kind {version} is older than {}", versions.kind.minimum),
            &install,
        ),
        Some(Ok(version)) => Check::fine("kind", format!("kind {version}")),
    }
}

fn docker_checks(facts: &Facts, spec: &Spec, versions: &Versions) -> Vec<Check> {
    let info = match &facts.docker {
        None => {
            return vec![Check::bad(
                "docker",
                "there is no program `docker` on PATH".to_owned(),
                "install Docker: https://docs.docker.com/engine/install, or use `--provider embedded`, which needs none",
            )];
        }
        Some(Err(why)) => {
            return vec![Check::bad(
                "docker",
                format!("the Docker engine does not answer: {why}"),
                "start it (`sudo systemctl start docker`, or Docker Desktop), or use `--provider embedded`, which needs none",
            )];
        }
        Some(Ok(info)) => info,
    };
    let mut checks = vec![Check::fine(
        "docker",
        format!("docker {}", info.server_version),
    )];
    let image = versions.node_image(spec);
    if info.cgroup_version == "1" && minor_of(image).is_some_and(|it| it >= 35) {
        checks.push(Check::bad(
            "cgroup",
            format!("the engine uses cgroup v1, which Kubernetes refuses from 1.35 on (node image {image})"),
            "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or set `node_image` to kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d",
        ));
    }
    if info
        .security_options
        .iter()
        .any(|it| it.contains("rootless"))
    {
        checks.push(Check::risky(
            "rootless",
            "the engine runs rootless: joining of several nodes is known to fail".to_owned(),
            "use a rootful engine, or `workers: 0`",
        ));
    }
    checks.push(size("cpus", u64::from(info.cpus), "processors", 2, 4));
    checks.push(size(
        "memory",
        info.mem_total.div_ceil(GIB),
        "GiB of memory",
        4,
        8,
    ));
    if let Some(free) = facts.free_bytes {
        let gib = free / GIB;
        checks.push(if gib < 15 {
            Check::risky(
                "disk",
                format!("{gib} GiB free in {}", info.docker_root_dir),
                "free at least 15 GiB: `docker system prune`",
            )
        } else {
            Check::fine("disk", format!("{gib} GiB free"))
        });
    }
    checks
}

fn size(id: &str, found: u64, unit: &str, floor: u64, wish: u64) -> Check {
    let message = format!("{found} {unit}");
    let remedy = format!("give the engine {wish} {unit}");
    if found < floor {
        Check::bad(id, message, &remedy)
    } else if found < wish {
        Check::risky(id, message, &remedy)
    } else {
        Check::fine(id, message)
    }
}

fn inotify_check((instances, watches): (u64, u64)) -> Check {
    let message = format!("inotify: {instances} instances, {watches} watches");
    if instances < 512 || watches < 524_288 {
        Check::risky(
            "inotify",
            message,
            "sudo sysctl fs.inotify.max_user_instances=512; sudo sysctl fs.inotify.max_user_watches=524288",
        )
    } else {
        Check::fine("inotify", message)
    }
}

/// Returns the minor version of Kubernetes that a node image carries, from its tag.
fn minor_of(image: &str) -> Option<u32> {
    let (_, tag) = image.split('@').next()?.rsplit_once(":v1.")?;
    tag.split('.').next()?.parse().ok()
}

/// Turns every failed check into one error, so that all of them are seen at once.
///
/// # Errors
///
/// Fails when a check did.
pub(crate) fn refuse_unfit(checks: &[Check]) -> Result<(), Failure> {
    let bad: Vec<&Check> = checks.iter().filter(|it| it.outcome == "fail").collect();
    if bad.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = bad
        .iter()
        .map(|it| format!("{}: {}", it.id, it.found))
        .collect();
    let remedies: Vec<String> = bad
        .iter()
        .map(|it| format!("{}: {}", it.id, it.remedy))
        .collect();
    Err(Failure::unavailable(
        "preflight",
        format!(
            "this machine cannot hold the cluster yet: {}",
            problems.join("; ")
        ),
    )
    .hint(remedies.join("\n")))
}

#[cfg(test)]
mod tests;
