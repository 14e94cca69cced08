//! Real images, made here from nothing, scanned by the real Trivy with the small database of the
//! fixtures.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use autoscaleops_testkit::{peer, root, skip, tool};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A folder with an archive of each demo image, and Trivy's cache with the small database.
struct Workshop {
    folder: TempDir,
    trivy: PathBuf,
}

impl Workshop {
    fn new() -> Option<Self> {
        let trivy = peer("trivy")?;
        let folder = TempDir::new().unwrap();
        let cache = folder.path().join("cache/db");
        fs::create_dir_all(&cache).unwrap();
        for name in ["metadata.json", "trivy.db"] {
            let from = root()
                .join("crates/trivy-gate/tests/fixtures/trivy-db/db")
                .join(name);
            fs::copy(from, cache.join(name)).unwrap();
        }
        Some(Self { folder, trivy })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes an archive as `docker save` does, of one layer with the files of a demo image.
    fn archive(&self, image: &str, tag: &str) -> PathBuf {
        let work = self.path(&format!("archive-{image}"));
        fs::create_dir_all(&work).unwrap();
        let files = root().join(format!("scripts/demo/images/{image}/rootfs"));
        tar(&files, &work.join("layer.tar"), &["."]);
        let layer = format!(
            "sha256:{}",
            sha256(&fs::read(work.join("layer.tar")).unwrap())
        );
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2026-11-24T00:00:00Z", "config": {"User": "65532"},
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "history": [{"created": "2026-11-24T00:00:00Z", "created_by": "COPY rootfs/ /"}],
        })
        .to_string();
        let name = format!("{}.json", sha256(config.as_bytes()));
        fs::write(work.join(&name), &config).unwrap();
        let manifest = json!([{"Config": name, "RepoTags": [format!("ghcr.io/acme/shop:{tag}")], "Layers": ["layer.tar"]}]);
        fs::write(work.join("manifest.json"), manifest.to_string()).unwrap();
        let archive = self.path(&format!("{image}.tar"));
        tar(&work, &archive, &["manifest.json", &name, "layer.tar"]);
        archive
    }

    /// Scans and judges, and returns the code and the report.
    fn gate(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, Value) {
        let mut command = tool!("trivy-gate").current_dir(self.folder.path());
        for (name, value) in environment {
            command = command.env(name, value);
        }
        let output = command
            .arg("--trivy")
            .arg(&self.trivy)
            .args([
                "--offline",
                "--scanners",
                "vuln",
                "--format",
                "json",
                "--trivy-cache",
                "cache",
            ])
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.stdout.is_empty(), "{text}");
        (
            output.status.code().unwrap(),
            serde_json::from_slice(&output.stdout).unwrap(),
        )
    }
}

fn tar(folder: &Path, archive: &Path, names: &[&str]) {
    let output = Command::new("tar")
        .args([
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=2026-01-01",
            "--format=ustar",
            "-cf",
        ])
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .args(names)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |text, it| format!("{text}{it:02x}"))
}

#[test]
fn an_image_with_known_flaws_is_blocked_and_the_updated_one_passes() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let vulnerable = workshop.archive("vulnerable", "dev-1a2b3c4");
    let (code, report) = workshop.gate(
        &[
            "--input",
            vulnerable.to_str().unwrap(),
            "--expect-image",
            "ghcr.io/acme/shop:dev-1a2b3c4",
            "--max-age",
            "10m",
        ],
        &[],
    );
    assert_eq!((code, &report["verdict"]), (10, &json!("fail")), "{report}");
    assert_eq!(
        report["outputs"],
        json!({"result": "fail", "high": 5, "critical": 2, "total": 7, "unfixed": 5, "waived": 0, "unique": 6})
    );
    assert_eq!(
        report["subject"],
        json!({"kind": "image", "name": "ghcr.io/acme/shop", "tag": "dev-1a2b3c4"})
    );

    let clean = workshop.archive("clean", "1.2.3");
    let (code, report) = workshop.gate(&["--input", clean.to_str().unwrap()], &[]);
    assert_eq!(
        (code, &report["outputs"]["total"]),
        (0, &json!(0)),
        "{report}"
    );
    assert_eq!(
        (&report["outputs"]["unfixed"], &report["subject"]["tag"]),
        (&json!(5), &json!("1.2.3"))
    );
}

#[test]
fn nothing_around_the_scan_changes_it() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let archive = workshop.archive("vulnerable", "dev-1a2b3c4");
    fs::write(
        workshop.path("trivy.yaml"),
        "severity:\n  - LOW\nvulnerability:\n  ignore-unfixed: true\n",
    )
    .unwrap();
    let ignored = [
        "CVE-2024-5535",
        "CVE-2024-2961",
        "CVE-2023-30861",
        "CVE-2024-1135",
        "CVE-2023-25577",
        "CVE-2024-34069",
    ];
    fs::write(workshop.path(".trivyignore"), ignored.join("\n")).unwrap();
    let (code, report) = workshop.gate(
        &["--input", archive.to_str().unwrap()],
        &[
            ("TRIVY_SEVERITY", "LOW"),
            ("TRIVY_IGNORE_UNFIXED", "true"),
            ("TRIVY_EXIT_CODE", "0"),
            ("TRIVY_FORMAT", "table"),
        ],
    );
    assert_eq!(
        (
            code,
            &report["outputs"]["total"],
            &report["outputs"]["unfixed"]
        ),
        (10, &json!(7), &json!(5)),
        "{report}"
    );
}

