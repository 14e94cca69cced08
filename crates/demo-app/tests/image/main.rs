//! The image: linted, built by a real Docker engine of this test's own, run, probed and stopped.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts Docker and the build itself"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use autoscaleops_testkit::{Background, command, free_port, peer, root, skip, wait_until};

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
    if peer("dockerd").is_none() || peer("readelf").is_none() {
        return;
    }
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

    let folder = tempfile::tempdir().unwrap();
    let Some(docker) = Docker::start(folder.path()) else {
        return;
    };
    // No base image, so nothing is pulled, and no network is needed.
    docker.run(&[
        "build",
        "--quiet",
        "--network",
        "host",
        "--target",
        "prebuilt",
        "--file",
        DOCKERFILE,
        "--tag",
        "demo-app:test",
        "--build-arg",
        &format!("ARCH={arch}"),
        "--build-arg",
        "VERSION=1.4.0",
        "--build-arg",
        "REVISION=1a2b3c4",
        ".",
    ]);
    let size: u64 = docker
        .run(&["image", "inspect", "demo-app:test", "--format", "{{.Size}}"])
        .parse()
        .unwrap();
    assert!(size < 10_000_000, "{size} bytes");
    let user = docker.run(&[
        "image",
        "inspect",
        "demo-app:test",
        "--format",
        "{{.Config.User}}",
    ]);
    assert_eq!(user, "10001:10001");

    let port = free_port();
    docker.run(&[
        "run",
        "--detach",
        "--name",
        "demo",
        "--network",
        "host",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--env",
        &format!("LISTEN=127.0.0.1:{port}"),
        "demo-app:test",
    ]);
    let probe = format!("http://localhost:{port}/ready");
    wait_until("the container", LIMIT, || {
        docker
            .try_run(&["exec", "demo", "/demo-app", "--probe", &probe])
            .status
            .success()
    });
    // Told again from outside, by the binary of this build.
    let outside = Command::new(env!("CARGO_BIN_EXE_demo-app"))
        .args(["--probe", &probe])
        .status();
    assert!(outside.unwrap().success());
    docker.run(&["stop", "--time", "60", "demo"]);
    assert_eq!(
        docker.run(&["inspect", "demo", "--format", "{{.State.ExitCode}}"]),
        "0"
    );
    let logs = docker.try_run(&["logs", "demo"]);
    let logs = String::from_utf8(logs.stderr).unwrap();
    assert!(logs.starts_with("demo-app 1.4.0 listening on "), "{logs}");
    assert!(logs.ends_with("stopping\nstopped\n"), "{logs}");
}

/// A Docker engine of this test's own, ended with it.
struct Docker {
    engine: Background,
    socket: PathBuf,
}

impl Docker {
    fn start(folder: &Path) -> Option<Self> {
        let socket = folder.join("docker.sock");
        let log = folder.join("log");
        let engine = Background::start(
            Command::new("dockerd")
                .arg(format!("--host=unix://{}", socket.display()))
                .arg(format!("--data-root={}", folder.join("data").display()))
                .arg(format!("--exec-root={}", folder.join("exec").display()))
                .arg(format!("--pidfile={}", folder.join("pid").display()))
                .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
                .stderr(fs::File::create(&log).unwrap()),
        );
        let this = Self { engine, socket };
        let mut up = false;
        for _ in 0..150 {
            up = this.try_run(&["info"]).status.success();
            let gone = fs::read_to_string(&log)
                .unwrap()
                .contains("failed to start daemon");
            if up || gone {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        if !up {
            // Without root, or where the kernel lacks what containers need.
            skip("dockerd does not start here");
        }
        up.then_some(this)
    }

    fn try_run(&self, arguments: &[&str]) -> Output {
        Command::new("docker")
            .current_dir(root())
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
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
        // Containers outlive their engine, and its file systems stay mounted, unless told otherwise.
        let _ = self.try_run(&["rm", "--force", "demo"]);
        let _ = self.engine.terminate();
    }
}
