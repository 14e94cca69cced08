//! Every way in which a bring-up can fail has its word and its remedy, and the next run completes it.

use std::{fs, process, time::Duration};

use autoscaleops_testkit::wait_until;

use crate::machine::{Machine, chmod};

/// Runs `up` and returns its code, the word of its error, and its remedy.
fn refused(machine: &Machine) -> (i32, String, String) {
    let (code, report) = machine.run(&["up"]);
    let error = &report["error"];
    let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
    (code, text(&error["kind"]), text(&error["hint"]))
}

#[test]
fn what_kind_says_is_explained() {
    let machine = Machine::new();
    let table = [
        (
            "ERROR: failed to create cluster: Bind for 127.0.0.1:30007 failed: port is already allocated",
            "port_in_use",
            "kind-up doctor",
        ),
        (
            "ERROR: failed to pull image: toomanyrequests: You have reached your pull rate limit",
            "rate_limited",
            "docker login",
        ),
        ("ERROR: kubelet: too many open files", "inotify", "sysctl"),
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
            "docker_down",
            "--provider embedded",
        ),
        (
            "ERROR: permission denied while trying to connect to the Docker daemon socket",
            "docker_denied",
            "usermod",
        ),
        (
            "ERROR: could not find an available, non-overlapping IPv4 address pool among the defaults",
            "address_pool",
            "default-address-pools",
        ),
        (
            "Couldn't find an alternative telinit implementation to spawn.",
            "docker_init",
            "daemon.json",
        ),
        (
            "ERROR: failed to join node with kubeadm",
            "node_join",
            "workers: 0",
        ),
        (
            "ERROR: node(s) already exist for a cluster with the name \"test\"",
            "already_exists",
            "again",
        ),
        (
            "ERROR: write /var/lib/docker/tmp: no space left on device",
            "disk_full",
            "docker system prune",
        ),
        (
            "ERROR: ctr: content digest sha256:ab: not found",
            "image_store",
            "preload: false",
        ),
        (
            "ERROR: failed to pull image: dial tcp: lookup registry-1.docker.io: no such host",
            "network",
            "DNS",
        ),
        (
            "ERROR: could not find a log line that matches \"Reached target .*Multi-User System.*\"",
            "node_boot",
            "TMPDIR",
        ),
        ("ERROR: kubelet: cgroup v1 is gone", "cgroup", "cgroup v2"),
        (
            "ERROR: something that nobody has seen",
            "program_failed",
            "kind-up doctor",
        ),
    ];
    for (said, kind, remedy) in table {
        fs::write(machine.path("kind.fails"), said).unwrap();
        let found = refused(&machine);
        assert_eq!((found.0, found.1.as_str()), (3, kind), "{said}");
        assert!(found.2.contains(remedy), "{said}: {}", found.2);
        assert!(!machine.path("cluster").exists());
    }
}

#[test]
fn everything_that_is_missing_is_said_at_once_before_anything_is_done() {
    let machine = Machine::new();
    fs::write(
        machine.path("docker.fails"),
        "Cannot connect to the Docker daemon",
    )
    .unwrap();
    fs::write(machine.path("kind.version"), "0.31.0").unwrap();
    let (code, kind, hint) = refused(&machine);
    assert_eq!((code, kind.as_str()), (3, "preflight"));
    assert!(
        hint.contains("kind: install kind 0.33.0") && hint.contains("docker: start it"),
        "{hint}"
    );
    assert!(machine.changing_calls().is_empty());
    let (code, report) = machine.run(&["doctor"]);
    assert_eq!((code, &report["outputs"]["failed"]), (10, &2.into()));
}

#[test]
fn a_changed_manifest_applies_nothing() {
    let machine = Machine::new();
    machine.start_cluster();
    let pins = fs::read_to_string(machine.path("versions.toml")).unwrap();
    // No copy has this checksum, and the address answers nobody.
    let (start, rest) = pins.split_once("sha256 = \"").unwrap();
    let changed = format!("{start}sha256 = \"{}{}", "0".repeat(64), &rest[64..]);
    fs::write(
        machine.path("versions.toml"),
        changed.replace("http://127.0.0.1:1/", "ftp://example.org/"),
    )
    .unwrap();
    let (code, _, _) = refused(&machine);
    assert_eq!(code, 2);
    let listed = machine
        .command(&[
            "status",
            "--provider",
            "embedded",
            "--cluster",
            "behind",
            "-o",
            "json",
            "--state-dir",
        ])
        .arg(machine.path("behind"))
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(report["details"]["applications"].is_null(), "{report:#}");
}

#[test]
fn images_that_cannot_be_pulled_here_are_left_to_the_nodes() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("pull.fails"), "toomanyrequests").unwrap();
    let output = machine.command(&["up"]).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("not loaded, the nodes will pull it"),
        "{said}"
    );
    assert!(
        !machine
            .stubs
            .calls("kind")
            .iter()
            .any(|it| it.starts_with("load"))
    );
}

#[test]
fn an_image_that_no_node_can_pull_ends_the_wait_with_its_name() {
    let machine = Machine::new();
    machine.start_cluster();
    // The stand-in runs no program for this image.
    let cache = machine.path("cache/autoscaleops/manifests");
    let copy = fs::read_dir(&cache)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&copy)
        .unwrap()
        .replace("quay.io/argoproj/argocd", "example.org/absent");
    let sum = {
        use sha2::{Digest as _, Sha256};
        Sha256::digest(text.as_bytes())
            .iter()
            .fold(String::new(), |hex, it| format!("{hex}{it:02x}"))
    };
    fs::write(cache.join(format!("{sum}.yaml")), &text).unwrap();
    let pins = fs::read_to_string(machine.path("versions.toml")).unwrap();
    let old = copy.file_stem().unwrap().to_str().unwrap();
    fs::write(machine.path("versions.toml"), pins.replace(old, &sum)).unwrap();
    let (code, report) = machine.run(&["up", "--timeout", "12s"]);
    assert!(code == 3 || code == 11, "{report:#}");
    let said = report["error"].to_string();
    assert!(said.contains("argocd-server"), "{said}");
}

