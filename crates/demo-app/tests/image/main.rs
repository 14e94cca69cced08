//! The image: linted, built by a real Docker engine, run, probed and stopped.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts Docker and the build itself"
)]

use std::{
    process::{Command, Output},
    time::Duration,
};

use autoscaleops_testkit::{command, free_port, peer, root, skip, wait_until};

const LIMIT: Duration = Duration::from_mins(2);
const DOCKERFILE: &str = "crates/demo-app/Dockerfile";

#[test]
fn the_linter_has_nothing_to_say() {
    let Some(hadolint) = peer("hadolint") else {
        return;
    };
    command(hadolint)
        .current_dir(root())
        .arg(DOCKERFILE)
        .assert()
        .success();
}

#[test]
fn the_image_is_small_rootless_and_serves() {
    let Some(docker) = Docker::here() else {
        return;
    };
    let name = docker.container.clone();
    let built = Command::new("scripts/build-demo-app.sh")
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    assert!(
        built.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&built.stderr)
    );
    assert!(said.contains(": static, "), "{said}");
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };

    // No base image, so nothing is pulled, and no network is needed.
    Docker::run(&[
        "build",
        "--quiet",
        "--network",
        "host",
        "--target",
        "prebuilt",
        "--file",
        DOCKERFILE,
        "--tag",
        &name,
        "--build-arg",
        &format!("ARCH={arch}"),
        "--build-arg",
        "VERSION=1.4.0",
        "--build-arg",
        "REVISION=1a2b3c4",
        ".",
    ]);
    let size: u64 = Docker::run(&["image", "inspect", &name, "--format", "{{.Size}}"])
        .parse()
        .unwrap();
    assert!(size < 10_000_000, "{size} bytes");
    let user = Docker::run(&["image", "inspect", &name, "--format", "{{.Config.User}}"]);
    assert_eq!(user, "10001:10001");

    let port = free_port();
    Docker::run(&[
        "run",
        "--detach",
        "--name",
        &name,
        "--network",
        "host",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--env",
        &format!("LISTEN=127.0.0.1:{port}"),
        &name,
    ]);
    let probe = format!("http://localhost:{port}/ready");
    wait_until("the container", LIMIT, || {
        Docker::try_run(&["exec", &name, "/demo-app", "--probe", &probe])
            .status
            .success()
    });
    // Told again from outside, by the binary of this build.
    let outside = Command::new(env!("CARGO_BIN_EXE_demo-app"))
        .args(["--probe", &probe])
        .status();
    assert!(outside.unwrap().success());
    Docker::run(&["stop", "--time", "60", &name]);
    assert_eq!(
        Docker::run(&["inspect", &name, "--format", "{{.State.ExitCode}}"]),
        "0"
    );
    let logs = Docker::try_run(&["logs", &name]);
    let logs = String::from_utf8(logs.stderr).unwrap();
    assert!(logs.starts_with("demo-app 1.4.0 listening on "), "{logs}");
    assert!(logs.ends_with("stopping\nstopped\n"), "{logs}");
}

/// The Docker engine of this machine, and the one container that this test starts in it.
struct Docker {
    container: String,
}

impl Docker {
    fn here() -> Option<Self> {
        peer("docker")?;
        let this = Self {
            container: format!("demo-app-test-{}", std::process::id()),
        };
        if Self::try_run(&["info"]).status.success() {
            return Some(this);
        }
        skip("no Docker engine runs here");
        None
    }

    fn try_run(arguments: &[&str]) -> Output {
        Command::new("docker")
            .current_dir(root())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn run(arguments: &[&str]) -> String {
        let output = Self::try_run(arguments);
        assert!(
            output.status.success(),
            "docker {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = Self::try_run(&["rm", "--force", &self.container]);
        let _ = Self::try_run(&["image", "rm", "--force", &self.container]);
    }
}
