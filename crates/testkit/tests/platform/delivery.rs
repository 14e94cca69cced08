//! The deliver workflow, run by act on this machine: a real registry, a real Git remote, the real
//! Trivy, skopeo and tools. Only the actions of others are stood in for.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use autoscaleops_testkit::{
    Background, Remote, built, command, free_port, git, peer, root, wait_until,
};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::files::{list, read};

const VALUES: &str = "charts/demo-app/values-dev.yaml";

/// What a run of the workflow left behind.
struct Run {
    /// Each job's result, by its name; a job that did not run has none.
    jobs: BTreeMap<String, String>,
    /// Tags by repository.
    tags: BTreeMap<String, Vec<String>>,
    /// The values file on the remote, and the number of commits there.
    values: String,
    commits: usize,
    attested: String,
    digest: String,
    log: String,
}

#[test]
fn a_clean_image_is_published_and_written_for_dev() {
    let Some(run) = deliver("clean", None) else {
        return;
    };
    for job in ["build", "scan", "publish", "bump", "notify", "gate"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("success"),
            "{job}: {}",
            run.log
        );
    }
    assert_eq!(run.jobs.get("quarantine"), None, "{}", run.log);
    let tags = &run.tags["acme/demo-app"];
    assert_eq!(tags.len(), 1, "{tags:?}");
    assert!(
        Regex::new(r"^dev-\d{14}-[0-9a-f]{7}$")
            .unwrap()
            .is_match(&tags[0]),
        "{tags:?}"
    );
    assert_eq!(run.commits, 2);
    assert!(
        run.values.contains(&format!("tag: \"{}\"", tags[0])),
        "{}",
        run.values
    );
    // The bytes that were built are the bytes that are attested.
    assert!(
        run.attested
            .trim_end()
            .ends_with(&format!("/acme/demo-app@{}", run.digest)),
        "{}",
        run.attested
    );
    assert!(
        run.log.contains("is pushed, and written for dev in"),
        "{}",
        run.log
    );
}

#[test]
fn a_vulnerable_image_is_kept_apart_and_changes_nothing() {
    let Some(run) = deliver("vulnerable", None) else {
        return;
    };
    for job in ["build", "scan", "quarantine", "notify"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("success"),
            "{job}: {}",
            run.log
        );
    }
    assert_eq!(
        run.jobs.get("gate").map(String::as_str),
        Some("failure"),
        "{}",
        run.log
    );
    assert_eq!(
        (run.jobs.get("publish"), run.jobs.get("bump")),
        (None, None),
        "{}",
        run.log
    );
    assert!(!run.tags.contains_key("acme/demo-app"), "{:?}", run.tags);
    let tags = &run.tags["acme/demo-app-quarantine"];
    assert!(
        tags.len() == 1 && tags[0].starts_with("quarantine-"),
        "{tags:?}"
    );
    assert_eq!((run.commits, run.attested.as_str()), (1, ""));
    assert!(run.log.contains("is blocked: "), "{}", run.log);
}

#[test]
fn a_scan_that_breaks_opens_nothing() {
    // Ends as if all were well, and has written half a report.
    let broken = "#!/bin/sh\necho '{\"SchemaVersion\": 2, \"Results\": [' >scan.json\n";
    let Some(run) = deliver("clean", Some(broken)) else {
        return;
    };
    for job in ["scan", "gate"] {
        assert_eq!(
            run.jobs.get(job).map(String::as_str),
            Some("failure"),
            "{job}: {}",
            run.log
        );
    }
    for job in ["publish", "quarantine", "bump"] {
        assert_eq!(run.jobs.get(job), None, "{job}: {}", run.log);
    }
    assert_eq!((run.tags.len(), run.commits), (0, 1));
    assert!(
        run.log
            .contains("was not scanned to an end: nothing was pushed or deployed"),
        "{}",
        run.log
    );
}