#[test]
fn an_image_whose_package_database_was_deleted_decides_nothing() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let work = workshop.path("hidden");
    fs::create_dir_all(work.join("etc")).unwrap();
    fs::write(work.join("etc/motd"), "hello").unwrap();
    tar(&work, &work.join("layer.tar"), &["etc"]);
    let layer = format!(
        "sha256:{}",
        sha256(&fs::read(work.join("layer.tar")).unwrap())
    );
    let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer]}});
    fs::write(work.join("config.json"), config.to_string()).unwrap();
    fs::write(
        work.join("manifest.json"),
        json!([{"Config": "config.json", "RepoTags": null, "Layers": ["layer.tar"]}]).to_string(),
    )
    .unwrap();
    let archive = workshop.path("hidden.tar");
    tar(
        &work,
        &archive,
        &["manifest.json", "config.json", "layer.tar"],
    );
    let (code, report) = workshop.gate(&["--input", archive.to_str().unwrap()], &[]);
    assert_eq!(
        (code, &report["error"]["kind"]),
        (11, &json!("nothing_scanned")),
        "{report}"
    );
}

#[test]
fn an_image_that_docker_built_is_judged_by_name() {
    let (Some(workshop), Some(docker)) = (Workshop::new(), peer("docker")) else {
        return;
    };
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&docker);
        command
            .env("DOCKER_BUILDKIT", "0")
            .args(arguments)
            .output()
            .unwrap()
    };
    if !run(&["info"]).status.success() {
        skip("no Docker daemon");
        return;
    }
    for (image, tag, code) in [
        ("vulnerable", "gate-test-1", 10),
        ("clean", "gate-test-2", 0),
    ] {
        let name = format!("ghcr.io/acme/shop:{tag}");
        let context = root().join(format!("scripts/demo/images/{image}"));
        let built = run(&[
            "build",
            "--quiet",
            "--tag",
            &name,
            context.to_str().unwrap(),
        ]);
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let environment: &[(&str, &str)] = if host.is_empty() {
            &[]
        } else {
            &[("DOCKER_HOST", &host)]
        };
        let (found, report) =
            workshop.gate(&["--image", &name, "--expect-image", &name], environment);
        run(&["rmi", "--force", &name]);
        assert_eq!(
            (found, &report["subject"]["tag"]),
            (code, &json!(tag)),
            "{report}"
        );
    }
}

/// A container engine, with an image of the real Trivy in a registry.
struct Engine {
    docker: PathBuf,
    registry: std::process::Child,
    image: String,
}

impl Engine {
    fn new(workshop: &Workshop) -> Option<Self> {
        let (docker, registry) = (peer("docker")?, peer("docker-registry")?);
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|it| it.local_addr())
            .unwrap()
            .port();
        let data = workshop.path("registry");
        let settings = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
            data.display()
        );
        fs::write(workshop.path("registry.yml"), settings).unwrap();
        let registry = Command::new(registry)
            .arg("serve")
            .arg(workshop.path("registry.yml"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut engine = Self {
            docker,
            registry,
            image: format!("127.0.0.1:{port}/trivy:test"),
        };
        if !engine.run(&["info"]).status.success() {
            skip("no Docker daemon");
            return None;
        }
        let context = workshop.path("trivy-image");
        fs::create_dir_all(&context).unwrap();
        fs::copy(&workshop.trivy, context.join("trivy")).unwrap();
        fs::write(
            context.join("Dockerfile"),
            "FROM scratch\nCOPY trivy /bin/trivy\nENV PATH=/bin\n",
        )
        .unwrap();
        let tag = engine.image.clone();
        engine.must(&["build", "--quiet", "--tag", &tag, context.to_str().unwrap()]);
        let begun = std::time::Instant::now();
        while !engine.run(&["push", "--quiet", &tag]).status.success() {
            assert!(
                begun.elapsed().as_secs() < 60,
                "the registry takes no image"
            );
        }
        let format = "--format={{index .RepoDigests 0}}";
        engine.image = engine.must(&["inspect", format, &tag]);
        // So that it is fetched again, by its digest.
        engine.must(&["rmi", "--force", &tag]);
        Some(engine)
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(&self.docker)
            .env("DOCKER_BUILDKIT", "0")
            .args(arguments)
            .output()
            .unwrap()
    }

    fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.run(&["rmi", "--force", &self.image]);
        drop(self.registry.kill());
        drop(self.registry.wait());
    }
}

#[test]
fn without_a_program_trivy_runs_in_a_container_pinned_by_its_digest() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let Some(engine) = Engine::new(&workshop) else {
        return;
    };
    // A search path with Docker alone.
    let programs = workshop.path("programs");
    fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(&engine.docker, programs.join("docker")).unwrap();
    let archive = workshop.archive("vulnerable", "dev-1a2b3c4");
    let judge = |more: &[&str]| {
        let mut command = tool!("trivy-gate").current_dir(workshop.folder.path());
        if let Ok(host) = std::env::var("DOCKER_HOST") {
            command = command.env("DOCKER_HOST", host);
        }
        let output = command
            .env("PATH", &programs)
            .env("TRIVY_SEVERITY", "LOW")
            .args(["--input", archive.to_str().unwrap()])
            .args(["--trivy-image", &engine.image, "--offline"])
            .args(["--scanners", "vuln", "--format", "json"])
            .args(more)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report)
    };
    let (code, report) = judge(&["--trivy-cache", "cache"]);
    assert_eq!(
        (code, &report["outputs"]["total"]),
        (Some(10), &json!(7)),
        "{report}"
    );
    assert_eq!(report["subject"]["tag"], "dev-1a2b3c4");
    let (code, report) = judge(&[]);
    assert_eq!(code, Some(3), "{report}");
    let error = report["error"].to_string();
    assert!(error.contains("--trivy-cache"), "{report}");
    let left = engine.must(&[
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("ancestor={}", engine.image),
    ]);
    assert_eq!(left, "", "a container is left");
}
