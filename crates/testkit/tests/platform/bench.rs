//! A stage for workflows: act in host mode, a registry, a Git remote, stand-ins for the actions of
//! others.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use autoscaleops_testkit::{
    Background, Remote, built, command, free_port, git, peer, root, wait_until,
};
use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::files::{list, read};

const VALUES: &str = "charts/demo-app/values-dev.yaml";

/// The programs of this machine.
struct Programs {
    act: PathBuf,
    skopeo: PathBuf,
    tools: PathBuf,
}

/// A registry, a remote with a clone of it, and what is needed to run workflows there.
pub(crate) struct Bench {
    programs: Programs,
    folder: TempDir,
    _registry: Background,
    address: SocketAddr,
    remote: Remote,
    clone: TempDir,
}

/// What a run of a workflow left behind.
pub(crate) struct Run {
    /// Each job's result, by its name; a job that did not run has none.
    pub(crate) jobs: BTreeMap<String, String>,
    /// Tags by repository.
    pub(crate) tags: BTreeMap<String, Vec<String>>,
    /// The values file on the remote.
    pub(crate) values: String,
    /// The number of commits on the remote.
    pub(crate) commits: usize,
    /// What was attested, a line each.
    pub(crate) attested: String,
    /// The digest of the archive that was built last.
    pub(crate) digest: String,
    /// Everything that act wrote.
    pub(crate) log: String,
}

impl Bench {
    /// Sets the stage; `trivy` is a script in place of the real one. `None` where something is
    /// missing, which is written down.
    pub(crate) fn new(trivy: Option<&str>) -> Option<Self> {
        let (registry, real_trivy) = (peer("docker-registry")?, peer("trivy")?);
        peer("jq")?;
        let programs = Programs {
            act: peer("act")?,
            skopeo: peer("skopeo")?,
            tools: built("trivy-gate")?.parent()?.to_owned(),
        };
        built("tag-bump")?;
        built("image-watch")?;
        let app = built("demo-app")?;

        let folder = TempDir::new().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        program(
            &bin.join("gh"),
            "#!/bin/sh\necho \"$*\" >>\"$STUB_FOLDER/gh\"\n",
        );
        program(&bin.join("docker"), "#!/bin/sh\ncat >/dev/null\n");
        program(&bin.join("cargo"), "#!/bin/sh\nexit 0\n");
        program(&bin.join("skopeo"), &without_tls(&programs.skopeo));
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

        let (registry, address) = start_registry(&registry, folder.path());
        let files = checkout(&app);
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let remote = Remote::new(&files);
        let clone = remote.clone_with(&[]);
        for script in list(".github", &[".sh"])
            .into_iter()
            .chain(["scripts/build-demo-app.sh".to_owned()])
        {
            fs::set_permissions(
                clone.path().join(&script),
                fs::Permissions::from_mode(0o755),
            )
            .unwrap();
        }
        git(
            clone.path(),
            &["remote", "add", "github", "https://github.com/acme/shop"],
        );
        Some(Self {
            programs,
            folder,
            _registry: registry,
            address,
            remote,
            clone,
        })
    }

    /// Runs the deliver workflow for an image with the files of one of the demo's images.
    pub(crate) fn deliver(&self, image: &str) -> Run {
        self.run(
            "deliver",
            "push",
            image,
            &json!({ "ref": "refs/heads/main" }),
        )
    }

    /// Runs the promote workflow for a version tag on the commit that was delivered.
    pub(crate) fn promote(&self, version: &str) -> Run {
        self.run(
            "promote",
            "push",
            "clean",
            &json!({ "ref": format!("refs/tags/v{version}") }),
        )
    }

    /// Runs the image-watch workflow, as its schedule would.
    pub(crate) fn watch(&self) -> Run {
        let event = json!({ "repository": { "name": "shop" } });
        self.run("image-watch", "schedule", "clean", &event)
    }

    /// Returns what `gh` was called with, a line each.
    pub(crate) fn calls_of_gh(&self) -> String {
        fs::read_to_string(self.folder.path().join("gh")).unwrap_or_default()
    }

    /// Returns a file at the tip of a branch of the remote, when there is such a branch.
    pub(crate) fn on_branch(&self, branch: &str, file: &str) -> Option<String> {
        let reference = format!("refs/heads/{branch}");
        let found = git(&self.remote.path(), &["for-each-ref", &reference]);
        (!found.is_empty()).then(|| self.remote.read(branch, file))
    }

    /// Gives the one image of a repository another tag, in the workload's own repository.
    pub(crate) fn copy(&self, from: &str, tag: &str) {
        let tags = &self.published()[&format!("acme/{from}")];
        command(&self.programs.skopeo)
            .args([
                "copy",
                "--quiet",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
            ])
            .arg(format!("docker://{}/acme/{from}:{}", self.address, tags[0]))
            .arg(format!("docker://{}/acme/demo-app:{tag}", self.address))
            .assert()
            .success();
    }

    /// Returns the digest of the workload's image with this tag.
    pub(crate) fn digest_of(&self, tag: &str) -> String {
        self.inspect(&[
            "--tls-verify=false",
            &format!("docker://{}/acme/demo-app:{tag}", self.address),
        ])
    }

