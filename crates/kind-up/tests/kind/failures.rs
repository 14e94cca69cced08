//! Every way in which a bring-up can fail has its word and its remedy, and the next run completes it.

use std::{fs, time::Duration};

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
fn a_run_that_was_killed_is_completed_by_the_next() {
    let machine = Machine::new();
    machine.start_cluster();
    fs::write(machine.path("kind.hangs"), "").unwrap();
    // While kind makes the cluster.
    kill_after(&machine, Duration::from_millis(700));
    fs::remove_file(machine.path("kind.hangs")).unwrap();
    // At later and later moments of a whole run.
    for millis in [200, 600, 900, 1_300] {
        kill_after(&machine, Duration::from_millis(millis));
    }
    let (code, report) = machine.run(&["up"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["outputs"]["healthy"], 1);
}

/// Starts `up` and kills it, with all that it started, after a while.
fn kill_after(machine: &Machine, after: Duration) {
    use std::{os::unix::process::CommandExt as _, process};

    #[expect(
        clippy::disallowed_methods,
        reason = "it is killed, which snapbox cannot"
    )]
    let mut child = process::Command::new(env!("CARGO_BIN_EXE_kind-up"))
        .arg("up")
        .current_dir(machine.folder.path())
        .env("PATH", machine.stubs.path())
        .env("XDG_STATE_HOME", machine.path("state"))
        .env("XDG_CACHE_HOME", machine.path("cache"))
        .stdout(process::Stdio::null())
        .stderr(process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}