#[test]
fn credentials_that_others_can_read_stop_everything() {
    let machine = Machine::new();
    chmod(&machine.path(".env"), 0o644);
    let (code, _, hint) = refused(&machine);
    assert_eq!(code, 2);
    assert!(hint.starts_with("chmod 600 "));
    assert!(machine.changing_calls().is_empty());
}

#[test]
fn a_run_that_is_killed_at_any_phase_is_completed_by_the_next() {
    let machine = Machine::new();
    machine.start_cluster();
    // Each run is killed at the begin of a later phase than the one before, the last one in the
    // middle of kind's work: its nodes are deleted and made anew.
    fs::write(machine.path("kind.hangs"), "").unwrap();
    for phase in ["manifests", "pull", "cluster"] {
        kill_at(&machine, phase);
        end_kind(&machine);
    }
    kill_in_kind(&machine);
    end_kind(&machine);
    fs::remove_file(machine.path("kind.hangs")).unwrap();
    assert!(machine.path("half").exists() && machine.path("cluster").exists());
    let (code, report) = machine.run(&["plan"]);
    assert_eq!(
        (code, &report["details"]["steps"][0]["action"]),
        (0, &"recreate".into()),
        "{report:#}"
    );
    for phase in ["archive", "names", "load"] {
        kill_at(&machine, phase);
        wait_until("kind to end by itself", Duration::from_secs(30), || {
            !machine.path("half").exists()
        });
        // These phases are those of a cluster that is made.
        fs::remove_file(machine.path("cluster")).unwrap();
    }
    let making = |calls: &[String]| {
        let changes = |it: &&String| it.starts_with("create ") || it.starts_with("delete ");
        calls.iter().filter(changes).count()
    };
    kill_at(&machine, "api");
    let made = making(&machine.stubs.calls("kind"));
    for phase in [
        "api",
        "nodes",
        "definitions",
        "settings",
        "root",
        "workloads",
        "argo cd",
        "applications",
    ] {
        kill_at(&machine, phase);
    }
    assert_eq!(
        making(&machine.stubs.calls("kind")),
        made,
        "a cluster that kind finished is kept"
    );
    let (code, report) = machine.run(&["up"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["outputs"]["healthy"], 1);
    let (code, report) = machine.run(&["up"]);
    assert_eq!(
        (code, &report["outputs"]["changed"]),
        (0, &false.into()),
        "{report:#}"
    );
}

#[test]
fn a_cluster_that_kind_finishes_after_its_run_was_killed_is_kept() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("kind.takes"), "2").unwrap();
    kill_in_kind(&machine);
    let output = machine.command(&["up"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("still makes this cluster"), "{said}");
    let calls = machine.stubs.calls("kind");
    let count = |start: &str| calls.iter().filter(|it| it.starts_with(start)).count();
    assert_eq!(
        (count("create "), count("delete ")),
        (1, 0),
        "it was kept as it was"
    );
}

#[test]
fn an_interrupted_run_ends_kind_and_the_next_one_makes_the_cluster_anew() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("kind.hangs"), "").unwrap();
    let mut child = start(&machine);
    wait_until("kind to begin", Duration::from_secs(30), || {
        machine.path("kind.pid").exists()
    });
    signal(&child.id().to_string(), "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    fs::remove_file(machine.path("kind.hangs")).unwrap();
    let (code, report) = machine.run(&["up"]);
    assert_eq!(code, 0, "{report:#}");
    let calls = machine.stubs.calls("kind");
    assert!(calls.iter().any(|it| it.starts_with("delete ")));
    // And nothing is left when it is taken away.
    let (code, _) = machine.run(&["down", "--yes"]);
    assert_eq!(code, 0);
    assert!(!machine.path("state/autoscaleops/kind-up/test").exists());
}

/// Starts `up`, telling its phases on standard error.
fn start(machine: &Machine) -> process::Child {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is killed, which snapbox cannot"
    )]
    process::Command::new(env!("CARGO_BIN_EXE_kind-up"))
        .args(["up", "-vv"])
        .current_dir(machine.folder.path())
        .env("PATH", machine.stubs.path())
        .env("XDG_STATE_HOME", machine.path("state"))
        .env("XDG_CACHE_HOME", machine.path("cache"))
        .stdout(process::Stdio::null())
        .stderr(process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs `up`, and kills it with no chance to clean up when a phase begins.
fn kill_at(machine: &Machine, phase: &str) {
    use std::io::{BufRead as _, BufReader};

    let mut child = start(machine);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let begins = format!("the phase `{phase}` begins");
    let begun = lines.any(|it| it.unwrap().contains(&begins));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(begun, "`{phase}` never began");
}

/// Runs `up`, and kills it while its `kind` works.
fn kill_in_kind(machine: &Machine) {
    let mut child = start(machine);
    wait_until("kind to begin", Duration::from_secs(30), || {
        machine.path("kind.pid").exists()
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Ends the `kind` that a killed run left behind, as a restart of the machine would.
fn end_kind(machine: &Machine) {
    if let Ok(pid) = fs::read_to_string(machine.path("kind.pid")) {
        signal(&format!("-{}", pid.trim()), "-KILL");
        fs::remove_file(machine.path("kind.pid")).unwrap();
    }
}

fn signal(target: &str, name: &str) {
    let _ = snapbox::cmd::Command::new("kill")
        .args([name, "--", target])
        .output();
}