/// Runs the workflow for an image with the files of one of the demo's images.
fn deliver(image: &str, trivy: Option<&str>) -> Option<Run> {
    let act = peer("act")?;
    let (registry, real_trivy) = (peer("docker-registry")?, peer("trivy")?);
    let skopeo = peer("skopeo")?;
    peer("jq")?;
    let tools = built("trivy-gate")?.parent()?.to_owned();
    built("tag-bump")?;
    let app = built("demo-app")?;

    let folder = TempDir::new().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    program(&bin.join("gh"), "#!/bin/sh\nexit 0\n");
    program(&bin.join("cargo"), "#!/bin/sh\nexit 0\n");
    // The workflow speaks TLS to its registry; this one is on loopback and has none.
    let wrapper = format!(
        "#!/bin/sh\nverb=$1\nshift\ncase $verb in\ncopy) set -- --dest-tls-verify=false \"$@\" ;;\n\
         *) set -- --tls-verify=false \"$@\" ;;\nesac\nexec '{}' \"$verb\" \"$@\"\n",
        skopeo.display()
    );
    program(&bin.join("skopeo"), &wrapper);
    match trivy {
        Some(script) => program(&bin.join("trivy"), script),
        None => std::os::unix::fs::symlink(real_trivy, bin.join("trivy")).unwrap(),
    }
    let database = folder.path().join("trivy/db");
    fs::create_dir_all(&database).unwrap();
    for file in ["metadata.json", "trivy.db"] {
        let fixtures = root().join("crates/trivy-gate/tests/fixtures/trivy-db/db");
        fs::copy(fixtures.join(file), database.join(file)).unwrap();
    }

    let (_registry, address) = start_registry(&registry, folder.path());
    let remote = Remote::new(
        &checkout(&app)
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect::<Vec<_>>(),
    );
    let clone = remote.clone_with(&[]);
    for script in list(".github", &[".sh"])
        .into_iter()
        .chain(["scripts/build-demo-app.sh".to_owned()])
    {
        let path = clone.path().join(&script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    git(
        clone.path(),
        &["remote", "add", "github", "https://github.com/acme/shop"],
    );

    let output = run_act(&act, clone.path(), folder.path(), address, image, &tools);
    let log = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let archive = folder.path().join("artifacts/image/image.tar");
    let digest = command(skopeo)
        .args(["inspect", "--format", "{{.Digest}}"])
        .arg(format!("oci-archive:{}", archive.display()))
        .output()
        .unwrap();
    Some(Run {
        jobs: results(&output.stdout),
        tags: published(address),
        values: remote.read("main", VALUES),
        commits: remote.subjects("main").len(),
        attested: fs::read_to_string(folder.path().join("attested")).unwrap_or_default(),
        digest: String::from_utf8(digest.stdout).unwrap().trim().to_owned(),
        log,
    })
}

/// The files of the repository that the workflow touches; the program comes built.
fn checkout(app: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = list(".github", &[".yml", ".sh"])
        .into_iter()
        .chain([VALUES.to_owned(), "crates/demo-app/Dockerfile".to_owned()])
        .map(|file| (file.clone(), read(&file)))
        .collect();
    let build = format!(
        "#!/bin/sh\nset -e\nmkdir -p target/image/amd64\ncp '{}' target/image/amd64/demo-app\n",
        app.display()
    );
    files.push(("scripts/build-demo-app.sh".to_owned(), build));
    files
}

fn run_act(
    act: &Path,
    clone: &Path,
    folder: &Path,
    registry: SocketAddr,
    image: &str,
    tools: &Path,
) -> std::process::Output {
    let home = folder.join("home");
    fs::create_dir(&home).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the programs of this machine come after ours"
    )]
    let path = std::env::var("PATH").unwrap();
    let mut run = command(act)
        .current_dir(clone)
        .env("HOME", &home)
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .args([
            "push",
            "--workflows",
            ".github/workflows/deliver.yml",
            "--json",
            "--remote-name",
            "github",
        ])
        .args([
            "--platform",
            "ubuntu-latest=-self-hosted",
            "--actor",
            "ada",
            "--secret",
            "GITHUB_TOKEN=none",
        ])
        .arg(format!(
            "--action-cache-path={}",
            folder.join("actions").display()
        ));
    for (name, value) in [
        ("REGISTRY", registry.to_string()),
        ("TOOLS_SOURCE", "path".to_owned()),
        ("TOOLS_PATH", tools.display().to_string()),
    ] {
        run = run.args(["--var", &format!("{name}={value}")]);
    }
    let rootfs = root()
        .join("scripts/demo/images")
        .join(image)
        .join("rootfs");
    for (name, value) in [
        ("REGISTRY_AUTH_FILE", folder.join("auth.json")),
        ("TRIVY_CACHE_DIR", folder.join("trivy")),
        ("STUB_FOLDER", folder.to_owned()),
        ("STUB_ROOTFS", rootfs),
    ] {
        run = run.args(["--env", &format!("{name}={}", value.display())]);
    }
    for (name, value) in [
        ("TRIVY_SKIP_DB_UPDATE", "true"),
        ("TRIVY_OFFLINE_SCAN", "true"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.org"),
    ] {
        run = run.args(["--env", &format!("{name}={value}")]);
    }
    for (action, stub) in stubs() {
        run = run.arg(format!("--local-repository={action}={}", stub.display()));
    }
    run.output().unwrap()
}

/// Each action of others as the workflow pins it, with the folder that stands in for it.
fn stubs() -> BTreeMap<String, PathBuf> {
    let uses = Regex::new(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40})").unwrap();
    let mut stubs = BTreeMap::new();
    for found in uses.captures_iter(&read(".github/workflows/deliver.yml")) {
        // act has its own.
        if &found[1] == "actions/checkout" {
            continue;
        }
        let stub = root()
            .join("crates/testkit/tests/platform/stubs")
            .join(&found[1]);
        assert!(stub.is_dir(), "nothing stands in for {}", &found[1]);
        stubs.insert(format!("{}@{}", &found[1], &found[2]), stub);
    }
    stubs
}

fn start_registry(program: &Path, folder: &Path) -> (Background, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = folder.join("registry.yaml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: \"{address}\"}}\n",
        folder.join("registry").display()
    );
    fs::write(&config, text).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a program beside the test")]
    let registry = Background::start(std::process::Command::new(program).arg("serve").arg(config));
    wait_until("the registry", Duration::from_mins(1), || {
        TcpStream::connect(address).is_ok()
    });
    (registry, address)
}

/// Returns the tags of every repository in the registry, as its storage has them.
fn published(address: SocketAddr) -> BTreeMap<String, Vec<String>> {
    let mut tags = BTreeMap::new();
    for repository in ["acme/demo-app", "acme/demo-app-quarantine"] {
        let skopeo = peer("skopeo").unwrap();
        let output = command(skopeo)
            .args([
                "list-tags",
                "--tls-verify=false",
                &format!("docker://{address}/{repository}"),
            ])
            .output()
            .unwrap();
        if let Ok(found) = serde_json::from_slice::<Value>(&output.stdout) {
            let found = found["Tags"].as_array().unwrap();
            tags.insert(
                repository.to_owned(),
                found
                    .iter()
                    .map(|tag| tag.as_str().unwrap().to_owned())
                    .collect(),
            );
        }
    }
    tags
}

/// Reads the jobs' results from act's lines.
fn results(lines: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(lines)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| {
            let job = line["jobID"].as_str()?.to_owned();
            Some((job, line["jobResult"].as_str()?.to_owned()))
        })
        .collect()
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
