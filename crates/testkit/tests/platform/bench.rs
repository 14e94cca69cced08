//! A stage for workflows: act in host mode, a registry, a Git remote, stand-ins for the actions of
//! others.

mod stage;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use autoscaleops_testkit::{Background, Remote, built, command, git, peer, root};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::stage::{checkout, program, programs, results, start_registry, stubs};

use crate::files::list;

/// The values file of prod.
pub(crate) const PROD: &str = "charts/demo-app/values-prod.yaml";
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

impl Run {
    /// Holds the jobs against `NAME=RESULT` pairs; those that are not named have not run.
    pub(crate) fn ends(&self, expected: &str) {
        let found: Vec<String> = self
            .jobs
            .iter()
            .map(|(job, result)| format!("{job}={result}"))
            .collect();
        let mut expected: Vec<&str> = expected.split_whitespace().collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", self.log);
    }

    /// Asserts that a line of the log has these words.
    pub(crate) fn says(&self, words: &str) {
        assert!(self.log.contains(words), "`{words}` is not in {}", self.log);
    }
}

impl Bench {
    /// Sets the stage; `trivy` is a script in place of the real one. `None` where something is
    /// missing, which is written down.
    pub(crate) fn new(trivy: Option<&str>) -> Option<Self> {
        Self::with_registry(trivy, true)
    }

    /// The same, with a registry that takes nothing.
    pub(crate) fn with_full_registry() -> Option<Self> {
        Self::with_registry(None, false)
    }

    fn with_registry(trivy: Option<&str>, writable: bool) -> Option<Self> {
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
        self::programs(&bin, &programs.skopeo);
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

        let (registry, address) = start_registry(&registry, folder.path(), writable);
        let files = checkout(&app);
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let remote = Remote::new(&files);
        let clone = remote.clone_with(&[]);
        for script in list(".github", &[".sh"]).into_iter().chain(
            [
                "build-demo-app",
                "dev-tools",
                "install",
                "package",
                "test",
                "e2e",
            ]
            .map(|name| format!("scripts/{name}.sh")),
        ) {
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

    /// Runs a workflow that reads nothing of an image.
    pub(crate) fn start(&self, workflow: &str, kind: &str, reference: &str) -> Run {
        self.run(workflow, kind, "clean", &json!({ "ref": reference }))
    }

    /// Puts a file where the programs that stand in for others look for their part.
    pub(crate) fn tell(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Returns a file or folder that those programs wrote.
    pub(crate) fn told(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets the remote refuse every push, as a branch rule would.
    pub(crate) fn protect(&self) {
        let hook = self.remote.path().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        program(
            &hook,
            "#!/bin/sh\necho 'protected branch hook declined' >&2\nexit 1\n",
        );
    }

    /// From now on Trivy knows of a hole, with a fix, in the first package that it sees.
    pub(crate) fn a_hole_becomes_known(&self) {
        let real = peer("trivy").unwrap();
        let trivy = self.folder.path().join("bin/trivy");
        fs::remove_file(&trivy).unwrap();
        let report = r#".Results[0].Vulnerabilities += [{VulnerabilityID: "CVE-2026-1", PkgName: "flask", InstalledVersion: "1", FixedVersion: "2", Severity: "CRITICAL", Status: "fixed"}]"#;
        program(
            &trivy,
            &format!(
                "#!/bin/sh\n'{}' \"$@\" || exit\njq '{report}' scan.json >scan.new\nmv scan.new scan.json\n",
                real.display()
            ),
        );
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

    /// Returns the commit at the tip of a branch of the remote.
    pub(crate) fn tip(&self, branch: &str) -> String {
        git(
            &self.remote.path(),
            &["rev-parse", &format!("refs/heads/{branch}")],
        )
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
            digest: if archive.exists() {
                self.inspect(&[&format!("oci-archive:{}", archive.display())])
            } else {
                String::new()
            },
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
            .args(["--actor", "ada", "--secret", "GITHUB_TOKEN=none"])
            .arg(format!("--eventpath={}", event_file.display()))
            .arg(format!(
                "--action-cache-path={}",
                folder.join("actions").display()
            ));
        for system in [
            "ubuntu-latest",
            "ubuntu-24.04",
            "ubuntu-24.04-arm",
            "macos-15",
        ] {
            run = run.args(["--platform", &format!("{system}=-self-hosted")]);
        }
        let app = if self.told("no-app").exists() {
            ""
        } else {
            "1"
        };
        for (name, value) in [
            ("APP_ID", app.to_owned()),
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