    fn inspect(&self, arguments: &[&str]) -> String {
        let output = command(&self.programs.skopeo)
            .args(["inspect", "--format", "{{.Digest}}"])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn run(&self, workflow: &str, kind: &str, image: &str, event: &Value) -> Run {
        let folder = self.folder.path();
        let output = self.act(workflow, kind, image, event);
        let log = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let archive = folder.join("artifacts/image/image.tar");
        Run {
            jobs: results(&output.stdout),
            tags: self.published(),
            values: self.remote.read("main", VALUES),
            commits: self.remote.subjects("main").len(),
            attested: fs::read_to_string(folder.join("attested")).unwrap_or_default(),
            digest: self.inspect(&[&format!("oci-archive:{}", archive.display())]),
            log,
        }
    }

    fn act(&self, workflow: &str, kind: &str, image: &str, event: &Value) -> std::process::Output {
        let folder = self.folder.path();
        let home = folder.join("home");
        fs::create_dir_all(&home).unwrap();
        let event_file = folder.join("event.json");
        fs::write(&event_file, event.to_string()).unwrap();
        let file = format!(".github/workflows/{workflow}.yml");
        #[expect(
            clippy::disallowed_methods,
            reason = "the programs of this machine come after ours"
        )]
        let path = std::env::var("PATH").unwrap();
        let mut run = command(&self.programs.act)
            .current_dir(self.clone.path())
            .env("HOME", &home)
            .env("PATH", format!("{}:{path}", folder.join("bin").display()))
            .args([
                kind,
                "--workflows",
                &file,
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
            .arg(format!("--eventpath={}", event_file.display()))
            .arg(format!(
                "--action-cache-path={}",
                folder.join("actions").display()
            ));
        for (name, value) in [
            ("REGISTRY", self.address.to_string()),
            ("TOOLS_SOURCE", "path".to_owned()),
            ("TOOLS_PATH", self.programs.tools.display().to_string()),
        ] {
            run = run.args(["--var", &format!("{name}={value}")]);
        }
        let rootfs = root()
            .join("scripts/demo/images")
            .join(image)
            .join("rootfs");
        for (name, value) in [
            ("REGISTRY_AUTH_FILE", folder.join("auth.json").as_path()),
            ("TRIVY_CACHE_DIR", &folder.join("trivy")),
            ("STUB_FOLDER", folder),
            ("STUB_ROOTFS", &rootfs),
            ("TRIVY_SKIP_DB_UPDATE", Path::new("true")),
            ("TRIVY_OFFLINE_SCAN", Path::new("true")),
            ("GIT_AUTHOR_NAME", Path::new("Ada")),
            ("GIT_AUTHOR_EMAIL", Path::new("ada@example.org")),
            ("GIT_COMMITTER_NAME", Path::new("Ada")),
            ("GIT_COMMITTER_EMAIL", Path::new("ada@example.org")),
        ] {
            run = run.args(["--env", &format!("{name}={}", value.display())]);
        }
        for (action, stub) in stubs(&file) {
            run = run.arg(format!("--local-repository={action}={}", stub.display()));
        }
        run.output().unwrap()
    }

    /// Returns the tags of every repository in the registry.
    fn published(&self) -> BTreeMap<String, Vec<String>> {
        let mut tags = BTreeMap::new();
        for repository in ["acme/demo-app", "acme/demo-app-quarantine"] {
            let output = command(&self.programs.skopeo)
                .args([
                    "list-tags",
                    "--tls-verify=false",
                    &format!("docker://{}/{repository}", self.address),
                ])
                .output()
                .unwrap();
            if let Ok(found) = serde_json::from_slice::<Value>(&output.stdout) {
                let found = found["Tags"].as_array().unwrap().iter();
                tags.insert(
                    repository.to_owned(),
                    found.map(|tag| tag.as_str().unwrap().to_owned()).collect(),
                );
            }
        }
        tags
    }
}

/// A skopeo for a registry on loopback: the workflows speak TLS to theirs, this one has none.
fn without_tls(skopeo: &Path) -> String {
    format!(
        "#!/bin/sh\nverb=$1\nshift\ncase $verb in\ncopy) set -- --src-tls-verify=false --dest-tls-verify=false \"$@\" ;;\n\
         *) set -- --tls-verify=false \"$@\" ;;\nesac\nexec '{}' \"$verb\" \"$@\"\n",
        skopeo.display()
    )
}

/// The files of the repository that the workflow touches; the program comes built.
fn checkout(app: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = list(".github", &[".yml", ".sh"])
        .into_iter()
        .chain([
            VALUES.to_owned(),
            "charts/demo-app/values-prod.yaml".to_owned(),
            "crates/demo-app/Dockerfile".to_owned(),
        ])
        .map(|file| (file.clone(), read(&file)))
        .collect();
    let build = format!(
        "#!/bin/sh\nset -e\nmkdir -p target/image/amd64\ncp '{}' target/image/amd64/demo-app\n",
        app.display()
    );
    files.push(("scripts/build-demo-app.sh".to_owned(), build));
    files
}

/// Each action of others as the workflow pins it, with the folder that stands in for it.
fn stubs(workflow: &str) -> BTreeMap<String, PathBuf> {
    let uses = Regex::new(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40})").unwrap();
    let mut stubs = BTreeMap::new();
    for found in uses.captures_iter(&read(workflow)) {
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
    let registry = Background::start(
        std::process::Command::new(program)
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    wait_until("the registry", Duration::from_mins(1), || {
        TcpStream::connect(address).is_ok()
    });
    (registry, address)
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
