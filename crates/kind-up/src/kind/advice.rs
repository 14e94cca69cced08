//! What is known of the ways in which kind, Docker and pods fail, each with its remedy. Pure.

/// The word for a cause that is not known.
pub(crate) const UNKNOWN: &str = "program_failed";

/// A known cause: what the program says, our word for it, and what to do.
type Cause = (&'static [&'static str], &'static str, &'static str);

const KNOWN: &[Cause] = &[
    (
        &[
            "port is already allocated",
            "Ports are not available",
            "address already in use",
            "bind: An attempt was made",
        ],
        "port_in_use",
        "run `kind-up doctor` to see who has the port, or choose other ports under `kind-up: ports:`",
    ),
    (
        &["too many open files"],
        "inotify",
        "sudo sysctl fs.inotify.max_user_instances=512; sudo sysctl fs.inotify.max_user_watches=524288",
    ),
    (
        &["toomanyrequests", "429 Too Many Requests"],
        "rate_limited",
        "docker login, then run again: what was pulled is kept",
    ),
    (
        &[
            "Cannot connect to the Docker daemon",
            "Is the docker daemon running",
        ],
        "docker_down",
        "start the Docker engine, or use `--provider embedded`, which needs none",
    ),
    (
        &["permission denied while trying to connect"],
        "docker_denied",
        "add yourself to the group docker: `sudo usermod -aG docker $USER`, then log in again",
    ),
    (
        &["no space left on device"],
        "disk_full",
        "free space: `docker system prune`",
    ),
    (
        &["node(s) already exist for a cluster"],
        "already_exists",
        "run `kind-up up` again: it completes a cluster that is there",
    ),
    (
        &["Insufficient cpu", "Insufficient memory"],
        "no_room",
        "give the Docker engine more processors and memory (4 and 8 GiB), or ask for less in the manifests",
    ),
    (
        &["content digest", "failed to detect containerd snapshotter"],
        "image_store",
        "this engine's image store cannot be loaded from: set `kind-up: kind: {preload: false}`, the nodes pull by themselves",
    ),
    (
        &[
            "non-overlapping IPv4 address pool",
            "Pool overlaps with other one",
        ],
        "address_pool",
        "a VPN or other networks have every address of Docker's: `docker network prune`, or set `default-address-pools` in /etc/docker/daemon.json",
    ),
    (
        &["alternative telinit implementation"],
        "docker_init",
        "remove `\"init\": true` from /etc/docker/daemon.json, restart Docker, run again",
    ),
    (
        &["no such host", "server misbehaving", "i/o timeout"],
        "network",
        "names do not resolve or the way is barred: look at Docker's DNS and proxy settings (`docker info`)",
    ),
    (
        &["failed to join node with kubeadm"],
        "node_join",
        "a worker cannot reach the control plane: firewalld and rootless engines are known causes; `kind: {workers: 0}` needs no join",
    ),
    (
        &["could not find a log line that matches"],
        "node_boot",
        "a node did not boot: `docker logs` of its container says why; snap's docker is a known cause (`TMPDIR=$HOME/tmp kind-up`)",
    ),
    (
        &["cgroup"],
        "cgroup",
        "boot with cgroup v2, or take a node image below v1.35",
    ),
];

/// Returns the word and the remedy for what kind, docker or a pod said.
pub(crate) fn advice(said: &str) -> (&'static str, &'static str) {
    KNOWN
        .iter()
        .find(|(marks, _, _)| marks.iter().any(|it| said.contains(it)))
        .map_or(
            (
                UNKNOWN,
                "run `kind-up doctor`; the cause above is the program's own",
            ),
            |(_, kind, remedy)| (*kind, *remedy),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_cause_is_found_by_each_of_its_marks_and_no_other_hides_it() {
        for (marks, kind, remedy) in KNOWN {
            for mark in *marks {
                assert_eq!(advice(&format!("ERROR: x: {mark}: y")), (*kind, *remedy));
            }
        }
    }
}
